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
import { type Alike, addAlike, type Run } from "../../pkg/nftables/many.ts";
import { addressField, portBytes, portField } from "../../pkg/nftables/match.ts";
import type { TableKey } from "../../pkg/nftables/message.ts";
import { ANONYMOUS_MAP, addSet, concatenate, SetFlag, SetType } from "../../pkg/nftables/set.ts";
import type { Forward, Publication } from "./mapping.ts";

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
      size: portCount(list),
    }),
    ...list.flatMap((publication) => addAlike(set, elementsOf({ ...publication, target }))),
  ];
}

/** How many ports there are in all. */
export function portCount(list: readonly Pick<Publication, "ports">[]): number {
  return list.reduce((sum, { ports }) => sum + ports.size, 0);
}

/** The map's elements for the ports of one place, which differ in their ports only. */
export function elementsOf({ protocol, hostIP, ports, target }: Forward): Alike {
  const place = hostIP === undefined ? [] : [toBytes(hostIP)];
  const noPort = portBytes(0);
  const ends = new Int32Array(2 * ports.size);
  let at = 0;
  ports.forEach((containerPort, hostPort) => {
    // As swapped does it: a call costs as much as all else here.
    ends[at++] = ((hostPort & 0xff) << 8) | (hostPort >> 8);
    ends[at++] = ((containerPort & 0xff) << 8) | (containerPort >> 8);
  });
  return {
    model: {
      key: concatenate(...place, Uint8Array.of(protocol), noPort),
      data: { value: concatenate(toBytes(target), noPort) },
    },
    ends,
  };
}

/** A port as a register has it, in network byte order at the word's beginning; and back again. */
function swapped(port: number): number {
  return ((port & 0xff) << 8) | ((port >> 8) & 0xff);
}

/** What a map's elements say, read back; nothing for those of a map that is not such. */
export function forwardsIn(runs: readonly Run[], family: Family): Forward[] {
  const width = addressBits(family) / 8 / WORD;
  const found = new Map<string, Found>();
  for (const run of runs) {
    const place = run.keyLength - 2;
    if (run.valueLength !== width + 1 || (place !== 0 && place !== width)) continue;
    collect(run, found);
  }
  return [...found.values()];
}

type Found = Forward & { readonly ports: Map<number, number> };

/** By what elements share: neighbours mostly do, and a text for each would cost more than all else. */
function collect(run: Run, found: Map<string, Found>): void {
  const { words, step, key, keyLength, value, valueLength } = run;
  const hostPort = key + keyLength - 1;
  const containerPort = value + valueLength - 1;
  let ports: Map<number, number> | undefined;
  for (let at = 0; at < words.length; at += step) {
    if (ports === undefined || !isLikeBefore(run, at)) {
      const text = sharedText(run, at);
      const forward = found.get(text) ?? forwardAt(run, at);
      found.set(text, forward);
      ports = forward.ports;
    }
    ports.set(
      swapped(words[at + hostPort] as number),
      swapped(words[at + containerPort] as number),
    );
  }
}

function sharedText({ words, key, keyLength, value, valueLength }: Run, at: number): string {
  let text = "";
  for (let word = 0; word < keyLength - 1; word++) text += `${words[at + key + word]} `;
  for (let word = 0; word < valueLength - 1; word++) text += `${words[at + value + word]} `;
  return text;
}

/** Whether all but the ports is as in the element before. */
function isLikeBefore({ words, step, key, keyLength, value, valueLength }: Run, at: number) {
  for (let word = at + key; word < at + key + keyLength - 1; word++) {
    if (words[word] !== words[word - step]) return false;
  }
  for (let word = at + value; word < at + value + valueLength - 1; word++) {
    if (words[word] !== words[word - step]) return false;
  }
  return true;
}

/** An element's place and where it leads, without ports. */
function forwardAt({ words, key, keyLength, value, valueLength }: Run, at: number): Found {
  const place = (keyLength - 2) * WORD;
  const from = new Uint8Array(words.slice(at + key, at + key + keyLength).buffer);
  const to = new Uint8Array(words.slice(at + value, at + value + valueLength - 1).buffer);
  return {
    protocol: from[place] ?? 0,
    hostIP: place === 0 ? undefined : fromBytes(from.slice(0, place)),
    target: fromBytes(to),
    ports: new Map(),
  };
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
