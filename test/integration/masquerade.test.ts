/** ipMasq and macspoofchk of the bridge plugin: by packets, by what nft shows, and against the reference's executable. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import {
  bridgeConfig,
  dualStack,
  gatewayConfig,
  layer2Config,
  withResult,
} from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, withServers } from "./harness/probe.ts";
import { assertNoPing, assertPing } from "./harness/traffic.ts";
import { referenceInWorld } from "./harness/world.ts";

const config = gatewayConfig({ ipMasq: true });

const endpoints: Endpoint[] = [4, 6].flatMap((family) =>
  (["tcp", "udp"] as const).map((transport) => ({
    transport,
    address: outside[family === 4 ? 4 : 6].peer,
    port: 7000,
  })),
);

function rules(host: Host, table = "inet cni_plugins_masquerade"): Promise<string> {
  return host.run("sh", "-c", `nft list table ${table} 2>/dev/null || true`);
}

async function ruleCount(host: Host): Promise<number> {
  return (await rules(host)).match(/masquerade comment/g)?.length ?? 0;
}

const byIptables = { ipMasqBackend: "iptables" };
const useLegacy = "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi";

/** Tables "nat" of both families without counters and dates. */
async function saved(host: Host): Promise<string> {
  const text = await host.run("sh", "-ec", "iptables-save -t nat; ip6tables-save -t nat");
  return text.replace(/^#.*\n/gm, "").replace(/\[\d+:\d+\]/g, "");
}

async function iptablesCount(host: Host): Promise<number> {
  return (await saved(host)).match(/^-A .*CNI-/gm)?.length ?? 0;
}

/** Who makes the rules, and how many of them are about addresses of containers. */
const ways = [
  { name: "nftables", keys: {}, prepare: "", count: ruleCount, each: 2 },
  { name: "iptables", keys: byIptables, prepare: "", count: iptablesCount, each: 6 },
  { name: "iptables-legacy", keys: byIptables, prepare: useLegacy, count: iptablesCount, each: 6 },
] as const;

for (const { name, keys, prepare, count, each } of ways) {
  const config = gatewayConfig({ ipMasq: true, ...keys });

  test(`${name}: the world sees the host's address, the container's network the container's own`, () =>
    withHost(async (host) => {
      await host.addNetns("c1", "c2");
      await addOutside(host);
      await host.run("sh", "-ec", prepare);
      const first = await attach(host, { config, netns: "c1" });
      const second = await attach(host, { config, netns: "c2" });
      await assertPing(host, "c1", outside[6].peer);
      await withServers(host, { netns: "out", endpoints }, async () => {
        const [tcp4, udp4, tcp6, udp6] = await ask(host, "c1", endpoints);
        assert.deepEqual([tcp4, udp4], ["out 192.0.2.1", "out 192.0.2.1"]);
        assert.deepEqual([tcp6, udp6], ["out 2001:db8::1", "out 2001:db8::1"]);
      });
      const near: Endpoint[] = ["10.1.0.3", "fd00:1::3"].map((address) => ({
        transport: "tcp",
        address,
        port: 7000,
      }));
      await withServers(host, { netns: "c2", endpoints: near }, async () => {
        assert.deepEqual(await ask(host, "c1", near), ["c2 10.1.0.2", "c2 fd00:1::2"]);
      });
      assertSuccess(await first.check());
      await detach(first);
      assert.equal(await count(host), each);
      assertSuccess(await second.check());
      await detach(second);
      assert.equal(await count(host), 0);
    }));

  test(`${name}: ptp masquerades as bridge does`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await addOutside(host);
      await host.run("sh", "-ec", prepare);
      const ptp = { ...config, type: "ptp", bridge: undefined, isDefaultGateway: undefined };
      const ipam = { ...dualStack, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] };
      const attachment = await attach(host, { plugin: "ptp", config: { ...ptp, ipam } });
      await assertPing(host, "c1", outside[6].peer);
      await withServers(host, { netns: "out", endpoints }, async () => {
        const [tcp4, , tcp6] = await ask(host, "c1", endpoints);
        assert.deepEqual([tcp4, tcp6], ["out 192.0.2.1", "out 2001:db8::1"]);
      });
      assertSuccess(await attachment.check());
      await detach(attachment);
      assert.equal(await count(host), 0);
    }));
}

test("DEL needs neither namespace nor prevResult, GC only the list", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await attach(host, { config, netns: "c1" });
    await attach(host, { config, netns: "c2" });
    await host.deleteNetns("c1");
    assertSuccess(await host.cni("DEL", { config, netns: "", containerId: "container-c1" }));
    assert.equal(await ruleCount(host), 2);
    const valid = [{ containerID: "container-c2", ifname: "eth0" }];
    assertSuccess(
      await host.cni("GC", { config: { ...config, "cni.dev/valid-attachments": valid } }),
    );
    assert.equal(await ruleCount(host), 2);
    assertSuccess(await host.cni("GC", { config: { ...config, "cni.dev/valid-attachments": [] } }));
    assert.equal(await ruleCount(host), 0);
  }));

test("CHECK fails where the rules are gone", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const attachment = await attach(host, { config });
    await host.run("nft", "flush", "ruleset");
    assertError(await attachment.check(), {
      code: 999,
      msg: /masquerade rule of 10.1.0.2 is missing/,
    });
    await detach(attachment);
  }));

test("the programs nft, iptables and conntrack are not used", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const wrap = ["strace", "-f", "-e", "trace=execve", "-o", "/run/trace"];
    const reply = await host.cni("ADD", { config, wrap });
    assert.equal(reply.status, 0, reply.stderr);
    const trace = await host.run("grep", "-c", "execve", "/run/trace");
    assert.equal(trace.trim(), "1");
  }));

test("an ADD that cannot masquerade leaves nothing", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.run(
      "nft",
      "add table inet cni_plugins_masquerade; add chain inet cni_plugins_masquerade postrouting { type filter hook input priority 0; }",
    );
    await host.unchangedBy(async () => {
      const msg = /add chain cni_plugins_masquerade postrouting/;
      assertError(await host.cni("ADD", { config }), { code: 999, msg });
    });
  }));

for (const [title, adder, remover] of [
  ["we remove what the reference made", referenceInWorld, undefined],
  ["the reference removes what we made", undefined, referenceInWorld],
] as const) {
  test(`masquerading: ${title}`, { skip: withoutReference }, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const both = gatewayConfig({ ipMasq: true, ipMasqBackend: "nftables", cniVersion: "1.0.0" });
      const made = await attach(host, {
        config: both,
        ...(adder === undefined ? {} : { from: adder, path: adder }),
      });
      assert.equal(await ruleCount(host), 2);
      const change = remover === undefined ? {} : { from: remover, path: remover };
      assertSuccess(await made.del(change));
      assert.equal(await ruleCount(host), 0);
    }),
  );
}

test("ours and the reference's rules are the same text", { skip: withoutReference }, () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const both = gatewayConfig({ ipMasq: true, ipMasqBackend: "nftables", cniVersion: "1.0.0" });
    await detach(await attach(host, { config: both }));
    const made = await attach(host, { config: both });
    const ours = await rules(host);
    await detach(made);
    await host.run("nft", "flush", "ruleset");
    await host.run("rm", "-rf", "/var/lib/cni/networks");
    const theirs = { config: both, from: referenceInWorld, path: referenceInWorld };
    await detach(await attach(host, theirs));
    await attach(host, theirs);
    assert.equal(ours, await rules(host));
  }),
);

test("macspoofchk lets the container speak under its own MAC address only", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const spoof = bridgeConfig({ macspoofchk: true, isGateway: true });
    const attachment = await attach(host, { config: spoof });
    await assertPing(host, "c1", "10.1.0.1");
    assertSuccess(await attachment.check());
    await host.runIn("c1", "ip", "link", "set", "eth0", "address", "02:11:22:33:44:55");
    await assertNoPing(host, "c1", "10.1.0.1");
    await detach(attachment);
    assert.ok(!(await rules(host, "bridge nat")).includes("macspoofchk"));
  }));

test("macspoofchk on layer 2, its CHECK, its GC", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const spoof = layer2Config({ macspoofchk: true });
    const attachment = await attach(host, { config: spoof });
    assertSuccess(await attachment.check());
    await host.run("nft", "flush", "chain", "bridge", "nat", "cni-br-iface-container-c1-eth0-mac");
    const msg = /spoof check of "veth[0-9a-f]{8}": a rule is missing/;
    assertError(await attachment.check(), { code: 999, msg });
    const gc = withResult({ ...spoof, "cni.dev/valid-attachments": [] }, undefined);
    assertSuccess(await host.cni("GC", { config: gc }));
    assert.ok(!(await rules(host, "bridge nat")).includes("macspoofchk"));
  }));

const iptablesConfig = gatewayConfig({ ipMasq: true, ...byIptables, cniVersion: "1.0.0" });
const theirs = { from: referenceInWorld, path: referenceInWorld };

test(
  "by iptables the rules are the reference's, and each suite removes the other's",
  {
    skip: withoutReference,
  },
  () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const call = { config: iptablesConfig };
      const made = await attach(host, call);
      const ours = await saved(host);
      assertSuccess(await made.check());
      assertSuccess(await made.del(theirs));
      assert.equal(await iptablesCount(host), 0);
      await host.run("rm", "-rf", "/var/lib/cni/networks");
      const other = await attach(host, { ...call, ...theirs });
      assert.equal(ours, await saved(host));
      assertSuccess(await other.del());
      assert.equal(await iptablesCount(host), 0);
    }),
);

test("by iptables, DEL needs neither namespace nor prevResult, GC only the list; CHECK compares", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await attach(host, { config: iptablesConfig, netns: "c1" });
    const second = await attach(host, { config: iptablesConfig, netns: "c2" });
    await host.deleteNetns("c1");
    // As if the configuration had been changed since.
    const changed = { ...iptablesConfig, cniVersion: "1.1.0", ipMasqBackend: undefined };
    assertSuccess(
      await host.cni("DEL", { config: changed, netns: "", containerId: "container-c1" }),
    );
    assert.equal(await iptablesCount(host), 6);
    assertSuccess(await second.check());
    const gc = (name: string, containers: readonly string[]) => {
      const valid = containers.map((containerID) => ({ containerID, ifname: "eth0" }));
      return host.cni("GC", { config: { ...changed, name, "cni.dev/valid-attachments": valid } });
    };
    assertSuccess(await gc(iptablesConfig.name as string, ["container-c2"]));
    assertSuccess(await gc("other", []));
    assert.equal(await iptablesCount(host), 6);
    await host.run("sh", "-ec", "ip6tables -t nat -F POSTROUTING");
    const msg = /masquerade rules in chain "CNI-\w+" of IPv6 are missing/;
    assertError(await second.check(), { code: 999, msg });
    assertSuccess(await gc(iptablesConfig.name as string, []));
    assert.doesNotMatch(await saved(host), /-A POSTROUTING/);
  }));

test("rules of nft that come into table nat: GC tells what it could not remove, and removes the rest", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await attach(host, { config: iptablesConfig, netns: "c1" });
    await host.run("nft", "add rule ip nat POSTROUTING ct state established accept");
    const config = { ...iptablesConfig, cniVersion: "1.1.0" };
    const gc = (valid: readonly object[]) =>
      host.cni("GC", { config: { ...config, "cni.dev/valid-attachments": valid } });
    assertSuccess(await gc([{ containerID: "container-c1", ifname: "eth0" }]));
    assert.match(await host.run("ip6tables-save", "-t", "nat"), /-A POSTROUTING .*-j CNI-/);
    const msg = /^table "nat" holds rules that iptables cannot read/;
    assertError(await gc([]), { code: 999, msg });
    assert.doesNotMatch(await host.run("ip6tables-save", "-t", "nat"), /CNI-/);
  }));
