/** What the plugins that give a container one interface share: the steps of each verb around making the link. */

import type { Dns, Interface, Result, UnlabelledResult } from "../cni/result.ts";
import { atLeast } from "../cni/version.ts";
import { aliasOf } from "../link/attachment.ts";
import { configureInterface, type InterfaceSetup } from "../link/configure.ts";
import { removeLink } from "../link/find.ts";
import { findStale, removeInterface } from "../link/remove.ts";
import {
  containerInterface,
  type ExpectedLink,
  ownAddresses,
  verifyAddresses,
  verifyLink,
  verifyRoutes,
} from "../link/verify.ts";
import type { Link } from "../netlink/rtnetlink/link.ts";
import { Namespace } from "../ns/namespace.ts";
import type { Context } from "./context.ts";
import { removeAndRelease } from "./release.ts";

/** The addresses and routes of an attachment. */
export type Addresses = Pick<Result, "ips" | "routes" | "dns">;

/** The interface a plugin made, as far as the steps after it need to know. */
export type Made = Pick<Link, "index" | "mac" | "mtu">;

/** Asks the IPAM plugin, if there is one; its addresses go to the interface at `place`. Throws if it has none. */
export function addressesFromIpam({ ipam, undo }: Context<unknown>, place: number): Addresses {
  if (!ipam.configured) return {};
  const { ips = [], routes, dns } = ipam.add((step) => undo.push(step));
  if (ips.length === 0) throw new Error("IPAM plugin returned missing IP config");
  return { ips: ips.map((ip) => ({ ...ip, interface: place })), routes, dns };
}

/** How an interface is configured, besides what its addresses say. */
export type Manner = Partial<Pick<InterfaceSetup, "first" | "ownRoutes" | "detectDuplicates">> & {
  readonly place?: number;
  /** False for a link whose alias says something else. */
  readonly mark?: boolean;
};

/** Marks the interface as this attachment's, gives it its addresses and routes, and brings it up. */
export function configure(
  context: Context<unknown>,
  { index }: Made,
  addresses: Addresses,
  { place = 0, mark = true, ...manner }: Manner = {},
): void {
  const { container, ifName: name, cancelFd } = context;
  const alias = mark ? aliasOf(context) : undefined;
  const setup = { ...manner, name, index, place, alias, cancelFd };
  configureInterface(container, setup, addresses);
}

/**
 * ADD of a plugin whose only interface is the one it just made: addresses, configuration, result. `addresses`
 * are those to take where IPAM is not to be asked. The configuration's DNS counts alone, unless told otherwise.
 */
export function addInterface(
  context: Context<{ readonly dns?: Dns }>,
  made: Made,
  { dns = "configuration", ...manner }: Manner & { dns?: "configuration" | "ipam" } = {},
  addresses = addressesFromIpam(context, 0),
): UnlabelledResult {
  const { ips, routes } = addresses;
  configure(context, made, { ips, routes }, manner);
  const told = dns === "ipam" ? addresses.dns : context.config.dns;
  return { interfaces: [described(context, made)], ips, routes, dns: told };
}

/** The DNS of the result where both may tell it: the configuration's, if it says anything, else the IPAM plugin's. */
export function dnsOf(
  { config: { dns } }: Context<{ readonly dns?: Dns }>,
  fromIpam: Dns | undefined,
): Dns | undefined {
  const isSet = dns !== undefined && Object.values(dns).some((value) => value.length > 0);
  return isSet ? dns : fromIpam;
}

/** The interface as results tell it. Its MTU is told where the specification knows that (1.1.0). */
export function described(
  { container, ifName, cniVersion }: Context<unknown>,
  { mac, mtu }: Pick<Made, "mac" | "mtu">,
): Interface {
  return { name: ifName, mac, mtu: mtuFor(cniVersion, mtu), sandbox: container.path };
}

/** An interface on the host as results tell it. */
export function onHost(
  { cniVersion }: Context<unknown>,
  { name, mac, mtu }: Pick<Link, "name" | "mac" | "mtu">,
): Interface {
  return { name, mac, mtu: mtuFor(cniVersion, mtu) };
}

/** The MTU where results of this version have room for it: older ones are to stay as they always were. */
export function mtuFor(cniVersion: string, mtu: number): number | undefined {
  return atLeast(cniVersion, "1.1.0") ? mtu : undefined;
}

/** CHECK, as far as all interfaces are alike. `plugin` begins the message where prevResult is missing. */
export function checkInterface(
  context: Context<unknown>,
  expected: Pick<ExpectedLink, "kind">,
  missing = "required prevResult missing",
): Link {
  const { container, ifName, ipam, prevResult } = context;
  ipam.check();
  if (prevResult === undefined) throw new Error(missing);
  const told = containerInterface(prevResult, ifName);
  requireSameNamespace(context, told.sandbox ?? "");
  const link = verifyLink(container, ifName, { ...expected, mac: told.mac });
  if (!link.up) throw new Error(`Interface ${ifName} is down`);
  verifyAddresses(container, link, ownAddresses(prevResult, ifName));
  verifyRoutes(container, link, prevResult.routes ?? []);
  return link;
}

/** The same namespace may go by several paths; only its identity counts. */
function requireSameNamespace({ host, container, netns }: Context<unknown>, sandbox: string): void {
  if (sandbox === netns) return;
  using other = Namespace.find(sandbox, host);
  if (other?.isSame(container)) return;
  throw new Error(`Sandbox in prevResult ${sandbox} doesn't match configured netns: ${netns}`);
}

/** DEL and GC of a plugin whose only interface is of that kind. */
export function removalOf(kind: string) {
  return {
    del: (context: Context<unknown>) => deleteInterface(context, kind),
    gc: (context: Context<unknown>) => collectInterfaces(context, kind),
  };
}

/** DEL: the interface goes, its addresses are given back. */
function deleteInterface(context: Context<unknown>, kind: string): void {
  const { host, attempt } = context;
  removeAndRelease(context, () =>
    attempt(() => removeInterface({ host, container: context.findContainer() }, context, kind)),
  );
}

/** GC: an interface goes with its namespace, so what is left is what somebody moved to the host. */
export function collectInterfaces(context: Context<unknown>, kind: string): void {
  const { host, network, validAttachments, ipam, attempt, log } = context;
  attempt(() => {
    for (const link of findStale(host, kind, { network, attachments: validAttachments })) {
      attempt(() => removeLink(host, { index: link.index }));
      log(`removed ${link.name} of the attachment ${link.alias}, which is no longer valid`);
    }
  });
  attempt(() => ipam.gc());
}
