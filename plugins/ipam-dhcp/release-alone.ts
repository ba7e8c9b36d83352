/** DEL where no daemon runs: what its files say is given back without it. */

import { toCniError } from "../../pkg/cni/error.ts";
import { Namespace } from "../../pkg/ns/namespace.ts";
import { EventLoop } from "../../pkg/sys/event-loop.ts";
import { ifPresent } from "../../pkg/sys/file.ts";
import { stat } from "../../pkg/sys/statx.ts";
import { Attachment } from "./daemon/attachment.ts";
import { readSettings, type Settings } from "./daemon/settings.ts";
import { Store } from "./daemon/store.ts";
import type { Key } from "./order.ts";

/** Gives back what the directory says that the attachment has; false where a daemon has the directory. */
export function releaseAlone(directory: string, key: Key, log: (line: string) => void): boolean {
  // Whether there ever was a daemon: none is no reason to make its directory.
  if (ifPresent(() => stat(directory)) === undefined) return true;
  using store = Store.open(directory);
  if (store === undefined) return false;
  const saved = store.find(key, log);
  if (saved === undefined) return true;
  using loop = new EventLoop((error) => log(toCniError(error).message));
  using home = Namespace.own();
  const counters = { renewals: 0, losses: 0, failures: 0 };
  const settings = readSettings([]) as Settings;
  const household = { loop, settings, store, home, log, counters, onEnd: () => {} };
  try {
    Attachment.revive(household, saved).release();
    log("no daemon runs: gave the lease back without it");
  } catch (error) {
    store.remove(key);
    log(`the lease is left to expire: ${toCniError(error).message}`);
  }
  return true;
}
