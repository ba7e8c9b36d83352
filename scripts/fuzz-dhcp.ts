/**
 * Lets the DHCP client hear mutated packets for as long as wanted: `node --expose-gc --import tsx scripts/fuzz-dhcp.ts
 * [packets [seed]]`, ten million unless told otherwise. Fails where one throws, hangs or leaves memory behind.
 */

import { hearMutated } from "../pkg/dhcp/testing/mutate.ts";

const packets = Number(process.argv[2] ?? 10_000_000);
const seed = Number(process.argv[3] ?? Date.now() % 0x7fff_ffff);
const portion = 100_000;
/** Far more than a slow machine needs for a portion. */
const slowestMs = 60_000;

function heapAfterCollection(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

console.log(`${packets} packets, seed ${seed}`);
const total = { messages: 0, leases: 0, acted: 0 };
let slowest = 0;
let first = 0;
for (let done = 0; done < packets; done += portion) {
  const began = performance.now();
  const tally = hearMutated(Math.min(portion, packets - done), seed + done);
  slowest = Math.max(slowest, performance.now() - began);
  total.messages += tally.messages;
  total.leases += tally.leases;
  total.acted += tally.acted;
  if (done === 0) first = heapAfterCollection();
}
const grown = Math.round((heapAfterCollection() - first) / 1024);
console.log(
  `${total.messages} were messages, ${total.leases} could be leases, ${total.acted} led on; ` +
    `the slowest ${portion} took ${slowest.toFixed(0)} ms; the heap grew by ${grown} KB`,
);
if (slowest > slowestMs || grown > 4096) process.exit(1);
