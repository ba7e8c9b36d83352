/** Ports on 127.0.0.1: the kernel must be told that such packets may leave by the container's interface. */

import { toCniError } from "../../pkg/cni/error.ts";
import type { Address } from "../../pkg/ip/address.ts";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import { getLink } from "../../pkg/netlink/rtnetlink/link.ts";
import { getRoute } from "../../pkg/netlink/rtnetlink/route.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { ensureSysctl } from "../../pkg/sysctl/sysctl.ts";

/** Lets packets from 127.0.0.1 go to the container. Never turned off: others may rely on it by then. */
export function routeLocalhost(host: Namespace, to: Address): void {
  const index = outLink(host, to);
  if (index === undefined) return;
  const [{ name }] = host.send(getLink({ index }));
  try {
    ensureSysctl(`net/ipv4/conf/${name}/route_localnet`, "1");
  } catch (error) {
    throw new Error(`unable to enable route_localnet: ${toCniError(error).message}`);
  }
}

function outLink(host: Namespace, to: Address): number | undefined {
  try {
    return host.send(getRoute({ to }))[0]?.index;
  } catch (error) {
    if (isNetlinkError(error)) return undefined; // no route: nothing to let through
    throw error;
  }
}
