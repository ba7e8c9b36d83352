/** Elements of a map by the thousand: written and read without an object for each, in a tenth of the time. */

import { attributes, be32, type Codec, flagged, listOf, string } from "../netlink/codec.ts";
import { MessageFlag, type Request } from "../netlink/message.ts";
import {
  attributeLength,
  attributeType,
  ATTRIBUTE_HEADER as HEADER,
  type Reader,
} from "../netlink/wire.ts";
import { Message, request } from "./message.ts";
import { type Element, elementAttributes, type SetKey, toWire } from "./set.ts";

/** Bytes of a word; keys and values of maps that concatenate are made of whole ones. */
const WORD = 4;
/** NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA, NFTA_DATA_VALUE, NFTA_SET_ELEM_LIST_ELEMENTS, linux/netfilter/nf_tables.h */
const Type = { key: 1, data: 2, value: 1, list: 3 } as const;
/** What an attribute can hold, its own header included. */
const LONGEST = 0xffff;

/** Elements of a map that are all like one, but for the last word of the key and that of the value. */
export interface Alike {
  readonly model: Element;
  /** Of each element these two words, as they lie in memory. */
  readonly ends: Int32Array;
}

const list = listOf(1, flagged(elementAttributes));

/** The model is encoded once and copied, then the words are put in. */
const alike: Codec<Alike> = {
  write(to, { model, ends }) {
    const start = to.length;
    list.write(to, [toWire(model)], {});
    const width = to.length - start;
    const end = start + (width * ends.length) / 2;
    to.reserve(end - to.length);
    for (let filled = width; start + filled < end; filled *= 2) {
      to.bytes.copyWithin(start + filled, start, Math.min(start + filled, end - filled));
    }
    const { words } = to;
    const step = width / WORD;
    let key = (start + 3 * HEADER + model.key.length) / WORD - 1;
    let value = (start + width) / WORD - 1;
    for (let at = 0; at < ends.length; at += 2, key += step, value += step) {
      words[key] = ends[at] as number;
      words[value] = ends[at + 1] as number;
    }
  },
  read() {
    throw new Error("elements are read by dumpWords");
  },
};

/** NFTA_SET_ELEM_LIST_*, linux/netfilter/nf_tables.h */
const alikeList = attributes({
  table: [1, string],
  set: [2, string],
  elements: [Type.list, flagged(alike)],
  setId: [4, be32],
});

/** Adds such elements, in as few messages as hold them. */
export function addAlike(key: SetKey, { model, ends }: Alike): Request[] {
  const width = 5 * HEADER + model.key.length + (model.data?.value?.length ?? 0);
  const most = 2 * Math.trunc((LONGEST - HEADER) / width);
  const requests: Request[] = [];
  for (let at = 0; at < ends.length; at += most) {
    requests.push(addSome(key, { model, ends: ends.subarray(at, at + most) }));
  }
  return requests;
}

function addSome({ family, table, set, id }: SetKey, elements: Alike): Request {
  return request({
    purpose: `add elements of ${table} ${set}`,
    message: Message.newElements,
    family,
    flags: MessageFlag.create,
    write: (to) => alikeList.write(to, { table, set, setId: id, elements }, {}),
  });
}

/** Elements as read, a step after the other, each with its key and its value in the same places. */
export interface Run {
  readonly words: Int32Array;
  readonly step: number;
  /** Where in an element, in words, and how many. */
  readonly key: number;
  readonly keyLength: number;
  readonly value: number;
  readonly valueLength: number;
}

/** Lists the elements of a map that have a value, in runs of like ones: for NetlinkSocket.dump. */
export function dumpRuns({ family, table, set }: SetKey): Request<Run[]> {
  return request({
    purpose: `list elements of ${table} ${set}`,
    message: Message.getElements,
    family,
    write: (to) => alikeList.write(to, { table, set }, {}),
    read(from, start, end) {
      const runs: Run[] = [];
      const elements = find(from, Type.list, start, end);
      if (elements < 0) return runs;
      const last = endOf(from, elements);
      for (let at = elements; at < last; ) {
        const run = readRun(from, at, last);
        if (run === undefined) at += aligned(attributeLength(from.bytes, at, last));
        else {
          runs.push(run);
          at += run.words.length * WORD;
        }
      }
      return runs;
    },
  });
}

/** The elements from `start` on that have the form of the first, which is read thoroughly; undefined where it has no value. */
function readRun(from: Reader, start: number, end: number): Run | undefined {
  const length = aligned(attributeLength(from.bytes, start, end));
  const element = start + HEADER;
  const key = valueIn(from, Type.key, element);
  const value = valueIn(from, Type.data, element);
  if (key < 0 || value < 0) return undefined;
  const { words } = from;
  const step = length / WORD;
  const first = start / WORD;
  // The headers of the element, its key, its value, and of the bytes in those.
  const forms = [first, key / WORD - 2, key / WORD - 1, value / WORD - 2, value / WORD - 1];
  let next = first + step;
  for (const most = end / WORD - step; next <= most && isAlike(words, forms, next - first); ) {
    next += step;
  }
  return {
    words: words.slice(first, next),
    step,
    key: key / WORD - first,
    keyLength: (endOf(from, key) - key) >> 2,
    value: value / WORD - first,
    valueLength: (endOf(from, value) - value) >> 2,
  };
}

/** Whether the words at these places are the same so much further on. */
function isAlike(words: Int32Array, places: readonly number[], distance: number): boolean {
  for (let at = 0; at < places.length; at++) {
    const place = places[at] as number;
    if (words[place] !== words[place + distance]) return false;
  }
  return true;
}

/** Where the bytes of an element's key or value begin; less than 0 for none. */
function valueIn(from: Reader, part: number, element: number): number {
  const data = find(from, part, element, endOf(from, element));
  return data < 0 ? data : find(from, Type.value, data, endOf(from, data));
}

/** Where the payload of the attribute of this type begins; less than 0 for none. */
function find(from: Reader, type: number, start: number, end: number): number {
  for (let at = start; at < end; ) {
    const length = attributeLength(from.bytes, at, end);
    if (attributeType(from.bytes, at) === type) return at + HEADER;
    at += aligned(length);
  }
  return -1;
}

/** Where the payload that begins there ends. */
function endOf({ words }: Reader, payload: number): number {
  const start = payload - HEADER;
  return start + ((words[start >> 2] as number) & 0xffff);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
