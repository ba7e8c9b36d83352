/** The question who has an address, and its answers (RFC 826, RFC 5227). Ethernet only. */

const size = 28;
const request = 1;

/** A probe: a question without a sender's address, which changes nobody's table. */
export function encodeProbe(mac: Uint8Array, address: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 1); // Ethernet
  view.setUint16(2, 0x0800);
  view.setUint8(4, 6);
  view.setUint8(5, 4);
  view.setUint16(6, request);
  bytes.set(mac, 8);
  view.setUint32(24, address);
  return bytes;
}

/** Whether a packet shows that somebody else has, or is about to take, the address (RFC 5227, 2.1.1). */
export function showsConflict(bytes: Uint8Array, mac: Uint8Array, address: number): boolean {
  if (bytes.length < size) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== 0x0001_0800 || view.getUint16(4) !== 0x0604) return false;
  if (mac.every((byte, at) => byte === bytes[8 + at])) return false;
  const sender = view.getUint32(14);
  if (sender === address) return true;
  return view.getUint16(6) === request && sender === 0 && view.getUint32(24) === address;
}
