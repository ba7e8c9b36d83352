/** Notes on a table, chain or rule that the kernel keeps and does not read: `nft` puts comments there. */

import type { Codec } from "../netlink/codec.ts";
import type { Writer } from "../netlink/wire.ts";
import { decode, encode } from "../sys/text.ts";

/** What is noted. */
export interface Notes {
  /** As `nft` shows it. */
  readonly comment?: string;
  /** Whose rule it is: ours alone, since `nft` passes over what it does not know. */
  readonly owner?: string;
}

/** NFTNL_UDATA_RULE_COMMENT, libnftnl/udata.h; the same for tables and chains. The other is of our own choice. */
const COMMENT = 0;
const OWNER = 0xcc;
/** NFTNL_UDATA_COMMENT_MAXLEN, libnftnl/udata.h, which counts bytes without the NUL */
const LONGEST_COMMENT = 128;

function writeNote(to: Writer, type: number, text: string): void {
  const value = encode(`${text}\0`);
  const start = to.reserve(2 + value.length);
  to.bytes[start] = type;
  to.bytes[start + 1] = value.length;
  to.bytes.set(value, start + 2);
}

/** Type, length and text with its NUL, one after the other. */
export const notes: Codec<Notes> = {
  write(to, { comment, owner }) {
    if (comment !== undefined) writeNote(to, COMMENT, comment);
    if (owner !== undefined) writeNote(to, OWNER, owner);
  },
  read(from, start, end) {
    const found: { comment?: string; owner?: string } = {};
    for (let at = start; at + 2 <= end; ) {
      const type = from.bytes[at];
      const next = at + 2 + (from.bytes[at + 1] as number);
      if (next > end) break;
      // What another program put there need not end with a NUL.
      const text = decode(from.bytes.subarray(at + 2, next)).replace(/\0.*$/s, "");
      if (type === COMMENT) found.comment = text;
      if (type === OWNER) found.owner = text;
      at = next;
    }
    return found;
  },
};

/** A comment as `nft` takes one: no quotes, no control characters, 128 bytes at most. */
export function commentOf(text: string): string {
  let comment = "";
  let length = 0;
  for (const character of text) {
    if (character === '"' || character < " " || character === "\x7f") continue;
    length += encode(character).length;
    if (length > LONGEST_COMMENT) break;
    comment += character;
  }
  return comment;
}
