/** Hands out addresses of configured ranges, each to one container on this host, and remembers them in files. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { formatAddress } from "../../pkg/ip/address.ts";
import { formatPrefix } from "../../pkg/ip/prefix.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { readText } from "../../pkg/sys/file.ts";
import { allocate } from "./allocate.ts";
import type { Holding } from "./owner-index.ts";
import { refuseLeftOver, takeRequest } from "./requested.ts";
import { parseResolvConf } from "./resolv-conf.ts";
import { configEntries, readSettings, type Settings } from "./settings.ts";
import { refuseUnavailable } from "./status.ts";
import { Store, type StorePlace } from "./store.ts";
import type { Candidate } from "./walk.ts";

type Call = Context<ConfigOf<typeof configEntries>>;

export const hostLocal = definePlugin({
  name: "host-local",
  config: configEntries,
  cniArgs: ["IP"],

  add(context) {
    const settings = readSettings(context);
    const { resolvConf, routes } = settings;
    const dns = resolvConf === "" ? undefined : parseResolvConf(readText(resolvConf));
    const ips = reserveAll(context, settings).map(({ address, range }) => ({
      address: formatPrefix({ address, length: range.subnet.length }),
      gateway: formatAddress(range.gateway),
    }));
    return { ips, routes, dns };
  },

  check(context) {
    using store = Store.find(placeOf(context, readSettings(context)));
    if (store && heldBy(store, context).length > 0) return;
    const message = `host-local: Failed to find address added by container ${context.containerId}`;
    throw new CniError(ErrorCode.internal, message);
  },

  del(context) {
    const { containerId } = context;
    using store = Store.find(placeOf(context, readSettings(context)));
    if (!store) return;
    for (const { address } of heldBy(store, context)) {
      context.attempt(() => store.release(containerId, address));
    }
  },

  gc(context) {
    const isValid = validity(context);
    using store = Store.find(placeOf(context, readSettings(context)));
    if (!store) return;
    for (const [containerId, holdings] of store.allHoldings()) {
      for (const { address, ifName } of [...holdings]) {
        if (isValid(containerId, ifName)) continue;
        context.attempt(() => store.release(containerId, address));
      }
    }
    context.attempt(() => store.removeLitter());
  },

  status(context) {
    const { sets, dataDir } = readSettings(context);
    refuseUnavailable(`${dataDir}/${context.network}`, sets);
  },
});

/** An address out of every range set, or none at all. */
function reserveAll(context: Call, settings: Settings): Candidate[] {
  const { containerId, ifName, undo } = context;
  const place = placeOf(context, settings);
  const reserved: Candidate[] = [];
  undo.push(() => releaseAll(place, containerId, reserved));

  using store = Store.open({ ...place, cancelFd: context.cancelFd });
  const requested = [...settings.requested];
  const found = settings.sets.map((set, index) =>
    allocate(store, {
      set,
      index,
      owner: { containerId, ifName },
      requested: takeRequest(requested, set),
    }),
  );
  refuseLeftOver(requested);
  store.commit();
  reserved.push(...found);
  return found;
}

function releaseAll(place: StorePlace, containerId: string, reserved: readonly Candidate[]): void {
  if (reserved.length === 0) return;
  using store = Store.find(place);
  for (const { address } of reserved) store?.release(containerId, formatAddress(address));
}

/** Only ADD stops waiting for the lock when it is interrupted: what is to be released must be. */
function placeOf({ network, log }: Call, { dataDir }: Settings): StorePlace {
  return { dataDir, network, cancelFd: -1, log };
}

/** What the attachment holds; only if there is nothing, what old reservations say its container holds. */
function heldBy(store: Store, { containerId, ifName }: Call): Holding[] {
  const holdings = store.holdingsOf(containerId);
  const own = holdings.filter((holding) => holding.ifName === ifName);
  return own.length > 0 ? own : holdings.filter((holding) => holding.ifName === "");
}

/** Whether an attachment is on GC's list. An old reservation is valid while any interface of its container is. */
function validity({ validAttachments }: Call): (containerId: string, ifName: string) => boolean {
  const valid = new Set<string>();
  for (const { containerID, ifname } of validAttachments) {
    valid.add(`${containerID}/${ifname}`);
    valid.add(`${containerID}/`);
  }
  return (containerId, ifName) => valid.has(`${containerId}/${ifName}`);
}
