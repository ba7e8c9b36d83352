/** Changes of the ruleset: all of them or none, and only if it still is as it was read. */

import { attributes, be32 } from "../netlink/codec.ts";
import { isNetlinkError } from "../netlink/error.ts";
import type { Request } from "../netlink/message.ts";
import { filterHeader, Subsystem } from "../netlink/nfnetlink.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { sleepMs } from "../sys/clock.ts";
import { Errno } from "../sys/errno.ts";
import { getGeneration } from "./table.ts";

/** NFNL_MSG_BATCH_*, linux/netfilter/nfnetlink.h */
const BEGIN = 16;
const END = 17;

/** NFNL_BATCH_*, linux/netfilter/nfnetlink.h */
const batchAttributes = attributes({ generation: [1, be32] });

/** How often to begin anew while others change the ruleset, with pauses from some point on. */
const TRIES = 100;
/** How many of them insist on nobody having changed anything at all. */
const STRICT_TRIES = 3;
const LONGEST_PAUSE_MS = 20;

/**
 * Reads and then changes the ruleset. `plan` is called again where somebody else changed it in between; it
 * returns the changes, of which either all are made or none. No changes, no transaction. A hundred of this suite at
 * once would spend their time interrupting each other's reading, so each waits for its turn. Where
 * others change the ruleset all the time, only that counts which the plan builds on: rules are deleted by handles, and one
 * that is gone fails the transaction.
 */
export function transact(socket: NetlinkSocket, plan: () => readonly Request[]): void {
  socket.inTurn(() => insist(socket, plan));
}

function insist(socket: NetlinkSocket, plan: () => readonly Request[]): void {
  for (let tries = 1; ; tries++) {
    const isStrict = tries <= STRICT_TRIES;
    try {
      const [generation] = isStrict ? socket.send(getGeneration()) : [];
      commit(socket, plan(), generation);
      return;
    } catch (error) {
      if (!mayPass(error, isStrict) || tries >= TRIES) throw error;
    }
    if (!isStrict) sleepMs(Math.min(tries - STRICT_TRIES, LONGEST_PAUSE_MS));
  }
}

/** Whether another try may go better. EINTR: what was being listed changed each time. */
function mayPass(error: unknown, isStrict: boolean): boolean {
  return isStrict
    ? isNetlinkError(error, Errno.ERESTART, Errno.EINTR)
    : isNetlinkError(error, Errno.EINTR, Errno.ENOENT);
}

/** Makes the changes if the ruleset has this generation; throws NetlinkError ERESTART where it has another. */
export function commit(
  socket: NetlinkSocket,
  changes: readonly Request[],
  generation?: number,
): void {
  if (changes.length === 0) return;
  // The kernel answers after the whole: one acknowledgement tells, and a refusal comes unasked for.
  const quiet = changes.map((change, index) =>
    index < changes.length - 1 ? { ...change, quiet: true as const } : change,
  );
  socket.send(mark(BEGIN, generation), ...quiet, mark(END));
}

function mark(type: number, generation?: number): Request {
  return {
    purpose: "change ruleset",
    type,
    flags: 0,
    quiet: true,
    write(to) {
      filterHeader.put(to, { resource: Subsystem.nftables });
      batchAttributes.write(to, { generation }, {});
    },
  };
}

/**
 * Whether nf_tables works in the socket's namespace: one request, whatever programs there are. A kernel without it
 * does not know the kind of message; every other failure is one.
 */
export function isUsable(socket: NetlinkSocket): boolean {
  try {
    socket.send(getGeneration());
    return true;
  } catch (error) {
    if (isNetlinkError(error, Errno.EINVAL, Errno.EOPNOTSUPP)) return false;
    throw error;
  }
}
