/** Either suite's cnitool on the other's plugins, each plugin in every version it speaks. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import nodeTest from "node:test";
import { type Host, withHost } from "./host.ts";
import { batch } from "./interface-plugin.ts";
import type { Config } from "./networks.ts";
import {
  cacheDirectory,
  cached,
  fail,
  type Runtime,
  succeed,
  withoutReferenceTool,
  writeNetwork,
} from "./runtime.ts";
import { oursInWorld as ours, referenceInWorld as reference } from "./world.ts";

const everyVersion = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const firstWithCheck = "0.4.0";

/** IPv4 alone: the reference waits a second or two for each address of IPv6. */
export const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
export const bridge = { type: "bridge", isGateway: true, ipam };
export const fixed = {
  type: "static",
  addresses: [{ address: "10.1.0.9/24", gateway: "10.1.0.1" }],
};

/** A network, and the first version that all its plugins speak. */
export interface PairedCase {
  readonly plugins: readonly Config[];
  readonly from?: string;
  readonly capabilities?: Config;
  /** Where the reference's plugin does not do what the specification asks. */
  readonly reference?: Quirk;
  /** Starts what the plugins need, those of this folder of executables; the value ends it. */
  readonly serve?: (host: Host, executables: string) => Promise<() => Promise<void>>;
}

type Quirk = "its CHECK fails after its own ADD" | "a second DEL fails";

async function prepare(host: Host): Promise<void> {
  await host.addNetns("c1");
  await batch(host, "", [
    "link add lan0 type veth peer lan1",
    "link set lan0 up",
    "link set lan1 up",
    "link add dev0 type veth peer dev1",
    "link set dev1 up",
  ]);
}

const pairings: [name: string, runtime: Runtime][] = [
  ["the reference's cnitool on our", { tool: "reference", path: ours }],
  ["our cnitool on the reference's", { tool: "ours", path: reference }],
];

/** Both pairings of these networks, by the names of the plugins they are about. */
export function testPairings(cases: Readonly<Record<string, PairedCase>>): void {
  for (const [name, runtime] of pairings) {
    for (const [plugin, it] of Object.entries(cases)) {
      const { plugins, from = "0.1.0", capabilities, serve } = it;
      const quirk = runtime.path === reference ? it.reference : undefined;
      nodeTest(
        `${name} ${plugin}: every verb in every version`,
        { skip: withoutReferenceTool },
        () =>
          withHost(async (host) => {
            await prepare(host);
            const env: Record<string, string> = {};
            if (capabilities !== undefined) env.CAP_ARGS = JSON.stringify(capabilities);
            const stop = await serve?.(host, runtime.path);
            try {
              for (const cniVersion of everyVersion.slice(everyVersion.indexOf(from))) {
                writeNetwork(host, plugins, { cniVersion });
                await runThrough(host, { ...runtime, env }, cniVersion, quirk);
              }
            } finally {
              await stop?.();
            }
          }),
      );
    }
  }
}

async function runThrough(
  host: Host,
  runtime: Runtime,
  cniVersion: string,
  quirk: Quirk | undefined,
): Promise<void> {
  const links = async () => (await host.ip("", "link", "show", "type", "veth")).length;
  const before = await links();
  for (const last of ["gc", "del"]) {
    const result = JSON.parse(await succeed(host, runtime, "add"));
    assert.equal(result.cniVersion, cniVersion);
    const hasCheck = everyVersion.indexOf(cniVersion) >= everyVersion.indexOf(firstWithCheck);
    const checks = hasCheck && quirk !== "its CHECK fails after its own ADD";
    await (checks ? succeed : fail)(host, runtime, "check");
    await succeed(host, runtime, "status");
    await succeed(host, runtime, last);
    assert.equal(cached(host), undefined);
  }
  if (quirk !== "a second DEL fails") await succeed(host, runtime, "del");
  assert.deepEqual(readdirSync(host.outside(cacheDirectory)), []);
  assert.equal(await links(), before, "an end of a pair is left");
}
