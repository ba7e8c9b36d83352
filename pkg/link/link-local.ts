/** The link-local address of an interface that is a gateway. */

import { isLinkLocal } from "../ip/address.ts";
import { linkLocalOf } from "../ip/link-local.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Request } from "../netlink/message.ts";
import { replaceAddress } from "../netlink/rtnetlink/address.ts";
import type { Link } from "../netlink/rtnetlink/link.ts";

/**
 * Gives a link its link-local address together with the gateways' and before it has a carrier, without duplicate
 * address detection. Only from such an address the host asks for the neighbours it forwards to; the kernel adds the
 * same one when the carrier comes, but uses it a second or two later, when detection is through with it, and until
 * then nothing from outside reaches a container by IPv6. One that is there already it leaves alone. Nothing is to be
 * done where no gateway is of IPv6, or there is such an address. No undo takes it away: the kernel makes one only
 * when the first carrier comes.
 */
export function linkLocalRequests(
  { index, name, mac = "" }: Pick<Link, "index" | "name" | "mac">,
  gateways: readonly Prefix[],
  present: readonly Prefix[] = [],
): Request[] {
  const isOf6 = ({ address }: Prefix) => address.family === 6;
  if (!gateways.some(isOf6)) return [];
  const there = [...gateways, ...present].filter(isOf6);
  if (there.some(({ address }) => isLinkLocal(address))) return [];
  const prefix = linkLocalOf(mac);
  return prefix ? [replaceAddress({ index, prefix, noDad: true }, name)] : [];
}
