/** Which backend an attachment's rules go to, and how they are removed from all of them. */

import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { findFilter, openFilter } from "../../pkg/filter/backend.ts";
import { mayHold, removeReadably, unreadRules } from "../../pkg/filter/iptables.ts";
import { type Family, families } from "../../pkg/ip/address.ts";
import type { Prefix } from "../../pkg/ip/prefix.ts";
import { findPrograms, openPrograms, type Programs } from "../../pkg/iptables/program.ts";
import { UnreadableTableError } from "../../pkg/iptables/table.ts";
import { isKernel, useNft, type Way } from "../../pkg/iptables/way.ts";
import type { NetlinkSocket } from "../../pkg/netlink/socket.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { ifPresent } from "../../pkg/sys/file.ts";
import { stat } from "../../pkg/sys/statx.ts";
import type { BackendName, FirewallConfig, Settings } from "./config.ts";
import {
  addSources,
  findFirewalld,
  forbidSources,
  openFirewalld,
  sourcesOf,
  verifySources,
} from "./firewalld.ts";
import * as iptables from "./iptables.ts";
import { Chain } from "./iptables-rules.ts";
import { alone } from "./lock.ts";
import * as nftables from "./nftables.ts";
import { SourceFiles } from "./source-files.ts";
import type { Wish } from "./wish.ts";

type Call = Context<FirewallConfig>;

/** Lets addresses through, or says whether it does. */
export interface Backend {
  allow(wish: Wish): void;
  verify(wish: Wish): void;
}

const purpose = "cannot set up the firewall";

/** The backend that was asked for; else firewalld where it runs, iptables where it is, nf_tables. */
export function backendFor(context: Call, settings: Settings): Backend {
  const { backend } = settings;
  if (backend === "firewalld" || (backend === undefined && runsFirewalld(context))) {
    return firewalldBackend(context, settings);
  }
  return filterBackend(context, backend);
}

function runsFirewalld({ env, cancelFd, log }: Call): boolean {
  using firewalld = findFirewalld({ env, cancelFd, onRefused: withoutFirewalld(log) });
  return firewalld !== undefined;
}

/** The host's bus is no bus of a user namespace's: there, the other backends are what there is. */
function withoutFirewalld(log: Call["log"]): (reason: string) => void {
  return (reason) => log(`going on without firewalld: ${reason}`);
}

function filterBackend(context: Call, asked: BackendName | undefined): Backend {
  if (asked === "iptables") return iptablesBackend(context, programsOf(context, families));
  if (asked === "nftables") return nftablesBackend(context);
  const programs = programsOf(context, families);
  if (programs.length < families.length) return nftablesBackend(context);
  return eitherBackend(context, iptablesBackend(context, programs), nftablesBackend(context));
}

function programsOf({ env }: Call, wanted: readonly Family[]): Programs[] {
  return wanted.flatMap((family) => findPrograms(family, { env }) ?? []);
}

/** For a host that did not say what it wants, and whose table of that name is nft's own. */
function eitherBackend({ log }: Call, first: Backend, second: Backend): Backend {
  const either = (verb: keyof Backend) => (wish: Wish) => {
    try {
      first[verb](wish);
    } catch (error) {
      if (!(error instanceof UnreadableTableError)) throw error;
      log(`going on with nftables: ${error.message}`);
      second[verb](wish);
    }
  };
  return { allow: either("allow"), verify: either("verify") };
}

function iptablesBackend(context: Call, programs: readonly Programs[]): Backend {
  const { host, env, cancelFd } = context;
  const waysFor = ({ addresses }: Wish, heldFd?: number) =>
    waysOf(
      host,
      familiesOf(addresses).map((family) => {
        const found = programs.find((one) => one.family === family);
        return { ...(found ?? openPrograms(family, { env }, purpose)), cancelFd, heldFd };
      }),
    );
  return {
    allow: (wish) => alone((heldFd) => iptables.allow(waysFor(wish, heldFd), wish), cancelFd),
    verify: (wish) => iptables.verify(waysFor(wish), wish),
  };
}

/** Past those programs that change the kernel's nf_tables. */
function waysOf(host: Call["host"], programs: readonly Programs[]): Way[] {
  let socket: NetlinkSocket | undefined;
  return programs.map((found) => {
    if (!useNft(found)) return found;
    socket ??= findFilter(host);
    return socket === undefined ? found : { family: found.family, socket };
  });
}

function familiesOf(addresses: readonly Prefix[]): Family[] {
  return families.filter((family) => addresses.some(({ address }) => address.family === family));
}

function nftablesBackend({ host, cancelFd }: Call): Backend {
  return {
    allow: (wish) => alone(() => nftables.allow(openFilter(host, purpose), wish), cancelFd),
    verify: (wish) => nftables.verify(openFilter(host, purpose), wish),
  };
}

/** firewalld knows no policy between bridges: that goes where it would without it. */
function firewalldBackend(context: Call, { zone, policy }: Settings): Backend {
  const and = (wish: Wish, verb: keyof Backend) => {
    if (policy !== "open") filterBackend(context, undefined)[verb]({ ...wish, accept: false });
  };
  return {
    allow(wish) {
      alone(() => {
        using firewalld = openFirewalld(context);
        using files = new SourceFiles();
        const sources = sourcesOf(wish.addresses);
        files.write({ owner: wish.owner, zone, sources });
        addSources(firewalld, { zone, sources });
      }, context.cancelFd);
      and(wish, "allow");
    },
    verify(wish) {
      using firewalld = openFirewalld(context);
      verifySources(firewalld, { zone, sources: sourcesOf(wish.addresses) });
      and(wish, "verify");
    },
  };
}

/**
 * Removes the rules from wherever they may be: what decided where they went may have changed since. Only a word in the
 * configuration keeps iptables from being looked at. Each backend has its turn, whatever becomes of the others.
 */
export function removeEverywhere(context: Call, removal: iptables.Removal): void {
  const { attempt, config, env, host, log } = context;
  const { isGone, addresses = [] } = removal;
  const zone = config.firewalldZone || "trusted";
  const mayBeSources = config.backend === "" || config.backend === "firewalld";
  const given = mayBeSources && addresses.length > 0 ? sourcesOf(addresses) : [];
  const around = { env, onRefused: withoutFirewalld(log) };
  alone((heldFd) => {
    attempt(() => forbidSources(around, isGone, { zone, sources: given }));
    attempt(() => {
      const socket = findFilter(host);
      if (socket !== undefined) nftables.forbid(socket, isGone);
    });
    if (config.backend !== "nftables") {
      attempt(() => removeFromIptables(context, removal, heldFd));
    }
  });
}

function removeFromIptables(context: Call, removal: iptables.Removal, heldFd: number): void {
  const { attempt, host } = context;
  const { addresses = [] } = removal;
  const concerned = addresses.length > 0 ? familiesOf(addresses) : families.filter(isInKernel);
  const found = programsOf(context, concerned);
  const ways = waysOf(
    host,
    found.map((programs) => ({ ...programs, heldFd })),
  );
  attempt(() => iptables.forbid(ways.filter(isKernel), removal));
  for (const way of ways) {
    if (!isKernel(way)) attempt(() => removeByPrograms(context, way, removal));
  }
}

/** They are run only where there may be something to remove. */
function removeByPrograms(
  { host, log }: Call,
  programs: Programs,
  removal: iptables.Removal,
): void {
  const { family } = programs;
  const chains = [Chain.owners, Chain.forward];
  if (!chains.some((chain) => mayHold(host, family, ["filter", chain]))) return;
  const isLeft = () =>
    unreadRules(host, family, ["filter", Chain.owners]).some(({ comment }) =>
      removal.isGone(comment.split(" ")[0] ?? ""),
    );
  removeReadably(() => iptables.forbid([programs], removal), isLeft, log);
}

/** A kernel without IPv6 has no table of it. */
function isInKernel(family: Family): boolean {
  return family === 4 || ifPresent(() => stat("/proc/sys/net/ipv6")) !== undefined;
}

/** Throws code 50 where the backend cannot work. */
export function requireBackend(context: Call, { backend }: Settings): void {
  const { host } = context;
  const isThere: Record<BackendName, () => boolean> = {
    firewalld: () => runsFirewalld(context),
    iptables: () => {
      const wanted = families.filter(isInKernel);
      return programsOf(context, wanted).length === wanted.length;
    },
    nftables: () => findFilter(host) !== undefined,
  };
  const candidates =
    backend === undefined ? (["iptables", "nftables", "firewalld"] as const) : [backend];
  if (candidates.some((name) => isThere[name]())) return;
  const what = candidates.join(", ");
  throw new CniError(ErrorCode.notAvailable, `${purpose}: this host has no ${what}`);
}
