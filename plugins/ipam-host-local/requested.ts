/** Addresses that the caller wants, from the three places it may name them in. */

import { badArgument } from "../../pkg/cni/args.ts";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { type Address, formatAddress, parseAddress, sameAddress } from "../../pkg/ip/address.ts";
import { parsePrefix } from "../../pkg/ip/prefix.ts";
import { contains } from "../../pkg/ip/range.ts";
import type { RangeSet } from "../../pkg/ip/range-set.ts";

/** Where requests come from; all of them count. A prefix length in them is ignored, the range's own is used. */
export interface RequestSources {
  /** `IP` of CNI_ARGS */
  readonly cniArgs?: string;
  /** `args.cni.ips` */
  readonly args?: readonly string[];
  /** `runtimeConfig.ips` */
  readonly runtimeConfig?: readonly string[];
}

/** The requested addresses, each once, in the order of their sources. */
export function readRequested(sources: RequestSources): Address[] {
  const requested: Address[] = [];
  const add = (address: Address) => {
    if (!requested.some((other) => sameAddress(other, address))) requested.push(address);
  };
  if (sources.cniArgs) add(readArgument(sources.cniArgs));
  for (const text of [...(sources.args ?? []), ...(sources.runtimeConfig ?? [])]) {
    add(readListed(text));
  }
  return requested;
}

/** Takes the first request that lies in the set out of the list. */
export function takeRequest(requested: Address[], set: RangeSet): Address | undefined {
  const at = requested.findIndex((address) => set.some((range) => contains(range, address)));
  return at < 0 ? undefined : requested.splice(at, 1)[0];
}

/** Throws when a request lies in no range set. */
export function refuseLeftOver(requested: readonly Address[]): void {
  if (requested.length === 0) return;
  const list = requested.map(formatAddress).join(" ");
  throw new Error(`failed to allocate all requested IPs: ${list}`);
}

function readArgument(text: string): Address {
  const address = parse(text);
  if (address) return address;
  throw badArgument(`IP=${text}`, `invalid IP address ${text}`);
}

function readListed(text: string): Address {
  const address = parse(text);
  if (address) return address;
  throw new CniError(
    ErrorCode.invalidConfig,
    text === "" ? "cannot understand ip: IP <nil> not v4 nor v6" : `invalid IP address ${text}`,
  );
}

function parse(text: string): Address | undefined {
  return text.includes("/") ? parsePrefix(text)?.address : parseAddress(text);
}
