/**
 * A client of the Kubernetes container runtime interface, as far as the tests need it: gRPC over a Unix socket, its
 * messages written by field number (k8s.io/cri-api, pkg/apis/runtime/v1/api.proto).
 */

import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

/** Field number to value: text, a whole number, a message, or several of one kind. */
export interface Message {
  readonly [field: number]: string | number | Message | readonly (string | Message)[];
}

/** Fields of an answer: numbers as they are, everything else as bytes. */
export type Fields = ReadonlyMap<number, (number | Buffer)[]>;

/** Calls a method of the runtime service. Throws the service's own words. */
export async function callCri(socket: string, method: string, request: Message): Promise<Fields> {
  const session = connectHttp2("http://localhost", { createConnection: () => connect(socket) });
  try {
    return await exchange(session, method, request);
  } finally {
    session.close();
  }
}

/** The first value of a field, as text. */
export function textOf(fields: Fields, field: number): string {
  const [value = ""] = fields.get(field) ?? [];
  return value.toString();
}

/** The first value of a field, as a message. */
export function messageOf(fields: Fields, field: number): Fields {
  const [value] = fields.get(field) ?? [];
  return typeof value === "object" ? decode(value) : new Map();
}

function exchange(
  session: ReturnType<typeof connectHttp2>,
  method: string,
  request: Message,
): Promise<Fields> {
  return new Promise((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": `/runtime.v1.RuntimeService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    let status = "";
    const readStatus = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] === undefined) return;
      status = `${headers["grpc-status"]} ${decodeURIComponent(String(headers["grpc-message"] ?? ""))}`;
    };
    stream.on("response", readStatus);
    stream.on("trailers", readStatus);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      const answer = Buffer.concat(chunks);
      if (status.startsWith("0 ")) resolve(decode(answer.subarray(prefixLength)));
      else reject(new Error(`${method}: ${status}`));
    });
    const body = encode(request);
    const prefix = Buffer.alloc(prefixLength);
    prefix.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([prefix, body]));
  });
}

/** In front of every message: whether it is compressed, and its length. */
const prefixLength = 5;

function encode(message: Message): Buffer {
  const parts = Object.entries(message).flatMap(([field, value]) => {
    const values = Array.isArray(value) ? value : [value];
    return values.map((one) => encodeField(Number(field), one));
  });
  return Buffer.concat(parts);
}

function encodeField(field: number, value: string | number | Message): Buffer {
  if (typeof value === "number") return Buffer.concat([varint(field << 3), varint(value)]);
  const bytes = typeof value === "string" ? Buffer.from(value) : encode(value);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function decode(bytes: Buffer): Fields {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = readVarint();
    const number = readVarint();
    const values = fields.get(key >> 3) ?? [];
    fields.set(key >> 3, values);
    if ((key & 7) === 0) values.push(number);
    else {
      values.push(bytes.subarray(at, at + number));
      at += number;
    }
  }
  return fields;
}
