/** Matches of iptables, for rules that are to stay readable for `iptables`: it does not understand nft's own. */

import { attributes, be32, bytes, string, type ValueOf } from "../../netlink/codec.ts";
import { decode, encode } from "../../sys/text.ts";

/** NFTA_MATCH_*, linux/netfilter/nf_tables_compat.h */
export const match = attributes({
  name: [1, string],
  revision: [2, be32],
  info: [3, bytes],
});

/** struct xt_conntrack_mtinfo3, linux/netfilter/xt_conntrack.h: its size, and where it has what is set here */
const connection = {
  revision: 3,
  size: 168,
  matchFlags: 146,
  invertFlags: 148,
  stateMask: 150,
} as const;
/** XT_CONNTRACK_STATE, linux/netfilter/xt_conntrack.h */
const LOOKS_AT_STATE = 1;

/** struct xt_comment_info, linux/netfilter/xt_comment.h: XT_MAX_COMMENT_LEN */
const COMMENT_SIZE = 256;

/** What a match says, for those that are written here. */
export type Match = ValueOf<typeof match>;

/** `-m conntrack --ctstate`, with the bits of `ConnectionState`. */
export function matchConnectionState(bits: number) {
  const info = new Uint8Array(connection.size);
  const view = new DataView(info.buffer);
  view.setUint16(connection.matchFlags, LOOKS_AT_STATE, true);
  view.setUint16(connection.stateMask, bits, true);
  return {
    name: "match",
    data: { name: "conntrack", revision: connection.revision, info },
  } as const;
}

/** The bits of such a match; undefined where it is another, or asks for more. */
export function connectionStateOf({ name, revision, info }: Match): number | undefined {
  if (name !== "conntrack" || revision !== connection.revision) return undefined;
  if (info?.length !== connection.size) return undefined;
  const view = new DataView(info.buffer, info.byteOffset);
  const asks = view.getUint16(connection.matchFlags, true);
  // What it does not ask for says nothing.
  if (asks !== LOOKS_AT_STATE || view.getUint16(connection.invertFlags, true) !== 0)
    return undefined;
  return view.getUint16(connection.stateMask, true);
}

/** `-m comment --comment`: it matches everything. What is longer than iptables keeps is refused by the kernel. */
export function matchComment(text: string) {
  const bytes = encode(text);
  const info = new Uint8Array(Math.max(COMMENT_SIZE, bytes.length + 1));
  info.set(bytes);
  return { name: "match", data: { name: "comment", revision: 0, info } } as const;
}

/** The text of such a match; undefined where it is another. */
export function commentOf({ name, info = new Uint8Array(0) }: Match): string | undefined {
  if (name !== "comment") return undefined;
  const end = info.indexOf(0);
  return decode(end < 0 ? info : info.subarray(0, end));
}
