/**
 * How plugin and daemon talk: a line `TSCNI-DHCP <version> <bytes>`, then so many bytes of JSON, each way once. A
 * stranger at either end reads a line, and answers it or is answered with an error, instead of waiting.
 */

import { decode, encode } from "../../pkg/sys/text.ts";

/** Changes whenever one side would no longer understand the other. */
export const protocolVersion = 1;

/** Nothing legitimate comes near: the longest is the status of some thousand attachments. */
const longestMessage = 4 << 20;
const longestLine = 64;
const newline = 10;
const line = /^TSCNI-DHCP (\d{1,9}) (\d{1,9})$/;

/** A message's bytes. */
export function encodeWire(value: unknown): Uint8Array {
  const body = encode(JSON.stringify(value));
  const head = encode(`TSCNI-DHCP ${protocolVersion} ${body.length}\n`);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** What is wrong with what the other side says; `peerVersion` where it is that only. */
export class WireFault extends Error {
  override readonly name = "WireFault";
  readonly peerVersion: number | undefined;

  constructor(message: string, peerVersion?: number) {
    super(message);
    this.peerVersion = peerVersion;
  }
}

/** Gathers the pieces of one message. */
export class WireReader {
  #bytes = new Uint8Array(0);

  /** Takes a piece; the message once it is whole. Throws WireFault for what can become none. */
  take(piece: Uint8Array): unknown {
    const bytes = new Uint8Array(this.#bytes.length + piece.length);
    bytes.set(this.#bytes);
    bytes.set(piece, this.#bytes.length);
    this.#bytes = bytes;
    const end = bytes.subarray(0, longestLine).indexOf(newline);
    if (end < 0) {
      if (bytes.length < longestLine) return undefined;
      throw new WireFault("it does not speak the language of this suite's daemon");
    }
    const length = readHead(decode(bytes.subarray(0, end)));
    const body = bytes.subarray(end + 1);
    return body.length < length ? undefined : parse(decode(body.subarray(0, length)));
  }
}

function readHead(text: string): number {
  const [, version, length] = line.exec(text.replace(/\r$/, "")) ?? [];
  if (version === undefined) {
    throw new WireFault(`it does not speak the language of this suite's daemon: "${text}"`);
  }
  if (Number(version) !== protocolVersion) {
    throw new WireFault(`it speaks version ${version} of the protocol`, Number(version));
  }
  if (Number(length) > longestMessage) throw new WireFault(`a message of ${length} bytes`);
  return Number(length);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new WireFault("a message that is no JSON");
  }
}
