/** The MAC address a configuration asks for, if it does. */

import { CniError, ErrorCode } from "../cni/error.ts";
import { formatMac, parseMac } from "../ip/mac.ts";

/** Ethernet's; the other lengths that are MAC addresses no such link has. */
const ethernetLength = 6;

/** The first of the texts that is not empty, as a MAC address. Throws in the reference's words. */
export function requestedMac(...texts: readonly (string | undefined)[]): string | undefined {
  const text = texts.find((it) => it);
  if (text === undefined) return undefined;
  const mac = parseMac(text);
  if (mac?.length !== ethernetLength) throw invalid(text, "invalid MAC address");
  const [first = 0] = mac;
  // The kernel would refuse both, without saying why.
  if ((first & 1) !== 0) throw invalid(text, "a multicast address cannot be an interface's");
  if (mac.every((byte) => byte === 0)) throw invalid(text, "no interface can have it");
  return formatMac(mac);
}

function invalid(text: string, reason: string): CniError {
  const message = `invalid args ${text} for MAC addr: address ${text}: ${reason}`;
  return new CniError(ErrorCode.invalidConfig, message);
}
