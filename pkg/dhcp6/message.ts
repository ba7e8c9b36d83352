/** DHCPv6 messages as bytes (RFC 8415, section 8). Every length is bounded; relayed messages are none of a client's. */

/** An option as it stands in a message; the same code may come again. */
export type OptionEntry = readonly [code: number, value: Uint8Array];

/** What a client and a server tell each other. */
export interface Message {
  readonly type: number;
  /** 24 bits, the client's choice. */
  readonly transaction: number;
  readonly options: readonly OptionEntry[];
}

const headLength = 4;
const optionHead = 4;
/** What fits into a datagram. */
const longestMessage = 65_527;

/** Reads a message; undefined for what is none, or whose options do not fit into it. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < headLength || bytes.length > longestMessage) return undefined;
  const [type = 0, high = 0, middle = 0, low = 0] = bytes;
  const options = readOptions(bytes.subarray(headLength));
  return options && { type, transaction: (high << 16) | (middle << 8) | low, options };
}

/** Reads a list of options, as messages and identity associations hold one; undefined when one reaches past its end. */
export function readOptions(bytes: Uint8Array): OptionEntry[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: OptionEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < optionHead) return undefined;
    const length = view.getUint16(at + 2);
    if (length > bytes.length - at - optionHead) return undefined;
    const from = at + optionHead;
    found.push([view.getUint16(at), bytes.slice(from, from + length)]);
    at = from + length;
  }
  return found;
}

/** The first value of an option; the others of one that must not come twice count for nothing. */
export function firstOf(options: readonly OptionEntry[], wanted: number): Uint8Array | undefined {
  return options.find(([code]) => code === wanted)?.[1];
}

/** The message's bytes. */
export function encodeMessage({ type, transaction, options }: Message): Uint8Array {
  const head = [type, transaction >>> 16, transaction >>> 8, transaction];
  return Uint8Array.from([...head, ...encodeOptions(options)]);
}

/** A list of options, one behind the other. */
export function encodeOptions(options: readonly OptionEntry[]): Uint8Array {
  const bytes = new Uint8Array(
    options.reduce((sum, [, { length }]) => sum + optionHead + length, 0),
  );
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [code, value] of options) {
    view.setUint16(at, code);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + optionHead);
    at += optionHead + value.length;
  }
  return bytes;
}
