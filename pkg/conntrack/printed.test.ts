import assert from "node:assert/strict";
import test from "node:test";
import { formatAddress } from "../ip/address.ts";
import type { Sought } from "./flow.ts";
import { readLines, settledLines } from "./printed.ts";

const UDP = 17;

const igmp =
  "ipv4     2 unknown  2 599 src=10.9.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.9.0.1 mark=0 zone=0 use=2";
const gre =
  "ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=10.9.0.1 dst=10.9.0.2 srckey=0x0 dstkey=0x0 [UNREPLIED] src=10.9.0.2 dst=10.9.0.1 srckey=0x0 dstkey=0x0 mark=0 use=2";
const tcp =
  "ipv6     10 tcp      6 431999 ESTABLISHED src=fd00:0000:0000:0000:0000:0000:0000:0001 dst=fd00:0000:0000:0000:0000:0000:0000:0002 sport=41000 dport=53 src=fd00:0001:0000:0000:0000:0000:0000:0002 dst=fd00:0000:0000:0000:0000:0000:0000:0001 sport=8080 dport=41000 [ASSURED] mark=0 use=2";
const udp =
  "ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.2 sport=47127 dport=53 [UNREPLIED] src=10.1.0.2 dst=127.0.0.1 sport=5353 dport=47127 mark=0 use=2";
const udp6 =
  "ipv6     10 udp      17 119 src=fd00:0000:0000:0000:0000:0000:0000:0001 dst=fd00:0000:0000:0000:0000:0000:0000:0002 sport=41000 dport=54 packets=8 bytes=400 src=fd00:0000:0000:0000:0000:0000:0000:0002 dst=fd00:0000:0000:0000:0000:0000:0000:0001 sport=54 dport=41000 packets=9 bytes=500 [ASSURED] mark=0 secctx=a:b:c zone=3 use=2";
const offloaded =
  "ipv4     2 udp      17 src=127.0.0.1 dst=127.0.0.2 sport=4 dport=53 src=127.0.0.2 dst=127.0.0.1 sport=53 dport=4 [OFFLOAD] mark=0 use=3";

const ports = [new Set([53, 54])];
const sought: Sought = { protocol: UDP, ports: { 4: ports, 6: ports } };

/** As `sport source > destination dport`, there and back. */
function read(lines: readonly string[], what: Sought = sought): string[] | undefined {
  return readLines(lines, what)?.map(({ original, reply, zone }) =>
    [
      ...[original, reply].map(
        ({ source, sourcePort, destination, destinationPort }) =>
          `${formatAddress(source)} ${sourcePort} > ${formatAddress(destination)} ${destinationPort}`,
      ),
      ...(zone === undefined ? [] : [`zone ${zone}`]),
    ].join(", "),
  );
}

const cases: [title: string, lines: string[], found: string[] | undefined][] = [
  ["nothing", [], []],
  ["other protocols", [igmp, gre, tcp], []],
  [
    "how it was opened and is answered",
    [udp],
    ["127.0.0.1 47127 > 127.0.0.2 53, 10.1.0.2 5353 > 127.0.0.1 47127"],
  ],
  [
    "counters and a zone",
    [udp6],
    ["fd00::1 41000 > fd00::2 54, fd00::2 54 > fd00::1 41000, zone 3"],
  ],
  ["no time left", [offloaded], ["127.0.0.1 4 > 127.0.0.2 53, 127.0.0.2 53 > 127.0.0.1 4"]],
  ["another port", [udp.replace("dport=53", "dport=530")], []],
  ["something else", [udp, "a new kind of line"], undefined],
  ["other columns", [udp.replace("udp      17", "udp 17")], undefined],
  ["no port where one is due", [udp.replaceAll("dport=", "port=")], undefined],
  ["an address that is none", [udp.replace("127.0.0.2", "127.0.0")], undefined],
  ["an address of the other family", [udp.replace("ipv4     2", "ipv6     10")], undefined],
];

for (const [title, lines, found] of cases) {
  test(`connections as the kernel prints them: ${title}`, () => {
    assert.deepEqual(read(lines), found);
  });
}

test("connections are meant by the ports of their own family", () => {
  const onlyFour = { protocol: UDP, ports: { 4: ports, 6: [] } };
  assert.equal(read([udp, udp6], onlyFour)?.length, 1);
  assert.equal(read([udp, udp6], { protocol: 6, ports: { 4: ports, 6: ports } })?.length, 0);
});

/** As many to ports of their own. */
function crowd(size: number): string[] {
  return Array.from({ length: size }, (_, at) => udp.replace("dport=53", `dport=${1000 + at}`));
}

/**
 * A kernel that prints a page at a time and goes on behind as many lines as it has printed. `changes` are what happens to
 * its list between two pages, by the number of the page from the first reading on.
 */
function kernel(
  list: string[],
  changes: Readonly<Record<number, (list: string[]) => unknown>> = {},
) {
  const state = { pages: 0, readings: 0 };
  const read = () => {
    state.readings++;
    let text = "";
    for (let at = 0; at < list.length; state.pages++) {
      changes[state.pages]?.(list);
      let pageText = "";
      for (; at < list.length && pageText.length + 1 + (list[at]?.length ?? 0) <= 4096; at++) {
        pageText += `${list[at]}\n`;
      }
      text += pageText;
    }
    return text;
  };
  return { read, state };
}

test("what was printed in one go is read once", () => {
  const { read, state } = kernel(crowd(16));
  assert.equal(settledLines(16, read)?.length, 16);
  assert.equal(state.readings, 1);
});

test("what was printed in one go is read again if the kernel counts more", () => {
  const { read, state } = kernel(crowd(16));
  assert.equal(settledLines(17, read)?.length, 16);
  assert.equal(state.readings, 2);
});

test("what was printed in several pages is read twice, whatever else changes of it", () => {
  const list = crowd(100);
  const later = (text: string) =>
    text.replace("17 29", "17 28").replace(" [UNREPLIED]", "").replace("use=2", "use=1");
  const pages = 4;
  const change = { [pages]: (own: string[]) => own.splice(0, own.length, ...own.map(later)) };
  const { read, state } = kernel(list, change);
  assert.equal(settledLines(100, read)?.length, 100);
  assert.equal(state.readings, 2);
  assert.equal(state.pages, 2 * pages);
});

test("a connection is not lost when one before it goes between two pages", () => {
  const all = crowd(60);
  for (let gone = 0; gone < 20; gone++) {
    // Behind the first page the kernel goes on one too far.
    const changes = { 1: (list: string[]) => list.splice(gone, 1) };
    const once = kernel([...all], changes).read();
    const missed = all.filter((line) => !once.includes(line));
    assert.equal(missed.length, 1);
    const { read, state } = kernel([...all], changes);
    const lines = settledLines(60, read);
    assert.deepEqual(
      lines,
      all.filter((_, at) => at !== gone),
    );
    assert.ok(lines?.includes(missed[0] ?? ""));
    assert.equal(state.readings, 3);
  }
});

test("where no two readings agree, or one fails, nothing is told", () => {
  const always = Object.fromEntries(
    Array.from({ length: 100 }, (_, page) => [page, (list: string[]) => list.splice(0, 1)]),
  );
  assert.equal(settledLines(100, kernel(crowd(100), always).read), undefined);
  assert.equal(
    settledLines(100, () => undefined),
    undefined,
  );
});
