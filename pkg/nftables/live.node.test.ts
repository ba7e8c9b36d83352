/** Against the kernel, in network namespaces made for it; Debian's nft is the second pair of eyes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { type Family, parseAddress, toBytes } from "../ip/address.ts";
import { prefix } from "../ip/testing/values.ts";
import { FilterFamily } from "../netlink/nfnetlink.ts";
import { NetlinkSocket, Protocol } from "../netlink/socket.ts";
import { failure } from "../netlink/testing/failure.ts";
import { Errno } from "../sys/errno.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import { addChain, deleteChain, findChain, Hook, Priority } from "./chain.ts";
import { count } from "./expression/counter.ts";
import { ConnectionKey, ConnectionState, ConnectionStatus } from "./expression/ct.ts";
import { decide, enter, setRegister } from "./expression/immediate.ts";
import { limitPackets } from "./expression/limit.ts";
import { lookUp } from "./expression/lookup.ts";
import { masquerade } from "./expression/masq.ts";
import { loadMeta, MetaKey, storeMeta } from "./expression/meta.ts";
import { NatType, translate } from "./expression/nat.ts";
import { loadPayload } from "./expression/payload.ts";
import { RejectCode, refuse, resetConnection } from "./expression/reject.ts";
import { type Expression, smallRegister } from "./expression.ts";
import { addAlike, dumpRuns } from "./many.ts";
import {
  addressField,
  hostBytes,
  IpProtocol,
  matchAddress,
  matchConnection,
  matchEther,
  matchFamily,
  matchLinkName,
  matchLocal,
  matchLoopback,
  matchPort,
  matchProtocol,
  portBytes,
  portField,
} from "./match.ts";
import type { ChainKey } from "./message.ts";
import { appendRule, deleteRule, dumpRules, flushChain, insertRule } from "./rule.ts";
import {
  ANONYMOUS_MAP,
  addElements,
  addSet,
  concatenate,
  dumpElements,
  SetFlag,
  SetType,
} from "./set.ts";
import { addTable, deleteTable, getGeneration, getTable } from "./table.ts";
import { commit, isUsable, transact } from "./transaction.ts";

function place(): NetlinkSocket {
  enterNewNetwork();
  return NetlinkSocket.open(Protocol.netfilter);
}

function nft(...args: string[]): string {
  return execFileSync("nft", args, { encoding: "utf8" });
}

function bytesOf(text: string): Uint8Array {
  const found = parseAddress(text);
  if (!found) throw new Error(text);
  return toBytes(found);
}

const table = { family: "inet", table: "t" } as const;
const chain: ChainKey = { ...table, chain: "c" };

const asText: [nft: string, rule: Expression[]][] = [
  ["ip saddr 10.1.0.0/24", [...matchFamily(4), ...matchAddress("source", prefix("10.1.0.9/24"))]],
  [
    "ip daddr != 10.1.0.0/17",
    [...matchFamily(4), ...matchAddress("destination", prefix("10.1.0.0/17"), true)],
  ],
  ["ip6 saddr fd00::1", [...matchFamily(6), ...matchAddress("source", prefix("fd00::1/128"))]],
  ["ip6 daddr fe80::/10", [...matchFamily(6), ...matchAddress("destination", prefix("fe80::/10"))]],
  ["tcp dport 80", [...matchProtocol(IpProtocol.tcp), ...matchPort("destination", 80)]],
  ["sctp sport != 9", [...matchProtocol(IpProtocol.sctp), ...matchPort("source", 9, true)]],
  ['iifname "eth0" drop', [...matchLinkName("in", "eth0"), decide("drop")]],
  ['oifname != "veth*" return', [...matchLinkName("out", "veth*", true), decide("return")]],
  ['iif != "lo" accept', [...matchLoopback(true), decide("accept")]],
  ["fib daddr type local", matchLocal()],
  [
    "ct state established,related",
    matchConnection(ConnectionKey.state, ConnectionState.established | ConnectionState.related),
  ],
  ["ct status dnat", matchConnection(ConnectionKey.status, ConnectionStatus.destinationNat)],
  ["meta mark set 0x00002000", [setRegister(1, hostBytes(0x2000)), storeMeta(MetaKey.mark, 1)]],
  ["counter packets 0 bytes 0 jump x", [count(), enter("jump", "x")]],
  ["goto x", [enter("goto", "x")]],
  ["limit rate 10/minute burst 7 packets", [limitPackets(10, 60, 7)]],
  ["reject with icmpx admin-prohibited", [refuse(RejectCode.prohibited)]],
  ["meta l4proto tcp reject with tcp reset", [...matchProtocol(IpProtocol.tcp), resetConnection()]],
];

test("nft prints what was written as a person would have", { skip }, () => {
  using socket = place();
  commit(socket, [
    addTable(table, "a table's note"),
    addChain({ ...table, chain: "x" }, undefined, "a chain's note"),
    addChain(chain, { type: "filter", hook: Hook.forward, priority: Priority.filter }),
    ...asText.map(([, expressions]) => appendRule(chain, { expressions })),
  ]);
  const lines = nft("list", "chain", "inet", "t", "c").split("\n");
  const rules = lines.slice(3, -3).map((line) => line.trim());
  assert.deepEqual(
    rules,
    asText.map(([text]) => text),
  );
  assert.match(nft("list", "ruleset"), /comment "a table's note"[\s\S]*comment "a chain's note"/);
  // What is read back has the same bytes as what was written.
  const read = socket.dump(dumpRules(chain));
  assert.deepEqual(
    read.map(({ expressions }) => expressions.map(({ name }) => name)),
    asText.map(([, all]) => all.map(({ name }) => name)),
  );
  nft("-j", "list", "ruleset");
});

test("masquerading, in the words of nft", { skip }, () => {
  using socket = place();
  const masq = { family: "ipv4", table: "m", chain: "c" } as const;
  commit(socket, [
    addTable(masq),
    addChain(masq, { type: "nat", hook: Hook.postRouting, priority: Priority.sourceNat }),
    appendRule(masq, {
      expressions: [...matchAddress("source", prefix("10.1.0.2/32")), masquerade()],
      comment: "note",
    }),
  ]);
  assert.match(
    nft("list", "ruleset"),
    /type nat hook postrouting priority srcnat; policy accept;\n\t\tip saddr 10.1.0.2 masquerade comment "note"/,
  );
  assert.deepEqual(socket.send(findChain(masq))[0], {
    ...masq,
    base: { type: "nat", hook: Hook.postRouting, priority: Priority.sourceNat },
  });
});

test("the source's hardware address, in the words of nft", { skip }, () => {
  using socket = place();
  const bridge = { family: "bridge", table: "nat", chain: "c" } as const;
  commit(socket, [
    addTable(bridge),
    addChain(bridge),
    appendRule(bridge, { expressions: matchEther("source", Uint8Array.of(2, 0, 0, 0, 0, 1)) }),
  ]);
  assert.match(nft("list", "ruleset"), /\n\t\tether saddr 02:00:00:00:00:01\n/);
});

function portMap(family: Family, target: string): Expression[] {
  const width = family === 4 ? 1 : 4;
  return [
    loadPayload(addressField(family, "destination"), smallRegister(0)),
    loadMeta(MetaKey.protocol, smallRegister(width)),
    loadPayload(portField("destination"), smallRegister(width + 1)),
    lookUp({
      set: ANONYMOUS_MAP,
      setId: 1,
      source: smallRegister(0),
      destination: smallRegister(0),
    }),
    translate({
      type: NatType.destination,
      family: family === 4 ? FilterFamily.ipv4 : FilterFamily.ipv6,
      address: smallRegister(0),
      port: smallRegister(bytesOf(target).length / 4),
    }),
  ];
}

function lastWord(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getInt32(bytes.length - 4, true);
}

for (const [family, name, address, target] of [
  [4, "ip", "192.0.2.1", "10.1.0.2"],
  [6, "ip6", "2001:db8::1", "fd00::2"],
] as const) {
  test(`a thousand ports in one rule, by a map of ${name} addresses and ports`, { skip }, () => {
    using socket = place();
    const key = { family: `ipv${family}`, table: "p" } as const;
    const type = family === 4 ? SetType.ipv4Address : SetType.ipv6Address;
    const set = { ...key, set: ANONYMOUS_MAP, id: 1 };
    const element = (port: number) => ({
      key: concatenate(bytesOf(address), Uint8Array.of(IpProtocol.tcp), portBytes(port)),
      data: { value: concatenate(bytesOf(target), portBytes(80)) },
    });
    const elements = Array.from({ length: 1000 }, (_, at) => element(1000 + at));
    // The last words of each, in half of the cases: the other half is given whole.
    const ends = elements
      .slice(500)
      .flatMap(({ key: from, data }) => [lastWord(from), lastWord(data.value)]);
    commit(socket, [
      addTable(key),
      addChain(
        { ...key, chain: "c" },
        { type: "nat", hook: Hook.preRouting, priority: Priority.destinationNat },
      ),
      addSet({
        ...set,
        flags: SetFlag.anonymous | SetFlag.constant | SetFlag.map,
        key: [type, SetType.protocol, SetType.port],
        data: [type, SetType.port],
        size: elements.length,
      }),
      ...addElements(set, elements.slice(0, 500)),
      ...addAlike(set, { model: element(0), ends: Int32Array.from(ends) }),
      appendRule(
        { ...key, chain: "c" },
        { expressions: portMap(family, target), comment: "ports" },
      ),
    ]);
    const text = nft("list", "ruleset");
    assert.ok(
      text.includes(`dnat ${name} to ${name} daddr . meta l4proto . th dport map { `),
      text,
    );
    assert.ok(text.includes(`${address} . tcp . 1999 : ${target} . 80`), text);
    nft("-j", "list", "ruleset");
    const [rule] = socket.dump(dumpRules({ ...key, chain: "c" }));
    const lookup = rule?.expressions.find((it) => it.name === "lookup");
    assert.ok(lookup?.name === "lookup" && lookup.data?.set);
    const read = socket.dump(dumpElements({ ...key, set: lookup.data.set })).flat();
    assert.equal(read.length, 1000);
    const sorted = (list: typeof read) =>
      list.map((it) => JSON.stringify([[...it.key], [...(it.data?.value ?? [])]])).sort();
    assert.deepEqual(sorted(read), sorted(elements));
    const runs = socket.dump(dumpRuns({ ...key, set: lookup.data.set })).flat();
    const again = runs.flatMap(({ words, step, ...run }) =>
      Array.from({ length: words.length / step }, (_, at) => {
        const part = (from: number, length: number) =>
          new Uint8Array(words.slice(at * step + from, at * step + from + length).buffer);
        return {
          key: part(run.key, run.keyLength),
          data: { value: part(run.value, run.valueLength) },
        };
      }),
    );
    assert.deepEqual(sorted(again), sorted(elements));
    assert.ok(runs.length <= 10, `${runs.length} runs`);
    // The map goes with its rule.
    assert.ok(rule);
    commit(socket, [deleteRule({ ...key, chain: "c" }, rule)]);
    assert.ok(!nft("list", "ruleset").includes("map"));
  });
}

test("a transaction is made whole or not at all, and its failure names the step", { skip }, () => {
  using socket = place();
  const error = failure(() =>
    commit(socket, [
      addTable(table),
      addChain(chain),
      appendRule(chain, { expressions: [enter("jump", "missing")] }),
      appendRule(chain, { expressions: [] }),
    ]),
  );
  assert.equal(error.message, "add rule to t c: no such file or directory");
  assert.equal(nft("list", "ruleset"), "");
  // Nothing of the failed one is left in the way of the next.
  commit(socket, [addTable(table), addChain(chain), appendRule(chain, { expressions: [count()] })]);
  assert.equal(socket.dump(dumpRules(chain)).length, 1);
});

test("a transaction is refused where the ruleset has another generation", { skip }, () => {
  using socket = place();
  const [generation] = socket.send(getGeneration());
  nft("add", "table", "ip", "foreign");
  const error = failure(() => commit(socket, [addTable(table)], generation));
  assert.equal(error.errno, Errno.ERESTART);
  let plans = 0;
  transact(socket, () => {
    if (++plans <= 2) nft("add", "table", "ip", `foreign${plans}`);
    return [addTable(table)];
  });
  assert.equal(plans, 3);
  transact(socket, () => []);
});

test("rules are found by their notes and deleted by their handles", { skip }, () => {
  using socket = place();
  const named = (comment: string, owner?: string) => ({ expressions: [count()], comment, owner });
  commit(socket, [
    addTable(table),
    addChain(chain),
    appendRule(chain, named("second", "mine")),
    insertRule(chain, named("first")),
    appendRule(chain, named("third", "yours")),
  ]);
  const rules = socket.dump(dumpRules(chain));
  assert.deepEqual(
    rules.map(({ comment, owner }) => [comment, owner]),
    [
      ["first", undefined],
      ["second", "mine"],
      ["third", "yours"],
    ],
  );
  const [, mine] = rules;
  assert.ok(mine);
  commit(socket, [deleteRule(chain, mine)]);
  assert.equal(failure(() => commit(socket, [deleteRule(chain, mine)])).errno, Errno.ENOENT);
  assert.equal(socket.dump(dumpRules(chain)).length, 2);
  commit(socket, [flushChain(chain)]);
  commit(socket, [deleteChain(chain)]);
  assert.deepEqual(socket.send(findChain(chain)), [undefined]);
  assert.equal(socket.send(getTable(table))[0], "t");
  commit(socket, [deleteTable(table)]);
  assert.equal(failure(() => socket.send(getTable(table))).errno, Errno.ENOENT);
  assert.deepEqual(socket.dump(dumpRules(chain)), []);
});

test("nf_tables is known to be usable by one request", { skip }, () => {
  using socket = place();
  assert.equal(isUsable(socket), true);
});
