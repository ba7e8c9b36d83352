/** Sets and maps: what rules look registers up in. */

import { attributes, be32, flagged, listOf, string } from "../netlink/codec.ts";
import { MessageFlag, type Request } from "../netlink/message.ts";
import { type Data, data } from "./expression/data.ts";
import { Message, request, type TableKey } from "./message.ts";

/** NFTA_SET_DESC_*, linux/netfilter/nf_tables.h */
const description = attributes({ size: [1, be32] });

/** NFTA_SET_*, linux/netfilter/nf_tables.h */
const setAttributes = attributes({
  table: [1, string],
  name: [2, string],
  flags: [3, be32],
  keyType: [4, be32],
  keyLength: [5, be32],
  dataType: [6, be32],
  dataLength: [7, be32],
  description: [9, flagged(description)],
  id: [10, be32],
});

/** NFTA_SET_ELEM_*, linux/netfilter/nf_tables.h */
export const elementAttributes = attributes({
  key: [1, flagged(data)],
  data: [2, flagged(data)],
  flags: [3, be32],
});

/** NFTA_SET_ELEM_LIST_*, linux/netfilter/nf_tables.h */
export const elementList = attributes({
  table: [1, string],
  set: [2, string],
  elements: [3, flagged(listOf(1, flagged(elementAttributes)))],
  setId: [4, be32],
});

/** NFT_SET_*, linux/netfilter/nf_tables.h */
export const SetFlag = { anonymous: 1, constant: 2, interval: 4, map: 8 } as const;

/** The data types `nft` knows by number, and how many bytes each has. */
export const SetType = {
  ipv4Address: { number: 7, length: 4 },
  ipv6Address: { number: 8, length: 16 },
  etherAddress: { number: 9, length: 6 },
  protocol: { number: 12, length: 1 },
  port: { number: 13, length: 2 },
  linkName: { number: 41, length: 16 },
} as const;

/** One of SetType. */
export type SetType = (typeof SetType)[keyof typeof SetType];

/** NFT_DATA_VERDICT, linux/netfilter/nf_tables.h */
const VERDICT = 0xffffff00;
/** How many bits `nft` gives each type of a concatenation. */
const TYPE_BITS = 6;
/** An attribute holds 64 KB. An element takes about 80 bytes, with an IPv6 address twice in it about 130. */
const ELEMENTS_PER_MESSAGE = 400;

/** A set to be made. */
export interface NewSet extends TableKey {
  readonly set: string;
  /** Names it within the transaction that makes it. */
  readonly id: number;
  readonly flags: number;
  /** More than one for a concatenation. */
  readonly key: readonly SetType[];
  /** Of a map. */
  readonly data?: readonly SetType[] | "verdict";
  readonly size?: number;
}

/** An element; of a map with the value it leads to. */
export interface Element {
  readonly key: Uint8Array;
  readonly data?: Data;
}

/** The name `nft` gives maps that belong to one rule; the kernel puts a number in. */
export const ANONYMOUS_MAP = "__map%d";
export const ANONYMOUS_SET = "__set%d";

/** Makes a set where there is none. */
export function addSet(set: NewSet): Request {
  return request({
    purpose: `add set ${set.table} ${set.set}`,
    message: Message.newSet,
    family: set.family,
    flags: MessageFlag.create,
    write: (to) =>
      setAttributes.write(
        to,
        {
          table: set.table,
          name: set.set,
          flags: set.flags,
          keyType: typeNumber(set.key),
          keyLength: typeLength(set.key),
          ...mapType(set.data),
          id: set.id,
          description: set.size === undefined ? undefined : { size: set.size },
        },
        {},
      ),
  });
}

function mapType(data: NewSet["data"]): { dataType?: number; dataLength?: number } {
  if (data === undefined) return {};
  if (data === "verdict") return { dataType: VERDICT, dataLength: 0 };
  return { dataType: typeNumber(data), dataLength: typeLength(data) };
}

function typeNumber(types: readonly SetType[]): number {
  return types.reduce((sum, { number }) => (sum << TYPE_BITS) | number, 0);
}

/** In a concatenation every part fills whole registers of four bytes. */
function typeLength(types: readonly SetType[]): number {
  const [only, ...others] = types;
  if (only !== undefined && others.length === 0) return only.length;
  return types.reduce((sum, { length }) => sum + ((length + 3) & ~3), 0);
}

/** The bytes of a concatenation. */
export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  const padded = parts.map((part) => (part.length + 3) & ~3);
  const bytes = new Uint8Array(padded.reduce((sum, length) => sum + length, 0));
  let at = 0;
  parts.forEach((part, index) => {
    bytes.set(part, at);
    at += padded[index] ?? 0;
  });
  return bytes;
}

/** Which set; by its id too while the transaction that makes it lasts. */
export interface SetKey extends TableKey {
  readonly set: string;
  readonly id?: number;
}

/** Adds elements, in as many messages as they need. */
export function addElements(key: SetKey, elements: readonly Element[]): Request[] {
  const requests: Request[] = [];
  for (let at = 0; at < elements.length; at += ELEMENTS_PER_MESSAGE) {
    requests.push(someElements(key, elements.slice(at, at + ELEMENTS_PER_MESSAGE)));
  }
  return requests;
}

function someElements({ family, table, set, id }: SetKey, elements: readonly Element[]): Request {
  return request({
    purpose: `add elements of ${table} ${set}`,
    message: Message.newElements,
    family,
    flags: MessageFlag.create,
    write: (to) =>
      elementList.write(to, { table, set, setId: id, elements: elements.map(toWire) }, {}),
  });
}

/** An element as its attributes. */
export function toWire({ key, data: value }: Element): { key: Data; data?: Data } {
  return { key: { value: key }, data: value };
}

/** Lists elements: for NetlinkSocket.dump, whose rows are lists themselves. */
export function dumpElements({ family, table, set }: SetKey): Request<Element[]> {
  return request({
    purpose: `list elements of ${table} ${set}`,
    message: Message.getElements,
    family,
    write: (to) => elementList.write(to, { table, set }, {}),
    read: (from, start, end) =>
      (elementList.read(from, start, end, {}).elements ?? []).map((element) => ({
        key: element.key?.value ?? new Uint8Array(),
        data: element.data,
      })),
  });
}
