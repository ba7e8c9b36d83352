/** What a client is known by to servers: the forms of option 61, and the names that go with it. */

import { sha512 } from "../sys/sha512.ts";
import { encode } from "../sys/text.ts";
import { checkedName } from "./value.ts";

/** One attachment: what its names are made of. */
export interface Attachment {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** RFC 4361, 6.1: the type of an id made of an IAID and a DUID; 0 is the type of what is nothing in particular. */
const Type = { text: 0, ethernet: 1, duid: 255 } as const;
/** DUID-UUID, RFC 6355 */
const duidUuid = 4;
/** Option 61 with its type byte. */
const longest = 255;

/** `<container id>/<network>/<ifname>`, the reference's id. Where it cuts what is too long, here a hash tells ids apart. */
export function containerClientId({ containerId, network, ifName }: Attachment): Uint8Array {
  const text = `${containerId}/${network}/${ifName}`;
  return textClientId(
    text.length < longest ? text : `${text.slice(0, 125)}/${sha512(text)}`.slice(0, longest - 1),
  );
}

/** A text of the operator's. */
export function textClientId(text: string): Uint8Array {
  return Uint8Array.of(Type.text, ...encode(text));
}

/** The hardware address, as clients without further ideas send it. */
export function macClientId(mac: Uint8Array): Uint8Array {
  return Uint8Array.of(Type.ethernet, ...mac);
}

/** The id that DHCPv6 knows the same client by (RFC 4361). */
export function duidClientId(attachment: Attachment): Uint8Array {
  return Uint8Array.of(Type.duid, ...iaidOf(attachment), ...duidOf(attachment));
}

/** The container's DUID on this network: the same whenever it is asked for, though its MAC addresses change. */
export function duidOf({ network, containerId }: Attachment): Uint8Array {
  const uuid = hashed(`${network}/${containerId}`, 16);
  return Uint8Array.of(0, duidUuid, ...uuid);
}

/** The interface among those of its container. */
export function iaidOf({ ifName }: Attachment): Uint8Array {
  return hashed(ifName, 4);
}

function hashed(text: string, count: number): Uint8Array {
  const hex = sha512(text);
  return Uint8Array.from({ length: count }, (_, at) => Number.parseInt(hex.substr(at * 2, 2), 16));
}

/** RFC 4702: S asks the server to update the name's address, E says that the name is in DNS's form. */
const FqdnFlag = { serverUpdates: 1, encoded: 4 } as const;

/** The same for DHCPv6 (RFC 4704, 4.1), whose names are always in DNS's form. */
export function fqdnOption6(name: string): Uint8Array | undefined {
  const value = fqdnOption(name);
  return value && Uint8Array.of(FqdnFlag.serverUpdates, ...value.subarray(3));
}

/** Option 81; undefined for what is no domain name. One without a dot is left for the server to complete. */
export function fqdnOption(name: string): Uint8Array | undefined {
  const checked = checkedName(name);
  if (checked === undefined) return undefined;
  const labels = checked.split(".");
  const bytes: number[] = [FqdnFlag.serverUpdates | FqdnFlag.encoded, 0, 0];
  for (const label of labels) bytes.push(label.length, ...encode(label));
  // Without the root at its end the name is a partial one.
  if (labels.length > 1) bytes.push(0);
  return Uint8Array.from(bytes);
}
