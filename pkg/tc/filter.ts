/** Filters: what is done with packets that arrive on a link. */

import { chosenBy } from "../netlink/chosen.ts";
import {
  attributes,
  be16,
  be32,
  type Codec,
  encode,
  flagged,
  s32,
  string,
  u8,
  u16,
  u32,
} from "../netlink/codec.ts";
import { MessageFlag, type Request } from "../netlink/message.ts";
import { struct } from "../netlink/struct.ts";
import type { Writer } from "../netlink/wire.ts";
import { TcPlace, Type, tcHeader, writeTcHeader } from "./message.ts";

/** struct tc_mirred, linux/tc_act/tc_mirred.h */
const mirredParameters = struct({
  index: u32,
  capabilities: u32,
  action: s32,
  references: s32,
  bindings: s32,
  what: s32,
  target: u32,
});

/** TC_ACT_STOLEN, linux/pkt_cls.h: the packet is somebody else's now */
const stolen = 4;
/** TCA_EGRESS_REDIR, linux/tc_act/tc_mirred.h: the packet leaves by the target */
const redirectToEgress = 1;

/** TCA_MIRRED_* of linux/tc_act/tc_mirred.h inside TCA_ACT_*, linux/pkt_cls.h */
const action = attributes({
  kind: [1, string],
  options: [
    2,
    flagged(chosenBy("kind", { mirred: attributes({ parameters: [2, mirredParameters] }) })),
  ],
});

/** struct tc_u32_sel with one struct tc_u32_key, linux/pkt_cls.h */
const selector = struct({
  flags: u8,
  offsetShift: u8,
  keys: u8,
  pad: u8,
  offsetMask: be16,
  offset: u16,
  offsetAt: u16,
  hashAt: u16,
  hashMask: be32,
  mask: be32,
  value: be32,
  at: s32,
  atMask: s32,
});

/** TC_U32_TERMINAL, linux/pkt_cls.h: what matches goes no further */
const terminal = 1;

/** A u32 filter's selector that every packet matches: one word compared under an empty mask. */
const everything: Codec<boolean> = {
  write: (to) => selector.put(to, { flags: terminal, keys: 1 }),
  read(from, start, end) {
    if (end - start !== selector.size) return false;
    const { keys, mask } = selector.get(from, start);
    return keys === 1 && mask === 0;
  },
};

/** TCA_U32_*, linux/pkt_cls.h */
const u32Options = attributes({
  classId: [1, u32],
  matchesAll: [5, everything],
  /** Lists of actions are numbered from one; there is no other than the first here. */
  actions: [7, attributes({ first: [1, action] })],
});

/** TCA_*, linux/rtnetlink.h; the options of other kinds are not read */
const filterAttributes = attributes({
  kind: [1, string],
  options: [2, chosenBy("kind", { u32: u32Options })],
});

/** ETH_P_ALL, linux/if_ether.h, in network byte order */
const allProtocols = 0x0300;
/** "1:1", which nothing looks at: the reference suite's, and iproute2 wants one */
const classId = 0x0001_0001;

/** A filter of what arrives, as the kernel describes it. */
export interface Filter {
  readonly index: number;
  readonly kind: string;
  /** Lower ones are asked first. */
  readonly priority: number;
  /** 0 for what holds filters together and is none. */
  readonly handle: number;
  /** The link that it makes all packets leave by, where that is what it does. */
  readonly redirectsTo?: number;
}

function redirectAttributes(target: number): Uint8Array {
  const parameters = {
    index: 0,
    capabilities: 0,
    action: stolen,
    references: 0,
    bindings: 0,
    what: redirectToEgress,
    target,
  };
  const first = { kind: "mirred", options: { parameters } };
  const options = { classId, actions: { first }, matchesAll: true };
  return encode(filterAttributes, { kind: "u32", options });
}

/** All redirections have the same bytes but for the target's four, which are not zero where that is. */
const redirection = redirectAttributes(0);
const targetAt = redirectAttributes(-1).findIndex((byte, at) => byte !== redirection[at]);

/** Lets everything that arrives on a link leave by another. */
export function newRedirect({
  index,
  target,
  priority,
}: {
  readonly index: number;
  readonly target: number;
  readonly priority: number;
}): Request {
  return {
    purpose: `redirect what arrives on link number ${index}`,
    type: Type.newFilter,
    flags: MessageFlag.create | MessageFlag.exclusive,
    write(to) {
      writeHeader(to, { index, priority });
      const start = to.length;
      to.append(redirection);
      u32.set(to, start + targetAt, target);
    },
  };
}

/** Takes a filter away; fails with ENOENT where there is none. */
export function deleteFilter(filter: Omit<Filter, "redirectsTo">): Request {
  return {
    purpose: `delete filter of link number ${filter.index}`,
    type: Type.deleteFilter,
    flags: 0,
    write(to) {
      writeHeader(to, filter);
      filterAttributes.write(to, { kind: filter.kind }, {});
    },
  };
}

/** Lists the filters of what arrives on a link: for NetlinkSocket.dump. */
export function dumpFilters({ index }: { readonly index: number }): Request<Filter | undefined> {
  return {
    purpose: `list filters of link number ${index}`,
    type: Type.getFilter,
    flags: 0,
    write: (to) => writeTcHeader(to, { index, parent: TcPlace.arrivingFilters }),
    read(from, start, end) {
      const header = tcHeader.read(from, start, end);
      const { kind = "", options } = filterAttributes.read(from, start + tcHeader.size, end, {});
      return {
        index: header.index,
        kind,
        priority: header.info >>> 16,
        handle: header.handle,
        redirectsTo: redirectIn(options),
      };
    },
  };
}

function redirectIn(options: ReturnType<typeof u32Options.read> | undefined): number | undefined {
  const found = options?.actions?.first?.options?.parameters;
  const isRedirect = found?.what === redirectToEgress && found.action === stolen;
  return isRedirect && options?.matchesAll ? found.target : undefined;
}

function writeHeader(
  to: Writer,
  { index, priority, handle }: { index: number; priority: number; handle?: number },
): void {
  const info = ((priority << 16) | allProtocols) >>> 0;
  writeTcHeader(to, { index, handle, parent: TcPlace.arrivingFilters, info });
}
