/** The token bucket filter: packets leave at a rate, but for what the bucket has saved up. */

import { attributes, u8, u16, u32, type ValueOf } from "../netlink/codec.ts";
import { u64 } from "../netlink/long.ts";
import { struct } from "../netlink/struct.ts";

/** TC_LINKLAYER_ETHERNET, linux/pkt_sched.h: without it the kernel asks for a table of sizes that it does not use */
export const ethernet = 1;

/**
 * struct tc_tbf_qopt, linux/pkt_sched.h, with its two struct tc_ratespec. Rates are bytes a second, the limit is bytes,
 * the buffer is what the bucket holds, as the time in ticks that it takes to send it.
 */
const parameters = struct({
  cellLog: u8,
  linkLayer: u8,
  overhead: u16,
  cellAlign: u16,
  minUnit: u16,
  rate: u32,
  peakCellLog: u8,
  peakLinkLayer: u8,
  peakOverhead: u16,
  peakCellAlign: u16,
  peakMinUnit: u16,
  peakRate: u32,
  limit: u32,
  buffer: u32,
  mtu: u32,
});

/** TCA_TBF_*, linux/pkt_sched.h */
export const tbf = attributes({
  parameters: [1, parameters],
  /** The rate where 32 bits do not hold it. */
  rate64: [4, u64],
  /** What the bucket holds in bytes, instead of the buffer. */
  burst: [6, u32],
});

export type Tbf = ValueOf<typeof tbf>;
type Parameters = ValueOf<typeof parameters>;

/** What a bucket does, in numbers that the kernel keeps as they are. */
export interface Bucket {
  /** Bytes a second. */
  readonly rate: number;
  /** Bytes that may wait, or be saved up. */
  readonly limit: number;
  /** Ticks; see `ticksFor`. */
  readonly buffer: number;
}

/** PSCHED_SHIFT, net/pkt_sched.h: a tick has 64 ns; /proc/net/psched says so since it is there */
const ticksPerMicrosecond = 1000 / 64;
const most32 = 0xffffffff;

/** How many ticks it takes to send so many bytes, in whole microseconds; at most what the kernel has room for. */
export function ticksFor(bytes: number, rate: number): number {
  const microseconds = Math.trunc((bytes * 1e6) / rate);
  return Math.min(Math.trunc(microseconds * ticksPerMicrosecond), most32);
}

/** The attributes of a bucket. */
export function toTbf({ rate, limit, buffer }: Bucket): Tbf {
  const isWide = rate > most32;
  return {
    // The kernel wants all of the structure, which is written whole: what is not named is zero.
    parameters: { linkLayer: ethernet, rate: isWide ? most32 : rate, limit, buffer } as Parameters,
    rate64: isWide ? BigInt(rate) : undefined,
  };
}

/** The bucket that the attributes describe; undefined if they describe none. */
export function fromTbf({ parameters: found, rate64 }: Tbf): Bucket | undefined {
  if (found === undefined) return undefined;
  const { limit, buffer } = found;
  return { rate: rate64 === undefined ? found.rate : Number(rate64), limit, buffer };
}
