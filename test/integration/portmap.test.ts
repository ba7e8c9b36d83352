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

/** Who makes the rules: the same is expected of all. */
interface Backend {
  readonly name: string;
  readonly keys: Config;
  /** Makes the host such a one. */
  readonly prepare: string;
  /** Sends TCP to the host's port 8080 to the other container, as kube-proxy would. */
  readonly kube: string;
  /** Lets everybody in but another host. */
  readonly notFromPeer: Config;
}

const kubeTarget = `${outside[4].host} tcp dport 8080 dnat to ${inside[4].c2}:80`;
const kubeRule = `-d ${outside[4].host} -p tcp --dport 8080 -j DNAT --to-destination ${inside[4].c2}:80`;
const kubeByIptables = `
  iptables -t nat -N KUBE-SERVICES
  iptables -t nat -A PREROUTING -j KUBE-SERVICES
  iptables -t nat -A KUBE-SERVICES ${kubeRule}
`;

const nftables: Backend = {
  name: "nftables",
  keys: {},
  prepare: "",
  kube: `
    nft add table ip kube
    nft 'add chain ip kube services { type nat hook prerouting priority dstnat; }'
    nft add rule ip kube services ip daddr ${kubeTarget}
  `,
  notFromPeer: { conditionsV4: ["ip saddr != 192.0.2.2"] },
};

const iptables: Backend = {
  name: "iptables",
  keys: { backend: "iptables" },
  prepare: "",
  kube: kubeByIptables,
  notFromPeer: { conditionsV4: ["!", "-s", "192.0.2.2"] },
};

const backends: readonly Backend[] = [
  nftables,
  iptables,
  {
    ...iptables,
    name: "iptables-legacy",
    prepare: "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi",
  },
];

/** Containers c1 (which publishes) and c2, another host, and what listens in each. */
async function withPublished(
  backend: Backend,
  mappings: readonly Config[],
  changes: Config,
  steps: (host: Host, chain: Chain) => Promise<void>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await addOutside(host);
    await host.run("sh", "-ec", backend.prepare);
    const members = [bridge, portmap(mappings, { ...backend.keys, ...changes })];
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

/** Who gets through to c1 by the host's port 8080, and as whom. */
async function assertTable(host: Host, family: 4 | 6, hostIP: string | undefined): Promise<void> {
  const { gateway, c1, c2 } = inside[family];
  const { host: local, peer } = outside[family];
  const port = both(local, 8080);
  const elsewhere = hostIP === undefined ? `c1 ${gateway}` : "nobody";
  const table: readonly (readonly [who: string, netns: string, Endpoint[], reply: string])[] = [
    ["another host", "out", port, `c1 ${peer}`],
    ["the host", "", port, `c1 ${local}`],
    ["the container itself", "c1", port, `c1 ${gateway}`],
    ["its neighbour", "c2", port, `c1 ${gateway}`],
    ["its neighbour, directly", "c2", both(c1, 80), `c1 ${c2}`],
    ["its neighbour, by another address", "c2", both(gateway, 8080), elsewhere],
    ["localhost", "", family === 4 ? both("127.0.0.1", 8080) : [], elsewhere],
  ];
  for (const [who, netns, endpoints, reply] of table) {
    const wanted = endpoints.map(() => reply);
    assert.deepEqual(await ask(host, netns, endpoints), wanted, `IPv${family}: ${who}`);
  }
}

for (const backend of backends) {
  test(`${backend.name}, published on any address: who gets through, and as whom`, () =>
    withPublished(backend, published, {}, async (host, chain) => {
      for (const family of [4, 6] as const) await assertTable(host, family, undefined);
      await chain.check();
    }));

  test(`${backend.name}, published on one address: who gets through, and as whom`, () => {
    const mappings = ([4, 6] as const).flatMap((family) =>
      published.map((mapping) => ({ ...mapping, hostIP: outside[family].host })),
    );
    return withPublished(backend, mappings, {}, async (host, chain) => {
      for (const family of [4, 6] as const) await assertTable(host, family, outside[family].host);
      await chain.check();
    });
  });
}

for (const backend of backends.slice(0, 2)) {
  test(`${backend.name}: without br_netfilter the container and its neighbour need no hairpin mode`, () =>
    withHost(async (host) => {
      await host.addNetns("c1", "c2");
      await addOutside(host);
      await host.run("sh", "-ec", backend.prepare);
      await host.run("sh", "-c", "sysctl -qw net.bridge.bridge-nf-call-iptables=0 || true");
      const plain = { ...bridge, hairpinMode: false };
      await new Chain(host, [plain, portmap(published, backend.keys)], { netns: "c1" }).add();
      await new Chain(host, [plain], { netns: "c2" }).add();
      const port = both(outside[4].host, 8080);
      await withServers(host, { netns: "c1", endpoints: everywhere(80) }, async () => {
        for (const netns of ["c1", "c2"]) {
          assert.deepEqual(await ask(host, netns, port), twice(`c1 ${inside[4].gateway}`));
        }
      });
    }));

  test(`${backend.name}: CVE-2025-67499: traffic to a foreign address with the same port is not taken`, () =>
    withPublished(backend, published, {}, async (host) => {
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

  test(`${backend.name}: CVE-2019-9946: rules that are there before ours are asked first`, () =>
    withHost(async (host) => {
      await host.addNetns("c1", "c2");
      await addOutside(host);
      await host.run("sh", "-ec", `${backend.prepare}\n${backend.kube}`);
      await new Chain(host, [bridge, portmap(published, backend.keys)], { netns: "c1" }).add();
      await new Chain(host, [bridge], { netns: "c2" }).add();
      await withServers(host, { netns: "c1", endpoints: everywhere(80) }, () =>
        withServers(host, { netns: "c2", endpoints: everywhere(80) }, async () => {
          const [tcp, udp] = await ask(host, "out", both(outside[4].host, 8080));
          assert.deepEqual([tcp, udp], [`c2 ${outside[4].peer}`, `c1 ${outside[4].peer}`]);
        }),
      );
    }));

  test(`${backend.name}: CVE-2020-8558: neighbours do not reach what listens on 127.0.0.1`, () =>
    withPublished(backend, published, {}, async (host) => {
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

  test(`${backend.name}: masqAll hides who speaks, snat off hides nobody`, async () => {
    await withPublished(backend, published, { masqAll: true }, async (host) => {
      const port = both(outside[4].host, 8080);
      assert.deepEqual(await ask(host, "out", port), twice(`c1 ${inside[4].gateway}`));
      assert.deepEqual(
        await ask(host, "out", both(inside[4].c1, 80)),
        twice(`c1 ${outside[4].peer}`),
      );
    });
    await withPublished(backend, published, { snat: false }, async (host) => {
      assert.deepEqual(
        await ask(host, "out", both(outside[4].host, 8080)),
        twice(`c1 ${outside[4].peer}`),
      );
      assert.deepEqual(await ask(host, "", both("127.0.0.1", 8080)), twice("nobody"));
    });
  });

  test(`${backend.name}: conditions hold for their own container only`, () =>
    withPublished(backend, published, backend.notFromPeer, async (host) => {
      const mappings = [{ protocol: "tcp", hostPort: 9090, containerPort: 80 }];
      const other = portmap(mappings, backend.keys);
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
}

async function ownRules(host: Host): Promise<number> {
  const text = await host.run("nft", "list", "ruleset");
  return text.match(/comment "container-c\d"/g)?.length ?? 0;
}

test("a thousand ports take as many rules as one, and go as one", () =>
  withPublished(
    nftables,
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
  withPublished(nftables, published, {}, async (host) => {
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

/** UDP connections of the host's, as `conntrack` shows them. */
function udpFlows(host: Host, family: 4 | 6): Promise<string> {
  return host.run("sh", "-c", `conntrack -L -p udp -f ipv${family} 2>/dev/null`);
}

/** Makes the kernel track connections, and the host open one to each of so many ports of the other. */
async function track(host: Host, family: 4 | 6, number: number): Promise<void> {
  await host.run(
    "nft",
    "add table inet t; add chain inet t c { type filter hook prerouting priority 0; }; add rule inet t c ct state new accept",
  );
  const place = `/dev/udp/${outside[family].peer}`;
  const script = `for port in $(seq 2001 ${2000 + number}); do echo > ${place}/$port; done`;
  await host.run("bash", "-ec", script);
}

for (const family of [4, 6] as const) {
  for (const others of [0, 100]) {
    const among = others === 0 ? "" : ` among ${others}`;
    test(`IPv${family}: UDP clients${among} are not stuck with what was there before ADD, nor after DEL; others' flows stay`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        await addOutside(host);
        const { host: local, peer } = outside[family];
        const any = family === 4 ? "0.0.0.0" : "::";
        const port = stubborn("udp", local, 8080);
        const published8080 = new RegExp(`dst=${local} sport=4444 dport=8080 src=(\\S+)`);
        const answering = async () => published8080.exec(await udpFlows(host, family))?.[1];
        await track(host, family, others);
        await withServers(
          host,
          { netns: "", name: "host", endpoints: both(any, 8080) },
          async () => {
            assert.deepEqual(await ask(host, "out", [port]), [`host ${peer}`]);
          },
        );
        assert.equal(await answering(), local);
        // A flow of somebody else to the same port elsewhere.
        await withServers(host, { netns: "out", endpoints: both(peer, 8080) }, async () => {
          await ask(host, "", [stubborn("udp", peer, 8080)]);
        });
        const assertOthers = async () => {
          const text = await udpFlows(host, family);
          assert.match(text, new RegExp(`dst=${peer} sport=4444 dport=8080`));
          assert.equal(text.match(/ dport=2\d\d\d src=/g)?.length ?? 0, 0);
          assert.equal(text.match(/ dport=2\d\d\d \[UNREPLIED\]/g)?.length ?? 0, others);
        };
        await assertOthers();
        const chain = new Chain(host, [bridge, portmap(published)], { netns: "c1" });
        await chain.add();
        assert.equal(await answering(), undefined);
        await assertOthers();
        await withServers(host, { netns: "c1", endpoints: everywhere(80) }, async () => {
          assert.deepEqual(await ask(host, "out", [port]), [`c1 ${peer}`]);
        });
        assert.equal(await answering(), inside[family].c1);
        await chain.del();
        assert.equal(await answering(), undefined);
        await assertOthers();
      }));
  }
}

test("CHECK sees what is missing and what leads elsewhere", () =>
  withPublished(nftables, published, {}, async (host, chain) => {
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
      [
        portmap(published, { conditionsV4: ["-s 1.1.1.1 -j ACCEPT"] }),
        7,
        /cannot read the condition at "-j"/,
      ],
      [portmap(published, { backend: "ebpf" }), 7, /unrecognized backend "ebpf"/],
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
