/** The VLANs of a bridge and of its ports. */

import { attributes, type Codec, listOf, u16, u32, type ValueOf } from "../codec.ts";
import type { Request } from "../message.ts";
import { struct } from "../struct.ts";
import type { Writer } from "../wire.ts";
import { AddressFamily } from "./family.ts";
import { linkHeader } from "./link-settings.ts";

/** RTM_*LINK, linux/rtnetlink.h */
const Type = { set: 19, delete: 17, get: 18 } as const;

/** RTEXT_FILTER_BRVLAN_COMPRESSED: ranges instead of single VLANs */
const COMPRESSED = 4;
/** BRIDGE_FLAGS_SELF, linux/if_bridge.h: the request is for the device itself, not for its master */
const SELF = 2;
/** BRIDGE_VLAN_INFO_*, linux/if_bridge.h */
const Flag = { pvid: 2, untagged: 4, rangeBegin: 8, rangeEnd: 16 } as const;

const vlanInfo = struct({ flags: u16, id: u16 });
type VlanInfo = ValueOf<typeof vlanInfo>;

/** IFLA_BRIDGE_*, linux/if_bridge.h: whom it is for, then as many struct bridge_vlan_info as there are */
const bridgeFlags = attributes({ flags: [0, u16] });
const vlanList = listOf(2, vlanInfo);

const bridgeSettings: Codec<{ self?: boolean; infos: VlanInfo[] }> = {
  write(to, { self, infos }) {
    if (self) bridgeFlags.write(to, { flags: SELF }, {});
    vlanList.write(to, infos, {});
  },
  read: (from, start, end) => ({ infos: vlanList.read(from, start, end, {}) }),
};

/** What PF_BRIDGE makes of IFLA_MASTER, IFLA_AF_SPEC and IFLA_EXT_MASK */
const bridgeAttributes = attributes({
  master: [10, u32],
  settings: [26, bridgeSettings],
  extMask: [29, u32],
});

/** A VLAN, or a range of them, on a link. */
export interface VlanRange {
  readonly from: number;
  /** The last of a range. */
  readonly to?: number;
  /** What arrives without a tag belongs to it. */
  readonly pvid?: boolean;
  /** What belongs to it leaves without a tag. */
  readonly untagged?: boolean;
}

/** The VLANs of one link. */
export interface LinkVlans {
  readonly index: number;
  readonly master?: number;
  readonly vlans: readonly VlanRange[];
}

/** Which link, and which of its VLANs. */
export interface VlanSettings {
  readonly index: number;
  readonly vlans: readonly VlanRange[];
  /** The bridge itself, not a port. */
  readonly self?: boolean;
}

/** Gives a port, or a bridge, these VLANs besides those it has. */
export function addVlans(settings: VlanSettings): Request {
  return {
    purpose: `add VLANs to link number ${settings.index}`,
    type: Type.set,
    flags: 0,
    write: (to) => writeVlans(to, settings),
  };
}

/** Takes VLANs away; those it has not are no failure, so `{ from: 1, to: 4094 }` takes all. */
export function deleteVlans(settings: VlanSettings): Request {
  return {
    purpose: `delete VLANs of link number ${settings.index}`,
    type: Type.delete,
    flags: 0,
    write: (to) => writeVlans(to, settings),
  };
}

/** Lists the VLANs of all bridges and ports, or of the one link: for NetlinkSocket.dump. */
export function dumpVlans({
  index,
}: {
  readonly index?: number;
} = {}): Request<LinkVlans | undefined> {
  return {
    purpose: "list VLANs",
    type: Type.get,
    flags: 0,
    write(to) {
      linkHeader.put(to, { family: AddressFamily.bridge });
      bridgeAttributes.write(to, { extMask: COMPRESSED }, {});
    },
    read(from, start, end) {
      const header = linkHeader.read(from, start, end);
      if (index !== undefined && header.index !== index) return undefined;
      const values = bridgeAttributes.read(from, start + linkHeader.size, end, {});
      return {
        index: header.index,
        master: values.master,
        vlans: ranges(values.settings?.infos ?? []),
      };
    },
  };
}

function writeVlans(to: Writer, { index, vlans, self }: VlanSettings): void {
  linkHeader.put(to, { family: AddressFamily.bridge, index });
  bridgeAttributes.write(to, { settings: { self, infos: vlans.flatMap(infosOf) } }, {});
}

/** A single VLAN is one structure, a range two. */
function infosOf({ from, to = from, pvid, untagged }: VlanRange): VlanInfo[] {
  const flags = (pvid ? Flag.pvid : 0) | (untagged ? Flag.untagged : 0);
  if (from === to) return [{ flags, id: from }];
  return [
    { flags: flags | Flag.rangeBegin, id: from },
    { flags: flags | Flag.rangeEnd, id: to },
  ];
}

function ranges(infos: readonly VlanInfo[]): VlanRange[] {
  const found: VlanRange[] = [];
  let from: number | undefined;
  for (const { flags, id } of infos) {
    if (flags & Flag.rangeBegin) {
      from = id;
      continue;
    }
    found.push({
      from: flags & Flag.rangeEnd ? (from ?? id) : id,
      to: id,
      pvid: (flags & Flag.pvid) !== 0,
      untagged: (flags & Flag.untagged) !== 0,
    });
    from = undefined;
  }
  return found;
}
