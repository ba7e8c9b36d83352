/** What a server's ACK grants. */

import type { Message } from "./message.ts";
import { Option } from "./option.ts";
import {
  dotted,
  isHost,
  type LeaseRoute,
  maskLength,
  readAddresses,
  readClasslessRoutes,
  readDomain,
  readNames,
  readStaticRoutes,
  readU16,
  readU32,
} from "./value.ts";

/** A lease; addresses are numbers, times milliseconds on the clock of the moments given to the client. */
export interface Lease {
  readonly address: number;
  readonly prefixLength: number;
  /** The server, as its identifier names it. */
  readonly server: number;
  readonly routers: readonly number[];
  /** Those of option 121 alone where there is one, else those of option 33 and the default one (RFC 3442). */
  readonly routes: readonly LeaseRoute[];
  readonly dns: readonly number[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly mtu?: number;
  /** When it was asked for: what the times below count from. */
  readonly since: number;
  readonly renewAt: number;
  readonly rebindAt: number;
  /** Null in a lease for ever, as the times above are. JSON knows no infinity. */
  readonly expiresAt: number | null;
}

const forEver = 0xffff_ffff;
/** As the reference has it where the server does not say. */
const defaultSeconds = 3600;
/** The least MTU of a link that carries IPv4, RFC 791. */
const leastMtu = 68;

/** Whether a message may be an offer or a lease: what is wrong with it, or undefined. */
export function faultIn(message: Message): string | undefined {
  const { options, yourAddress } = message;
  if (!isHost(yourAddress)) return `the address ${dotted(yourAddress)} is no host's`;
  const mask = options.get(Option.subnetMask);
  if (mask === undefined) return "DHCP option Subnet Mask not found in DHCPACK";
  const length = maskLength(readU32(mask) ?? 0);
  if (length === undefined) return `the mask ${dotted(readU32(mask) ?? 0)} is none`;
  if (length < 31) {
    const host = yourAddress & ~(0xffff_ffff << (32 - length));
    const broadcast = ~(0xffff_ffff << (32 - length));
    if (host === 0 || host === broadcast) {
      return `the address ${dotted(yourAddress)}/${length} is its network's own`;
    }
  }
  const time = options.get(Option.leaseTime);
  if (time !== undefined && (readU32(time) ?? 0) === 0) return "the lease time is 0";
  return undefined;
}

/** The lease in an ACK in which nothing is wrong; `since` is when the request was sent. */
export function leaseOf(message: Message, server: number, since: number): Lease {
  const { options } = message;
  const routers = readAddresses(options.get(Option.routers));
  return {
    address: message.yourAddress,
    prefixLength: maskLength(readU32(options.get(Option.subnetMask)) ?? 0) ?? 32,
    server,
    routers,
    routes: routesOf(message, routers),
    dns: readAddresses(options.get(Option.domainNameServers)),
    domain: readDomain(options.get(Option.domainName)),
    search: readNames(options.get(Option.domainSearch)),
    mtu: mtuOf(readU16(options.get(Option.interfaceMtu))),
    since,
    ...timesOf(message, since),
  };
}

function routesOf({ options }: Message, [router]: readonly number[]): LeaseRoute[] {
  const classless =
    readClasslessRoutes(options.get(Option.classlessRoutes)) ??
    readClasslessRoutes(options.get(Option.classlessRoutesMicrosoft));
  if (classless !== undefined) return classless;
  const routes = readStaticRoutes(options.get(Option.staticRoutes));
  if (router !== undefined) routes.push({ destination: 0, length: 0, gateway: router });
  return routes;
}

function mtuOf(mtu: number | undefined): number | undefined {
  return mtu !== undefined && mtu >= leastMtu ? mtu : undefined;
}

/** RFC 2131, 4.4.5: renewal at half the time, rebinding at seven eighths, unless the server says otherwise and makes sense. */
function timesOf(
  { options }: Message,
  since: number,
): Pick<Lease, "renewAt" | "rebindAt" | "expiresAt"> {
  const seconds = readU32(options.get(Option.leaseTime)) ?? defaultSeconds;
  if (seconds === forEver) return { renewAt: 0, rebindAt: 0, expiresAt: null };
  let renew = readU32(options.get(Option.renewalTime)) ?? 0;
  let rebind = readU32(options.get(Option.rebindingTime)) ?? 0;
  if (rebind === 0 || rebind >= seconds) rebind = seconds * 0.875;
  if (renew === 0 || renew >= rebind) renew = seconds * 0.5 < rebind ? seconds * 0.5 : rebind * 0.5;
  return {
    renewAt: since + renew * 1000,
    rebindAt: since + rebind * 1000,
    expiresAt: since + seconds * 1000,
  };
}
