/** SHA-512 (FIPS 180-4), by which the reference suite derives names of chains and links from those of networks. */

import { encode } from "../sys/text.ts";

const BLOCK = 128;
const ROUNDS = 80;

/** 64-bit words as pairs of 32 bits, high half first: BigInt would take ten times as long. */
type Words = Int32Array;

/** The first 64 bits behind the point of a prime's root, which is how the standard chooses its constants. */
function fractions(count: number, power: bigint): Words {
  const words = new Int32Array(2 * count);
  let prime = 1n;
  for (let index = 0; index < count; index++) {
    prime = nextPrime(prime);
    const fraction = root(prime << (64n * power), power);
    words[2 * index] = Number(BigInt.asIntN(32, fraction >> 32n));
    words[2 * index + 1] = Number(BigInt.asIntN(32, fraction));
  }
  return words;
}

function nextPrime(after: bigint): bigint {
  for (let candidate = after + 1n; ; candidate++) {
    let divisor = 2n;
    while (divisor * divisor <= candidate && candidate % divisor !== 0n) divisor++;
    if (divisor * divisor > candidate) return candidate;
  }
}

/** The largest whole number whose power is not above the value. */
function root(value: bigint, power: bigint): bigint {
  let low = 0n;
  let high = 1n << 80n;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** power <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

// Computed when the executable is built; nothing of it is left to do at run time.
const start = fractions(8, 2n);
const constants = fractions(ROUNDS, 3n);

/** The digest of a text, in lower-case hexadecimal. */
export function sha512(text: string): string {
  const state = start.slice();
  const schedule = new Int32Array(2 * ROUNDS);
  const message = pad(encode(text));
  const view = new DataView(message.buffer);
  for (let at = 0; at < message.length; at += BLOCK) {
    for (let index = 0; index < 32; index++) schedule[index] = view.getInt32(at + 4 * index);
    extend(schedule);
    compress(state, schedule);
  }
  return Array.from(state, (half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

/** A one bit, zeros, and the length in bits. */
function pad(bytes: Uint8Array): Uint8Array {
  const length = Math.ceil((bytes.length + 17) / BLOCK) * BLOCK;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  new DataView(padded.buffer).setUint32(length - 4, bytes.length * 8);
  return padded;
}

/** What a sum of low halves, each below 2^32, has beyond 32 bits is its quotient by this: exact, as floats are up to 2^53. */
const WRAP = 0x1_0000_0000;

// Neither function destructures, nor calls another: an interpreter pays more for that than for the arithmetic.

/** Words 16 to 79: each from four before it. */
function extend(w: Words): void {
  for (let i = 32; i < 2 * ROUNDS; i += 2) {
    const h2 = w[i - 4] as number;
    const l2 = w[i - 3] as number;
    const h15 = w[i - 30] as number;
    const l15 = w[i - 29] as number;
    const s1h = ((h2 >>> 19) | (l2 << 13)) ^ ((l2 >>> 29) | (h2 << 3)) ^ (h2 >>> 6);
    const s1l = ((l2 >>> 19) | (h2 << 13)) ^ ((h2 >>> 29) | (l2 << 3)) ^ ((l2 >>> 6) | (h2 << 26));
    const s0h = ((h15 >>> 1) | (l15 << 31)) ^ ((h15 >>> 8) | (l15 << 24)) ^ (h15 >>> 7);
    const s0l =
      ((l15 >>> 1) | (h15 << 31)) ^ ((l15 >>> 8) | (h15 << 24)) ^ ((l15 >>> 7) | (h15 << 25));
    const low =
      (s1l >>> 0) + ((w[i - 13] as number) >>> 0) + (s0l >>> 0) + ((w[i - 31] as number) >>> 0);
    w[i + 1] = low;
    w[i] = s1h + (w[i - 14] as number) + s0h + (w[i - 32] as number) + ((low / WRAP) | 0);
  }
}

/** The eighty rounds over one block. */
function compress(state: Words, w: Words): void {
  let [ah, al, bh, bl, ch, cl, dh, dl] = state as unknown as number[] as Eight;
  let [eh, el, fh, fl, gh, gl, hh, hl] = state.subarray(8) as unknown as number[] as Eight;
  for (let i = 0; i < 2 * ROUNDS; i += 2) {
    const s1h = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
    const s1l = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
    const low1 =
      (hl >>> 0) +
      (s1l >>> 0) +
      (((el & fl) ^ (~el & gl)) >>> 0) +
      ((constants[i + 1] as number) >>> 0) +
      ((w[i + 1] as number) >>> 0);
    const high1 =
      (hh +
        s1h +
        ((eh & fh) ^ (~eh & gh)) +
        (constants[i] as number) +
        (w[i] as number) +
        ((low1 / WRAP) | 0)) |
      0;
    const s0h = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
    const s0l = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
    const low2 = (s0l >>> 0) + (((al & bl) ^ (al & cl) ^ (bl & cl)) >>> 0);
    const high2 = s0h + ((ah & bh) ^ (ah & ch) ^ (bh & ch)) + ((low2 / WRAP) | 0);
    const lowE = (dl >>> 0) + (low1 >>> 0);
    const lowA = (low1 >>> 0) + (low2 >>> 0);
    hh = gh;
    hl = gl;
    gh = fh;
    gl = fl;
    fh = eh;
    fl = el;
    eh = (dh + high1 + ((lowE / WRAP) | 0)) | 0;
    el = lowE | 0;
    dh = ch;
    dl = cl;
    ch = bh;
    cl = bl;
    bh = ah;
    bl = al;
    ah = (high1 + high2 + ((lowA / WRAP) | 0)) | 0;
    al = lowA | 0;
  }
  addTo(state, [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl]);
}

type Eight = [number, number, number, number, number, number, number, number];

function addTo(state: Words, halves: readonly number[]): void {
  for (let i = 0; i < 16; i += 2) {
    const low = ((state[i + 1] as number) >>> 0) + ((halves[i + 1] as number) >>> 0);
    state[i + 1] = low;
    state[i] = (state[i] as number) + (halves[i] as number) + ((low / WRAP) | 0);
  }
}
