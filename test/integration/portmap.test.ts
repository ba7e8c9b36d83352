/** portmap by packets: who reaches the container through the host's ports, who must not, and under which address. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain, type Member } from "./harness/chain.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { type Config, dualStack } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, type Transport, withServers } from "./harness/probe.ts";
import { assertPing } from "./harness/traffic.ts";
import { referenceInWorld } from "./harness/world.ts";

// Where the bridge's own traffic passes the packet filter (br_netfilter), a container reaches itself through the
// host only if its port may send back what came from it.
const bridge: Member = {
  type: "bridge",
  bridge: "cni0",
  isDefaultGateway: true,
  hairpinMode: true,
  ipam: dualStack,
};

function portmap(portMappings: readonly Config[], changes: Config = {}): Member {
  return { type: "portmap", runtimeConfig: { portMappings }, ...changes };
}

const published = ["tcp", "udp"].map((protocol) => ({
  protocol,
  hostPort: 8080,
  containerPort: 80,
}));

const inside = {
  4: { gateway: "10.1.0.1", c1: "10.1.0.2", c2: "10.1.0.3" },
  6: { gateway: "fd00:1::1", c1: "fd00:1::2", c2: "fd00:1::3" },
} as const;

/** Both transports to one address. */
function both(address: string, port: number): Endpoint[] {
  return (["tcp", "udp"] as const).map((transport) => ({ transport, address, port }));
}

function everywhere(port: number): Endpoint[] {
  return [...both("0.0.0.0", port), ...both("::", port).map((it) => ({ ...it, v6: true }))].filter(
    // One socket for both families: Node's "::" takes IPv4 too.
    ({ address }) => address === "::",
  );
}

/** Containers c1 (which publishes) and c2, another host, and what listens in each. */
async function withPublished(
  mappings: readonly Config[],
  changes: Config,
  steps: (host: Host, chain: Chain) => Promise<void>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await addOutside(host);
    const members = [bridge, portmap(mappings, changes)];
    const chain = new Chain(host, members, { netns: "c1" });
    await chain.add();
    await new Chain(host, [bridge], { netns: "c2" }).add();
    await assertPing(host, "c1", outside[6].host);
    await assertPing(host, "c2", outside[6].host);
    await host.run("ip", "-n", "out", "route", "add", "10.1.0.0/24", "via", outside[4].host);
    await host.run("ip", "-n", "out", "route", "add", "fd00:1::/64", "via", outside[6].host);
    await assertPing(host, "out", inside[6].c2);
    await withServers(host, { netns: "c1", endpoints: everywhere(80) }, () => steps(host, chain));
  });
}

/** Both transports answer this. */
function twice(reply: string): string[] {
  return [reply, reply];
}

for (const [title, hostIP] of [
  ["any address", { 4: undefined, 6: undefined }],
  ["one address", { 4: outside[4].host, 6: outside[6].host }],
] as const) {
  for (const family of [4, 6] as const) {
    test(`IPv${family}, published on ${title}: who gets through, and as whom`, () => {
      const mappings = published.map((mapping) => ({ ...mapping, hostIP: hostIP[family] ?? "" }));
      return withPublished(mappings, {}, async (host) => {
        const { gateway, c1 } = inside[family];
        const port = both(outside[family].host, 8080);
        const peer = outside[family].peer;
        assert.deepEqual(await ask(host, "out", port), twice(`c1 ${peer}`), "another host");
        const local = outside[family].host;
        assert.deepEqual(
          await ask(host, "", port),
          twice(`c1 ${local}`).map((it) => it),
          "the host",
        );
        assert.deepEqual(
          await ask(host, "c1", port),
          twice(`c1 ${gateway}`),
          "the container itself",
        );
        assert.deepEqual(await ask(host, "c2", port), twice(`c1 ${gateway}`), "its neighbour");
        const direct = both(c1, 80);
        assert.deepEqual(
          await ask(host, "c2", direct),
          twice(`c1 ${inside[family].c2}`),
          "directly",
        );
        const bridgePort = both(gateway, 8080);
        const expected = hostIP[family] === undefined ? `c1 ${gateway}` : "nobody";
        assert.deepEqual(await ask(host, "c2", bridgePort), twice(expected), "another address");
        if (family === 4) {
          const localhost = both("127.0.0.1", 8080);
          const seen = hostIP[4] === undefined ? `c1 ${gateway}` : "nobody";
          assert.deepEqual(await ask(host, "", localhost), twice(seen), "localhost");
        }
      });
    });
  }
}

test("without br_netfilter the container and its neighbour need no hairpin mode", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await addOutside(host);
    await host.run("sh", "-c", "sysctl -qw net.bridge.bridge-nf-call-iptables=0 || true");
    const plain = { ...bridge, hairpinMode: false };
    await new Chain(host, [plain, portmap(published)], { netns: "c1" }).add();
    await new Chain(host, [plain], { netns: "c2" }).add();
    const port = both(outside[4].host, 8080);
    await withServers(host, { netns: "c1", endpoints: everywhere(80) }, async () => {
      for (const netns of ["c1", "c2"]) {
        assert.deepEqual(await ask(host, netns, port), twice(`c1 ${inside[4].gateway}`));
      }
    });
  }));

test("CVE-2025-67499: traffic to a foreign address with the same port is not taken", () =>
  withPublished(published, {}, async (host) => {
    await withServers(host, { netns: "out", endpoints: everywhere(8080) }, async () => {
      for (const family of [4, 6] as const) {
        const foreign = both(outside[family].peer, 8080);
        const { c1, c2 } = inside[family];
        assert.deepEqual(await ask(host, "c2", foreign), twice(`out ${c2}`));
        assert.deepEqual(await ask(host, "c1", foreign), twice(`out ${c1}`));
        assert.deepEqual(await ask(host, "", foreign), twice(`out ${outside[family].host}`));
      }
    });
    await withServers(host, { netns: "c2", endpoints: everywhere(8080) }, async () => {
      for (const family of [4, 6] as const) {
        const neighbour = both(inside[family].c2, 8080);
        assert.deepEqual(await ask(host, "out", neighbour), twice(`c2 ${outside[family].peer}`));
      }
    });
  }));

test("CVE-2019-9946: rules that are there before ours are asked first", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await addOutside(host);
    // As kube-proxy would: its own chains, made before, send the port to another container.
    const nft = `
      add table ip kube
      add chain ip kube services { type nat hook prerouting priority dstnat; }
      add rule ip kube services ip daddr ${outside[4].host} tcp dport 8080 dnat to ${inside[4].c2}:80
    `;
    await host.run("sh", "-ec", `echo '${nft}' | nft -f -`);
    await new Chain(host, [bridge, portmap(published)], { netns: "c1" }).add();
    await new Chain(host, [bridge], { netns: "c2" }).add();
    await withServers(host, { netns: "c1", endpoints: everywhere(80) }, () =>
      withServers(host, { netns: "c2", endpoints: everywhere(80) }, async () => {
        const [tcp, udp] = await ask(host, "out", both(outside[4].host, 8080));
        assert.deepEqual([tcp, udp], [`c2 ${outside[4].peer}`, `c1 ${outside[4].peer}`]);
      }),
    );
  }));

test("CVE-2020-8558: neighbours do not reach what listens on 127.0.0.1", () =>
  withPublished(published, {}, async (host) => {
    const only = both("127.0.0.1", 7070);
    await withServers(host, { netns: "", name: "host", endpoints: only }, async () => {
      assert.deepEqual(await ask(host, "", only), twice("host 127.0.0.1"));
      const script = `
        sysctl -qw net.ipv4.conf.all.route_localnet=1
        ip route add 127.0.0.1/32 via 10.1.0.1 table 7
        ip rule add pref 0 to 127.0.0.1 lookup 7
        ip rule add pref 1 lookup local
        ip rule del pref 0 lookup local
      `;
      await host.runIn("c2", "sh", "-ec", script);
      const from = { from: inside[4].c2 };
      const probes = [...only, ...both("127.0.0.1", 8080)].map((it) => ({ ...it, ...from }));
      assert.deepEqual(await ask(host, "c2", probes), Array(4).fill("nobody"));
      assert.equal(
        (await host.run("cat", "/proc/sys/net/ipv4/conf/cni0/route_localnet")).trim(),
        "1",
      );
    });
  }));

test("masqAll hides who speaks, snat off hides nobody", async () => {
  await withPublished(published, { masqAll: true }, async (host) => {
    const port = both(outside[4].host, 8080);
    assert.deepEqual(await ask(host, "out", port), twice(`c1 ${inside[4].gateway}`));
    assert.deepEqual(
      await ask(host, "out", both(inside[4].c1, 80)),
      twice(`c1 ${outside[4].peer}`),
    );
  });
  await withPublished(published, { snat: false }, async (host) => {
    assert.deepEqual(
      await ask(host, "out", both(outside[4].host, 8080)),
      twice(`c1 ${outside[4].peer}`),
    );
    assert.deepEqual(await ask(host, "", both("127.0.0.1", 8080)), twice("nobody"));
  });
});

test("conditions hold for their own container only", () =>
  withPublished(published, { conditionsV4: ["ip saddr != 192.0.2.2"] }, async (host) => {
    const other = portmap([{ protocol: "tcp", hostPort: 9090, containerPort: 80 }]);
    const chain = new Chain(host, [bridge, other], {
      netns: "c2",
      containerId: "other",
      ifName: "eth1",
    });
    await chain.add();
    await withServers(host, { netns: "c2", endpoints: everywhere(80) }, async () => {
      const [tcp] = await ask(host, "out", [
        { transport: "tcp", address: outside[4].host, port: 9090 },
      ]);
      assert.equal(tcp, `c2 ${outside[4].peer}`);
    });
    assert.deepEqual(await ask(host, "out", both(outside[4].host, 8080)), twice("nobody"));
    assert.deepEqual(
      await ask(host, "c2", both(outside[4].host, 8080)),
      twice(`c1 ${inside[4].gateway}`),
    );
    assert.deepEqual(
      await ask(host, "out", both(outside[6].host, 8080)),
      twice(`c1 ${outside[6].peer}`),
    );
  }));

async function ownRules(host: Host): Promise<number> {
  const text = await host.run("nft", "list", "ruleset");
  return text.match(/comment "container-c\d"/g)?.length ?? 0;
}

test("a thousand ports take as many rules as one, and go as one", () =>
  withPublished(
    [{ protocol: "tcp", hostPort: 10000, containerPort: 80, range: 1 }],
    {},
    async (host, chain) => {
      const few = await ownRules(host);
      await chain.del();
      assert.equal(await ownRules(host), 0);
      const many = { protocol: "tcp", hostPort: 10000, containerPort: 20000, range: 1000 };
      const next = new Chain(host, [bridge, portmap([many])], { netns: "c1" });
      await next.add();
      assert.equal(await ownRules(host), few);
      await next.check();
      const [{ address = "" } = {}] = next.result?.ips ?? [];
      await withServers(host, { netns: "c1", endpoints: everywhere(20999) }, async () => {
        assert.deepEqual(
          await ask(
            host,
            "out",
            [10999, 11000].map((port) => ({ transport: "tcp", address: outside[4].host, port })),
          ),
          [`c1 ${outside[4].peer}`, "nobody"],
          address,
        );
      });
      await next.del();
      assert.equal(await ownRules(host), 0);
    },
  ));

test("DEL and GC need neither mappings nor prevResult", () =>
  withPublished(published, {}, async (host) => {
    await new Chain(host, [bridge, portmap([{ ...published[0], hostPort: 81 }])], {
      netns: "c2",
      ifName: "eth1",
    }).add();
    const before = await ownRules(host);
    const config = { cniVersion: "1.1.0", name: "net1", type: "portmap" };
    assertSuccess(
      await host.cni("DEL", { plugin: "portmap", config, netns: "", containerId: "container-c1" }),
    );
    assert.equal(await ownRules(host), before - 5);
    const gc = (attachments: Config[]) =>
      host.cni("GC", {
        plugin: "portmap",
        config: { ...config, "cni.dev/valid-attachments": attachments },
      });
    assertSuccess(await gc([{ containerID: "container-c2", ifname: "eth1" }]));
    assert.equal(await ownRules(host), before - 5);
    assertSuccess(await gc([]));
    assert.equal(await ownRules(host), 0);
  }));

/** A client that keeps its port, so that the kernel takes its packets for one connection. */
function stubborn(transport: Transport, address: string, port: number): Endpoint {
  return { transport, address, port, fromPort: 4444 };
}

test("UDP clients are not stuck with what was there before ADD, nor after DEL; others' flows stay", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await addOutside(host);
    const port = stubborn("udp", outside[4].host, 8080);
    const flows = () => host.run("sh", "-c", "conntrack -L -p udp 2>/dev/null");
    await host.run(
      "nft",
      "add table ip t; add chain ip t c { type filter hook prerouting priority 0; }; add rule ip t c ct state new accept",
    );
    await withServers(
      host,
      { netns: "", name: "host", endpoints: both("0.0.0.0", 8080) },
      async () => {
        assert.deepEqual(await ask(host, "out", [port]), [`host ${outside[4].peer}`]);
      },
    );
    // A flow of somebody else to the same port elsewhere.
    await withServers(host, { netns: "out", endpoints: both(outside[4].peer, 8080) }, async () => {
      await ask(host, "", [stubborn("udp", outside[4].peer, 8080)]);
    });
    assert.match(await flows(), /dst=192.0.2.2 sport=4444 dport=8080/);
    const chain = new Chain(host, [bridge, portmap(published)], { netns: "c1" });
    await chain.add();
    await withServers(host, { netns: "c1", endpoints: everywhere(80) }, async () => {
      assert.deepEqual(await ask(host, "out", [port]), [`c1 ${outside[4].peer}`]);
    });
    assert.match(await flows(), /dst=192.0.2.1 sport=4444 dport=8080 src=10.1.0.2/);
    await chain.del();
    assert.doesNotMatch(await flows(), /dst=192.0.2.1 sport=4444 dport=8080/);
    assert.match(await flows(), /dst=192.0.2.2 sport=4444 dport=8080/);
  }));

test("CHECK sees what is missing and what leads elsewhere", () =>
  withPublished(published, {}, async (host, chain) => {
    await chain.check();
    const moved = portmap(published.map((mapping) => ({ ...mapping, containerPort: 81 })));
    const msg = /missing hostport rules in "hostports" chain/;
    assertError(await chain.call("CHECK", moved), { code: 999, msg });
    await host.run("nft", "flush", "chain", "ip", "cni_hostport", "masquerading");
    const lost = /missing hostport rules in "masquerading" chain/;
    assertError(await chain.call("CHECK", portmap(published)), { code: 999, msg: lost });
  }));

test("what cannot be published fails, and leaves nothing", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [bridge], { netns: "c1" });
    await chain.add();
    for (const [member, code, msg] of [
      [portmap([{ protocol: "tcp", hostPort: 65536, containerPort: 80 }]), 7, /Invalid host port/],
      [portmap(published, { conditionsV4: ["ip saddr 1.1.1.1; flush ruleset"] }), 7, /condition/],
      [portmap(published, { backend: "iptables" }), 2, /backend/],
    ] as const) {
      assertError(await chain.call("ADD", member), { code, msg });
    }
    const foreign =
      "add table ip cni_hostport; add chain ip cni_hostport late_prerouting { type filter hook input priority 0; }";
    await host.run("nft", foreign);
    const before = await host.run("nft", "list", "ruleset");
    const msg = /add chain cni_hostport late_prerouting/;
    assertError(await chain.call("ADD", portmap(published)), { code: 999, msg });
    assert.equal(await host.run("nft", "list", "ruleset"), before);
  }));

for (const [title, adder, remover] of [
  ["we remove what the reference made", referenceInWorld, undefined],
  ["the reference removes what we made", undefined, referenceInWorld],
] as const) {
  test(`portmap: ${title}`, { skip: withoutReference }, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const chain = new Chain(host, [bridge], { netns: "c1" });
      await chain.add();
      const member = portmap(published, { backend: "nftables" });
      const reply = await chain.call("ADD", member, adder === undefined ? {} : { from: adder });
      assert.equal(reply.status, 0, reply.stdout);
      assert.notEqual(await ownRules(host), 0);
      const change = remover === undefined ? {} : { from: remover };
      assertSuccess(await chain.call("DEL", member, change));
      assert.equal(await ownRules(host), 0);
    }),
  );
}

test("no program is started", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [bridge], { netns: "c1" });
    await chain.add();
    const wrap = ["strace", "-f", "-e", "trace=execve", "-o", "/run/trace"];
    const reply = await chain.call("ADD", portmap(published), { wrap });
    assert.equal(reply.status, 0, reply.stdout);
    assert.equal((await host.run("grep", "-c", "execve", "/run/trace")).trim(), "1");
  }));
