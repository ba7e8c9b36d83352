/** One rule for all ports of a container: a map from protocol and port, and the host's address, to where they lead. */

import {
  type Address,
  addressBits,
  type Family,
  fromBytes,
  toBytes,
} from "../../pkg/ip/address.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import { FilterFamily } from "../../pkg/netlink/nfnetlink.ts";
import { lookUp } from "../../pkg/nftables/expression/lookup.ts";
import { loadMeta, MetaKey } from "../../pkg/nftables/expression/meta.ts";
import { NatType, translate } from "../../pkg/nftables/expression/nat.ts";
import { loadPayload } from "../../pkg/nftables/expression/payload.ts";
import { type Expression, smallRegister } from "../../pkg/nftables/expression.ts";
import { addressField, portBytes, portField } from "../../pkg/nftables/match.ts";
import type { TableKey } from "../../pkg/nftables/message.ts";
import {
  ANONYMOUS_MAP,
  addElements,
  addSet,
  concatenate,
  type Element,
  SetFlag,
  SetType,
} from "../../pkg/nftables/set.ts";
import type { Publication } from "./mapping.ts";

/** A port of the host and where it leads, as a rule's map has it. */
export interface Forward {
  readonly protocol: number;
  readonly hostIP?: Address;
  readonly hostPort: number;
  readonly target: Address;
  readonly containerPort: number;
}

/** Bytes of a register. */
const WORD = 4;

/** The requests that make a map, which the rule that names the same id then owns. */
export function mapRequests(
  table: TableKey,
  id: number,
  list: readonly Publication[],
  target: Address,
): Request[] {
  const isPerAddress = list[0]?.hostIP !== undefined;
  const address = target.family === 4 ? SetType.ipv4Address : SetType.ipv6Address;
  const set = { ...table, set: ANONYMOUS_MAP, id };
  return [
    addSet({
      ...set,
      flags: SetFlag.anonymous | SetFlag.constant | SetFlag.map,
      key: [...(isPerAddress ? [address] : []), SetType.protocol, SetType.port],
      data: [address, SetType.port],
      size: list.length,
    }),
    ...addElements(set, elementsOf(list, target)),
  ];
}

/** Ports in a row differ in their numbers only: all else is copied from the one before. */
function elementsOf(list: readonly Publication[], target: Address): Element[] {
  let before: { publication: Publication; key: Uint8Array; value: Uint8Array } | undefined;
  return list.map((publication) => {
    const { protocol, hostIP, hostPort, containerPort } = publication;
    const isAlike =
      before?.publication.protocol === protocol && before.publication.hostIP === hostIP;
    if (before === undefined || !isAlike) {
      const { key, data } = elementOf(publication, target);
      before = { publication, key, value: data?.value ?? new Uint8Array() };
      return { key, data };
    }
    const key = before.key.slice();
    const value = before.value.slice();
    setPort(key, hostPort);
    setPort(value, containerPort);
    return { key, data: { value } };
  });
}

/** In the last word of a concatenation. */
function setPort(bytes: Uint8Array, port: number): void {
  bytes[bytes.length - WORD] = port >> 8;
  bytes[bytes.length - WORD + 1] = port & 0xff;
}

/** An element of the map. */
export function elementOf(
  { protocol, hostIP, hostPort, containerPort }: Publication,
  target: Address,
): Element {
  const place = hostIP === undefined ? [] : [toBytes(hostIP)];
  return {
    key: concatenate(...place, Uint8Array.of(protocol), portBytes(hostPort)),
    data: { value: concatenate(toBytes(target), portBytes(containerPort)) },
  };
}

/** An element read back; undefined for one that is not such. */
export function forwardOf({ key, data }: Element, family: Family): Forward | undefined {
  const width = addressBits(family) / 8;
  const value = data?.value;
  const place = key.length - 2 * WORD;
  if (value?.length !== width + WORD || (place !== 0 && place !== width)) return undefined;
  return {
    protocol: key[place] ?? 0,
    hostIP: place === 0 ? undefined : fromBytes(key.slice(0, width)),
    hostPort: portAt(key, place + WORD),
    target: fromBytes(value.slice(0, width)),
    containerPort: portAt(value, width),
  };
}

function portAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** `dnat ip to [ip daddr .] meta l4proto . th dport map ...` */
export function mapExpressions(family: Family, id: number, isPerAddress: boolean): Expression[] {
  const width = addressBits(family) / 8 / WORD;
  const first = isPerAddress ? width : 0;
  const address = loadPayload(addressField(family, "destination"), smallRegister(0));
  return [
    ...(isPerAddress ? [address] : []),
    loadMeta(MetaKey.protocol, smallRegister(first)),
    loadPayload(portField("destination"), smallRegister(first + 1)),
    lookUp({
      source: smallRegister(0),
      destination: smallRegister(0),
      set: ANONYMOUS_MAP,
      setId: id,
    }),
    translate({
      type: NatType.destination,
      family: family === 4 ? FilterFamily.ipv4 : FilterFamily.ipv6,
      address: smallRegister(0),
      port: smallRegister(width),
    }),
  ];
}
