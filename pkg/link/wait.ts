/** Waits for what the kernel does by itself, woken by its own notifications. */

import { formatAddress, sameAddress } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { dumpAddresses } from "../netlink/rtnetlink/address.ts";
import { RouteGroup } from "../netlink/rtnetlink/group.ts";
import { getLink, type Link } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";

/** As long as the reference tries. */
const patienceMs = 2_500;
const duplicatePatienceMs = 5_000;

/** Waits until the link passes packets. `seen` is what was read of it last. Throws with its state in the end. */
export function waitUntilUp(namespace: Namespace, seen: Link): void {
  let link = seen;
  const isUp = () => {
    if (link.operState !== "up") [link] = namespace.send(getLink({ index: link.index }));
    return link.operState === "up" ? true : undefined;
  };
  if (seen.operState === "up") return;
  if (namespace.socket.waitFor([RouteGroup.link], isUp, patienceMs)) return;
  throw new Error(`bridge port in error state: ${link.operState}`);
}

/**
 * Waits until duplicate address detection is through with these addresses. Throws where somebody else has
 * one. On a link without a carrier it never ends, which is no failure: that is found out after the wait.
 */
export function waitForAddresses(
  namespace: Namespace,
  { index, name }: Pick<Link, "index" | "name">,
  addresses: readonly Prefix[],
): void {
  if (addresses.length === 0) return;
  const failure = (text: string) => new Error(`failed to settle addresses for "${name}": ${text}`);
  const areSettled = () => {
    const present = namespace.socket
      .dump(dumpAddresses({ index, family: 6 }))
      .filter(({ prefix }) => addresses.some((it) => sameAddress(it.address, prefix.address)));
    const taken = present.find(({ dadFailed }) => dadFailed)?.prefix.address;
    if (taken !== undefined) {
      throw failure(`link ${name} has address ${formatAddress(taken)} in DADFAILED state`);
    }
    return present.some(({ tentative }) => tentative) ? undefined : true;
  };
  const { socket } = namespace;
  if (socket.waitFor([RouteGroup.ipv6Address], areSettled, duplicatePatienceMs)) return;
  const [{ operState }] = namespace.send(getLink({ index }));
  if (operState !== "up") return;
  throw failure(`link ${name} still has tentative addresses after 5 seconds`);
}
