/** The two suites under measurement, and how their plugins are called. */

import { join, resolve } from "node:path";
import type { Step } from "./plan.ts";

const root = resolve(import.meta.dirname, "../..");

/** A suite's executables, and networks of its own for it to work on. */
export interface Suite {
  readonly name: "ours" | "multicall" | "reference";
  readonly bin: string;
  /** Tells them apart in names and addresses. */
  readonly number: number;
}

export const ours: Suite = { name: "ours", bin: join(root, "dist/bin"), number: 1 };
export const reference: Suite = {
  name: "reference",
  bin: join(root, "dist/reference/bin"),
  number: 2,
};
/** The whole of ours in one file. */
export const multicall: Suite = {
  name: "multicall",
  bin: join(root, "dist/bench/multicall"),
  number: 3,
};
export const suites = [ours, reference] as const;

/** Where host-local keeps its files: in memory, so that no disk is measured. */
export const memory = "/run/bench/networks";

/** Another form of a bridge network, measured beside the plain one on a bridge of its own. */
export interface Variant {
  /** One digit, part of names and addresses. */
  readonly digit: number;
  readonly dataDir?: string;
  readonly bothFamilies?: boolean;
  readonly ipMasq?: boolean;
}

export const plain: Variant = { digit: 0 };

export function networkOf({ number }: Suite, { digit, dataDir = memory }: Variant) {
  return { name: `net${number}${digit}`, dataDir };
}

export function bridgeOf({ number }: Suite, { digit }: Variant): string {
  return `bench${number}${digit}`;
}

/** bridge with host-local, as gateway; IPv4 unless the variant says otherwise. */
export function bridgeConfig(suite: Suite, variant: Variant = plain): object {
  const { name, dataDir } = networkOf(suite, variant);
  const { digit, bothFamilies = false, ipMasq } = variant;
  const second = 10 * suite.number + digit;
  const ranges = [[{ subnet: `10.${second}.0.0/16` }]];
  const routes = [{ dst: "0.0.0.0/0" }];
  if (bothFamilies) {
    ranges.push([{ subnet: `fd00:${second}::/64` }]);
    routes.push({ dst: "::/0" });
  }
  return {
    cniVersion: "1.0.0",
    name,
    type: "bridge",
    bridge: bridgeOf(suite, variant),
    isGateway: true,
    ipMasq,
    ipam: { type: "host-local", dataDir, ranges, routes },
  };
}

/** loopback, the same for everybody. */
export const loopbackConfig = { cniVersion: "1.0.0", name: "lo", type: "loopback" };

/** host-local alone, on a network of that name. */
export function ipamConfig(suite: Suite, name: string): object {
  const ranges = [[{ subnet: `10.10${suite.number}.0.0/16` }]];
  return { cniVersion: "1.0.0", name, ipam: { type: "host-local", dataDir: memory, ranges } };
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
