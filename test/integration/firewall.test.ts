/** firewall by packets: who reaches a container under which policy; the same for every backend. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain, type Member } from "./harness/chain.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { flavourScript } from "./harness/iptables.ts";
import type { Config } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, withServers } from "./harness/probe.ts";
import { assertPing } from "./harness/traffic.ts";

const networks = {
  cni0: { name: "net1", subnets: ["10.1.0.0/24", "fd00:1::/64"] },
  cni1: { name: "net2", subnets: ["10.2.0.0/24", "fd00:2::/64"] },
} as const;

const c1 = { 4: "10.1.0.2", 6: "fd00:1::2" } as const;
const families = [4, 6] as const;
const transports = ["tcp", "udp"] as const;

/** The chain of a container on one of the bridges. */
function members(bridge: keyof typeof networks, firewall: Config): Member[] {
  const { name, subnets } = networks[bridge];
  const ranges = subnets.map((subnet) => [{ subnet }]);
  return [
    { type: "bridge", name, bridge, isDefaultGateway: true, ipam: { type: "host-local", ranges } },
    { type: "firewall", name, ...firewall },
  ];
}

/** Port 80 of an address by both transports. */
function both(address: string): Endpoint[] {
  return transports.map((transport) => ({ transport, address, port: 80 }));
}

const everything = families.flatMap((family) => both(c1[family]));

/** Has what goes from port to port of a bridge pass the packet filter, as docker and kubelet have it. */
async function filterBridges(host: Host): Promise<void> {
  const names = ["ip", "ip6"].map((name) => `net.bridge.bridge-nf-call-${name}tables=1`);
  await host.run("sysctl", "-qw", ...names);
}

/** Containers c1 and c2 on one bridge, c3 on another, another host, and a host that drops what it does not know. */
async function withContainers(
  firewall: Config,
  prepare: readonly string[],
  steps: (host: Host, chains: Chain[]) => Promise<void>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3");
    await addOutside(host);
    await filterBridges(host);
    await host.run("sh", "-ec", prepare.join("\n"));
    const chains: Chain[] = [];
    for (const [netns, bridge] of [
      ["c1", "cni0"],
      ["c2", "cni0"],
      ["c3", "cni1"],
    ] as const) {
      const chain = new Chain(host, members(bridge, firewall), { netns });
      await chain.add();
      chains.push(chain);
    }
    const routes = ["10.1.0.0/24", "fd00:1::/64"].map(
      (to, index) => `ip -n out route add ${to} via ${outside[index === 0 ? 4 : 6].host}`,
    );
    await host.run("sh", "-ec", routes.join("\n"));
    await assertPing(host, "c1", outside[6].peer);
    const endpoints = both("::").map((endpoint) => ({ ...endpoint, port: 80 }));
    await withServers(host, { netns: "c1", endpoints }, () => steps(host, chains));
  });
}

/** By namespace, whether c1 answers: tcp and udp of IPv4, then of IPv6. */
async function reached(host: Host): Promise<Record<string, string>> {
  const places = { "another host": "out", "the host": "", neighbour: "c2", "other bridge": "c3" };
  const answers = Object.entries(places).map(async ([title, netns]) => {
    const replies = await ask(host, netns, everything);
    return [title, replies.map((reply) => (reply.startsWith("c1") ? "yes" : "no")).join(" ")];
  });
  return Object.fromEntries(await Promise.all(answers));
}

const all = "yes yes yes yes";
const none = "no no no no";

/** What must be so on a host that drops forwarded packets which nobody accepts. */
const expectations = {
  open: { "another host": none, "the host": all, neighbour: all, "other bridge": all },
  "same-bridge": { "another host": none, "the host": all, neighbour: all, "other bridge": none },
  isolated: { "another host": none, "the host": all, neighbour: none, "other bridge": none },
} as const;

/** The host's own rules, in the way that docker and ufw leave them; a chain of nft's is known to the native backend only. */
const hosts = {
  iptables: ["iptables -P FORWARD DROP", "ip6tables -P FORWARD DROP"],
  nft: [
    "nft 'add table inet filter'",
    "nft 'add chain inet filter forward { type filter hook forward priority filter; policy drop; }'",
  ],
} as const;

const accepting = {
  iptables: ["iptables -P FORWARD ACCEPT", "ip6tables -P FORWARD ACCEPT"],
  nft: ["nft 'add chain inet filter forward { policy accept; }'"],
} as const;

/** How an administrator lets others speak to port 80 of c1 by TCP, and forbids it to c2. */
const decisions = {
  iptables: {
    accept: [
      `iptables -A CNI-ADMIN -d ${c1[4]} -p tcp --dport 80 -j ACCEPT`,
      `ip6tables -A CNI-ADMIN -d ${c1[6]} -p tcp --dport 80 -j ACCEPT`,
    ],
    drop: [
      "iptables -I CNI-ADMIN -s 10.1.0.3 -p udp -j DROP",
      "ip6tables -I CNI-ADMIN -s fd00:1::3 -p udp -j DROP",
    ],
  },
  nft: {
    accept: families.map(
      (family) =>
        `nft add rule inet filter cni_admin ip${family === 4 ? "" : 6} daddr ${c1[family]} tcp dport 80 accept`,
    ),
    drop: ["nft add rule inet cni_firewall admin meta l4proto udp ip saddr 10.1.0.3 drop"].concat(
      "nft add rule inet cni_firewall admin meta l4proto udp ip6 saddr fd00:1::3 drop",
    ),
  },
} as const;

for (const [backend, kind, flavour] of [
  ["iptables", "iptables", "nft"],
  ["iptables", "iptables", "legacy"],
  ["nftables", "iptables", "nft"],
  ["nftables", "nft", "nft"],
] as const) {
  const title = `${backend} (${flavour}) on a host with rules of ${kind}`;
  const prepare = [...flavourScript(flavour), ...hosts[kind]];
  for (const ingressPolicy of ["open", "same-bridge", "isolated"] as const) {
    test(`${title}, ${ingressPolicy}: who reaches the container`, () =>
      withContainers({ backend, ingressPolicy }, prepare, async (host) => {
        const expected = expectations[ingressPolicy];
        assert.deepEqual(await reached(host), expected);
        await host.run("sh", "-ec", decisions[kind].accept.join("\n"));
        const tcp = "yes no yes no";
        assert.deepEqual(await reached(host), { ...expected, "another host": tcp }, "admitted");
        await host.run("sh", "-ec", [...accepting[kind], ...decisions[kind].drop].join("\n"));
        const neighbour = ingressPolicy === "isolated" ? none : tcp;
        assert.deepEqual(
          await reached(host),
          { ...expected, "another host": all, neighbour },
          "a host that accepts, and an administrator that does not",
        );
      }));
  }
}

/** The whole ruleset without counters. */
async function ruleset(host: Host): Promise<string> {
  return (await host.run("nft", "-s", "list", "ruleset")).replace(/^# Warning.*\n/gm, "");
}

/** Rules about containers, whoever's they are and wherever. */
async function ownRules(host: Host): Promise<string[]> {
  const lines = (await ruleset(host)).split("\n");
  return lines.filter((line) => /10\.[12]\.0\.|fd00:[12]::|cni[01]"/.test(line));
}

interface NeededRule {
  readonly text: string;
  /** For `nft delete rule`. */
  readonly place: readonly string[];
}

/** The rules without which c1 has not what it was promised. */
async function neededRules(host: Host): Promise<NeededRule[]> {
  const list = JSON.parse(await host.run("nft", "-s", "-a", "-j", "list", "ruleset"));
  return (list.nftables as { rule?: Record<string, unknown> }[]).flatMap(({ rule }) => {
    if (rule === undefined || rule.chain === "CNI-FIREWALL-OWNERS") return [];
    const { family, table, chain, handle, ...rest } = rule;
    const text = `${family} ${table} ${chain} ${JSON.stringify(rest)}`;
    const isNeeded =
      !text.includes("cni1") && /"10\.1\.0\.2"|"fd00:1::2"|"cni0"|"target":/.test(text);
    return isNeeded ? [{ text, place: [family, table, chain, "handle", handle].map(String) }] : [];
  });
}

for (const [title, backend, flavour] of [
  ["iptables", "iptables", "nft"],
  ["iptables by programs", "iptables", "scripts"],
  ["nftables", "nftables", "nft"],
] as const) {
  const policy = { backend, ingressPolicy: "isolated" };
  const prepare = [...flavourScript(flavour), ...hosts.iptables];

  test(`${title}: CHECK sees each rule that is missing, and changes nothing`, () =>
    withContainers(policy, prepare, async (host, [chain]) => {
      const [, member] = members("cni0", policy);
      assert.ok(chain && member);
      const seen = new Set<string>();
      for (;;) {
        await chain.check();
        const next = (await neededRules(host)).find(({ text }) => !seen.has(text));
        if (next === undefined) break;
        seen.add(next.text);
        await host.run("nft", "delete", "rule", ...next.place);
        const before = await ruleset(host);
        const reply = await chain.call("CHECK", member);
        assertError(reply, { code: 999, msg: /expected rule .*not found/ });
        assert.equal(await ruleset(host), before);
        assert.equal((await chain.call("ADD", member)).status, 0);
      }
      assert.ok(seen.size >= 10, `only ${seen.size} rules`);
    }));

  test(`${title}: DEL needs neither result nor namespace; the bridge loses its policy with the last`, () =>
    withContainers(policy, prepare, async (host) => {
      const del = (name: string, containerId: string) =>
        host.cni("DEL", {
          plugin: "firewall",
          config: { cniVersion: "1.0.0", name, type: "firewall", backend },
          netns: "",
          containerId,
        });
      assertSuccess(await del("net1", "container-c1"));
      const left = (await ownRules(host)).join("\n");
      assert.doesNotMatch(left, /10\.1\.0\.2|fd00:1::2/);
      assert.match(left, /10\.1\.0\.3/);
      assert.match(left, /iifname "cni0" oifname "cni0"/);
      assertSuccess(await del("net1", "container-c2"));
      assertSuccess(await del("net1", "container-c2"));
      assert.doesNotMatch((await ownRules(host)).join("\n"), /10\.1|fd00:1|cni0/);
      assert.match((await ownRules(host)).join("\n"), /cni1/);
      assertSuccess(await del("net2", "container-c3"));
      assert.deepEqual(await ownRules(host), []);
    }));

  test(`${title}: GC removes what is not valid any more, of its own network`, () =>
    withContainers(policy, prepare, async (host) => {
      const config = { cniVersion: "1.1.0", name: "net1", type: "firewall", backend };
      const gc = (attachments: Config[]) =>
        host.cni("GC", {
          plugin: "firewall",
          config: { ...config, "cni.dev/valid-attachments": attachments },
        });
      assertSuccess(await gc([{ containerID: "container-c2", ifname: "eth0" }]));
      const left = (await ownRules(host)).join("\n");
      assert.doesNotMatch(left, /10\.1\.0\.2|fd00:1::2/);
      assert.match(left, /10\.1\.0\.3/);
      assertSuccess(await gc([]));
      const others = (await ownRules(host)).join("\n");
      assert.doesNotMatch(others, /10\.1|fd00:1|cni0/);
      assert.match(others, /10\.2\.0\.2/);
    }));
}
