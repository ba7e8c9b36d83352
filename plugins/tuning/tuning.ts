/** Sets kernel parameters and properties of an interface that a plugin before it in the chain has made. */

import type { Interface, Result } from "../../pkg/cni/result.ts";
import { findHostEnd } from "../../pkg/link/host-end.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { mtuFor } from "../../pkg/skel/interface.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { listOwners, parseTexts, readTexts, remove, save, writeTexts } from "./backup.ts";
import { differences } from "./compare.ts";
import { type TuningConfig, tuningEntries, type Wanted, wantedOf } from "./config.ts";
import {
  type HostEnd,
  readSysctls,
  requireLink,
  restore,
  type State,
  setValues,
  valuesOf,
  wantsLink,
  writeSysctls,
} from "./state.ts";

type Call = Context<TuningConfig>;

export const tuning = definePlugin({
  name: "tuning",
  config: tuningEntries,
  cniArgs: ["MAC"],

  add(context) {
    const { container, prevResult, host } = context;
    const wanted = wantedOf(context);
    if (prevResult === undefined) throw new Error("Required prevResult missing");
    // Opened here: inside the container it would be one of the container's.
    if (wanted.link.mtu !== undefined) void host.socket;
    return container.run(() => tune(context, wanted, prevResult));
  },

  check(context) {
    const { prevResult } = context;
    const wanted = wantedOf(context);
    if (prevResult === undefined) throw new Error("Required prevResult missing");
    const { link, sysctl } = look(context, wanted);
    const found = differences(context.ifName, wanted, {
      link: link ? valuesOf(link, wanted.link) : {},
      sysctl,
    });
    if (found.length > 0) throw new Error(found.join("; "));
  },

  del(context) {
    const { config, host, ifName, attempt, log } = context;
    attempt(() => {
      const saved = parseTexts(readTexts(config.dataDir, context), log);
      if (saved === undefined) return;
      const container = context.findContainer();
      if (container !== undefined) restore({ host, container, ifName }, saved, log);
      remove(config.dataDir, context);
    });
  },

  gc({ config, network, validAttachments, attempt, log }) {
    const valid = new Set(validAttachments.map((it) => `${it.containerID}/${it.ifname}`));
    attempt(() => {
      for (const owner of listOwners(config.dataDir, log)) {
        if (owner.network !== network) continue;
        if (valid.has(`${owner.containerId}/${owner.ifName}`)) continue;
        attempt(() => remove(config.dataDir, owner));
      }
    });
  },

  status({ config, cniArgs, stdin }) {
    wantedOf({ config, cniArgs, stdin, ifName: "eth0" });
  },
});

/** The interface, if anything is wanted of it, and the parameters' values: in one visit to the namespace. */
function look(context: Call, { link, sysctl }: Wanted): Pick<State, "sysctl"> & { link?: Link } {
  const { container } = context;
  return container.run(() => ({
    link: wantsLink(link) ? requireLink(context) : undefined,
    sysctl: readSysctls(container, Object.keys(sysctl)),
  }));
}

/** All of ADD's work, in one visit to the namespace. */
function tune(context: Call, wanted: Wanted, prevResult: Result): Result {
  const { container, host } = context;
  const { link, sysctl } = look(context, wanted);
  const end = wanted.link.mtu && link && findHostEnd(host, container, link);
  const peer = end && hostNames(prevResult).includes(end.name) ? end : undefined;
  const present: State = {
    link: link ? valuesOf(link, wanted.link) : {},
    hostEnd: peer ? { name: peer.name, mtu: peer.mtu } : undefined,
    sysctl,
  };
  if (link === undefined && Object.keys(wanted.sysctl).length === 0) return prevResult;
  backUp(context, present);
  writeSysctls(container, wanted.sysctl, present.sysctl);
  if (peer) setValues(host, peer, { mtu: wanted.link.mtu }, { mtu: peer.mtu });
  if (link !== undefined) setValues(container, link, wanted.link, present.link);
  return changed(context, prevResult, wanted, present.hostEnd);
}

/** Keeps how things are, on disk for DEL and at hand for a failure. Of several in a chain the first one's count. */
function backUp(context: Call, present: State): void {
  const { config, host, container, ifName, undo, log } = context;
  const before = save(config.dataDir, context, present, log);
  undo.push(() => writeTexts(config.dataDir, context, before));
  undo.push(() => restore({ host, container, ifName }, present, log));
}

function hostNames({ interfaces = [] }: Result): string[] {
  return interfaces.filter(({ sandbox }) => !sandbox).map(({ name }) => name);
}

/** The result with what is no longer as the plugins before said. */
function changed(
  { ifName, cniVersion }: Call,
  prevResult: Result,
  { link: { mac, mtu } }: Wanted,
  hostEnd: HostEnd | undefined,
): Result {
  const { interfaces } = prevResult;
  if (interfaces === undefined || (mac === undefined && mtu === undefined)) return prevResult;
  const newMtu = mtu === undefined ? undefined : mtuFor(cniVersion, mtu);
  const update = (it: Interface): Interface => {
    const told = it.mtu === undefined ? newMtu : (mtu ?? it.mtu);
    if (it.name === ifName && it.sandbox) return { ...it, mac: mac ?? it.mac, mtu: told };
    return it.name === hostEnd?.name && !it.sandbox ? { ...it, mtu: told } : it;
  };
  return { ...prevResult, interfaces: interfaces.map(update) };
}
