/** Queueing disciplines: in which order and how fast packets leave a link, and what looks at those that arrive. */

import { chosenBy } from "../netlink/chosen.ts";
import { attributes, put, string } from "../netlink/codec.ts";
import { MessageFlag, type Request } from "../netlink/message.ts";
import type { Reader, Writer } from "../netlink/wire.ts";
import { Errno } from "../sys/errno.ts";
import { TcPlace, Type, tcHeader, writeTcHeader } from "./message.ts";
import { type Tbf, tbf } from "./tbf.ts";

const nothing = attributes({});

/** TCA_*, linux/rtnetlink.h; the data of other kinds is not read */
const qdiscAttributes = attributes({
  kind: [1, string],
  data: [2, chosenBy("kind", { tbf, ingress: nothing, clsact: nothing })],
});

const entries = qdiscAttributes.table;

/** A discipline, whether there or wanted. */
export interface Qdisc {
  /** The link it is on. */
  readonly index: number;
  readonly kind: string;
  /** See TcPlace; left out, what leaves. */
  readonly parent?: number;
  /** Two numbers of 16 bits, the second 0; the kernel chooses one where it is left out. */
  readonly handle?: number;
  readonly data?: Tbf;
}

/** What there can be one of: the discipline at a place of a link. */
export interface QdiscKey {
  readonly index: number;
  readonly parent?: number;
}

/** Puts a discipline where the kernel's usual one is; fails with EEXIST where there is another. `link` is for the message. */
export function newQdisc(qdisc: Qdisc, link?: string): Request {
  return {
    purpose: `create ${qdisc.kind} qdisc on ${link ?? `link number ${qdisc.index}`}`,
    type: Type.newQdisc,
    flags: MessageFlag.create | MessageFlag.exclusive,
    write(to) {
      writeHeader(to, qdisc);
      put(to, entries.kind, qdisc.kind);
      put(to, entries.data, qdisc.data, { kind: qdisc.kind });
    },
  };
}

/**
 * Takes a discipline away, and what hangs on it. Fails with ENOENT where there is none, with EINVAL where the one that is
 * there has another kind or handle.
 */
export function deleteQdisc(qdisc: QdiscKey & Partial<Qdisc>): Request {
  return {
    purpose: `delete qdisc of link number ${qdisc.index}`,
    type: Type.deleteQdisc,
    flags: 0,
    write(to) {
      writeHeader(to, qdisc);
      put(to, entries.kind, qdisc.kind);
    },
  };
}

/** Reads the discipline at a place; undefined if there is none, or one that the kernel made and does not show. */
export function getQdisc(key: QdiscKey): Request<Qdisc | undefined> {
  return {
    purpose: `find qdisc of link number ${key.index}`,
    type: Type.getQdisc,
    // Of one that is not shown there is only the acknowledgement; old kernels answer nobody who wants no echo.
    flags: MessageFlag.ack | MessageFlag.echo,
    absent: [Errno.ENOENT],
    write: (to) => writeTcHeader(to, { index: key.index, parent: key.parent ?? TcPlace.root }),
    read: readQdisc,
  };
}

function writeHeader(
  to: Writer,
  { index, parent = TcPlace.root, handle }: Omit<Qdisc, "kind">,
): void {
  // The kernel knows the one for what arrives by its place alone, but iproute2 names it.
  const number = parent === TcPlace.arriving ? arrivingHandle : handle;
  writeTcHeader(to, { index, handle: number, parent });
}

/** "ffff:" */
const arrivingHandle = 0xffff0000;

function readQdisc(from: Reader, start: number, end: number): Qdisc {
  const { index, handle, parent } = tcHeader.read(from, start, end);
  const { kind = "", data } = qdiscAttributes.read(from, start + tcHeader.size, end, {});
  return { index, kind, parent, handle, data };
}
