import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Request } from "../netlink/message.ts";
import { toHex } from "../netlink/testing/hex.ts";
import { answerOf, wireOf } from "../netlink/testing/request.ts";
import { WireError, Writer } from "../netlink/wire.ts";
import { deleteFilter, dumpFilters, newRedirect } from "./filter.ts";
import { TcPlace } from "./message.ts";
import { deleteQdisc, getQdisc, newQdisc } from "./qdisc.ts";
import { fromTbf, ticksFor, toTbf } from "./tbf.ts";

const bucket = { rate: 1_000_000, limit: 35_000, buffer: ticksFor(10_000, 1_000_000) };
const wide = { rate: 5_000_000_000, limit: 35_000, buffer: ticksFor(10_000, 5_000_000_000) };

/**
 * What scripts/capture-wire.sh printed for the command: type and flags, a bar, the body. Of those about tbf without the
 * cells, the table of sizes and the burst's second form, at which no kernel since 3.8 looks as we say what the link is.
 */
const goldens: { command: string; request: Request<unknown>; wire: string }[] = [
  {
    command: "tc qdisc add dev eth0 root handle 1: tbf rate 8mbit burst 10000b limit 35000",
    request: newQdisc({ index: 3, kind: "tbf", handle: 0x10000, data: toTbf(bucket) }),
    wire:
      "24000506 | 000000000300000000000100ffffffff0000000008000100746266002c000200" +
      "28000100000100000000000040420f00000000000000000000000000b88800005a62020000000000",
  },
  {
    command: "tc qdisc add dev eth0 root handle 1: tbf rate 40gbit burst 10000b limit 35000",
    request: newQdisc({ index: 3, kind: "tbf", handle: 0x10000, data: toTbf(wide) }),
    wire:
      "24000506 | 000000000300000000000100ffffffff00000000080001007462660038000200" +
      "280001000001000000000000ffffffff000000000000000000000000b88800001f00000000000000" +
      "0c00040000f2052a01000000",
  },
  {
    command: "tc qdisc add dev eth0 ingress",
    request: newQdisc({ index: 3, kind: "ingress", parent: TcPlace.arriving }),
    wire: "24000506 | 00000000030000000000fffff1ffffff000000000c000100696e677265737300",
  },
  {
    command: "tc qdisc add dev eth0 clsact",
    request: newQdisc({ index: 3, kind: "clsact", parent: TcPlace.arriving }),
    wire: "24000506 | 00000000030000000000fffff1ffffff000000000b000100636c736163740000",
  },
  {
    command: "tc qdisc del dev eth0 ingress",
    request: deleteQdisc({ index: 3, kind: "ingress", parent: TcPlace.arriving }),
    wire: "25000500 | 00000000030000000000fffff1ffffff000000000c000100696e677265737300",
  },
  {
    command: "tc qdisc del dev eth0 root handle 1:",
    request: deleteQdisc({ index: 3, handle: 0x10000 }),
    wire: "25000500 | 000000000300000000000100ffffffff00000000",
  },
  {
    command:
      "tc filter add dev eth0 ingress protocol all prio 65535 u32 match u32 0 0 flowid 1:1 action mirred egress redirect dev ifb0",
    request: newRedirect({ index: 3, target: 4, priority: 0xffff }),
    wire:
      "2c000506 | 000000000300000000000000f2ffffff0003ffff0800010075333200680002000800010001000100" +
      "38000700340001000b0001006d69727265640000240002802000020000000000000000000400000000000000000000000100000004000000" +
      "240005000100010000000000000000000000000000000000000000000000000000000000",
  },
  {
    command: "tc filter del dev eth0 ingress protocol all prio 65535 handle 800::800 u32",
    request: deleteFilter({ index: 3, kind: "u32", priority: 0xffff, handle: 0x80000800 }),
    wire: "2d000500 | 000000000300000000080080f2ffffff0003ffff0800010075333200",
  },
  {
    command: "tc filter show dev eth0 ingress",
    request: dumpFilters({ index: 3 }),
    wire: "2e000100 | 000000000300000000000000f2ffffff00000000",
  },
];

for (const { command, request, wire } of goldens) {
  test(`a request has the bytes of "${command}"`, () => {
    assert.equal(wireOf(request), wire);
  });
}

test("getQdisc() reads a bucket whose rate takes 64 bits", () => {
  const body =
    "000000000300000000000100ffffffff0300000008000100746266003800020028000100" +
    "0001000000000000ffffffff00000000000000000000000030570500380100000000000" +
    "00c00040000f2052a0100000005000c0000000000";
  const found = answerOf(getQdisc({ index: 3 }), body);
  assert.equal(found?.kind, "tbf");
  assert.equal(found.handle, 0x10000);
  assert.deepEqual(fromTbf(found.data ?? {}), {
    rate: 5_000_000_000,
    limit: 350_000,
    buffer: ticksFor(100_000, 5_000_000_000),
  });
});

test("getQdisc() reads one without data", () => {
  const body =
    "00000000030000000000fffff1ffffff010000000c000100696e6772657373000400020005000c0000000000";
  assert.deepEqual(answerOf(getQdisc({ index: 3, parent: TcPlace.arriving }), body), {
    index: 3,
    kind: "ingress",
    parent: TcPlace.arriving,
    handle: 0xffff0000,
    data: {},
  });
});

test("dumpFilters() tells what redirects everything from what holds it", () => {
  const row = { index: 3, kind: "u32", priority: 0xffff };
  const head = "000000000300000000000000f2ffffff0003ffff080001007533320008000b0000000000";
  const holder = { ...row, handle: 0, redirectsTo: undefined };
  assert.deepEqual(answerOf(dumpFilters({ index: 3 }), head), holder);
  const body =
    "000000000300000000080080f2ffffff0003ffff080001007533320008000b0000000000e80002002400050001000100" +
    "000000000000000000000000000000000000000000000000000000000800020000000080080001000100010008000b00" +
    "08000000a8000700a40001000b0001006d69727265640000440004001400010000000000000000000000000000000000" +
    "140007000000000000000000000000000000000018000300000000000000000000000000000000000000000008000a00" +
    "00000000480002002000020001000000000000000400000001000000010000000100000004000000240001003e010000" +
    "000000003e0100000000000000000000000000000000000000000000";
  const filter = { ...row, handle: 0x80000800, redirectsTo: 4 };
  assert.deepEqual(answerOf(dumpFilters({ index: 3 }), body), filter);
  // The same with a mask: not for everything.
  const empty = "00000000".repeat(4);
  const masked = body.replace(
    `2400050001000100${empty}`,
    `2400050001000100${empty.slice(8)}ffffffff`,
  );
  assert.notEqual(masked, body);
  assert.equal(answerOf(dumpFilters({ index: 3 }), masked)?.redirectsTo, undefined);
});

test("ticksFor() cuts what the kernel has no room for", () => {
  assert.equal(ticksFor(10_000, 1_000_000), 156_250);
  assert.equal(ticksFor(268_435_455, 125), 0xffffffff);
  assert.equal(ticksFor(1, 1_000_000_000), 0);
});

test("the answers' readers fail cleanly on any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const request of [getQdisc({ index: 1 }), dumpFilters({ index: 1 })]) {
        try {
          answerOf(request as Request<unknown>, toHex(bytes));
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }
    }),
  );
});

test("a redirection leads to its own target, whatever others were written before", () => {
  const written = (target: number) => {
    const to = new Writer();
    newRedirect({ index: 3, target, priority: 1 }).write(to);
    return toHex(to.written());
  };
  const plain = written(0);
  for (const [target, bytes] of [
    [0x12345678, "78563412"],
    [255, "ff000000"],
    [0x12345678, "78563412"],
  ] as const) {
    const found = written(target);
    const at = found.indexOf(bytes, plain.length - 88);
    assert.ok(at > 0, found);
    assert.equal(found.slice(0, at) + "00000000" + found.slice(at + 8), plain);
  }
});
