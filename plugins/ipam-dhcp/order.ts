/** What the plugin and the daemon tell each other, and what the daemon writes into its lease files. */

import type { Dns, IpConfig, Route } from "../../pkg/cni/result.ts";
import { hexDigit } from "../../pkg/ip/hex.ts";

/** Which attachment; together these are its key. */
export interface Key {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** A lease to be had and kept. */
export interface Order extends Key {
  readonly netns: string;
  /** A name of this ADD alone: another one for the same attachment is answered with what is there. */
  readonly add: string;
  /** The metric of all routes; 0 for the kernel's own choice. */
  readonly priority: number;
  /** Left out where no lease of the family is wanted. */
  readonly v4?: Wanted4;
  readonly v6?: Wanted6;
}

/** How a lease of an IPv4 address is to be had. Bytes are in hex. */
export interface Wanted4 {
  /** Option 61; empty for the interface's hardware address. */
  readonly clientId: string;
  readonly request: readonly number[];
  readonly provide: readonly (readonly [code: number, value: string])[];
  /** Null leaves it to the daemon. */
  readonly broadcast: boolean | null;
  readonly rapidCommit: boolean;
  /** Milliseconds in which somebody else may claim the address. */
  readonly probe: number;
}

/** How IPv6 addresses and settings are to be had. Bytes are in hex. */
export interface Wanted6 {
  /** Whether routers' prefixes give the addresses, and DHCPv6 settings only. */
  readonly slaac: boolean;
  readonly duid: string;
  readonly iaid: string;
  readonly provide: readonly (readonly [code: number, value: string])[];
  readonly rapidCommit: boolean;
  /** Milliseconds in which somebody else may claim an address. */
  readonly probe: number;
}

/** What a lease of either family gives to an interface. */
export interface Granted {
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  readonly dns?: Dns;
}

/** A request to the daemon; with the ADD's name, only what that ADD got is released. */
export type Request =
  | { readonly method: "allocate"; readonly order: Order }
  | { readonly method: "release"; readonly key: Key; readonly add?: string }
  | { readonly method: "check"; readonly key: Key }
  | { readonly method: "gc"; readonly network: string; readonly valid: readonly Key[] }
  | { readonly method: "ping" | "status" };

/** Names an attachment in the daemon's tables and its log. */
export function nameOf({ network, containerId, ifName }: Key): string {
  return `${network}/${containerId}/${ifName}`;
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of an even number of hex digits; what is none counts as 0. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let at = 0; at < bytes.length; at++) {
    const high = Math.max(0, hexDigit(text.charCodeAt(at * 2)));
    bytes[at] = high * 16 + Math.max(0, hexDigit(text.charCodeAt(at * 2 + 1)));
  }
  return bytes;
}
