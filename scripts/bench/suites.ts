/** The two suites under measurement, and how their plugins are called. */

import { join, resolve } from "node:path";
import type { Step } from "./plan.ts";

const root = resolve(import.meta.dirname, "../..");

/** A suite's executables, and a network of its own for it to work on. */
export interface Suite {
  readonly name: "ours" | "reference";
  readonly bin: string;
  /** Tells the two apart in names and addresses. */
  readonly number: number;
}

export const ours: Suite = { name: "ours", bin: join(root, "dist/bin"), number: 1 };
export const reference: Suite = {
  name: "reference",
  bin: join(root, "dist/reference/bin"),
  number: 2,
};
export const suites = [ours, reference] as const;
/** The whole of ours in one file. */
export const multicall = join(root, "dist/bench/multicall");

/** Where host-local keeps its files: in memory, so that no disk is measured. */
export const dataDir = "/run/bench/networks";

export function networkOf({ number }: Suite, name = "net"): string {
  return `${name}${number}`;
}

/** bridge with host-local, as gateway, IPv4. */
export function bridgeConfig(suite: Suite): object {
  return {
    cniVersion: "1.0.0",
    name: networkOf(suite),
    type: "bridge",
    bridge: `bench${suite.number}`,
    isGateway: true,
    ipam: {
      type: "host-local",
      dataDir,
      ranges: [[{ subnet: `10.${suite.number}.0.0/16` }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
}

/** host-local alone, on a network of that name. */
export function ipamConfig(suite: Suite, name: string): object {
  return {
    cniVersion: "1.0.0",
    name,
    ipam: { type: "host-local", dataDir, ranges: [[{ subnet: `10.10${suite.number}.0.0/16` }]] },
  };
}

/** One call. `container` names the namespace too, which must exist where the plugin looks for it. */
export function callOf(
  suite: Suite,
  verb: string,
  { plugin, container, config }: { plugin: string; container: string; config?: object },
): Step {
  return {
    label: `${suite.name} ${plugin} ${verb}`,
    path: join(suite.bin, plugin),
    config,
    env: {
      PATH: process.env.PATH ?? "",
      CNI_COMMAND: verb,
      CNI_CONTAINERID: container,
      CNI_NETNS: `/run/netns/${container}`,
      CNI_IFNAME: `eth${suite.number}`,
      CNI_PATH: suite.bin,
    },
  };
}
