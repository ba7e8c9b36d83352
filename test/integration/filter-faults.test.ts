/** Errors of the kernel, and SIGKILL, at every system call of what changes the packet filter: all rules or none. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain } from "./harness/chain.ts";
import { describe } from "./harness/command.ts";
import { assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, type Reply, withHost } from "./harness/host.ts";
import { errorAt, type Point, pointsOf, withFault } from "./harness/inject.ts";
import { type Config, gatewayConfig } from "./harness/networks.ts";

const bridgeConfig = gatewayConfig({ ipMasq: true, macspoofchk: true, cniVersion: "1.0.0" });

const portMappings: Config[] = [
  { protocol: "tcp", hostPort: 8080, containerPort: 80 },
  { protocol: "udp", hostPort: 8080, containerPort: 80 },
  { protocol: "tcp", hostPort: 8081, containerPort: 80, hostIP: "10.1.0.1" },
];

/** Rules of containers, whoever made them: with shared tables and chains left out. */
async function ownRules(host: Host): Promise<number> {
  const text = await host.run("nft", "list", "ruleset");
  return text.match(/comment "(container-c1|macspoofchk-|[0-9a-f]{16}-)/g)?.length ?? 0;
}

/** How many rules are there after an ADD that succeeded. */
const wanted = { bridge: 6, portmap: 6 } as const;

async function callFor(host: Host, plugin: keyof typeof wanted): Promise<Call> {
  if (plugin === "bridge") return { plugin, config: bridgeConfig };
  const chain = new Chain(host, [{ ...gatewayConfig(), type: "bridge" }]);
  const prevResult = await chain.add();
  const runtimeConfig = { portMappings };
  return {
    plugin,
    config: { cniVersion: "1.0.0", name: "net1", type: plugin, runtimeConfig, prevResult },
  };
}

async function sweep(
  plugin: keyof typeof wanted,
  verb: "ADD" | "DEL",
  step: (host: Host, call: Call, point: Point) => Promise<string | undefined>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    host.stay();
    const call = await callFor(host, plugin);
    if (verb === "DEL") resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assert.ok(points.length > 20, `only ${points.length} system calls`);
    assertSuccess(await host.cni("DEL", call));
    const faults: string[] = [];
    for (const point of points) {
      const fault = await step(host, call, point);
      if (fault === undefined) continue;
      faults.push(`at the ${point.ordinal}. such call, ${point.text}\n${fault}`);
      await host.cni("DEL", call);
    }
    const shown = faults.slice(0, 6).join("\n\n");
    assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
  });
}

async function unless(host: Host, count: number, reply: Reply): Promise<string | undefined> {
  const found = await ownRules(host);
  return found === count ? undefined : `${found} rules, not ${count}: ${describe(reply)}`;
}

for (const plugin of ["bridge", "portmap"] as const) {
  test(`${plugin}: an error of any system call of ADD leaves all rules or none`, () =>
    sweep(plugin, "ADD", async (host, call, point) => {
      const reply = await host.cni("ADD", withFault(call, point, errorAt(point)));
      const fault = await unless(host, reply.status === 0 ? wanted[plugin] : 0, reply);
      // As runtimes do, also after a failed ADD.
      assertSuccess(await host.cni("DEL", call));
      return fault ?? unless(host, 0, reply);
    }));

  test(`${plugin}: after SIGKILL at any system call of ADD, DEL removes the rules`, () =>
    sweep(plugin, "ADD", async (host, call, point) => {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      assertSuccess(await host.cni("DEL", call));
      return unless(host, 0, reply);
    }));

  test(`${plugin}: after an error of any system call of DEL, another DEL removes the rules`, () =>
    sweep(plugin, "DEL", async (host, call, point) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", withFault(call, point, errorAt(point)));
      const fault = reply.status === 0 ? await unless(host, 0, reply) : undefined;
      assertSuccess(await host.cni("DEL", call));
      return fault ?? unless(host, 0, reply);
    }));
}
