/** Each expression against the bytes that nft 1.0.6 sends for the same words, both ways. */

import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { prefix } from "../ip/testing/values.ts";
import { decode, encode } from "../netlink/codec.ts";
import { FilterFamily } from "../netlink/nfnetlink.ts";
import { hex, toHex } from "../netlink/testing/hex.ts";
import { WireError } from "../netlink/wire.ts";
import { count } from "./expression/counter.ts";
import { ConnectionKey, ConnectionState, ConnectionStatus } from "./expression/ct.ts";
import { decide, enter, setRegister } from "./expression/immediate.ts";
import { limitPackets } from "./expression/limit.ts";
import { lookUp } from "./expression/lookup.ts";
import { masquerade } from "./expression/masq.ts";
import { matchConnectionState } from "./expression/match.ts";
import { MetaKey, storeMeta } from "./expression/meta.ts";
import { NatType, translate } from "./expression/nat.ts";
import { loadPayload } from "./expression/payload.ts";
import { compareRange, RangeOperation } from "./expression/range.ts";
import { redirect } from "./expression/redir.ts";
import { RejectCode, refuse, resetConnection } from "./expression/reject.ts";
import { type Expression, expressions } from "./expression.ts";
import {
  addressField,
  hostBytes,
  IpProtocol,
  matchAddress,
  matchConnection,
  matchFamily,
  matchLinkName,
  matchLocal,
  matchLoopback,
  matchPort,
  matchProtocol,
  portBytes,
} from "./match.ts";
import { ANONYMOUS_SET } from "./set.ts";

const cases: { nft: string; expressions: Expression[]; wire: string }[] = [
  {
    nft: "ip saddr 10.1.2.0/24",
    expressions: [...matchFamily(4), ...matchAddress("source", prefix("10.1.2.0/24"))],
    wire:
      "24000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800500010002000000340001800c000100" +
      "7061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000003" +
      "2c00018008000100636d700020000280080001000000000108000200000000000c000380070001000a010200",
  },
  {
    nft: "ip6 daddr != fd00::/64",
    expressions: [...matchFamily(6), ...matchAddress("destination", prefix("fd00::/64"), true)],
    wire:
      "24000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c000380050001000a000000340001800c000100" +
      "7061796c6f616400240002800800010000000001080002000000000108000300000000180800040000000008" +
      "3000018008000100636d70002400028008000100000000010800020000000001100003800c000100fd000000" +
      "00000000",
  },
  {
    nft: "ip saddr 10.1.0.0/17",
    expressions: [...matchFamily(4), ...matchAddress("source", prefix("10.1.0.0/17"))],
    wire:
      "24000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800500010002000000340001800c000100" +
      "7061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004" +
      "440001800c000100626974776973650034000280080001000000000108000200000000010800030000000004" +
      "0c00048008000100ffff80000c00058008000100000000002c00018008000100636d70002000028008000100" +
      "0000000108000200000000000c000380080001000a010000",
  },
  {
    nft: "meta mark set 8192",
    expressions: [setRegister(1, hostBytes(8192)), storeMeta(MetaKey.mark, 1)],
    wire:
      "2c0001800e000100696d6d6564696174650000001800028008000100000000010c0002800800010000200000" +
      "24000180090001006d657461000000001400028008000200000000030800030000000001",
  },
  {
    nft: "ct state established,related accept",
    expressions: [...matchConnection(ConnectionKey.state, 6), decide("accept")],
    wire:
      "2000018007000100637400001400028008000200000000000800010000000001440001800c00010062697477" +
      "69736500340002800800010000000001080002000000000108000300000000040c0004800800010006000000" +
      "0c00058008000100000000002c00018008000100636d70002000028008000100000000010800020000000001" +
      "0c0003800800010000000000300001800e000100696d6d6564696174650000001c0002800800010000000000" +
      "100002800c0002800800010000000001",
  },
  {
    nft: "ct status dnat accept",
    expressions: [
      ...matchConnection(ConnectionKey.status, ConnectionStatus.destinationNat),
      decide("accept"),
    ],
    wire:
      "2000018007000100637400001400028008000200000000020800010000000001440001800c00010062697477" +
      "69736500340002800800010000000001080002000000000108000300000000040c0004800800010020000000" +
      "0c00058008000100000000002c00018008000100636d70002000028008000100000000010800020000000001" +
      "0c0003800800010000000000300001800e000100696d6d6564696174650000001c0002800800010000000000" +
      "100002800c0002800800010000000001",
  },
  {
    nft: "meta l4proto tcp",
    expressions: matchProtocol(IpProtocol.tcp),
    wire:
      "24000180090001006d6574610000000014000280080002000000001008000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800500010006000000",
  },
  {
    nft: "th dport != 80",
    expressions: matchPort("destination", 80, true),
    wire:
      "340001800c0001007061796c6f61640024000280080001000000000108000200000000020800030000000002" +
      "08000400000000022c00018008000100636d700020000280080001000000000108000200000000010c000380" +
      "0600010000500000",
  },
  {
    nft: 'iifname "eth0" drop',
    expressions: [...matchLinkName("in", "eth0"), decide("drop")],
    wire:
      "24000180090001006d6574610000000014000280080002000000000608000100000000013800018008000100" +
      "636d70002c000280080001000000000108000200000000001800038014000100657468300000000000000000" +
      "00000000300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c000280" +
      "0800010000000000",
  },
  {
    nft: 'oifname "veth*" return',
    expressions: [...matchLinkName("out", "veth*"), decide("return")],
    wire:
      "24000180090001006d6574610000000014000280080002000000000708000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800800010076657468300001800e000100" +
      "696d6d6564696174650000001c0002800800010000000000100002800c00028008000100fffffffb",
  },
  {
    nft: "fib daddr type local",
    expressions: matchLocal(),
    wire:
      "2800018008000100666962001c0002800800030000000002080002000000000308000100000000012c000180" +
      "08000100636d700020000280080001000000000108000200000000000c0003800800010002000000",
  },
  {
    nft: "jump x",
    expressions: [enter("jump", "x")],
    wire:
      "380001800e000100696d6d656469617465000000240002800800010000000000180002801400028008000100" +
      "fffffffd0600020078000000",
  },
  {
    nft: "goto x",
    expressions: [enter("goto", "x")],
    wire:
      "380001800e000100696d6d656469617465000000240002800800010000000000180002801400028008000100" +
      "fffffffc0600020078000000",
  },
  {
    nft: "counter",
    expressions: [count()],
    wire: "140001800c000100636f756e7465720004000280",
  },
  {
    nft: "limit rate 5/second",
    expressions: [limitPackets(5, 1)],
    wire:
      "440001800a0001006c696d6974000000340002800c00010000000000000000050c0002000000000000000001" +
      "080003000000000508000400000000000800050000000000",
  },
  {
    nft: "limit rate 10/minute burst 7 packets",
    expressions: [limitPackets(10, 60, 7)],
    wire:
      "440001800a0001006c696d6974000000340002800c000100000000000000000a0c000200000000000000003c" +
      "080003000000000708000400000000000800050000000000",
  },
  {
    nft: "reject with icmpx type admin-prohibited",
    expressions: [refuse(RejectCode.prohibited)],
    wire: "240001800b00010072656a65637400001400028008000100000000020500020003000000",
  },
  {
    nft: "meta l4proto tcp reject with tcp reset",
    expressions: [...matchProtocol(IpProtocol.tcp), resetConnection()],
    wire:
      "24000180090001006d6574610000000014000280080002000000001008000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800500010006000000240001800b000100" +
      "72656a65637400001400028008000100000000010500020000000000",
  },
  {
    nft: "masquerade",
    expressions: [masquerade()],
    wire: "14000180090001006d6173710000000004000280",
  },
  {
    nft: "meta l4proto tcp redirect to :8080",
    expressions: [...matchProtocol(IpProtocol.tcp), setRegister(1, portBytes(8080)), redirect(1)],
    wire:
      "24000180090001006d6574610000000014000280080002000000001008000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c00038005000100060000002c0001800e000100" +
      "696d6d6564696174650000001800028008000100000000010c000280060001001f900000240001800a000100" +
      "72656469720000001400028008000100000000010800030000000002",
  },
  {
    nft: "dnat ip to 1.2.3.4",
    expressions: [
      setRegister(1, Uint8Array.of(1, 2, 3, 4)),
      translate({ type: NatType.destination, family: FilterFamily.ipv4, address: 1 }),
    ],
    wire:
      "2c0001800e000100696d6d6564696174650000001800028008000100000000010c0002800800010001020304" +
      "28000180080001006e6174001c000280080001000000000108000200000000020800030000000001",
  },
  {
    nft: "ip saddr { 10.0.0.1, 10.0.0.2 }",
    expressions: [
      ...matchFamily(4),
      loadPayload(addressField(4, "source"), 1),
      lookUp({ source: 1, set: ANONYMOUS_SET, setId: 1 }),
    ],
    wire:
      "24000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800500010002000000340001800c000100" +
      "7061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004" +
      "300001800b0001006c6f6f6b757000002000028008000200000000010c0001005f5f73657425640008000400" +
      "00000001",
  },
  {
    nft: "iif lo drop",
    expressions: [...matchLoopback(), decide("drop")],
    wire:
      "24000180090001006d6574610000000014000280080002000000000408000100000000012c00018008000100" +
      "636d700020000280080001000000000108000200000000000c0003800800010001000000300001800e000100" +
      "696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000000",
  },
];

test("a match of iptables is that of iptables-nft, both ways", () => {
  // Of "iptables-nft -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED": nearly all of it is zero.
  const state = "00".repeat(146) + "0100" + "0000" + "0600" + "00".repeat(16);
  const wire = `d80001800a0001006d61746368000000c80002800e000100636f6e6e747261636b000000080002000000 0003ac000300${state}`;
  const parts = [matchConnectionState(ConnectionState.established | ConnectionState.related)];
  assert.equal(toHex(encode(expressions, parts)), wire.replaceAll(" ", ""));
  assert.deepEqual(decode(expressions, hex(wire)), parts);
});

for (const { nft, expressions: parts, wire } of cases) {
  test(`the expressions of "${nft}" are those of nft, both ways`, () => {
    assert.equal(toHex(encode(expressions, [...parts])), wire);
    assert.equal(toHex(encode(expressions, decode(expressions, hex(wire)))), wire);
  });
}

test("a range is that of nft, both ways", () => {
  // Of "th dport != 80-90"; without the "!=" nft 1.0.6 makes two comparisons.
  const parts = [compareRange(1, RangeOperation.outside, portBytes(80), portBytes(90))];
  const wire =
    "3c0001800a00010072616e67650000002c000280080001000000000108000200000000010c000380060001000050" +
    "00000c00048006000100005a0000";
  assert.equal(toHex(encode(expressions, [...parts])), wire);
  assert.deepEqual(decode(expressions, hex(wire)), parts);
});

test("an expression of a kind that is not known here is read by its name", () => {
  const wire = "14000180 0a000100 71756f7461000000 04000280";
  assert.equal(decode(expressions, hex(wire))[0]?.name, "quota");
});

test("bytes that are no expressions are refused, and never make the reader hang", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decode(expressions, bytes);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
  );
});
