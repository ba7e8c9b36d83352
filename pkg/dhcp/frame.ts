/** IPv4 and UDP headers around a message, for sockets that see whole packets (RFC 791, RFC 768). */

/** Where a datagram comes from and goes to. */
export interface Ends {
  readonly source: number;
  readonly destination: number;
}

/** UDP ports, RFC 2131 */
export const Port = { server: 67, client: 68 } as const;

const ipHeader = 20;
const udpHeader = 8;
const protocolUdp = 17;
const timeToLive = 64;
/** The fragment offset, and the flag that more follow. */
const fragmentBits = 0x3fff;

/** The packet that carries a message from the client's port to the server's. */
export function encodeFrame(message: Uint8Array, { source, destination }: Ends): Uint8Array {
  const length = ipHeader + udpHeader + message.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, length);
  view.setUint8(8, timeToLive);
  view.setUint8(9, protocolUdp);
  view.setUint32(12, source);
  view.setUint32(16, destination);
  view.setUint16(10, checksum(sum(bytes, 0, ipHeader, 0)));
  view.setUint16(ipHeader, Port.client);
  view.setUint16(ipHeader + 2, Port.server);
  view.setUint16(ipHeader + 4, length - ipHeader);
  bytes.set(message, ipHeader + udpHeader);
  // A sum of 0 is sent as all ones: 0 says that there is none.
  view.setUint16(ipHeader + 6, checksum(udpSum(bytes, ipHeader, length)) || 0xffff);
  return bytes;
}

/** What a packet to the client's port holds. */
export interface Frame extends Ends {
  readonly payload: Uint8Array;
}

/**
 * Reads a packet; undefined for what is none, is no UDP to the client's port, is a fragment or was damaged. Where
 * `summed` is false its UDP checksum is for a network card to fill in, and none will: it never leaves the machine.
 */
export function decodeFrame(bytes: Uint8Array, summed: boolean): Frame | undefined {
  if (bytes.length < ipHeader + udpHeader || (bytes[0] ?? 0) >> 4 !== 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = ((bytes[0] ?? 0) & 15) * 4;
  const total = view.getUint16(2);
  if (header < ipHeader || total < header + udpHeader || total > bytes.length) return undefined;
  if (view.getUint8(9) !== protocolUdp || (view.getUint16(6) & fragmentBits) !== 0)
    return undefined;
  if (checksum(sum(bytes, 0, header, 0)) !== 0) return undefined;
  const length = view.getUint16(header + 4);
  if (view.getUint16(header + 2) !== Port.client) return undefined;
  if (length < udpHeader || length > total - header) return undefined;
  const end = header + length;
  const isSummed = summed && view.getUint16(header + 6) !== 0;
  if (isSummed && checksum(udpSum(bytes, header, end)) !== 0) return undefined;
  return {
    source: view.getUint32(12),
    destination: view.getUint32(16),
    payload: bytes.subarray(header + udpHeader, end),
  };
}

/** With the pseudo header: both addresses, protocol, length. */
function udpSum(bytes: Uint8Array, start: number, end: number): number {
  const addresses = sum(bytes, 12, 20, protocolUdp + end - start);
  return sum(bytes, start, end, addresses);
}

function sum(bytes: Uint8Array, start: number, end: number, before: number): number {
  let total = before;
  for (let at = start; at < end; at += 2) {
    total += ((bytes[at] ?? 0) << 8) | (at + 1 < end ? (bytes[at + 1] ?? 0) : 0);
  }
  return total;
}

/** The one's complement of a sum, folded into 16 bits. */
function checksum(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}
