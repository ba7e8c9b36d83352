import assert from "node:assert/strict";
import test from "node:test";
import { address, prefix } from "../ip/testing/values.ts";
import { encode } from "../sys/text.ts";
import {
  comment,
  connectionState,
  destinationNat,
  destinationPort,
  destinationPorts,
  destinationType,
  isChainName,
  marked,
  type Rule,
  setMark,
  wordsOf,
} from "./rule.ts";

/** Each as `iptables-save` (1.8.9, both flavours) prints it. */
const cases: [Rule, string][] = [
  [{ source: prefix("10.1.0.2/32"), target: ["ACCEPT"] }, "-s 10.1.0.2/32 -j ACCEPT"],
  [
    {
      destination: prefix("fd00::2/128"),
      matches: [connectionState("RELATED,ESTABLISHED")],
      target: ["ACCEPT"],
    },
    "-d fd00::2/128 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  ],
  [
    {
      source: { not: prefix("10.1.3.4/16") },
      destination: { not: prefix("224.0.0.0/4") },
      in: "br0",
      out: { not: "br0" },
      protocol: "tcp",
      matches: [destinationPorts([1, 2]), destinationType("LOCAL"), comment("c")],
      target: ["MASQUERADE"],
    },
    "! -s 10.1.0.0/16 ! -d 224.0.0.0/4 -i br0 ! -o br0 -p tcp -m multiport --dports 1,2 -m addrtype --dst-type LOCAL -m comment --comment c -j MASQUERADE",
  ],
  [
    { matches: [marked(1 << 31)], target: setMark(0x2000) },
    "-m mark --mark 0x80000000/0x80000000 -j MARK --set-xmark 0x2000/0x2000",
  ],
  [
    {
      protocol: "udp",
      matches: [destinationPort("udp", 80)],
      target: destinationNat(address("fd00::2"), 8080),
    },
    "-p udp -m udp --dport 80 -j DNAT --to-destination [fd00::2]:8080",
  ],
  [{ target: destinationNat(address("10.1.0.2"), 80) }, "-j DNAT --to-destination 10.1.0.2:80"],
];

for (const [rule, text] of cases) {
  test(`a rule's words: ${text}`, () => assert.equal(wordsOf(rule).join(" "), text));
}

test("a comment is cut at 255 bytes, between characters", () => {
  assert.equal(comment("x".repeat(255))[2], "x".repeat(255));
  assert.equal(comment("x".repeat(300))[2], `${"x".repeat(252)}...`);
  const [, , wide = ""] = comment("ü".repeat(200));
  assert.equal(wide, `${"ü".repeat(126)}...`);
  assert.equal(encode(wide).length, 255);
});

test("an interface that would stand for others is refused", () => {
  for (const name of ["br+", "", "x".repeat(16)]) {
    assert.throws(() => wordsOf({ in: name, target: ["DROP"] }), /cannot match the interface/);
  }
});

test("chain names", () => {
  for (const name of ["CNI-ADMIN", "x", "KUBE-MARK-MASQ", "a.b:c", "y".repeat(28)]) {
    assert.ok(isChainName(name), name);
  }
  const bad = ["", "-A", "!x", "a b", 'a"b', "a\nb", "ACCEPT", "x".repeat(29), "a\\b", "ä"];
  for (const name of bad) assert.ok(!isChainName(name), name);
});
