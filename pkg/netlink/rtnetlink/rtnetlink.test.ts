import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { address, prefix } from "../../ip/testing/values.ts";
import type { Request } from "../message.ts";
import { toHex } from "../testing/hex.ts";
import { answerOf, wireOf } from "../testing/request.ts";
import { WireError } from "../wire.ts";
import { deleteAddress, dumpAddresses, newAddress } from "./address.ts";
import { addVlans, deleteVlans, dumpVlans } from "./bridge-vlan.ts";
import { IpvlanFlag, IpvlanMode } from "./ipvlan.ts";
import { deleteLink, dumpLinks, getLink, type Link, newLink, setLink } from "./link.ts";
import { AddressGenMode } from "./link-attributes.ts";
import { MacvlanMode } from "./macvlan.ts";
import { deleteNeighbour, newNeighbour } from "./neighbour.ts";
import { getNetnsId } from "./netns-id.ts";
import {
  appendRoute,
  deleteRoute,
  dumpRoutes,
  newRoute,
  prependRoute,
  RouteFlag,
  RouteScope,
  replaceRoute,
} from "./route.ts";
import { deleteRule, dumpRules, dumpRuleTables, newRule } from "./rule.ts";
import { VlanProtocol } from "./vlan.ts";

/** Each is what scripts/capture-wire.sh printed for the command: type and flags, a bar, the body. */
const goldens: { command: string; request: Request<unknown>; wire: string }[] = [
  {
    command: "ip link add br0 type bridge",
    request: newLink({ name: "br0", kind: "bridge" }),
    wire: "10000506 | 000000000000000000000000000000000800030062723000100012000a0001006272696467650000",
  },
  {
    command: "ip netns list",
    request: getNetnsId(6),
    wire: "5a000100 | 000000000800030006000000",
  },
  {
    command: "ip link add br0 mtu 1400 up type bridge vlan_filtering 0 ageing_time 30000",
    request: newLink({
      up: true,
      mtu: 1400,
      name: "br0",
      kind: "bridge",
      data: { vlanFiltering: false, ageingTime: 30000 },
    }),
    wire: "10000506 | 0000000000000000010000000100000008000400780500000800030062723000240012000a00010062726964676500001400020005000700000000000800040030750000",
  },
  {
    command:
      "ip link add veth0 mtu 1400 address 02:00:00:00:00:01 type veth peer name eth0 mtu 1400 address 02:00:00:00:00:02 netns 1",
    request: newLink({
      mtu: 1400,
      mac: "02:00:00:00:00:01",
      name: "veth0",
      kind: "veth",
      data: { peer: { mtu: 1400, mac: "02:00:00:00:00:02", netnsPid: 1, name: "eth0" } },
    }),
    wire: "10000506 | 0000000000000000000000000000000008000400780500000a00010002000000000100000a00030076657468300000004c0012000800010076657468400002003c0001000000000000000000000000000000000008000400780500000a00010002000000000200000800130001000000090003006574683000000000",
  },
  {
    command: "ip link set v0 up",
    request: setLink({ index: 3, up: true }),
    wire: "10000500 | 00000000030000000100000001000000",
  },
  {
    command: "ip link set v0 down promisc on",
    request: setLink({ index: 3, up: false, promiscuous: true }),
    wire: "10000500 | 00000000030000000001000001010000",
  },
  {
    command: "ip link set v0 name v9",
    request: setLink({ index: 3, name: "v9" }),
    wire: "10000500 | 000000000300000000000000000000000700030076390000",
  },
  {
    command: "ip link set v0 nomaster",
    request: setLink({ index: 3, master: 0 }),
    wire: "10000500 | 0000000003000000000000000000000008000a0000000000",
  },
  {
    command: "ip link set v0 alias hello (with the NUL that iproute2 leaves out)",
    request: setLink({ index: 3, alias: "hello" }),
    wire: "10000500 | 000000000300000000000000000000000a00140068656c6c6f000000",
  },
  {
    command: "ip link set v0 addrgenmode none",
    request: setLink({ index: 3, families: { ipv6: { addressGenMode: AddressGenMode.none } } }),
    wire: "10000500 | 0000000003000000000000000000000010001a000c000a000500080001000000",
  },
  {
    command: "ip link del v0",
    request: deleteLink({ index: 3 }),
    wire: "11000500 | 00000000030000000000000000000000",
  },
  {
    command: "ip link add m0 link v0 type macvlan mode bridge bcqueuelen 1000",
    request: newLink({
      parent: 3,
      name: "m0",
      kind: "macvlan",
      data: { bcQueueLen: 1000, mode: MacvlanMode.bridge },
    }),
    wire: "10000506 | 000000000000000000000000000000000800050003000000070003006d300000240012000b0001006d6163766c616e001400020008000700e80300000800010004000000",
  },
  {
    command: "ip link add m0 link v0 type macvlan mode passthru nopromisc",
    request: newLink({
      parent: 3,
      name: "m0",
      kind: "macvlan",
      data: { mode: MacvlanMode.passthru, flags: 1 },
    }),
    wire: "10000506 | 000000000000000000000000000000000800050003000000070003006d300000240012000b0001006d6163766c616e001400020008000100080000000600020001000000",
  },
  {
    command: "ip link add m0 link v0 type ipvlan mode l3s vepa",
    request: newLink({
      parent: 3,
      name: "m0",
      kind: "ipvlan",
      data: { mode: IpvlanMode.l3s, flags: IpvlanFlag.vepa },
    }),
    wire: "10000506 | 000000000000000000000000000000000800050003000000070003006d300000240012000a0001006970766c616e00001400020006000100020000000600020002000000",
  },
  {
    command: "ip link add m0 link v0 type vlan id 100 protocol 802.1ad",
    request: newLink({
      parent: 3,
      name: "m0",
      kind: "vlan",
      data: { id: 100, protocol: VlanProtocol.dot1ad },
    }),
    wire: "10000506 | 000000000000000000000000000000000800050003000000070003006d3000002000120008000100766c616e1400020006000100640000000600050088a80000",
  },
  {
    command: "ip link add ifb0 txqueuelen 0 type ifb",
    request: newLink({ txQueueLength: 0, name: "ifb0", kind: "ifb" }),
    wire: "10000506 | 0000000000000000000000000000000008000d00000000000900030069666230000000000c0012000700010069666200",
  },
  {
    command: "ip link add r0 type vrf table 1000",
    request: newLink({ name: "r0", kind: "vrf", data: { table: 1000 } }),
    wire: "10000506 | 0000000000000000000000000000000007000300723000001800120007000100767266000c00020008000100e8030000",
  },
  {
    command: "ip addr add 10.0.0.1/24 brd + dev v0",
    request: newAddress({ index: 3, prefix: prefix("10.0.0.1/24") }),
    wire: "14000506 | 0218000003000000080002000a000001080001000a000001080004000a0000ff",
  },
  {
    command: "ip addr add fd00::1/64 nodad dev v0",
    request: newAddress({ index: 3, prefix: prefix("fd00::1/64"), noDad: true }),
    wire: "14000506 | 0a4002000300000014000200fd00000000000000000000000000000114000100fd000000000000000000000000000001",
  },
  {
    command: "ip addr add fd00::1/64 noprefixroute dev v0",
    request: newAddress({ index: 3, prefix: prefix("fd00::1/64"), noPrefixRoute: true }),
    wire: "14000506 | 0a4000000300000014000200fd000000000000000000000000000001080008000002000014000100fd000000000000000000000000000001",
  },
  {
    command: "ip addr add 10.0.0.1 peer 10.0.0.2 dev v0",
    request: newAddress({ index: 3, prefix: prefix("10.0.0.1/32"), peer: address("10.0.0.2") }),
    wire: "14000506 | 0220000003000000080002000a000001080001000a000002",
  },
  {
    command: "ip addr add 10.0.0.1/24 brd + label v0:1 dev v0 valid_lft 100 preferred_lft 50",
    request: newAddress({
      index: 3,
      prefix: prefix("10.0.0.1/24"),
      label: "v0:1",
      validLifetime: 100,
      preferredLifetime: 50,
    }),
    wire: "14000506 | 0218000003000000080002000a0000010900030076303a3100000000080001000a000001080004000a0000ff1400060032000000640000000000000000000000",
  },
  {
    command: "ip addr del 10.0.0.1/24 dev v0",
    request: deleteAddress({ index: 3, prefix: prefix("10.0.0.1/24") }),
    wire: "15000500 | 0218000003000000080002000a000001080001000a000001",
  },
  {
    command: "ip route add default via 10.0.0.2 dev v0",
    request: newRoute({ destination: prefix("0.0.0.0/0"), gateway: address("10.0.0.2"), index: 3 }),
    wire: "18000506 | 02000000fe03000100000000080005000a0000020800040003000000",
  },
  {
    command: "ip route add 10.1.0.0/16 dev v0",
    request: newRoute({ destination: prefix("10.1.0.0/16"), scope: RouteScope.link, index: 3 }),
    wire: "18000506 | 02100000fe03fd0100000000080001000a0100000800040003000000",
  },
  {
    command:
      "ip route add 10.1.0.0/16 via 10.0.0.2 dev v0 src 10.0.0.1 metric 100 table 1000 mtu 1400 advmss 1360 onlink",
    request: newRoute({
      destination: prefix("10.1.0.0/16"),
      gateway: address("10.0.0.2"),
      index: 3,
      source: address("10.0.0.1"),
      priority: 100,
      table: 1000,
      mtu: 1400,
      advmss: 1360,
      flags: RouteFlag.onLink,
    }),
    wire: "18000506 | 021000000003000104000000080001000a010000080005000a000002080007000a000001080006006400000008000f00e803000008000400030000001400080008000200780500000800080050050000",
  },
  {
    command: "ip route add 10.1.0.0/16 via inet6 fd00::2 dev v0",
    request: newRoute({
      destination: prefix("10.1.0.0/16"),
      gateway: address("fd00::2"),
      index: 3,
    }),
    wire: "18000506 | 02100000fe03000100000000080001000a010000160012000a00fd00000000000000000000000000000200000800040003000000",
  },
  {
    command: "ip -6 route add fd01::/64 via fd00::2 dev v0 metric 5",
    request: newRoute({
      destination: prefix("fd01::/64"),
      gateway: address("fd00::2"),
      priority: 5,
      index: 3,
    }),
    wire: "18000506 | 0a400000fe0300010000000014000100fd01000000000000000000000000000014000500fd00000000000000000000000000000208000600050000000800040003000000",
  },
  {
    command: "ip route append 10.1.0.0/16 dev v0",
    request: appendRoute({ destination: prefix("10.1.0.0/16"), scope: RouteScope.link, index: 3 }),
    wire: "1800050c | 02100000fe03fd0100000000080001000a0100000800040003000000",
  },
  {
    command: "ip route prepend 10.1.0.0/16 dev v0",
    request: prependRoute({ destination: prefix("10.1.0.0/16"), scope: RouteScope.link, index: 3 }),
    wire: "18000504 | 02100000fe03fd0100000000080001000a0100000800040003000000",
  },
  {
    command: "ip route replace 10.1.0.0/16 dev v0",
    request: replaceRoute({ destination: prefix("10.1.0.0/16"), scope: RouteScope.link, index: 3 }),
    wire: "18000505 | 02100000fe03fd0100000000080001000a0100000800040003000000",
  },
  {
    command: "ip route del 10.0.0.0/24 dev v0",
    request: deleteRoute({ destination: prefix("10.0.0.0/24"), index: 3 }),
    wire: "19000500 | 02180000fe00ff0000000000080001000a0000000800040003000000",
  },
  {
    command: "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0",
    request: newNeighbour({ index: 3, address: address("10.0.0.2"), mac: "02:00:00:00:00:02" }),
    wire: "1c000506 | 020000000300000080000000080001000a0000020a0002000200000000020000",
  },
  {
    command: "ip neigh del 10.0.0.2 dev v0",
    request: deleteNeighbour({ index: 3, address: address("10.0.0.2") }),
    wire: "1d000500 | 020000000300000000000000080001000a000002",
  },
  {
    command: "ip rule add from 10.0.0.1 table 100 priority 500",
    request: newRule({ family: 4, from: prefix("10.0.0.1/32"), table: 100, priority: 500 }),
    wire: "20000506 | 020020006400000100000000080002000a00000108000600f4010000",
  },
  {
    command:
      "ip rule add from 10.0.0.1 to 10.0.0.0/8 priority 5 fwmark 0x10/0xf0 iif lo table 1000",
    request: newRule({
      family: 4,
      from: prefix("10.0.0.1/32"),
      to: prefix("10.0.0.0/8"),
      priority: 5,
      mark: 0x10,
      mask: 0xf0,
      inLink: "lo",
      table: 1000,
    }),
    wire: "20000506 | 020820000000000100000000080002000a000001080001000a000000080006000500000008000a001000000008001000f0000000070003006c6f000008000f00e8030000",
  },
  {
    command: "ip -6 rule add from fd00::1/128 oif lo lookup 100",
    request: newRule({ family: 6, from: prefix("fd00::1/128"), outLink: "lo", table: 100 }),
    wire: "20000506 | 0a008000640000010000000014000200fd000000000000000000000000000001070011006c6f0000",
  },
  {
    command: "ip rule del priority 32766",
    request: deleteRule({ family: 4, priority: 32766 }),
    wire: "21000500 | 02000000000000000000000008000600fe7f0000",
  },
  {
    command: "bridge vlan add dev v0 vid 100 pvid untagged",
    request: addVlans({ index: 3, vlans: [{ from: 100, pvid: true, untagged: true }] }),
    wire: "13000500 | 070000000300000000000000000000000c001a000800020006006400",
  },
  {
    command: "bridge vlan add dev v0 vid 100-200",
    request: addVlans({ index: 3, vlans: [{ from: 100, to: 200 }] }),
    wire: "13000500 | 0700000003000000000000000000000014001a000800020008006400080002001000c800",
  },
  {
    command: "bridge vlan del dev v0 vid 1-4094",
    request: deleteVlans({ index: 3, vlans: [{ from: 1, to: 4094 }] }),
    wire: "11000500 | 0700000003000000000000000000000014001a000800020008000100080002001000fe0f",
  },
  {
    command: "bridge vlan add dev br0 vid 100 self",
    request: addVlans({ index: 2, self: true, vlans: [{ from: 100 }] }),
    wire: "13000500 | 0700000002000000000000000000000014001a0006000000020000000800020000006400",
  },
];

for (const { command, request, wire } of goldens) {
  test(`the bytes are those of "${command}"`, () => {
    assert.equal(wireOf(request), wire);
  });
}

const described: { shows: string; body: string; expected: Partial<Link> }[] = [
  {
    shows: "a bridge",
    body: "0000000000000000010000000100000008000400780500000800030062723000240012000a00010062726964676500001400020005000700000000000800040030750000",
    expected: { kind: "bridge", data: { vlanFiltering: false, ageingTime: 30000 }, up: true },
  },
  {
    shows: "a veth's peer",
    body: "000000000000000000000000000000000a0003007665746830000000240012000800010076657468180002001400010000000000070000000000000001000000",
    expected: { kind: "veth", data: { peer: { index: 7, up: false } } },
  },
  {
    shows: "a macvlan",
    body: "000000000000000000000000000000000800050003000000070003006d300000240012000b0001006d6163766c616e001400020008000100080000000600020001000000",
    expected: { kind: "macvlan", data: { mode: MacvlanMode.passthru, flags: 1 }, parent: 3 },
  },
  {
    shows: "a VLAN",
    body: "000000000000000000000000000000000800050003000000070003006d3000002000120008000100766c616e1400020006000100640000000600050088a80000",
    expected: { kind: "vlan", data: { id: 100, protocol: VlanProtocol.dot1ad } },
  },
  {
    shows: "a bridge's port",
    body: "00000000030000000000000000000000240012000a00040062726964676500001400050005000400010000000500210001000000",
    expected: { portKind: "bridge", portData: { hairpin: true, isolated: true } },
  },
  {
    shows: "a kind nobody has heard of",
    body:
      "00000000030000000000000000000000180012000800010066757a7a0c000200080001000100000005001000" +
      "06000000",
    expected: { kind: "fuzz", data: undefined, operState: "up" },
  },
];

for (const { shows, body, expected } of described) {
  test(`getLink() reads ${shows}`, () => {
    const link = answerOf(getLink({ index: 3 }), body);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(link[name as keyof Link], value);
    }
  });
}

test("reading any bytes ends in a value or a WireError", () => {
  const requests: Request<unknown>[] = [
    getLink({ index: 1 }),
    dumpAddresses(),
    dumpRoutes(),
    dumpRules(),
    dumpRuleTables(),
    dumpVlans(),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...requests),
      fc.uint8Array({ maxLength: 120 }),
      (request, body) => {
        try {
          answerOf(request, toHex(body));
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

/** What iproute2 fills up with zeros, or has no command for. */
const questions: { shows: string; request: Request<unknown>; wire: string }[] = [
  {
    shows: "getLink() by name leaves out the counters",
    request: getLink({ name: "v0" }),
    wire: "12000100 | 00000000000000000000000000000000070003007630000008001d0008000000",
  },
  {
    shows: "getLink() asks for a long name as an alternative one",
    request: getLink({ name: "a-name-of-sixteen" }),
    wire: "12000100 | 0000000000000000000000000000000016003500612d6e616d652d6f662d7369787465656e00000008001d0008000000",
  },
  {
    shows: "dumpLinks() has the kernel choose by kind",
    request: dumpLinks({ kind: "bridge" }),
    wire: "12000100 | 0000000000000000000000000000000008001d0008000000100012000a0001006272696467650000",
  },
  {
    shows: "dumpAddresses() has the kernel choose by link",
    request: dumpAddresses({ index: 3 }),
    wire: "16000100 | 0000000003000000",
  },
  {
    shows: "dumpRoutes() has the kernel choose by table",
    request: dumpRoutes({ family: 4, table: 1000 }),
    wire: "1a000100 | 02000000000000000000000008000f00e8030000",
  },
];

for (const { shows, request, wire } of questions) {
  test(shows, () => assert.equal(wireOf(request), wire));
}

test("deleteLink() by name", () => {
  assert.equal(
    wireOf(deleteLink({ name: "v0" })),
    "11000500 | 000000000000000000000000000000000700030076300000",
  );
});

test("a port's settings follow the kind of its master", () => {
  assert.equal(
    wireOf(setLink({ index: 3, portKind: "bridge", portData: { hairpin: true, isolated: true } })),
    "10000500 | 00000000030000000000000000000000240012000a000400627269646765000014000500050004000100000005002100" +
      "01000000",
  );
});

test("an IPv4 address of a network without a broadcast address gets none", () => {
  const wire = wireOf(newAddress({ index: 3, prefix: prefix("10.0.0.0/31") }));
  assert.equal(wire, "14000506 | 021f000003000000080002000a000000080001000a000000");
});

test("dumpRules() reads a rule", () => {
  const body =
    "020820000000000102000000 080002000a000001 080001000a000000 0800060005000000 08000f00e8030000";
  assert.deepEqual(answerOf(dumpRules(), body), {
    family: 4,
    from: prefix("10.0.0.1/32"),
    to: prefix("10.0.0.0/8"),
    priority: 5,
    table: 1000,
    invert: true,
    action: 1,
  });
});

test("dumpRuleTables() reads the table, whether it fits the header or not", () => {
  const prefix = "020820000000000102000000 080002000a000001";
  assert.equal(answerOf(dumpRuleTables(), `${prefix} 08000f00e8030000`), 1000);
  assert.equal(answerOf(dumpRuleTables(), "02000000fe00000100000000 0800060005000000"), 254);
});

test("getNetnsId() reads a number, and that there is none", () => {
  assert.equal(answerOf(getNetnsId(6), "00000000 08000100 05000000"), 5);
  assert.equal(answerOf(getNetnsId(6), "00000000 08000100 ffffffff"), undefined);
});

test("dumpVlans() puts ranges together", () => {
  const body =
    "07000000030000000000000000000000 08000a0002000000" +
    "1c001a00 0800020006000100 0800020008006400 080002001000c800";
  assert.deepEqual(answerOf(dumpVlans(), body), {
    index: 3,
    master: 2,
    vlans: [
      { from: 1, to: 1, pvid: true, untagged: true },
      { from: 100, to: 200, pvid: false, untagged: false },
    ],
  });
});

test("dumpRoutes() reads the next hops of a route with several", () => {
  // ip route add 10.1.0.0/16 nexthop via 10.0.0.2 dev v0 weight 2 nexthop dev v0
  const body =
    "02100000fe03000100000000 08000f00fe000000 080001000a010000" +
    "1c000900 1000000103000000 080005000a000002 0800000003000000";
  const route = answerOf(dumpRoutes({ index: 3 }), body);
  assert.deepEqual(route?.nextHops, [
    { index: 3, gateway: address("10.0.0.2"), weight: 2, flags: 0 },
    { index: 3, gateway: undefined, weight: 1, flags: 0 },
  ]);
  assert.equal(answerOf(dumpRoutes({ index: 4 }), body), undefined);
});

test("a next hop whose length leads nowhere is refused", () => {
  const body = "02100000fe03000100000000 0c000900 0000000103000000";
  assert.throws(() => answerOf(dumpRoutes(), body), /cannot decode a next hop of 0 bytes/);
});
