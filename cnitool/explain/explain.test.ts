import assert from "node:assert/strict";
import test from "node:test";
import { Tool } from "../testing/session.ts";

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
      "ip link add br0 mtu 1400 type bridge    # if it is missing",
      "sysctl -w net/ipv6/conf/br0/accept_ra=0",
      "ip link set br0 up",
      "ip link add VETH mtu 1400 type veth peer name net0 mtu 1400 netns NETNS",
      "sysctl -w net/ipv6/conf/VETH/accept_ra=0",
      "ip link set VETH master br0",
      "bridge link set dev VETH hairpin on",
      "ip link set VETH up",
      "# LINKLOCAL: what follows from the MAC address of br0",
      "ip address replace LINKLOCAL/64 dev br0 nodad    # if it has none",
      "ip address add 10.22.0.1/16 dev br0    # if it is missing",
      "ip address add fd00::9/64 dev br0 nodad    # if it is missing",
      "sysctl -w net.ipv4.ip_forward=1",
      "sysctl -w net.ipv6.conf.all.forwarding=1",
      "ip netns exec NETNS sysctl -w net/ipv6/conf/net0/accept_ra=0",
      "ip netns exec NETNS sysctl -w net/ipv6/conf/net0/autoconf=0",
      "ip -n NETNS address add ADDRESS4/16 dev net0",
      "ip -n NETNS address add ADDRESS6/64 dev net0 nodad",
      "ip -n NETNS link set net0 up",
      "ip -n NETNS route add 0.0.0.0/0 via 10.22.0.1 dev net0",
      "ip -n NETNS route add ::/0 via fd00::9 dev net0",
      "nft 'add table inet cni_plugins_masquerade'",
      "nft 'add chain inet cni_plugins_masquerade masq_checks'",
      "nft 'add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority srcnat; }'",
      "nft 'flush chain inet cni_plugins_masquerade postrouting'",
      "nft 'add rule inet cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return'",
      "nft 'add rule inet cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return'",
      "nft 'add rule inet cni_plugins_masquerade postrouting goto masq_checks'",
      "nft 'add rule inet cni_plugins_masquerade masq_checks ip saddr ADDRESS4 ip daddr != 10.22.0.0/16 masquerade'",
      "nft 'add rule inet cni_plugins_masquerade masq_checks ip6 saddr ADDRESS6 ip6 daddr != fd00::/64 masquerade'",
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
      "ip link add net0 link lan0 netns NETNS type macvlan mode bridge",
      "ip -n NETNS address add 192.168.1.5/24 dev net0",
      "ip -n NETNS link set net0 up",
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

test("what cannot be known is said", async () => {
  const lines = await explain({
    type: "vlan",
    master: "lan0",
    vlanId: 5,
    ipam: { type: "whereabouts" },
  });
  assert.deepEqual(lines.slice(1), [
    "ip link add net0 link lan0 netns NETNS type vlan id 5",
    "ip -n NETNS link set net0 up",
    `# what "whereabouts" gives is not known here`,
  ]);
  assert.equal(
    (await explain({ type: "dummy", ipam: { type: "dhcp" } })).at(-1),
    "# addresses and routes come from the DHCP server",
  );
});

test("what stands for what is said beside the lines", async () => {
  const bare = { ipam: { type: "static", addresses: [{ address: "10.0.0.5/24" }] } };
  const remarks = async (...plugins: object[]) =>
    (await explain(...plugins)).filter((line) => line.startsWith("# ")).slice(1);
  assert.deepEqual(await remarks({ type: "macvlan", mtu: "auto", mtuOverhead: 50, ...bare }), [
    "# MTU: that of the default route's interface less 50",
    "# MASTER: the interface of the host's default route",
  ]);
  assert.deepEqual(await remarks({ type: "vlan", vlanId: 5, master: "prevResult" }), [
    "# MASTER: the interface of the plugin before it",
  ]);
  assert.deepEqual(await remarks({ type: "host-device", pciBusID: "0000:3d:00.1" }), [
    "# DEVICE: the one at the PCI address 0000:3d:00.1",
  ]);
  assert.deepEqual(await remarks({ type: "host-device", DPDKMode: true }), [
    "# nothing is moved: a program in the container drives the device",
  ]);
  assert.deepEqual(await remarks({ type: "tap", selinuxContext: "a:b:c:s0" }), [
    "# by a process with the label a:b:c:s0",
  ]);
  assert.deepEqual(await remarks({ type: "ptp", ...bare }, { type: "portmap" }), [
    "# portmap",
    "# and rules for the ports that the runtime names: CAP_ARGS shows them",
  ]);
  assert.deepEqual(
    await remarks({ type: "ptp", ...bare }, { type: "debug", record: "/run/r", failOn: "ADD" }),
    ["# debug", "# appends what it is given to /run/r", "# fails on ADD"],
  );
});
