/** Gets a container's addresses from a DHCP server, through a daemon that keeps the leases. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { sleepMs } from "../../pkg/sys/clock.ts";
import { callDaemon, UnreachableError } from "./call.ts";
import { configEntries, ipamOf, orderOf, releaseEntries, socketOf } from "./config.ts";
import { runDaemon } from "./daemon/main.ts";
import { leasesBeside } from "./daemon/settings.ts";
import type { Granted, Key, Order } from "./order.ts";
import { releaseAlone } from "./release-alone.ts";
import { printStatus } from "./status.ts";

/** For questions that the daemon answers from what it has at hand. */
const briefly = { cancelFd: -1, timeoutMs: 10_000 };

/** How long a daemon may take from its lock to its socket. */
const startTries = 20;
const startPauseMs = 100;

export const dhcp = definePlugin({
  name: "dhcp",
  config: configEntries,
  releaseConfig: releaseEntries,
  commands: { daemon: runDaemon, status: printStatus },

  add(context) {
    const order = orderOf(context);
    const socket = socketOf(context);
    context.undo.push(() => takeBack(socket, order));
    // Until it is answered the daemon takes a hang-up for a cancellation.
    const patience = { cancelFd: context.cancelFd, timeoutMs: -1 };
    const granted = callDaemon(socket, { method: "allocate", order }, patience) as Granted;
    return { ips: [...granted.ips], routes: [...granted.routes], dns: granted.dns };
  },

  check(context) {
    const key = keyOf(context);
    const granted = callDaemon(socketOf(context), { method: "check", key }, briefly) as Granted;
    const { prevResult } = context;
    if (!prevResult) throw new CniError(ErrorCode.internal, "Required prevResult missing");
    for (const { address } of granted.ips) {
      if (prevResult.ips?.some((ip) => ip.address === address)) continue;
      const text = `the lease is of ${address} now, which prevResult lacks`;
      throw new CniError(ErrorCode.internal, `cannot confirm ${context.ifName}: ${text}`);
    }
  },

  del(context) {
    giveBack(socketOf(context), keyOf(context), context.log);
  },

  gc(context) {
    const { network, validAttachments } = context;
    const valid = validAttachments.map(({ containerID, ifname }) => ({
      network,
      containerId: containerID,
      ifName: ifname,
    }));
    callDaemon(socketOf(context), { method: "gc", network, valid }, briefly);
  },

  status(context) {
    ipamOf(context);
    callDaemon(socketOf(context), { method: "ping" }, briefly);
  },
});

function keyOf({ network, containerId, ifName }: Key): Key {
  return { network, containerId, ifName };
}

/** The answer to an ADD may have been lost on its way; what another ADD got for the attachment stays. */
function takeBack(socket: string, order: Order): void {
  try {
    callDaemon(socket, { method: "release", key: keyOf(order), add: order.add }, briefly);
  } catch (error) {
    // It was not there in the first place, or is no more: there is nobody to tell.
    if (!(error instanceof UnreachableError)) throw error;
  }
}

/** The container goes in any case; what is not given back ends by itself. */
function giveBack(socket: string, key: Key, log: (line: string) => void): void {
  for (let tries = 0; ; tries++) {
    try {
      callDaemon(socket, { method: "release", key }, briefly);
      return;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      if (releaseAlone(leasesBeside(socket), key, log)) return;
      // Whoever holds the leases is a daemon that is about to listen.
      if (tries === startTries) {
        log(`the lease is left to expire: ${error.message}`);
        return;
      }
      sleepMs(startPauseMs);
    }
  }
}
