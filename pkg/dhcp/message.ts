/** DHCP messages as bytes (RFC 2131, section 2; options as RFC 2132 and 3396 have them). Every length is bounded. */

import { Option } from "./option.ts";

/** An option's values by its number; those of one number are already joined. */
export type Options = ReadonlyMap<number, Uint8Array>;

/** A message; IPv4 addresses are numbers, 0 for none. */
export interface Message {
  /** 1 from clients, 2 from servers. */
  readonly op: number;
  /** ARPHRD_*: 1 is Ethernet. */
  readonly hardwareType: number;
  /** The client's hardware address. */
  readonly hardware: Uint8Array;
  readonly xid: number;
  /** Since the client began. */
  readonly seconds: number;
  /** Asks servers and relays to answer by broadcast. */
  readonly broadcast: boolean;
  /** ciaddr: the address the client has and uses. */
  readonly clientAddress: number;
  /** yiaddr: the one it is given. */
  readonly yourAddress: number;
  readonly nextServer: number;
  readonly relay: number;
  readonly options: Options;
}

/** struct of RFC 2131, figure 1: where its fields begin */
const At = {
  hardwareType: 1,
  hardwareLength: 2,
  xid: 4,
  seconds: 8,
  flags: 10,
  clientAddress: 12,
  yourAddress: 16,
  nextServer: 20,
  relay: 24,
  hardware: 28,
  serverName: 44,
  file: 108,
  cookie: 236,
  options: 240,
} as const;

const cookie = 0x63825363;
const broadcastFlag = 0x8000;
const mostHardware = 16;
/** BOOTP's: some relays drop what is shorter. */
const leastLength = 300;
/** What every host must take (RFC 2131, section 2), and what we say we take. */
export const longestMessage = 1472;

/** Reads a message; undefined for what is none, or whose options do not fit into it. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < At.options || bytes.length > 65_507) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(At.cookie) !== cookie) return undefined;
  const length = bytes[At.hardwareLength] ?? 0;
  if (length > mostHardware) return undefined;
  const options = readOptions(bytes);
  if (options === undefined) return undefined;
  return {
    op: bytes[0] ?? 0,
    hardwareType: bytes[At.hardwareType] ?? 0,
    hardware: bytes.slice(At.hardware, At.hardware + length),
    xid: view.getUint32(At.xid),
    seconds: view.getUint16(At.seconds),
    broadcast: (view.getUint16(At.flags) & broadcastFlag) !== 0,
    clientAddress: view.getUint32(At.clientAddress),
    yourAddress: view.getUint32(At.yourAddress),
    nextServer: view.getUint32(At.nextServer),
    relay: view.getUint32(At.relay),
    options,
  };
}

/** All options, in the order RFC 3396 joins them in: the options field, then `file`, then `sname`. */
function readOptions(bytes: Uint8Array): Options | undefined {
  const found = new Map<number, Uint8Array>();
  if (!readField(bytes, At.options, bytes.length, found)) return undefined;
  const overload = found.get(Option.overload)?.[0] ?? 0;
  if (overload & 1 && !readField(bytes, At.file, At.cookie, found)) return undefined;
  if (overload & 2 && !readField(bytes, At.serverName, At.file, found)) return undefined;
  return found;
}

/** Reads the options of one field; false when one reaches past its end. */
function readField(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Map<number, Uint8Array>,
): boolean {
  for (let at = start; at < end; ) {
    const code = bytes[at++] ?? 0;
    if (code === Option.end) return true;
    if (code === Option.pad) continue;
    if (at >= end) return false;
    const length = bytes[at++] ?? 0;
    if (length > end - at) return false;
    const value = bytes.subarray(at, at + length);
    const before = into.get(code);
    into.set(code, before === undefined ? value.slice() : joined(before, value));
    at += length;
  }
  // Some servers leave the end mark out when the field is full.
  return true;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The message's bytes. Values over 255 bytes are split (RFC 3396). Throws a RangeError past `longestMessage`. */
export function encodeMessage(message: Message): Uint8Array {
  let size = At.options + 1;
  for (const value of message.options.values()) {
    size += value.length + 2 * Math.max(1, Math.ceil(value.length / 255));
  }
  if (size > longestMessage) {
    throw new RangeError(`cannot send a message of ${size} bytes: ${longestMessage} are the most`);
  }
  const bytes = new Uint8Array(Math.max(size, leastLength));
  const view = new DataView(bytes.buffer);
  bytes[0] = message.op;
  bytes[At.hardwareType] = message.hardwareType;
  bytes[At.hardwareLength] = message.hardware.length;
  bytes.set(message.hardware, At.hardware);
  view.setUint32(At.xid, message.xid);
  view.setUint16(At.seconds, Math.min(0xffff, message.seconds));
  view.setUint16(At.flags, message.broadcast ? broadcastFlag : 0);
  view.setUint32(At.clientAddress, message.clientAddress);
  view.setUint32(At.yourAddress, message.yourAddress);
  view.setUint32(At.nextServer, message.nextServer);
  view.setUint32(At.relay, message.relay);
  view.setUint32(At.cookie, cookie);
  writeOptions(bytes, message.options);
  return bytes;
}

function writeOptions(bytes: Uint8Array, options: Options): void {
  let at: number = At.options;
  for (const [code, value] of options) {
    let from = 0;
    do {
      const piece = value.subarray(from, from + 255);
      bytes[at++] = code;
      bytes[at++] = piece.length;
      bytes.set(piece, at);
      at += piece.length;
      from += 255;
    } while (from < value.length);
  }
  bytes[at] = Option.end;
}
