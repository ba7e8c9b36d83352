/**
 * Runs `iptables-save` and `iptables-restore`. One of the first tells what is there, one of the second changes it, all
 * or nothing: the usual `iptables` for each rule would be a dozen programs, and a dozen chances to stop in between.
 */

import { CniError, ErrorCode } from "../cni/error.ts";
import type { Family } from "../ip/address.ts";
import { errnoText } from "../sys/errno.ts";
import { isExecutable } from "../sys/file.ts";
import { type SpawnRequest, type SpawnResult, spawn } from "../sys/process.ts";
import { decode, encode } from "../sys/text.ts";
import { programFor } from "./rule.ts";
import { SavedTable } from "./saved-table.ts";
import { printScript, type Step, type Table, type TableName } from "./table.ts";

/** How long to wait for the lock that all users of the old kernel interface share, if not told otherwise. */
const usualLockSeconds = 10;
/** How long a program may take besides. */
const workMs = 20_000;
/** How often a change is planned anew because somebody else was quicker. */
const mostTries = 5;

/** Where administrators' programs are; runtimes started without PATH, or with a user's, do not look there. */
const usualDirectories = [
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
];
/** The plain name is the flavour that the host has chosen. */
const flavours = ["", "-nft", "-legacy"];

/** How programs are found and run; what is left out is this process's own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** Readable means: give up; -1 for never. */
  readonly cancelFd?: number;
  readonly lockSeconds?: number;
  /** A lock's descriptor: it is kept until the program ends, also where this process is killed meanwhile. */
  readonly heldFd?: number;
  readonly isExecutable?: (path: string) => boolean;
  readonly run?: (request: SpawnRequest, task?: string) => SpawnResult;
}

/** The programs for one family. */
export interface Programs extends Surroundings {
  readonly family: Family;
  readonly save: string;
  readonly restore: string;
}

/** The family's programs; undefined where the host has none. */
export function findPrograms(family: Family, around: Surroundings): Programs | undefined {
  const { env, isExecutable: test = isExecutable } = around;
  const given = (env.PATH ?? "").split(":").filter((directory) => directory.startsWith("/"));
  const directories = [...new Set([...given, ...usualDirectories])];
  for (const flavour of flavours) {
    for (const directory of directories) {
      const path = `${directory}/${programFor(family)}${flavour}`;
      const found = { family, ...around, save: `${path}-save`, restore: `${path}-restore` };
      if (test(found.restore) && test(found.save)) return found;
    }
  }
  return undefined;
}

/** The same; throws where there are none, and says what for they were wanted. */
export function openPrograms(family: Family, around: Surroundings, purpose: string): Programs {
  const found = findPrograms(family, around);
  if (found !== undefined) return found;
  const name = programFor(family);
  throw new Error(`${purpose}: neither ${name}-save nor ${name}-restore is on this host`);
}

/** Reads a table. Throws UnreadableTableError where it holds what iptables cannot show. */
export function readTable(programs: Programs, name: TableName): Table {
  const { save } = programs;
  const result = run(programs, save, ["-t", name], "");
  if (result.status !== 0) throw failure(`cannot read table "${name}"`, programs.save, result);
  return new SavedTable(name, decode(result.stdout));
}

/** What is to be done to a table, as it was read. */
export type Plan = (table: Table) => readonly Step[];

/** The change of one table: see `updateTables`. */
export function updateTable(programs: Programs, name: TableName, plan: Plan): void {
  updateTables(programs, [[name, plan]]);
}

/**
 * Reads tables, plans, and makes the changes with one program; without steps nothing is changed. Each table changes as a
 * whole or not at all, one after the other. Where the change fails, somebody may have been quicker: then it is planned
 * anew. Throws code 11 where the lock is not to be had.
 */
export function updateTables(
  programs: Programs,
  plans: readonly (readonly [TableName, Plan])[],
): void {
  let before = "";
  for (let tries = 1; ; tries++) {
    const script = plans.map(([name, plan]) => scriptFor(programs, name, plan)).join("");
    if (script === "") return;
    const args = ["--noflush", "-w", `${patience(programs)}`];
    const result = run(programs, programs.restore, args, script);
    if (result.status === 0) return;
    const names = plans.map(([name]) => `"${name}"`).join(" and ");
    refuseLocked(programs, names, result);
    if (script === before || tries === mostTries) {
      throw failure(`cannot change table ${names}`, programs.restore, result, script);
    }
    before = script;
  }
}

function scriptFor(programs: Programs, name: TableName, plan: Plan): string {
  const steps = plan(readTable(programs, name));
  return steps.length === 0 ? "" : printScript(name, steps);
}

function run(programs: Programs, path: string, args: string[], stdin: string): SpawnResult {
  const { env, cancelFd = -1, heldFd, run = spawn } = programs;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const result = run(
    {
      path,
      argv: [name, ...args],
      env: { ...env },
      stdin: encode(stdin),
      deadlineMs: patience(programs) * 1000 + workMs,
      cancelFd,
      heldFd,
    },
    args.join(" "),
  );
  if (result.error !== 0) throw new Error(`cannot run ${path}: ${errnoText(result.error)}`);
  if (result.cancelled) {
    throw new CniError(ErrorCode.tryAgainLater, `interrupted while ${path} was running`);
  }
  if (result.timedOut) {
    throw new CniError(ErrorCode.tryAgainLater, `${path} did not end in time`);
  }
  return result;
}

function patience({ lockSeconds = usualLockSeconds }: Programs): number {
  return lockSeconds;
}

/** RESOURCE_PROBLEM, which is not only the lock */
const lockStatus = 4;

function refuseLocked(programs: Programs, tables: string, { status, stderr }: SpawnResult): void {
  if (status !== lockStatus || !decode(stderr).includes("xtables lock")) return;
  const limit = `${patience(programs)} s`;
  throw new CniError(
    ErrorCode.tryAgainLater,
    `cannot change table ${tables}: ${programs.restore} did not get the xtables lock within ${limit}`,
  );
}

/** What the program said, less its own name; the flavours word it differently, but both tell the line. */
function failure(
  what: string,
  path: string,
  { stderr, status, signal }: SpawnResult,
  script = "",
): Error {
  const said = decode(stderr)
    .split("\n")
    .map((line) => line.replace(/^ip6?tables[\w-]*( v[\d.]+)?( \(\w+\))?:\s*/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("Try `") && !line.startsWith("# Warning"));
  const end = signal === 0 ? `exit status ${status}` : `signal ${signal}`;
  const number = /line:? (\d+)/.exec(said.join(" "))?.[1];
  const line = script.split("\n")[Number(number) - 1];
  const where = line === undefined ? "" : `: ${line}`;
  return new Error(`${what}: ${path}: ${[...said, end].join("; ")}${where}`);
}
