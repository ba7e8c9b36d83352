/** What portmap does by iptables, rule by rule: against the reference's text, across suites, and where it is in the way of others. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain, type Member } from "./harness/chain.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { type Config, dualStack } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, withServers } from "./harness/probe.ts";
import { referenceInWorld } from "./harness/world.ts";

const bridge: Member = { type: "bridge", bridge: "cni0", isDefaultGateway: true, ipam: dualStack };

const mappings: readonly Config[] = [
  { protocol: "tcp", hostPort: 8081, containerPort: 81, hostIP: outside[4].host },
  { protocol: "tcp", hostPort: 8082, containerPort: 82, hostIP: outside[6].host },
  { protocol: "tcp", hostPort: 8080, containerPort: 80 },
  { protocol: "udp", hostPort: 8080, containerPort: 80 },
  { protocol: "sctp", hostPort: 8080, containerPort: 80 },
  ...Array.from({ length: 20 }, (_, at) => ({
    protocol: "tcp",
    hostPort: 9000 + at,
    containerPort: 9000 + at,
  })),
];

function portmap(changes: Config = {}, portMappings = mappings): Member {
  return { type: "portmap", backend: "iptables", runtimeConfig: { portMappings }, ...changes };
}

/** Tables "nat" of both families without counters and dates. */
async function saved(host: Host, flavour = ""): Promise<string> {
  const commands = ["iptables", "ip6tables"].map((name) => `${name}${flavour}-save -t nat`);
  const text = await host.run("sh", "-ec", commands.join("\n"));
  return text.replace(/^#.*\n/gm, "").replace(/\[\d+:\d+\]/g, "");
}

/** Rules that are about a container. */
async function ownRules(host: Host, flavour = ""): Promise<string[]> {
  return (await saved(host, flavour)).split("\n").filter((line) => /CNI-DN-/.test(line));
}

async function withBridge(steps: (host: Host, chain: Chain) => Promise<void>): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [bridge], { netns: "c1" });
    await chain.add();
    await steps(host, chain);
  });
}

const variants: readonly Config[] = [
  {},
  { masqAll: true },
  { snat: false },
  {
    markMasqBit: 4,
    conditionsV4: ["!", "-s", "203.0.113.0/24", "-i", "eth9"],
    conditionsV6: ["-m", "addrtype", "--src-type", "LOCAL", "-m", "mark", "!", "--mark", "0x1/0xf"],
  },
  { externalSetMarkChain: "KUBE-MARK-MASQ" },
];

for (const keys of variants) {
  test(`the rules are the reference's, ${JSON.stringify(keys)}`, { skip: withoutReference }, () =>
    withBridge(async (host, chain) => {
      const member = portmap(keys);
      const theirs = { from: referenceInWorld };
      const external = ["iptables", "ip6tables"].map((name) => `${name} -t nat -N KUBE-MARK-MASQ`);
      await host.run("sh", "-ec", external.join("\n"));
      assert.equal((await chain.call("ADD", member)).status, 0);
      const ours = await saved(host);
      // Each suite's CHECK takes the other's rules for its own, and each one's DEL removes them.
      assertSuccess(await chain.call("CHECK", member));
      assertSuccess(await chain.call("CHECK", member, theirs));
      assertSuccess(await chain.call("DEL", member, theirs));
      assert.deepEqual(await ownRules(host), []);
      const flush = ["iptables", "ip6tables"].map(
        (name) => `${name} -t nat -F; ${name} -t nat -X; ${name} -t nat -N KUBE-MARK-MASQ`,
      );
      await host.run("sh", "-ec", flush.join("\n"));
      assert.equal((await chain.call("ADD", member, theirs)).status, 0);
      assert.equal(ours, await saved(host));
      assertSuccess(await chain.call("CHECK", member));
      assertSuccess(await chain.call("DEL", { type: "portmap" }));
      assert.deepEqual(await ownRules(host), []);
    }),
  );
}

test("ADD again replaces and changes nothing else; other ports leave no rule of the old", () =>
  withBridge(async (host, chain) => {
    for (let times = 0; times < 2; times++)
      assert.equal((await chain.call("ADD", portmap())).status, 0);
    const whole = await saved(host);
    assert.equal((await chain.call("ADD", portmap())).status, 0);
    assert.equal(await saved(host), whole);
    const few = portmap({}, [{ protocol: "tcp", hostPort: 7000, containerPort: 70 }]);
    assert.equal((await chain.call("ADD", few)).status, 0);
    assert.doesNotMatch(await saved(host), /8080|9000/);
    assertSuccess(await chain.call("CHECK", few));
  }));

test("rules for a certain address come before those for all, whoever was first", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await addOutside(host);
    const mapping = { protocol: "tcp", hostPort: 8080, containerPort: 80 };
    const all = new Chain(host, [bridge, portmap({}, [mapping])], { netns: "c1" });
    await all.add();
    const certain = { ...mapping, hostIP: outside[4].host };
    const one = new Chain(host, [bridge, portmap({}, [certain])], { netns: "c2" });
    await one.add();
    const endpoint: Endpoint = { transport: "tcp", address: "0.0.0.0", port: 80 };
    const asked = ["192.0.2.1", "10.1.0.1"].map((address) => ({
      ...endpoint,
      address,
      port: 8080,
    }));
    await withServers(host, { netns: "c1", endpoints: [endpoint] }, () =>
      withServers(host, { netns: "c2", endpoints: [endpoint] }, async () => {
        assert.deepEqual(
          (await ask(host, "", asked)).map((reply) => reply.split(" ")[0]),
          ["c2", "c1"],
        );
      }),
    );
  }));

test("DEL and GC need neither mappings, backend, namespace nor prevResult", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    for (const [at, netns] of ["c1", "c2"].entries()) {
      const mapping = { protocol: "tcp", hostPort: 8080 + at, containerPort: 80 };
      await new Chain(host, [bridge, portmap({}, [mapping])], { netns }).add();
    }
    const whole = (await ownRules(host)).length;
    const config = { cniVersion: "1.1.0", name: "net1", type: "portmap" };
    const call = { plugin: "portmap", config, netns: "" };
    assertSuccess(await host.cni("DEL", { ...call, containerId: "container-c1" }));
    assert.equal((await ownRules(host)).length, whole / 2);
    const gc = (name: string, containers: string[]) =>
      host.cni("GC", {
        plugin: "portmap",
        config: {
          ...config,
          name,
          "cni.dev/valid-attachments": containers.map((containerID) => ({
            containerID,
            ifname: "eth0",
          })),
        },
      });
    assertSuccess(await gc("net1", ["container-c2"]));
    assertSuccess(await gc("net", []));
    assert.equal((await ownRules(host)).length, whole / 2);
    assertSuccess(await gc("net1", []));
    assert.deepEqual(await ownRules(host), []);
  }));

test("UDP clients are not stuck after ADD, DEL and GC", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await addOutside(host);
    const flows = () => host.run("sh", "-c", "conntrack -L -p udp 2>/dev/null");
    const port: Endpoint = {
      transport: "udp",
      address: outside[4].host,
      port: 8080,
      fromPort: 4444,
    };
    const everywhere: Endpoint[] = [80, 8080].map((it) => ({ ...port, address: "::", port: it }));
    const onHost = { netns: "", name: "host", endpoints: everywhere };
    await host.run("iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW");
    await withServers(host, onHost, async () => {
      assert.deepEqual(await ask(host, "out", [port]), ["host 192.0.2.2"]);
    });
    for (const verb of ["DEL", "GC"] as const) {
      const chain = new Chain(host, [bridge, portmap()], { netns: "c1" });
      await chain.add();
      await withServers(host, { netns: "c1", endpoints: everywhere }, async () => {
        assert.deepEqual(await ask(host, "out", [port]), ["c1 192.0.2.2"]);
      });
      assert.match(await flows(), /dport=8080 src=10\.1\.0\.\d+ /);
      const gone = { type: "portmap", cniVersion: "1.1.0", "cni.dev/valid-attachments": [] };
      assertSuccess(await chain.call(verb, gone));
      assert.doesNotMatch(await flows(), /dst=192\.0\.2\.1 sport=4444 dport=8080/);
      await chain.del();
    }
  }));

test("CHECK sees what is missing and what is too much", () =>
  withBridge(async (host, chain) => {
    const add = async () => assert.equal((await chain.call("ADD", portmap())).status, 0);
    for (const [change, msg] of [
      ["-D OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT", /in chain OUTPUT not found/],
      ["-F CNI-HOSTPORT-DNAT", /could not check ipv4 dnat: rule .* CNI-HOSTPORT-DNAT not found/],
      ["-F CNI-HOSTPORT-MASQ", /in chain CNI-HOSTPORT-MASQ not found/],
      ["-A CNI-DN-x -j RETURN", /chain CNI-DN-\w+ has rules that ADD did not make/],
    ] as const) {
      await add();
      const name = /CNI-DN-\w+/.exec(await saved(host))?.[0] ?? "";
      await host.run("sh", "-ec", `iptables -t nat ${change.replace("CNI-DN-x", name)}`);
      assertError(await chain.call("CHECK", portmap()), { code: 999, msg });
    }
    await add();
    assertSuccess(await chain.call("CHECK", portmap()));
    await host.run("sh", "-ec", "ip6tables -t nat -F; ip6tables -t nat -X");
    assertError(await chain.call("CHECK", portmap()), {
      code: 999,
      msg: /could not check ipv6 dnat: chain CNI-DN-\w+ not found in iptables table nat/,
    });
  }));

test("what cannot be done fails, and leaves nothing", () =>
  withBridge(async (host, chain) => {
    const one = (changes: Config) => [
      { protocol: "tcp", hostPort: 8080, containerPort: 80, ...changes },
    ];
    await host.run("iptables", "-t", "nat", "-N", "FOREIGN");
    const before = await saved(host);
    for (const [member, code, msg] of [
      [portmap({}, one({ hostPort: 0 })), 7, /Invalid host port number: 0/],
      [portmap({}, one({ hostPort: 65536 })), 7, /Invalid host port number: 65536/],
      [portmap({}, one({ range: -2 })), 7, /Invalid range of ports/],
      [
        portmap({}, [...one({ range: 3 }), ...one({ hostPort: 8081, containerPort: 99 })]),
        7,
        /mapped twice/,
      ],
      [portmap({}, one({ protocol: "icmp" })), 7, /unknown protocol "icmp"/],
      [portmap({}, one({ hostIP: "192.0.2.300" })), 7, /invalid IP address/],
      [portmap({ conditionsV4: ["-s", "1.1.1.1", "-j", "ACCEPT"] }), 7, /condition at "-j"/],
      [portmap({ conditionsV6: ["-i", "x\nCOMMIT\n*filter\n-F"] }), 7, /condition at "COMMIT"/],
      [portmap({ conditionsV4: ["ip saddr 1.1.1.1"] }), 7, /nftables-specific options/],
      [portmap({ externalSetMarkChain: "MISSING" }), 999, /"MISSING" is no chain of table "nat"/],
      [portmap({ externalSetMarkChain: "X\n-F" }), 7, /invalid externalSetMarkChain/],
      [portmap({ markMasqBit: 2, externalSetMarkChain: "FOREIGN" }), 7, /Cannot specify/],
    ] as const) {
      assertError(await chain.call("ADD", member), { code, msg });
      assert.equal(await saved(host), before);
    }
  }));

test("a hostIP of a family that the container does not have is refused", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const only4 = {
      ...bridge,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] },
    };
    const chain = new Chain(host, [only4], { netns: "c1" });
    await chain.add();
    const msg = /cannot publish on 2001:db8::1: the container has no IPv6 address/;
    assertError(await chain.call("ADD", portmap()), { code: 7, msg });
  }));

test("table nat with rules of nft that iptables cannot read is told, and left as it is", () =>
  withBridge(async (host, chain) => {
    const script =
      "add table ip nat; add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; }; add rule ip nat PREROUTING ct state established accept";
    await host.run("nft", script);
    const before = await host.run("nft", "list", "ruleset");
    assertError(await chain.call("ADD", portmap()), {
      code: 999,
      msg: /holds rules that iptables cannot read/,
    });
    assert.equal(await host.run("nft", "list", "ruleset"), before);
    assertSuccess(await chain.call("DEL", portmap()));
  }));

test("rules of nft that come into table nat later: DEL does not say that its own are gone", () =>
  withBridge(async (host, chain) => {
    resultOf(await chain.call("ADD", portmap()));
    await host.run("nft", "add rule ip nat PREROUTING ct state established accept");
    const msg = /holds rules that iptables cannot read/;
    assertError(await chain.call("DEL", portmap()), { code: 999, msg });
    const other = { ...portmap(), name: "other" };
    assertSuccess(await chain.call("DEL", other));
    await host.run("sh", "-ec", "nft flush chain ip nat PREROUTING");
    assertSuccess(await chain.call("DEL", portmap()));
    assert.doesNotMatch(await saved(host), /CNI-DN-/);
  }));

test("one program looks at each table, one changes them: per family and verb", () =>
  withBridge(async (host, chain) => {
    const started = async (verb: "ADD" | "DEL", member: Member) => {
      const wrap = ["strace", "-f", "-e", "trace=execve", "-s200", "-o", "/run/trace"];
      assert.equal((await chain.call(verb, member, { wrap })).status, 0);
      const text = await host.run("cat", "/run/trace");
      return [...text.matchAll(/\["(ip6?tables-(?:save|restore))".* = 0$/gm)].map(([, it]) => it);
    };
    const [save, restore] = ["iptables-save", "iptables-restore"];
    const [save6, restore6] = ["ip6tables-save", "ip6tables-restore"];
    assert.deepEqual(await started("ADD", portmap()), [save, save, restore, save6, restore6]);
    assert.deepEqual(await started("DEL", { type: "portmap" }), [save, restore, save6, restore6]);
    await host.run("sh", "-ec", "nft flush ruleset");
    assert.deepEqual(await started("DEL", { type: "portmap" }), []);
  }));

const restores: [title: string, script: string, isWhole: boolean][] = [
  ["before it did anything", "kill -KILL $$", false],
  ["after it did everything", '/usr/sbin/iptables-restore "$@"; kill -KILL $$', true],
];

for (const [title, body, isWhole] of restores) {
  test(`iptables-restore is killed ${title}: all rules or none`, () =>
    withBridge(async (host, chain) => {
      const env = { PATH: `${host.script("iptables-restore", body)}:/usr/sbin:/usr/bin` };
      host.script("iptables-save", 'exec /usr/sbin/iptables-save "$@"');
      const reply = await chain.call("ADD", portmap(), { env });
      if (isWhole) {
        assert.equal(reply.status, 0, reply.stdout);
        assertSuccess(await chain.call("CHECK", portmap()));
      } else {
        const msg = /cannot change table "raw" and "nat": .*iptables-restore: signal 9/;
        assertError(reply, { code: 999, msg });
        assert.deepEqual(await ownRules(host), []);
      }
      assertSuccess(await chain.call("DEL", { type: "portmap" }));
      assert.deepEqual(await ownRules(host), []);
    }));
}

test("iptables-legacy: a lock that others hold is waited for, then code 11", () =>
  withBridge(async (host, chain) => {
    await host.run(
      "mount",
      "--bind",
      "/usr/sbin/xtables-legacy-multi",
      "/usr/sbin/xtables-nft-multi",
    );
    assert.equal((await chain.call("ADD", portmap())).status, 0);
    const whole = await ownRules(host, "-legacy");
    assert.notEqual(whole.length, 0);
    const hold = "exec 9>/run/xtables.lock; flock 9; echo held; exec sleep 60";
    const holder = host.start(["sh", "-c", hold]);
    try {
      await holder.printed("held");
      const other = portmap({}, [{ protocol: "tcp", hostPort: 7000, containerPort: 70 }]);
      const reply = await chain.call("ADD", other, { containerId: "other" });
      assertError(reply, { code: 11, msg: /xtables lock within 10 s/ });
    } finally {
      holder.kill("SIGKILL");
      await holder.outcome;
    }
    assertSuccess(await chain.call("DEL", { type: "portmap" }));
    assert.deepEqual(await ownRules(host, "-legacy"), []);
  }));
