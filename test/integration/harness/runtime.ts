/** The runtime's side under test: a cnitool, ours or the reference's, in a world with networks to run. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type Outcome, type Running } from "./command.ts";
import { reference, withoutReference } from "./executables.ts";
import type { Host } from "./host.ts";
import type { Config } from "./networks.ts";
import { oursInWorld, referenceInWorld } from "./world.ts";

export const configDirectory = "/run/net.d";
export const cacheDirectory = "/var/lib/cni/results";
const netns = "/run/netns/c1";

/** The id that cnitool derives from /run/netns/c1. */
export const containerId = "cnitool-20b4ff582526573bbe7d";

/** For node:test's `skip`: why the reference's cnitool cannot take part. */
export const withoutReferenceTool =
  withoutReference ||
  (!existsSync(join(reference ?? "", "cnitool")) &&
    "the reference's cnitool is missing (scripts/install-reference.sh, which needs Go)");

/** Who runs the plugins, and where the plugins are. */
export interface Runtime {
  readonly tool: "ours" | "reference";
  /** CNI_PATH. */
  readonly path: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Writes a network configuration list. */
export function writeNetwork(host: Host, plugins: readonly Config[], more: Config = {}): void {
  const list = { cniVersion: "1.1.0", name: "net1", ...more, plugins };
  host.write(`${configDirectory}/${list.name}.conflist`, JSON.stringify(list));
}

/** Starts cnitool. */
export function startTool(host: Host, { tool, path, env }: Runtime, ...argv: string[]): Running {
  const from = tool === "ours" ? oursInWorld : referenceInWorld;
  const variables = { CNI_PATH: path, NETCONFPATH: configDirectory, ...env };
  return host.start([`${from}/cnitool`, ...argv], { env: variables });
}

/** Runs cnitool to its end. */
export function runTool(host: Host, runtime: Runtime, ...argv: string[]): Promise<Outcome> {
  return startTool(host, runtime, ...argv).outcome;
}

/** Runs a verb on a network and the namespace c1, which must succeed; the value is what it printed. */
export async function succeed(
  host: Host,
  runtime: Runtime,
  verb: string,
  network = "net1",
): Promise<string> {
  const outcome = await runTool(host, runtime, verb, network, netns);
  assert.equal(outcome.status, 0, describe(outcome));
  return outcome.stdout;
}

/** Runs a verb on a network and the namespace c1, which must fail; the value is what it said. */
export async function fail(
  host: Host,
  runtime: Runtime,
  verb: string,
  network = "net1",
): Promise<string> {
  const outcome = await runTool(host, runtime, verb, network, netns);
  assert.equal(outcome.status, 1, describe(outcome));
  return outcome.stderr;
}

/** The cache file of net1, c1 and eth0; undefined if there is none. */
export function cached(host: Host, id = containerId): string | undefined {
  const file = host.outside(`${cacheDirectory}/net1-${id}-eth0`);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
