/** Fields that configurations share. Each carries its check, so that a mistake is told in the reference's words. */

import * as v from "valibot";
import { parseAddress } from "../ip/address.ts";
import { parseMac } from "../ip/mac.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { saysAddress, saysAddressOrNothing, saysCidr, saysMac } from "./json-schema.ts";

/** A whole number; with bounds, one within them. */
export function integer(least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER) {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

/** What a netlink attribute of 32 bits holds. */
const unsigned32 = integer(0, 0xffffffff);

/** An MTU in bytes; 0 leaves the kernel's default. IFLA_MTU is 32 bits wide. */
export const mtu = unsigned32;

/** Keys by which an interface's MTU is set: bytes, 0 for the usual one, or "auto" (see pkg/link/master.ts). */
export const mtuEntries = {
  mtu: v.optional(v.union([mtu, v.literal("auto")]), 0),
  mtuOverhead: v.optional(integer(0, 65_535), 0),
};

/** An address without prefix length. */
export const ipAddress = v.pipe(
  v.string(),
  v.check(
    (text) => parseAddress(text) !== undefined,
    ({ input }) => `invalid IP address: ${input}`,
  ),
  saysAddress,
);

/** An address; an empty text is an absent one, as Go reads it. */
export const ipAddressOrNothing = v.pipe(
  v.string(),
  v.check(
    (text) => text === "" || parseAddress(text) !== undefined,
    ({ input }) => `invalid IP address: ${input}`,
  ),
  saysAddressOrNothing,
);

/** An address with prefix length, host bits allowed. */
export const cidr = v.pipe(
  v.string(),
  v.check(
    (text) => parsePrefix(text) !== undefined,
    ({ input }) => `invalid CIDR address: ${input}`,
  ),
  saysCidr,
);

/** A hardware address in any of the usual notations. */
export const mac = v.pipe(
  v.string(),
  v.check(
    (text) => parseMac(text) !== undefined,
    ({ input }) => `address ${input}: invalid MAC address`,
  ),
  saysMac,
);

/** The specification's DNS object. */
export const dns = v.object({
  nameservers: v.optional(v.array(v.string())),
  domain: v.optional(v.string()),
  search: v.optional(v.array(v.string())),
  options: v.optional(v.array(v.string())),
});

/** The specification's route object, all fields of 1.1.0; what they may be is what linux/rtnetlink.h has room for. */
export const route = v.object({
  dst: cidr,
  gw: v.optional(ipAddressOrNothing),
  mtu: v.optional(unsigned32),
  advmss: v.optional(unsigned32),
  priority: v.optional(unsigned32),
  table: v.optional(unsigned32),
  scope: v.optional(integer(0, 255)),
});

/** Keys that every plugin's configuration may hold; a plugin's own table may refine them. */
export const commonEntries = {
  cniVersion: v.optional(v.string(), ""),
  name: v.string(),
  type: v.optional(v.string(), ""),
  ipam: v.optional(v.looseObject({ type: v.optional(v.string(), "") })),
  dns: v.optional(dns),
};
