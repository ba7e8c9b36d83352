import assert from "node:assert/strict";
import test from "node:test";
import type { Family } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { loadConnection } from "../nftables/expression/ct.ts";
import { decide, enter } from "../nftables/expression/immediate.ts";
import { matchConnectionState } from "../nftables/expression/match.ts";
import type { Expression, ReadExpression } from "../nftables/expression.ts";
import { matchAddress, matchLinkName } from "../nftables/match.ts";
import { expressionsFor, wordsFrom } from "./kernel-rule.ts";
import { readWords } from "./words.ts";

/** As the kernel gives a rule back. */
function read(family: Family, expressions: readonly ReadExpression[], comment?: string) {
  return wordsFrom(family, { handle: 1n, chain: "C", expressions, comment });
}

const rules: [family: Family, rule: string, kinds: string][] = [
  [4, "-s 10.1.0.2/32 -j ACCEPT", "payload cmp counter immediate"],
  [
    6,
    "-d fd00:1::2/128 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "payload cmp match counter immediate",
  ],
  [
    4,
    '-s 10.1.0.2/32 -i cni0 -m comment --comment "own open" -j RETURN',
    "meta cmp payload cmp match counter immediate",
  ],
  [
    6,
    "-i cni0 ! -o cni0 -m comment --comment x -j CNI-ISOLATION-STAGE-2",
    "meta cmp meta cmp match counter immediate",
  ],
  [4, "! -s 10.1.0.0/16 ! -i abcdefghijklmno -j DROP", "meta cmp payload cmp counter immediate"],
];

for (const [family, rule, kinds] of rules) {
  test(`a rule in nf_tables and back: ${rule}`, () => {
    const words = readWords(rule);
    const expressions = expressionsFor(words);
    assert.equal(expressions.map(({ name }) => name).join(" "), kinds);
    assert.deepEqual(read(family, expressions), words);
  });
}

const prefix = (text: string) => {
  const found = parsePrefix(text);
  if (found === undefined) throw new Error(text);
  return found;
};

test("a rule is known whatever the order, the comment's place and the name's padding", () => {
  const expressions = [
    ...matchAddress("source", prefix("10.1.0.2/32")),
    ...matchLinkName("in", "cni0"),
    decide("return"),
  ];
  assert.deepEqual(
    read(4, expressions, "a b"),
    readWords('-s 10.1.0.2/32 -i cni0 -m comment --comment "a b" -j RETURN'),
  );
});

const foreign: [title: string, parts: readonly ReadExpression[]][] = [
  ["no target", matchAddress("source", prefix("10.1.0.2/32"))],
  ["a goto", [enter("goto", "C")]],
  ["two targets", [decide("accept"), decide("drop")]],
  ["the beginning of a name", [...matchLinkName("in", "cni*"), decide("accept")]],
  ["an odd mask", [...matchAddress("source", prefix("10.1.0.0/17")), decide("accept")]],
  ["nft's own connection state", [loadConnection(0, 1), decide("accept")]],
  ["a load without its comparison", [...matchLinkName("in", "a").slice(0, 1), decide("accept")]],
  ["a target of iptables", [{ name: "target" }]],
  ["a state that has no name here", [matchConnectionState(64), decide("accept")]],
  [
    "an address of the other family",
    [...matchAddress("source", prefix("fd00::/64")), decide("drop")],
  ],
];

for (const [title, parts] of foreign) {
  test(`a rule that is nobody's here: ${title}`, () => {
    assert.equal(read(4, parts), undefined);
  });
}

test("a match that asks for more than states is not taken for one that does not", () => {
  const { data } = matchConnectionState(6);
  const info = Uint8Array.from(data.info);
  info[148] = 1; // invert_flags of struct xt_conntrack_mtinfo3
  const inverted: Expression = { name: "match", data: { ...data, info } };
  assert.equal(read(4, [inverted, decide("accept")]), undefined);
});

test("words that no rule here has are refused", () => {
  for (const rule of ["-p tcp -j ACCEPT", "-m mark --mark 0x1/0x1 -j ACCEPT", "-s x -j ACCEPT"]) {
    assert.throws(() => expressionsFor(readWords(rule)), /^Error: no rule of iptables is written/);
  }
});
