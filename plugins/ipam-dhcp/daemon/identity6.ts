/** Who a DHCPv6 client is, and the moments it lives in. */

import type { Moment } from "../../../pkg/dhcp/machine.ts";
import { Option } from "../../../pkg/dhcp6/option.ts";
import type { Identity } from "../../../pkg/dhcp6/state.ts";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { randomBytes } from "../../../pkg/sys/random.ts";
import { fromHex, type Wanted6 } from "../order.ts";

/** What servers are asked for. */
const request = [Option.dnsServers, Option.domainSearch];

/** The client that an order makes. */
export function identityOf({ duid, iaid, provide, rapidCommit, slaac }: Wanted6): Identity {
  return {
    duid: fromHex(duid),
    iaid: fromHex(iaid),
    request,
    provide: provide.map(([code, value]) => [code, fromHex(value)] as const),
    rapidCommit,
    stateless: slaac,
  };
}

/** Now, and bits to go with it. */
export function moment(): Moment {
  return { now: bootMs(), random: new DataView(randomBytes(4).buffer).getUint32(0) };
}
