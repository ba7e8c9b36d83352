/** Which VLANs a port belongs to: what the configuration says, put on the port and compared with it. */

import { toCniError } from "../../pkg/cni/error.ts";
import { isNetlinkError } from "../../pkg/netlink/error.ts";
import {
  addVlans,
  deleteVlans,
  dumpVlans,
  type VlanRange,
} from "../../pkg/netlink/rtnetlink/bridge-vlan.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { Errno } from "../../pkg/sys/errno.ts";

/** 4095 is reserved (IEEE 802.1Q). */
export const highestVlan = 4094;
/** What a trunk's untagged packets belong to where the configuration does not say. */
const defaultVlan = 1;

/** One entry of `vlanTrunk`: a range, a single VLAN, or both. */
export interface TrunkEntry {
  readonly minID?: number | undefined;
  readonly maxID?: number | undefined;
  readonly id?: number | undefined;
}

/** The keys that say which VLANs a port belongs to. */
export interface VlanKeys {
  readonly vlan: number;
  readonly vlanTrunk?: readonly TrunkEntry[] | undefined;
  readonly preserveDefaultVlan: boolean;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Throws, in the reference's words, for what is no VLAN or no range of them. */
export function checkVlans({ vlan, vlanTrunk = [] }: VlanKeys): void {
  if (vlan < 0 || vlan > highestVlan) {
    refuse(`invalid VLAN ID ${vlan} (must be between 0 and ${highestVlan})`);
  }
  trunkSpans(vlanTrunk);
}

/** Whether a bridge that is made is to keep VLANs apart. An empty trunk is enough. */
export function wantsFiltering({ vlan, vlanTrunk }: VlanKeys): boolean {
  return vlan !== 0 || vlanTrunk !== undefined;
}

/** The VLANs of a container's port: one for what is not tagged, then the trunk's. Empty if VLANs are not spoken of. */
export function portVlans({ vlan, vlanTrunk = [] }: VlanKeys): VlanRange[] {
  const trunk = trunkSpans(vlanTrunk);
  if (vlan === 0 && trunk.length === 0) return [];
  const native = vlan || defaultVlan;
  const tagged = trunk.flatMap(({ from, to }) =>
    native < from || native > to
      ? [{ from, to }]
      : [
          { from, to: native - 1 },
          { from: native + 1, to },
        ].filter((span) => span.from <= span.to),
  );
  return [{ from: native, pvid: true, untagged: true }, ...tagged];
}

/** The union of a trunk's entries, in order. */
export function trunkSpans(entries: readonly TrunkEntry[]): Span[] {
  const union: { from: number; to: number }[] = [];
  for (const { from, to } of entries.flatMap(spansOf).sort((a, b) => a.from - b.from)) {
    const last = union.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else union.push({ from, to });
  }
  return union;
}

function spansOf({ minID, maxID, id }: TrunkEntry): Span[] {
  const spans: Span[] = [];
  if (minID !== undefined && maxID !== undefined) {
    if (!isVlan(minID)) refuse("incorrect trunk minID parameter");
    if (!isVlan(maxID)) refuse("incorrect trunk maxID parameter");
    if (maxID < minID) refuse("minID is greater than maxID in trunk parameter");
    spans.push({ from: minID, to: maxID });
  } else if (minID !== undefined || maxID !== undefined) {
    const missing = minID === undefined ? "minID" : "maxID";
    refuse(`minID and maxID should be configured simultaneously, ${missing} is missing`);
  }
  if (id !== undefined) {
    if (!isVlan(id)) refuse("incorrect trunk id parameter");
    spans.push({ from: id, to: id });
  }
  return spans;
}

function isVlan(id: number): boolean {
  return id > 0 && id <= highestVlan;
}

/** Puts a port into these VLANs; the bridge put it into its default one, which it leaves unless that is preserved. */
export function joinVlans(
  host: Namespace,
  { index, name }: Pick<Link, "index" | "name">,
  vlans: readonly VlanRange[],
  { preserveDefaultVlan }: VlanKeys,
): void {
  if (vlans.length === 0) return;
  const all = [{ from: 1, to: highestVlan }];
  try {
    host.send(
      ...(preserveDefaultVlan ? [] : [deleteVlans({ index, vlans: all })]),
      addVlans({ index, vlans }),
    );
  } catch (error) {
    throw new Error(`failed to setup vlan tag on interface "${name}": ${vlanFailure(error)}`);
  }
}

/** What to say of a failure that may be the kernel's having been built without VLANs on bridges. */
export function vlanFailure(error: unknown): string {
  if (!isNetlinkError(error, Errno.EOPNOTSUPP)) return toCniError(error).message;
  return "the kernel has no VLAN filtering for bridges (CONFIG_BRIDGE_VLAN_FILTERING)";
}

/** CHECK: throws where the port is not in the VLANs that `joinVlans` put it in, or is in others. */
export function verifyVlans(host: Namespace, port: Link, config: VlanKeys): void {
  const wanted = portVlans(config);
  if (wanted.length === 0) return;
  const [found] = host.socket.dump(dumpVlans({ index: port.index }));
  const actual = byId(found?.vlans ?? []);
  const expected = byId(wanted);
  for (const [id, manner] of expected) {
    if (actual.get(id) === manner) continue;
    const is = actual.has(id) ? `is ${actual.get(id)}` : "is missing";
    throw new Error(`VLAN ${id} of port "${port.name}" ${is}, configured is ${manner}`);
  }
  if (config.preserveDefaultVlan) return;
  for (const id of actual.keys()) {
    if (!expected.has(id)) {
      throw new Error(`port "${port.name}" is in VLAN ${id}, which is not configured`);
    }
  }
}

function byId(ranges: readonly VlanRange[]): Map<number, string> {
  const manners = new Map<number, string>();
  for (const { from, to = from, pvid, untagged } of ranges) {
    const manner = pvid ? "native" : untagged ? "untagged" : "tagged";
    for (let id = from; id <= to; id++) manners.set(id, manner);
  }
  return manners;
}

/** The numbers of the bridge's ports that are in this VLAN. */
export function portsInVlan(host: Namespace, { index: bridge }: Link, vlan: number): number[] {
  return host.socket
    .dump(dumpVlans())
    .filter(({ index, master }) => master === bridge && index !== bridge)
    .filter(({ vlans }) => vlans.some(({ from, to = from }) => from <= vlan && vlan <= to))
    .map(({ index }) => index);
}
