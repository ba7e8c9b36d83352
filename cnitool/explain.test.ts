import assert from "node:assert/strict";
import test from "node:test";
import { Tool } from "./testing/session.ts";

async function explain(...plugins: object[]): Promise<string[]> {
  const tool = new Tool();
  tool.network("net", plugins);
  const { stdout } = await tool.run("explain net -i net0");
  return stdout.trimEnd().split("\n");
}

const range = {
  type: "host-local",
  ranges: [[{ subnet: "10.22.0.0/16" }], [{ subnet: "fd00::/64", gateway: "fd00::9" }]],
};

test("a bridge that is the gateway of both families", async () => {
  assert.deepEqual(
    await explain({
      type: "bridge",
      bridge: "br0",
      isDefaultGateway: true,
      hairpinMode: true,
      mtu: 1400,
      ipMasq: true,
      ipam: range,
    }),
    [
      "# bridge",
      "ip link add br0 type bridge    # if it is missing",
      "ip link set br0 up",
      "ip link add VETH mtu 1400 type veth peer name net0 mtu 1400 netns NETNS",
      "ip link set VETH up",
      "ip link set VETH master br0",
      "bridge link set dev VETH hairpin on",
      "ip -n NETNS link set net0 up",
      "ip -n NETNS address add ADDRESS4/16 dev net0",
      "ip -n NETNS address add ADDRESS6/64 dev net0",
      "ip -n NETNS route add 0.0.0.0/0 via 10.22.0.1 dev net0",
      "ip -n NETNS route add ::/0 via fd00::9 dev net0",
      "ip address add 10.22.0.1/16 dev br0    # if it is missing",
      "ip address add fd00::9/64 dev br0    # if it is missing",
      "sysctl -w net.ipv4.ip_forward=1",
      "sysctl -w net.ipv6.conf.all.forwarding=1",
      "nft add rule inet TABLE postrouting ip saddr ADDRESS4 ip daddr != { 10.22.0.0/16, 224.0.0.0/4 } masquerade",
      "nft add rule inet TABLE postrouting ip6 saddr ADDRESS6 ip6 daddr != { fd00::/64, ff00::/8 } masquerade",
    ],
  );
});

test("a macvlan with a static address and a route, then settings, then somebody else's plugin", async () => {
  const ipam = {
    type: "static",
    addresses: [{ address: "192.168.1.5/24", gateway: "192.168.1.1" }],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  assert.deepEqual(
    await explain(
      { type: "macvlan", master: "lan0", ipam },
      { type: "tuning", sysctl: { "net.core.somaxconn": "500" }, promisc: true },
      { type: "cilium-cni" },
    ),
    [
      "# macvlan",
      "ip link add net0 link lan0 type macvlan mode bridge netns NETNS",
      "ip -n NETNS link set net0 up",
      "ip -n NETNS address add 192.168.1.5/24 dev net0",
      "ip -n NETNS route add 0.0.0.0/0 via 192.168.1.1 dev net0",
      "",
      "# tuning",
      "ip netns exec NETNS sysctl -w net.core.somaxconn=500",
      "ip -n NETNS link set net0 promisc on",
      "",
      "# cilium-cni",
      `# what "cilium-cni" does is not known here`,
    ],
  );
});

test("a pair routed on the host", async () => {
  const ipam = { type: "static", addresses: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }] };
  assert.deepEqual(await explain({ type: "ptp", ipam }), [
    "# ptp",
    "ip link add VETH type veth peer name net0 netns NETNS",
    "ip link set VETH up",
    "ip -n NETNS link set net0 up",
    "ip -n NETNS address add 10.0.0.5/24 dev net0 noprefixroute",
    "ip -n NETNS route add 10.0.0.1/32 dev net0 scope link",
    "ip -n NETNS route add 10.0.0.0/24 via 10.0.0.1 dev net0",
    "ip address add 10.0.0.1/32 dev VETH",
    "ip route add 10.0.0.5/32 dev VETH scope host",
    "sysctl -w net.ipv4.ip_forward=1",
  ]);
});

test("what cannot be known is said", async () => {
  const lines = await explain({
    type: "vlan",
    master: "lan0",
    vlanId: 5,
    ipam: { type: "whereabouts" },
  });
  assert.deepEqual(lines.slice(1), [
    "ip link add net0 link lan0 type vlan id 5 netns NETNS",
    "ip -n NETNS link set net0 up",
    `# what "whereabouts" gives is not known here`,
  ]);
  assert.equal(
    (await explain({ type: "dummy", ipam: { type: "dhcp" } })).at(-1),
    "# addresses and routes come from the DHCP server",
  );
});
