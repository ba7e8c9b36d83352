/** Waits for what the kernel does by itself, woken by its own notifications. */

import { CniError, ErrorCode } from "../cni/error.ts";
import { formatAddress, sameAddress } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { dumpAddresses } from "../netlink/rtnetlink/address.ts";
import { RouteGroup } from "../netlink/rtnetlink/group.ts";
import { getLink, type Link } from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno, isSysError } from "../sys/errno.ts";
import type { Patience } from "../sys/poll.ts";

/** As long as the reference tries. */
const patienceMs = 2_500;
const duplicatePatienceMs = 5_000;

/** A wait's subject, and the check that ends it. */
interface Awaited {
  readonly what: string;
  readonly group: number;
  readonly check: () => true | undefined;
}

/** True once the check holds, false when the time is over. Throws code 11 where the runtime wants the call to end. */
function awaited(
  { socket }: Namespace,
  { what, group, check }: Awaited,
  patience: Patience,
): boolean {
  try {
    return socket.waitFor([group], check, patience) ?? false;
  } catch (error) {
    if (!isSysError(error, Errno.EINTR)) throw error;
    throw new CniError(ErrorCode.tryAgainLater, `interrupted while waiting for ${what}`);
  }
}

/**
 * Waits until the link passes packets. `seen` is what was read of it last, `cancelFd` is readable once the runtime
 * wants the call to end. Throws with the link's state in the end.
 */
export function waitUntilUp(namespace: Namespace, seen: Link, cancelFd: number): void {
  let link = seen;
  const check = () => {
    if (link.operState !== "up") [link] = namespace.send(getLink({ index: link.index }));
    return link.operState === "up" ? true : undefined;
  };
  if (seen.operState === "up") return;
  const port = { what: `bridge port ${seen.name}`, group: RouteGroup.link, check };
  if (awaited(namespace, port, { timeoutMs: patienceMs, cancelFd })) return;
  throw new Error(`bridge port in error state: ${link.operState}`);
}

/**
 * Waits until duplicate address detection is through with these addresses. Throws where somebody else has
 * one. On a link without a carrier it never ends, which is no failure: that is found out after the wait.
 * `cancelFd` is readable once the runtime wants the call to end.
 */
export function waitForAddresses(
  namespace: Namespace,
  { index, name, cancelFd }: Pick<Link, "index" | "name"> & Pick<Patience, "cancelFd">,
  addresses: readonly Prefix[],
): void {
  const failure = (text: string) => new Error(`failed to settle addresses for "${name}": ${text}`);
  const check = () => {
    const present = namespace.socket
      .dump(dumpAddresses({ index, family: 6 }))
      .filter(({ prefix }) => addresses.some((it) => sameAddress(it.address, prefix.address)));
    const taken = present.find(({ dadFailed }) => dadFailed)?.prefix.address;
    if (taken !== undefined) {
      throw failure(`link ${name} has address ${formatAddress(taken)} in DADFAILED state`);
    }
    return present.some(({ tentative }) => tentative) ? undefined : true;
  };
  const detection = { what: `the addresses of "${name}"`, group: RouteGroup.ipv6Address, check };
  if (awaited(namespace, detection, { timeoutMs: duplicatePatienceMs, cancelFd })) return;
  const [{ operState }] = namespace.send(getLink({ index }));
  if (operState !== "up") return;
  throw failure(`link ${name} still has tentative addresses after 5 seconds`);
}
