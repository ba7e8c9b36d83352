/** cnitool reload: the rules of what is attached come back after somebody emptied the packet filter, and nothing else moves. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe, type Outcome } from "./harness/command.ts";
import { withoutReference } from "./harness/executables.ts";
import { type Host, withHost } from "./harness/host.ts";
import { type Config, dualStack } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, withServers } from "./harness/probe.ts";
import { type Runtime, runTool, writeNetwork } from "./harness/runtime.ts";
import { assertPing } from "./harness/traffic.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

const transports = ["tcp", "udp"] as const;

/** The usual chain, its rules by one backend or the other. */
function plugins(backend: "nftables" | "iptables"): Config[] {
  return [
    {
      type: "bridge",
      bridge: "cni0",
      isDefaultGateway: true,
      ipMasq: true,
      ipMasqBackend: backend,
      macspoofchk: true,
      ipam: dualStack,
    },
    { type: "portmap", backend, capabilities: { portMappings: true } },
    { type: "firewall", backend, ingressPolicy: "same-bridge" },
  ];
}

function runtimeFor(port: number, path = oursInWorld): Runtime {
  const portMappings = transports.map((protocol) => ({
    protocol,
    hostPort: port,
    containerPort: 80,
  }));
  return { tool: "ours", path, env: { CAP_ARGS: JSON.stringify({ portMappings }) } };
}

async function attach(host: Host, netns: string, runtime: Runtime): Promise<void> {
  const outcome = await runTool(host, runtime, "add", "net1", `/run/netns/${netns}`);
  assert.equal(outcome.status, 0, describe(outcome));
}

/** The whole ruleset as text, without counts. Chains come in the order of their making, which does not matter. */
async function ruleset(host: Host): Promise<string[]> {
  const text = await host.run("sh", "-ec", "nft list ruleset; iptables-save; ip6tables-save");
  return text
    .replace(/^#.*\n/gm, "")
    .replace(/packets \d+ bytes \d+|\[\d+:\d+\]/g, "")
    .split(/\n(?=table |\*|\tchain |\n)/)
    .filter((part) => part.trim() !== "")
    .sort();
}

const flush = `
  nft flush ruleset
  for table in raw nat filter; do
    for program in iptables ip6tables; do $program -t $table -F; $program -t $table -X; done
  done
`;

function reload(host: Host, ...argv: string[]): Promise<Outcome> {
  return runTool(host, { tool: "ours", path: oursInWorld }, "reload", ...argv);
}

const endpoints: Endpoint[] = transports.map((transport) => ({
  transport,
  address: "::",
  port: 80,
}));

/** Who answers another host at the published ports, in both families. */
function reach(host: Host, port: number): Promise<string[]> {
  const wanted = ([4, 6] as const).flatMap((family) =>
    transports.map((transport) => ({ transport, address: outside[family].host, port })),
  );
  return ask(host, "out", wanted);
}

/** Until the kernel has found no other user of any IPv6 address, which it tells as a change. */
async function settled(host: Host, names: readonly string[]): Promise<void> {
  const wait = `for n in $(seq 100); do [ -n "$(ip -6 addr show tentative)" ] || exit 0; sleep 0.1; done; exit 1`;
  for (const netns of names) {
    const outcome = await host.start(["sh", "-c", wait], netns === "" ? {} : { netns }).outcome;
    assert.equal(outcome.status, 0, describe(outcome));
  }
}

for (const backend of ["nftables", "iptables"] as const) {
  test(`${backend}: rules are as before, ports answer, links and addresses are not touched`, () =>
    withHost(async (host) => {
      await host.addNetns("c1", "c2");
      await addOutside(host);
      writeNetwork(host, plugins(backend));
      // The programs make empty tables of their own where they look.
      await host.run("sh", "-ec", flush);
      await attach(host, "c1", runtimeFor(8080));
      await attach(host, "c2", runtimeFor(8081));
      await assertPing(host, "c1", outside[6].host);
      await assertPing(host, "c2", outside[6].host);
      await settled(host, ["", "c1", "c2"]);
      const before = await ruleset(host);
      await host.run("sh", "-ec", flush);
      await withServers(host, { netns: "c1", endpoints }, async () => {
        assert.deepEqual(await reach(host, 8080), Array(4).fill("nobody"));
        const monitors = ["", "c1", "c2"].map((netns) =>
          host.start(
            ["sh", "-c", "echo watching; exec ip monitor link address route rule"],
            netns === "" ? {} : { netns },
          ),
        );
        for (const monitor of monitors) await monitor.printed("watching");
        await host.run("sleep", "0.3");
        const outcome = await reload(host);
        assert.equal(outcome.status, 0, describe(outcome));
        assert.equal(outcome.stdout.match(/ reloaded/g)?.length, 2, outcome.stdout);
        for (const monitor of monitors) monitor.kill("SIGKILL");
        for (const monitor of monitors) {
          assert.equal((await monitor.outcome).stdout, "watching\n", "something has moved");
        }
        assert.deepEqual(await ruleset(host), before);
        const seen = [4, 4, 6, 6].map((family) => `c1 ${outside[family as 4 | 6].peer}`);
        assert.deepEqual(await reach(host, 8080), seen);
      });
      const check = await runTool(host, runtimeFor(8080), "check", "net1", "/run/netns/c1");
      assert.equal(check.status, 0, describe(check));
      // Once more, where everything is there.
      assert.equal((await reload(host, "net1")).status, 0);
      assert.deepEqual(await ruleset(host), before);
    }));
}

test("a container that is gone is left alone, other networks are where one is named, failures are told", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    writeNetwork(host, plugins("nftables"));
    await attach(host, "c1", runtimeFor(8080));
    await attach(host, "c2", runtimeFor(8081));
    await host.deleteNetns("c1");
    await host.run("nft", "flush", "ruleset");
    const other = await reload(host, "net2", "--json");
    assert.deepEqual(JSON.parse(other.stdout), []);
    assert.equal(await host.run("nft", "list", "ruleset"), "");
    const states = async () => {
      const outcome = await reload(host, "--json");
      const list: Config[] = JSON.parse(outcome.stdout);
      return [outcome.status, ...list.map(({ state }) => state)];
    };
    assert.deepEqual(await states(), [0, "gone", "reloaded"]);
    assert.doesNotMatch(await host.run("nft", "list", "ruleset"), /10\.1\.0\.2\b/);
    const foreign =
      "flush ruleset; add table ip cni_hostport; add chain ip cni_hostport late_prerouting { type filter hook input priority 0; }";
    await host.run("nft", foreign);
    assert.deepEqual(await states(), [1, "gone", "failed"]);
    // The plugins before and behind the one that failed have had their turn.
    const rules = await host.run("nft", "list", "ruleset");
    for (const rule of [/10\.1\.0\.3 .* masquerade/, /ip saddr 10\.1\.0\.3 .*accept/]) {
      assert.match(rules, rule);
    }
  }));

test(
  "plugins of the reference do not know how, and are not harmed",
  { skip: withoutReference },
  () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const [bridge = {}, portmap = {}] = plugins("iptables");
      writeNetwork(host, [{ ...bridge, macspoofchk: false }, portmap], { cniVersion: "1.0.0" });
      await attach(host, "c1", runtimeFor(8080, referenceInWorld));
      const before = await ruleset(host);
      const runtime: Runtime = { tool: "ours", path: referenceInWorld };
      const outcome = await runTool(host, runtime, "reload");
      assert.equal(outcome.status, 0, describe(outcome));
      assert.match(outcome.stdout, /reloaded +not by bridge, portmap/);
      assert.deepEqual(await ruleset(host), before);
    }),
);
