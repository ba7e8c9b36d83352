/** Messages of D-Bus (D-Bus specification, "Message Format"): calls are written, whatever comes is read. */

import { MalformedError, type Value, ValueReader, ValueWriter } from "./value.ts";

/** A method to be called; its arguments are strings. */
export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly arguments: readonly string[];
}

/** The four kinds of messages. */
export const MessageType = { call: 1, return: 2, error: 3, signal: 4 } as const;

/** NO_AUTO_START: a service that does not run is not to be started for this */
const doNotStart = 2;

/** Header fields, by number. */
const Field = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

/** Bytes before the header's fields; the last four are their length. */
const fixedLength = 16;
/** The specification allows 128 MB; nothing that is asked for here comes near this. */
const longest = 1 << 20;

const littleEndian = "l".charCodeAt(0);
const bigEndian = "B".charCodeAt(0);
const version = 1;

/** The bytes of a call. */
export function encodeCall(call: MethodCall, serial: number): Uint8Array {
  const body = new ValueWriter();
  for (const text of call.arguments) body.text(text);
  const message = new ValueWriter();
  for (const byte of [littleEndian, MessageType.call, doNotStart, version]) message.byte(byte);
  message.uint32(body.length);
  message.uint32(serial);
  const fields = encodeFields(call);
  message.uint32(fields.length);
  message.append(fields);
  message.align(8);
  message.append(body.bytes);
  return message.bytes;
}

/** They begin at a multiple of eight, so they may be written apart. */
function encodeFields(call: MethodCall): Uint8Array {
  const fields = new ValueWriter();
  const put = (field: number, type: string, text: string) => {
    fields.align(8);
    fields.byte(field);
    fields.signature(type);
    if (type === "g") fields.signature(text);
    else fields.text(text);
  };
  put(Field.path, "o", call.path);
  put(Field.interface, "s", call.interface);
  put(Field.member, "s", call.member);
  put(Field.destination, "s", call.destination);
  if (call.arguments.length > 0) put(Field.signature, "g", "s".repeat(call.arguments.length));
  return fields.bytes;
}

/** A message as read. */
export interface Message {
  readonly type: number;
  /** Of the call that it answers. */
  readonly replySerial: number | undefined;
  readonly errorName: string;
  readonly body: readonly Value[];
}

/** How long the message is whose beginning is here; undefined where that cannot be told yet. */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < fixedLength) return undefined;
  const little = isLittleEndian(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, fixedLength);
  const fields = view.getUint32(12, little);
  const body = view.getUint32(4, little);
  if (fields > longest || body > longest) throw new MalformedError("a message is too long");
  return fixedLength + ((fields + 7) & -8) + body;
}

function isLittleEndian([order, , , protocol]: Uint8Array): boolean {
  if (protocol !== version || (order !== littleEndian && order !== bigEndian)) {
    throw new MalformedError("this is no message of D-Bus");
  }
  return order === littleEndian;
}

/** Reads a whole message. */
export function decodeMessage(bytes: Uint8Array): Message {
  const little = isLittleEndian(bytes);
  const [, type, , , bodyLength, , fields] = new ValueReader(bytes, little).readAll("yyyyuua(yv)");
  const header = new Map<number, Value>();
  for (const field of fields as readonly [number, Value][]) header.set(field[0], field[1]);
  const signature = header.get(Field.signature);
  const body = new ValueReader(bytes.subarray(bytes.length - (bodyLength as number)), little);
  const replySerial = header.get(Field.replySerial);
  return {
    type: type as number,
    replySerial: typeof replySerial === "number" ? replySerial : undefined,
    errorName: String(header.get(Field.errorName) ?? ""),
    body: typeof signature === "string" ? body.readAll(signature) : [],
  };
}
