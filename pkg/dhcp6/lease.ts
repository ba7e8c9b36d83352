/** What a server's Reply grants: addresses, and settings without any. */

import { readNames } from "../dhcp/value.ts";
import { formatAddress, fromBytes, isMulticast, isUnspecified } from "../ip/address.ts";
import { type Association, forEver, secondsAfter } from "./association.ts";
import { firstOf, type Message, type OptionEntry } from "./message.ts";
import { Option } from "./option.ts";

/** What servers tell about the network. */
export interface Settings {
  readonly dns: readonly string[];
  readonly search: readonly string[];
}

/** A lease, as it is saved, too; times are milliseconds on the clock of the moments given to the client. */
export interface Lease extends Settings {
  /** Empty for settings alone. */
  readonly addresses: readonly string[];
  /** The server's DUID in hex. */
  readonly server: string;
  /** Null in a lease for ever: JSON knows no infinity. */
  readonly renewAt: number | null;
  readonly rebindAt: number | null;
  readonly expiresAt: number | null;
}

/** RFC 8415, 21.4: what a client does where the server leaves it to it. */
const renewalShare = 0.5;
const rebindingShare = 0.8;
/** RFC 8415, 21.23: how often settings are asked for again where the server does not say, and at most. Seconds. */
const defaultRefresh = 86_400;
const leastRefresh = 600;

/** The lease of a Reply with addresses; `since` is when it was asked for. */
export function leaseOf(
  { options }: Message,
  { addresses, renewal, rebinding }: Association,
  { server, since }: { readonly server: string; readonly since: number },
): Lease {
  // One end for all: an interface has one address from us but where a server is generous.
  const valid = Math.min(...addresses.map((it) => it.valid));
  const preferred = Math.min(...addresses.map((it) => it.preferred));
  const base = preferred === 0 ? valid : preferred;
  const second = rebinding || (base === forEver ? forEver : base * rebindingShare);
  const first = renewal || Math.min(second, base === forEver ? forEver : base * renewalShare);
  return {
    ...settingsIn(options),
    addresses: addresses.map(({ address }) => formatAddress(address)),
    server,
    renewAt: secondsAfter(since, Math.min(first, valid)),
    rebindAt: secondsAfter(since, Math.min(second, valid)),
    expiresAt: secondsAfter(since, valid),
  };
}

/** Settings without addresses, and when to ask for them again (RFC 8415, 18.2.6). */
export function settingsOf({ options }: Message, server: string, since: number): Lease {
  const told = readSeconds(firstOf(options, Option.informationRefreshTime)) ?? defaultRefresh;
  const renewAt = secondsAfter(since, Math.max(leastRefresh, told));
  const times = { renewAt, rebindAt: null, expiresAt: null };
  return { ...settingsIn(options), addresses: [], server, ...times };
}

function settingsIn(options: readonly OptionEntry[]): Settings {
  return {
    dns: readServers(firstOf(options, Option.dnsServers)),
    search: readNames(firstOf(options, Option.domainSearch)),
  };
}

/** Addresses of 16 bytes each; empty for a list of another length (RFC 3646, RFC 8106). */
export function readServers(value: Uint8Array | undefined): string[] {
  if (value === undefined || value.length % 16 !== 0) return [];
  const found: string[] = [];
  for (let at = 0; at < value.length; at += 16) {
    const address = fromBytes(value.subarray(at, at + 16));
    if (!isUnspecified(address) && !isMulticast(address)) found.push(formatAddress(address));
  }
  return found;
}

/** A time in seconds: exactly four bytes. */
export function readSeconds(value: Uint8Array | undefined): number | undefined {
  if (value?.length !== 4) return undefined;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
}
