import assert from "node:assert/strict";
import test from "node:test";
import { formatAddress } from "./address.ts";
import {
  canonicalPrefix,
  contains,
  defaultPrefix,
  formatPrefix,
  hostPrefix,
  lastAddress,
  network,
  overlaps,
  parsePrefix,
} from "./prefix.ts";
import { address, prefix } from "./testing/values.ts";

/** What Go's net.ParseCIDR and IPNet.String make of each text, the host bits kept. */
const texts: readonly [text: string, canonical: string | undefined][] = [
  ["", undefined],
  ["/", undefined],
  ["/24", undefined],
  ["1.2.3.4", undefined],
  ["1.2.3.4/", undefined],
  ["1.2.3.4/0", "1.2.3.4/0"],
  ["1.2.3.4/8", "1.2.3.4/8"],
  ["1.2.3.4/24", "1.2.3.4/24"],
  ["1.2.3.4/00", "1.2.3.4/0"],
  ["1.2.3.4/024", "1.2.3.4/24"],
  ["1.2.3.4/24\n", undefined],
  ["1.2.3.256/24", undefined],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["1.2.3.4/32", "1.2.3.4/32"],
  ["1.2.3.4/33", undefined],
  ["1.2.3.4/-1", undefined],
  ["1.2.3.4/+1", undefined],
  ["1.2.3.4/ 8", undefined],
  ["1.2.3.4/8 ", undefined],
  ["1.2.3.4/8/8", undefined],
  ["1.2.3.4/a", undefined],
  ["1.2.3.4/99999999999999999999", undefined],
  ["1.2.3.4/0000000000000000000000000016", "1.2.3.4/16"],
  ["01.2.3.4/24", undefined],
  ["FE80::ABCD/0", "fe80::abcd/0"],
  ["FE80::ABCD/8", "fe80::abcd/8"],
  ["FE80::ABCD/24", "fe80::abcd/24"],
  ["FE80::ABCD/024", "fe80::abcd/24"],
  ["FE80::ABCD/32", "fe80::abcd/32"],
  ["FE80::ABCD/33", "fe80::abcd/33"],
  ["FE80::ABCD/90", "fe80::abcd/90"],
  ["FE80::ABCD/96", "fe80::abcd/96"],
  ["FE80::ABCD/97", "fe80::abcd/97"],
  ["FE80::ABCD/120", "fe80::abcd/120"],
  ["FE80::ABCD/128", "fe80::abcd/128"],
  ["FE80::ABCD/129", undefined],
  ["FE80::ABCD/0000000000000000000000000016", "fe80::abcd/16"],
  ["fe80::1%eth0/24", undefined],
  ["::ffff:1.2.3.4/0", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/8", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/24", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/024", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/32", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/33", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/90", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/96", "1.2.3.4/0"],
  ["::ffff:1.2.3.4/97", "1.2.3.4/1"],
  ["::ffff:1.2.3.4/120", "1.2.3.4/24"],
  ["::ffff:1.2.3.4/128", "1.2.3.4/32"],
  ["::ffff:1.2.3.4/129", undefined],
  ["::ffff:1.2.3.4/0000000000000000000000000016", "1.2.3.4/0"],
  ["1.2.3.4/20", "1.2.3.4/20"],
];

for (const [text, canonical] of texts) {
  test(`parsePrefix() ${canonical ? "reads" : "refuses"} ${JSON.stringify(text)}`, () => {
    const prefix = parsePrefix(text);
    assert.equal(prefix && formatPrefix(prefix), canonical);
    assert.equal(canonicalPrefix(text), canonical);
  });
}

const spans: readonly [text: string, network: string, last: string][] = [
  ["10.1.2.3/24", "10.1.2.0/24", "10.1.2.255"],
  ["10.1.2.3/32", "10.1.2.3/32", "10.1.2.3"],
  ["10.1.2.3/0", "0.0.0.0/0", "255.255.255.255"],
  ["10.1.2.3/31", "10.1.2.2/31", "10.1.2.3"],
  ["fd00::1:2/64", "fd00::/64", "fd00::ffff:ffff:ffff:ffff"],
  ["fd00::1:2/128", "fd00::1:2/128", "fd00::1:2"],
  ["fd00::1:2/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
];
for (const [text, net, last] of spans) {
  test(`${text} spans ${net} to ${last}`, () => {
    assert.equal(formatPrefix(network(prefix(text))), net);
    assert.equal(formatAddress(lastAddress(prefix(text))), last);
  });
}

test("contains() looks at the network bits and the family", () => {
  assert.ok(contains(prefix("10.1.2.3/24"), address("10.1.2.255")));
  assert.ok(!contains(prefix("10.1.2.3/24"), address("10.1.3.0")));
  assert.ok(contains(prefix("0.0.0.0/0"), address("10.1.3.0")));
  assert.ok(!contains(prefix("0.0.0.0/0"), address("::a01:300")));
  assert.ok(!contains(prefix("::/0"), address("10.1.3.0")));
});

test("overlaps() is true when one network lies in the other", () => {
  assert.ok(overlaps(prefix("10.1.0.0/16"), prefix("10.1.2.3/24")));
  assert.ok(overlaps(prefix("10.1.2.3/24"), prefix("10.1.0.0/16")));
  assert.ok(!overlaps(prefix("10.1.2.0/24"), prefix("10.1.3.0/24")));
  assert.ok(!overlaps(prefix("0.0.0.0/0"), prefix("::/0")));
});

test("hostPrefix() and defaultPrefix() are the longest and the shortest", () => {
  assert.equal(formatPrefix(hostPrefix(address("10.0.0.1"))), "10.0.0.1/32");
  assert.equal(formatPrefix(hostPrefix(address("fd00::1"))), "fd00::1/128");
  assert.equal(formatPrefix(defaultPrefix(4)), "0.0.0.0/0");
  assert.equal(formatPrefix(defaultPrefix(6)), "::/0");
});
