// kernel: tun
/** Either suite's cnitool on the other's plugins, each plugin in every version it speaks. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import nodeTest from "node:test";
import { type Host, withHost } from "./harness/host.ts";
import { batch } from "./harness/interface-plugin.ts";
import type { Config } from "./harness/networks.ts";
import {
  cacheDirectory,
  cached,
  fail,
  type Runtime,
  succeed,
  withoutReferenceTool,
  writeNetwork,
} from "./harness/runtime.ts";
import { oursInWorld as ours, referenceInWorld as reference } from "./harness/world.ts";

const everyVersion = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const firstWithCheck = "0.4.0";

// IPv4 alone: the reference waits a second or two for each address of IPv6.
const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
const bridge = { type: "bridge", isGateway: true, ipam };
const fixed = { type: "static", addresses: [{ address: "10.1.0.9/24", gateway: "10.1.0.1" }] };

/** A network, and the first version that all its plugins speak. */
interface Case {
  readonly plugins: readonly Config[];
  readonly from?: string;
  readonly capabilities?: Config;
  /** Where the reference's plugin does not do what the specification asks. */
  readonly reference?: "its CHECK fails after its own ADD" | "a second DEL fails";
}

const cases: Readonly<Record<string, Case>> = {
  ptp: { plugins: [{ type: "ptp", ipam }] },
  macvlan: { plugins: [{ type: "macvlan", master: "lan0", ipam: fixed }] },
  tap: { plugins: [{ type: "tap", ipam }] },
  "host-device": {
    plugins: [{ type: "host-device", device: "dev0", ipam: fixed }],
    reference: "a second DEL fails",
  },
  loopback: { plugins: [{ type: "loopback" }] },
  tuning: {
    plugins: [bridge, { type: "tuning", sysctl: { "net.core.somaxconn": "500" }, mtu: 1400 }],
  },
  portmap: {
    plugins: [bridge, { type: "portmap", capabilities: { portMappings: true } }],
    capabilities: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  },
  firewall: { plugins: [bridge, { type: "firewall", backend: "iptables" }], from: "0.4.0" },
  // Older results do not tell whose an address is.
  sbr: {
    plugins: [bridge, { type: "sbr" }],
    from: "0.3.0",
    reference: "its CHECK fails after its own ADD",
  },
  bandwidth: {
    plugins: [bridge, { type: "bandwidth", ingressRate: 8_000_000, ingressBurst: 800_000 }],
    from: "0.3.0",
  },
};

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

for (const [name, runtime] of pairings) {
  for (const [plugin, it] of Object.entries(cases)) {
    const { plugins, from = "0.1.0", capabilities } = it;
    const quirk = runtime.path === reference ? it.reference : undefined;
    nodeTest(`${name} ${plugin}: every verb in every version`, { skip: withoutReferenceTool }, () =>
      withHost(async (host) => {
        await prepare(host);
        const env: Record<string, string> = {};
        if (capabilities !== undefined) env.CAP_ARGS = JSON.stringify(capabilities);
        for (const cniVersion of everyVersion.slice(everyVersion.indexOf(from))) {
          writeNetwork(host, plugins, { cniVersion });
          await runThrough(host, { ...runtime, env }, cniVersion, quirk);
        }
      }),
    );
  }
}

async function runThrough(
  host: Host,
  runtime: Runtime,
  cniVersion: string,
  quirk: Case["reference"],
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
