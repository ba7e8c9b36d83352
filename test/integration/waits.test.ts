/** What ADD waits for: it goes on by the kernel's word, and a signal ends the wait and takes everything back. */

import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, type Running } from "./harness/command.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, replyOf, withHost } from "./harness/host.ts";
import { addWire, networkOf } from "./harness/interface-plugin.ts";
import { gatewayConfig } from "./harness/networks.ts";

interface LinkJson {
  ifname: string;
  flags: string[];
}

/** Starts an ADD that must come to bring the container's interface up, after which it waits. */
async function startAdd(host: Host, call: Call): Promise<Running> {
  const running = host.startCni("ADD", call);
  let ended = "";
  void running.outcome.then((outcome) => {
    ended = describe(outcome);
  });
  while (ended === "") {
    const links = await host.ip<LinkJson>("c1", "link");
    if (links.some(({ ifname, flags }) => ifname === "eth0" && flags.includes("UP"))) break;
  }
  assert.equal(ended, "", "it did not wait");
  return running;
}

/** A signal while the plugin waits; its end must come at once, not with the end of the wait. */
async function interrupt(running: Running, what: RegExp): Promise<void> {
  // From "up" to the wait it is not far.
  await sleep(100);
  const began = performance.now();
  running.kill("SIGTERM");
  const reply = replyOf(await running.outcome);
  assertError(reply, { code: 11, msg: what });
  const took = performance.now() - began;
  assert.ok(took < 800, `it went on for ${took} ms`);
}

const detecting: [what: string, call: Call, prepare: (host: Host) => Promise<unknown>][] = [
  ["macvlan", { plugin: "macvlan", config: networkOf("macvlan", { master: "wire0" }) }, addWire],
  [
    "ptp with enabledad",
    { plugin: "ptp", config: networkOf("ptp", { enabledad: true }) },
    (host) => host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"),
  ],
];
for (const [what, call, prepare] of detecting) {
  test(`SIGTERM ends the wait for duplicate address detection (${what}), and nothing is left`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await prepare(host);
      // Detection that lasts four seconds, of those that ADD would wait.
      await host.runIn("c1", "sysctl", "-qw", "net.ipv6.conf.default.dad_transmits=4");
      await host.unchangedBy(async () => {
        const running = await startAdd(host, call);
        await interrupt(running, /^interrupted while waiting for the addresses of "eth0"$/);
      });
    }));
}

/** A bridge's network whose port does not come up by itself, as a port of a slow switch. */
async function slowPort(host: Host): Promise<Call> {
  await host.addNetns("c1");
  const answer = `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}]}'`;
  const path = host.script(
    "slow",
    `[ $CNI_COMMAND = ADD ] || exit 0
port=$(ip -o link show master cni0 | sed 's/^[0-9]*: \\([^@]*\\)@.*/\\1/')
ip link set "$port" mode dormant
echo "$port" >/run/work/port
${answer}`,
  );
  await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
  return { config: gatewayConfig({ ipam: { type: "slow" } }), path: `${path}:/run/ours` };
}

test("SIGTERM ends the wait for another call's lock, and nothing is left", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const hold = ["flock", "-Fx", "/proc/self/ns/net", "sh", "-c", "echo held; exec sleep 20"];
    const holder = host.start(hold);
    await holder.printed("held");
    await host.unchangedBy(() =>
      interrupt(host.startCni("ADD", { config: gatewayConfig() }), /^lock .*: interrupted/),
    );
    holder.kill("SIGKILL");
    await holder.outcome;
  }));

test("SIGTERM ends the wait for the bridge's port, and nothing is left", () =>
  withHost(async (host) => {
    const call = await slowPort(host);
    await host.unchangedBy(async () => {
      const running = await startAdd(host, call);
      await interrupt(running, /^interrupted while waiting for bridge port veth[0-9a-f]{8}$/);
    });
  }));

test("ADD goes on when the bridge's port comes up, and fails with its state if it does not", () =>
  withHost(async (host) => {
    const call = await slowPort(host);
    await host.unchangedBy(async () => {
      const running = await startAdd(host, call);
      await sleep(300);
      const port = (await host.run("cat", "/run/work/port")).trim();
      const began = performance.now();
      await host.run("ip", "link", "set", port, "state", "up");
      const reply = replyOf(await running.outcome);
      resultOf(reply);
      assert.ok(performance.now() - began < 800, "the kernel's word was not heard");
      assertSuccess(await host.cni("DEL", call));
      await host.run("ip", "link", "del", "cni0");
      const msg = "bridge port in error state: dormant";
      assertError(await host.cni("ADD", call), { code: 999, msg });
    });
  }));
