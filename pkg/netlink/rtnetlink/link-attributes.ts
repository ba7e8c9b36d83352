/** All attributes of a link, with the tables its kind and its master's kind choose. */

import { ipAddress, macAddress } from "../address-codec.ts";
import { chosenBy } from "../chosen.ts";
import {
  attributes,
  bareString,
  type Codec,
  listOf,
  string,
  u8,
  u32,
  type ValueOf,
} from "../codec.ts";
import { bridge, bridgePort } from "./bridge.ts";
import { ipvlan } from "./ipvlan.ts";
import { linkSettings } from "./link-settings.ts";
import { macvlan } from "./macvlan.ts";
import { tun } from "./tun.ts";
import { veth } from "./veth.ts";
import { vlan } from "./vlan.ts";
import { vrf, vrfPort } from "./vrf.ts";

const nothing = attributes({});

/** The kinds of links whose data is known; of others it is not read and cannot be written. */
export const linkKinds = {
  bridge,
  dummy: nothing,
  ifb: nothing,
  ipvlan,
  macvlan,
  tun,
  veth,
  vlan,
  vrf,
} as const;

/** The kinds of masters whose ports have data. */
export const portKinds = { bridge: bridgePort, vrf: vrfPort } as const;

/** IFLA_INFO_*, linux/if_link.h */
export const linkInfo = attributes({
  kind: [1, bareString],
  data: [2, chosenBy("kind", linkKinds)],
  portKind: [4, bareString],
  portData: [5, chosenBy("portKind", portKinds)],
});

/** IPV4_DEVCONF_*, linux/ip.h: what /proc/sys/net/ipv4/conf/<link> shows, set with the link in one request */
const ipv4Settings = attributes({
  forwarding: [1, u32],
  proxyArp: [3, u32],
  sendRedirects: [6, u32],
  rpFilter: [8, u32],
  arpAnnounce: [18, u32],
  arpIgnore: [19, u32],
  arpNotify: [22, u32],
  acceptLocal: [23, u32],
  routeLocalnet: [26, u32],
});

/** The kernel takes them as attributes, and answers with an array of u32, number 1 first. */
const ipv4Conf: Codec<ValueOf<typeof ipv4Settings>> = {
  write: ipv4Settings.write,
  read(from, start, end) {
    const values: Record<string, number> = {};
    for (const [name, [number]] of Object.entries(ipv4Settings.table)) {
      const at = start + (number - 1) * 4;
      if (at + 4 <= end) values[name] = u32.read(from, at, end, {});
    }
    return values;
  },
};

/** IFLA_INET6_*, linux/if_link.h */
export const ipv6Settings = attributes({ token: [7, ipAddress], addressGenMode: [8, u8] });

/** IFLA_AF_SPEC: a set for each address family, by its AF number */
export const familySettings = attributes({
  /** IFLA_INET_*, linux/if_link.h */
  ipv4: [2, attributes({ conf: [1, ipv4Conf] })],
  ipv6: [10, ipv6Settings],
});

/** IN6_ADDR_GEN_MODE_*, linux/if_link.h: whether the link gets an address of its own making */
export const AddressGenMode = { eui64: 0, none: 1, stablePrivacy: 2, random: 3 } as const;

/** IFLA_*, linux/if_link.h */
export const linkAttributes = attributes({
  ...linkSettings.table,
  operState: [16, u8],
  linkInfo: [18, linkInfo],
  families: [26, familySettings],
  extMask: [29, u32],
  promiscuity: [30, u32],
  minMtu: [50, u32],
  maxMtu: [51, u32],
  /** IFLA_PROP_LIST of IFLA_ALT_IFNAME */
  altNames: [52, listOf(53, string)],
  permanentMac: [54, macAddress],
});

type KindData<Kinds> = {
  [K in keyof Kinds]: { readonly kind: K; readonly data?: ValueOf<Kinds[K]> };
}[keyof Kinds];
type PortKindData<Kinds> = {
  [K in keyof Kinds]: { readonly portKind: K; readonly portData?: ValueOf<Kinds[K]> };
}[keyof Kinds];

/** A kind with the data that goes with it; any other kind has none. */
export type LinkKind = KindData<typeof linkKinds>;
export type PortKind = PortKindData<typeof portKinds>;

/** What linkInfo holds, one shape for each kind. */
export type LinkInfo = ValueOf<typeof linkInfo>;
export type FamilySettings = ValueOf<typeof familySettings>;
