/** Hands out addresses of configured ranges, each to one container on this host, and remembers them in files. */

import { findCniArg } from "../../pkg/cni/args.ts";
import { formatAddress } from "../../pkg/ip/address.ts";
import { formatPrefix } from "../../pkg/ip/prefix.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { type ConfigOf, definePlugin } from "../../pkg/skel/plugin.ts";
import { readText } from "../../pkg/sys/file.ts";
import { allocate } from "./allocate.ts";
import { checkReservations } from "./check.ts";
import { refuseLeftOver, takeRequest } from "./requested.ts";
import { parseResolvConf } from "./resolv-conf.ts";
import {
  configEntries,
  readSettings,
  readStoreSettings,
  releaseEntries,
  type Settings,
  type StoreSettings,
} from "./settings.ts";
import { refuseUnavailable } from "./status.ts";
import { attachmentClaimant, stickyClaimant } from "./store/claims.ts";
import { describeNamespace } from "./store/origin.ts";
import { type Holder, nameOf, type Owner } from "./store/reservation.ts";
import { Store, type StorePlace } from "./store/store.ts";
import type { Candidate } from "./walk.ts";

type Call = Context<ConfigOf<typeof configEntries>>;

type Holding = Pick<Holder, "owner" | "addresses">;

/** What DEL and GC are given. */
type Release = Context<ConfigOf<typeof releaseEntries>>;

export const hostLocal = definePlugin({
  name: "host-local",
  config: configEntries,
  releaseConfig: releaseEntries,
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
    const settings = readSettings(context);
    using store = Store.find(placeOf(context, settings));
    checkReservations(context, settings.sets, store ? heldBy(store, context).addresses : []);
  },

  del(context) {
    using store = Store.find(placeOf(context, readStoreSettings(context.config)));
    if (store) giveUp(store, heldBy(store, context), context);
  },

  gc(context) {
    const isValid = validity(context);
    using store = Store.find(placeOf(context, readStoreSettings(context.config)));
    if (!store) return;
    for (const holder of store.everyHolder()) {
      if (!isValid(holder.owner)) giveUp(store, holder, context);
    }
    context.attempt(() => store.removeLitter());
    store.aside(() => store.claims.prune());
  },

  status(context) {
    const settings = readSettings(context);
    refuseUnavailable(placeOf(context, settings), settings.sets);
  },
});

/** An address out of every range set, or none at all. */
function reserveAll(context: Call, settings: Settings): Candidate[] {
  const { containerId, ifName, undo } = context;
  const owner = { containerId, ifName };
  const namespace = describeNamespace(context.netns);
  const place = placeOf(context, settings);
  const claimants = claimantsOf(context, settings, owner);
  let reserved: readonly string[] = [];
  undo.push(() => releaseAll(place, owner, reserved));

  using store = Store.open({ ...place, cancelFd: context.cancelFd });
  const requested = [...settings.requested];
  const found = settings.sets.map((set, index) =>
    allocate(store, {
      set,
      index,
      owner,
      requested: takeRequest(requested, set),
      claimants,
      resumes: settings.reclaim,
    }),
  );
  refuseLeftOver(requested);
  store.setNamespace(owner, namespace);
  reserved = store.commit();
  store.aside(() => settleClaims(store, claimants, found));
  return found;
}

/** Takes back what an ADD reserved. Since then a DEL may have come, and somebody else have got the addresses. */
function releaseAll(place: StorePlace, owner: Owner, reserved: readonly string[]): void {
  if (reserved.length === 0) return;
  using store = Store.find(place);
  for (const address of store?.heldBy(owner).addresses ?? []) {
    if (reserved.includes(address)) store?.release(address, owner);
  }
}

/** Releases what is held. From now on it is kept for its claimant, but not for ever. */
function giveUp(store: Store, { owner, addresses }: Holding, { config, attempt }: Release): void {
  const { isSticky } = readStoreSettings(config);
  for (const address of addresses) {
    attempt(() => store.release(address, owner));
    if (isSticky) store.aside(() => store.claims.touch(address));
  }
}

/** As whom an attachment may have a claim to an address: itself, and what the template makes of CNI_ARGS. */
function claimantsOf({ env, log }: Call, { stickyKeys }: Settings, owner: Owner): string[] {
  const itself = attachmentClaimant(owner);
  if (stickyKeys.length === 0) return [itself];
  const values = stickyKeys.map((key) => findCniArg(env.CNI_ARGS ?? "", key));
  const missing = stickyKeys.filter((_, at) => !values[at]);
  if (missing.length === 0) return [itself, stickyClaimant(values.join("/"), owner.ifName)];
  log(`the address will not be sticky: CNI_ARGS lacks ${missing.join(", ")}`);
  return [itself];
}

/** What was kept for the attachment is its own again; what it has now is kept for its successors. */
function settleClaims(
  store: Store,
  claimants: readonly string[],
  found: readonly Candidate[],
): void {
  const [itself = "", sticky] = claimants;
  if (store.claims.addressesOf(itself).length > 0) store.claims.set(itself, []);
  if (sticky === undefined) return;
  store.claims.set(
    sticky,
    found.map(({ address }) => formatAddress(address)),
  );
}

/** Only ADD stops waiting for the lock when it is interrupted: what is to be released must be. */
function placeOf(
  { network, log }: Pick<Call, "network" | "log">,
  { dataDir, reclaim, claimMs }: StoreSettings,
): StorePlace {
  return { dataDir, network, cancelFd: -1, reclaim, claimMs, log };
}

/** What the attachment holds; only if there is nothing, what old reservations say its container holds. */
function heldBy(store: Store, { containerId, ifName }: Owner): Holding {
  const owner = { containerId, ifName };
  const addresses = [...store.heldBy(owner).addresses];
  if (addresses.length > 0) return { owner, addresses };
  const old = { containerId, ifName: "" };
  return { owner: old, addresses: [...store.heldBy(old).addresses] };
}

/** Whether an attachment is on GC's list. An old reservation is valid while any interface of its container is. */
function validity({ validAttachments }: Release): (owner: Owner) => boolean {
  const valid = new Set<string>();
  for (const { containerID, ifname } of validAttachments) {
    valid.add(nameOf({ containerId: containerID, ifName: ifname }));
    valid.add(nameOf({ containerId: containerID, ifName: "" }));
  }
  return (owner) => valid.has(nameOf(owner));
}
