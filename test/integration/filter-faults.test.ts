/** Errors of the kernel, and SIGKILL, at every system call of what changes the packet filter: all rules or none. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain } from "./harness/chain.ts";
import { describe } from "./harness/command.ts";
import { assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, type Reply, withHost } from "./harness/host.ts";
import { canFail, errorAt, type Point, pointsOf, withFault } from "./harness/inject.ts";
import { type Config, gatewayConfig } from "./harness/networks.ts";

const bridgeConfig = gatewayConfig({ ipMasq: true, macspoofchk: true, cniVersion: "1.0.0" });

const portMappings: Config[] = [
  { protocol: "tcp", hostPort: 8080, containerPort: 80 },
  { protocol: "udp", hostPort: 8080, containerPort: 80 },
  { protocol: "tcp", hostPort: 8081, containerPort: 80, hostIP: "10.1.0.1" },
];

/** A plugin with rules, those of containers as they are seen, and how many are there after an ADD that succeeded. */
interface Subject {
  readonly plugin: "bridge" | "portmap";
  readonly keys: Config;
  readonly own: RegExp;
  readonly whole: number;
  /** Only each of so many points, since programs take their time; TSCNI_EVERY_CALL=1 in the environment makes it all. */
  readonly stride: number;
}

const byComment = /comment "(container-c1|macspoofchk-|[0-9a-f]{16}-)/;

const subjects: Readonly<Record<string, Subject>> = {
  bridge: { plugin: "bridge", keys: bridgeConfig, own: byComment, whole: 6, stride: 1 },
  portmap: { plugin: "portmap", keys: {}, own: byComment, whole: 6, stride: 1 },
  // Per family: two ways in, with three rules a port in IPv4 and two in IPv6, and a chain.
  "portmap by iptables": {
    plugin: "portmap",
    keys: { backend: "iptables" },
    own: /CNI-DN-|dport 808/,
    whole: 19,
    stride: 3,
  },
  "bridge by iptables": {
    plugin: "bridge",
    keys: gatewayConfig({ ipMasq: true, ipMasqBackend: "iptables", cniVersion: "1.0.0" }),
    // Per family the way in and the chain.
    own: /CNI-[0-9a-f]/,
    whole: 4,
    stride: 5,
  },
};

async function ownRules(host: Host, { own }: Subject): Promise<number> {
  const lines = (await host.run("nft", "list", "ruleset")).split("\n");
  return lines.filter((line) => own.test(line)).length;
}

async function callFor(host: Host, { plugin, keys }: Subject): Promise<Call> {
  if (plugin === "bridge") return { plugin, config: keys };
  const chain = new Chain(host, [{ ...gatewayConfig(), type: "bridge" }]);
  const prevResult = await chain.add();
  const runtimeConfig = { portMappings };
  const config = { cniVersion: "1.0.0", name: "net1", type: plugin, ...keys };
  return { plugin, config: { ...config, runtimeConfig, prevResult } };
}

async function sweep(
  subject: Subject,
  verb: "ADD" | "DEL",
  step: (host: Host, call: Call, point: Point) => Promise<string | undefined>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    host.stay();
    const call = await callFor(host, subject);
    if (verb === "DEL") resultOf(await host.cni("ADD", call));
    const points = await pointsOf(host, verb, call);
    assert.ok(points.length > 20, `only ${points.length} system calls`);
    if (verb === "ADD") assert.equal(await ownRules(host, subject), subject.whole);
    assertSuccess(await host.cni("DEL", call));
    const faults: string[] = [];
    const stride = process.env.TSCNI_EVERY_CALL === "1" ? 1 : subject.stride;
    for (const [at, point] of points.entries()) {
      if (at % stride !== 0) continue;
      const fault = await step(host, call, point);
      if (fault === undefined) continue;
      faults.push(`at the ${point.ordinal}. such call, ${point.text}\n${fault}`);
      await host.cni("DEL", call);
    }
    const shown = faults.slice(0, 6).join("\n\n");
    assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
  });
}

/** The call with an error at the point, if it can have one. */
function failing(call: Call, point: Point): Call {
  return canFail(point) ? withFault(call, point, errorAt(point)) : call;
}

for (const [name, subject] of Object.entries(subjects)) {
  const unless = async (host: Host, count: number, reply: Reply) => {
    const found = await ownRules(host, subject);
    return found === count ? undefined : `${found} rules, not ${count}: ${describe(reply)}`;
  };

  test(`${name}: an error of any system call of ADD leaves all rules or none`, () =>
    sweep(subject, "ADD", async (host, call, point) => {
      const reply = await host.cni("ADD", failing(call, point));
      const fault = await unless(host, reply.status === 0 ? subject.whole : 0, reply);
      // As runtimes do, also after a failed ADD.
      assertSuccess(await host.cni("DEL", call));
      return fault ?? unless(host, 0, reply);
    }));

  test(`${name}: after SIGKILL at any system call of ADD, DEL removes the rules`, () =>
    sweep(subject, "ADD", async (host, call, point) => {
      const reply = await host.cni("ADD", withFault(call, point, "signal=SIGKILL"));
      assertSuccess(await host.cni("DEL", call));
      return unless(host, 0, reply);
    }));

  test(`${name}: after an error of any system call of DEL, another DEL removes the rules`, () =>
    sweep(subject, "DEL", async (host, call, point) => {
      resultOf(await host.cni("ADD", call));
      const reply = await host.cni("DEL", failing(call, point));
      const fault = reply.status === 0 ? await unless(host, 0, reply) : undefined;
      assertSuccess(await host.cni("DEL", call));
      return fault ?? unless(host, 0, reply);
    }));
}
