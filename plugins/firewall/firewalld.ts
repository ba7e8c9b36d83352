/** The firewalld backend: addresses become sources of a zone, for as long as firewalld runs and is not reloaded. */

import { CniError, ErrorCode, toCniError } from "../../pkg/cni/error.ts";
import { BusConnection, BusError, RefusedError } from "../../pkg/dbus/connection.ts";
import { formatPrefix, type Prefix } from "../../pkg/ip/prefix.ts";
import { Errno, isSysError } from "../../pkg/sys/errno.ts";
import { listSources, SourceFiles, type Sources } from "./source-files.ts";

const service = "org.fedoraproject.FirewallD1";
const object = {
  destination: service,
  path: "/org/fedoraproject/FirewallD1",
  interface: "org.fedoraproject.FirewallD1.zone",
} as const;

/** firewalld runs one request after the other, and each may load modules and rewrite a ruleset. */
const timeoutMs = 30_000;

/** What surrounds a call. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly cancelFd?: number;
  /** Given, a bus that does not let us in is none; it is told why. */
  readonly onRefused?: (reason: string) => void;
}

/** A connection to firewalld; undefined where it does not run. */
export function findFirewalld(around: Surroundings): BusConnection | undefined {
  const connection = told("reach the system's message bus", () => openBus(around));
  if (connection === undefined) return undefined;
  try {
    if (told("ask for firewalld", () => connection.hasOwner(service))) return connection;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
  connection[Symbol.dispose]();
  return undefined;
}

function openBus({ env, cancelFd, onRefused }: Surroundings): BusConnection | undefined {
  try {
    return BusConnection.openSystem(env, { timeoutMs, cancelFd });
  } catch (error) {
    const isRefusal = error instanceof RefusedError || isSysError(error, Errno.EACCES, Errno.EPERM);
    if (!isRefusal || onRefused === undefined) throw error;
    onRefused(error.message);
    return undefined;
  }
}

/** The same; throws where it does not run. */
export function openFirewalld(around: Surroundings): BusConnection {
  const connection = findFirewalld(around);
  if (connection === undefined) throw new Error("firewalld is not running");
  return connection;
}

/** The zone's sources that addresses are. */
export function sourcesOf(addresses: readonly Prefix[]): string[] {
  return addresses.map(formatPrefix);
}

/** Adds sources; one that the zone has, or another zone, is left where it is, as the reference does. */
export function addSources(firewalld: BusConnection, { zone, sources }: Sources): void {
  for (const source of sources) {
    const purpose = `add the address ${source} to ${zone} zone`;
    told(purpose, () => ask(firewalld, "addSource", [zone, source], ["ZONE_ALREADY_SET"]));
  }
}

/** Throws where the zone does not have a source. */
export function verifySources(firewalld: BusConnection, { zone, sources }: Sources): void {
  for (const source of sources) {
    const purpose = `find the address ${source} in ${zone} zone`;
    const answer = told(purpose, () => ask(firewalld, "querySource", [zone, source]));
    if (answer !== true) throw new Error(`failed to ${purpose}`);
  }
}

/** What firewalld says where the zone does not have a source: nobody has it, another zone has, there is no such zone. */
const isGoneAlready = ["UNKNOWN_SOURCE", "ZONE_CONFLICT", "INVALID_ZONE"];

/** Removes sources; what the zone does not have is gone already. */
function removeSources(firewalld: BusConnection, { zone, sources }: Sources): void {
  for (const source of sources) {
    const purpose = `remove the address ${source} from ${zone} zone`;
    told(purpose, () => ask(firewalld, "removeSource", [zone, source], isGoneAlready));
  }
}

/** The answer; undefined for a refusal with one of the words, which say that it is so already. */
function ask(
  firewalld: BusConnection,
  member: string,
  words: readonly string[],
  already: readonly string[] = [],
): unknown {
  try {
    return firewalld.call({ ...object, member, arguments: words })[0];
  } catch (error) {
    const says = (word: string) => error instanceof BusError && error.message.startsWith(word);
    if (already.some(says)) return undefined;
    throw error;
  }
}

/** Runs a step and says what it was for, should it fail. */
function told<T>(purpose: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    const code = isSysError(error, Errno.ETIMEDOUT, Errno.EINTR)
      ? ErrorCode.tryAgainLater
      : ErrorCode.internal;
    throw new CniError(code, `failed to ${purpose}: ${toCniError(error).message}`);
  }
}

/** Removes what the owners had that are gone; files first tell what that is, and go last. */
export function forbidSources(
  around: Surroundings,
  isGone: (owner: string) => boolean,
  given: Sources,
): void {
  const all = listSources();
  const gone = all.filter(({ owner }) => isGone(owner));
  const wanted = [...gone, given].filter(({ sources }) => sources.length > 0);
  if (wanted.length > 0) {
    const kept = all.filter((record) => !gone.includes(record));
    // What was told to firewalld must not be forgotten; who told it nothing has nothing to lose.
    removeUnheld(gone.length === 0 ? around : { ...around, onRefused: undefined }, wanted, kept);
  }
  if (gone.length === 0) return;
  using files = new SourceFiles();
  for (const { owner } of gone) files.remove(owner);
}

function removeUnheld(
  around: Surroundings,
  wanted: readonly Sources[],
  kept: readonly Sources[],
): void {
  using firewalld = findFirewalld(around);
  if (firewalld === undefined) return;
  for (const { zone, sources } of wanted) {
    const isHeld = (source: string) =>
      kept.some((other) => other.zone === zone && other.sources.includes(source));
    removeSources(firewalld, { zone, sources: sources.filter((source) => !isHeld(source)) });
  }
}
