/** Runs an example of the documentation as a runtime would, and proves that it works and leaves nothing. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { describe } from "./command.ts";
import {
  capabilityArgsOf,
  prepareFor,
  type RunnableExample,
  runnableExamples,
  writeExample,
} from "./examples.ts";
import type { Result } from "./expect.ts";
import { type Host, withHost } from "./host.ts";
import { cacheDirectory, fail, type Runtime, runTool, succeed } from "./runtime.ts";
import { oursInWorld } from "./world.ts";

/** A test for each example that needs such kinds of links. */
export function testExamples(needing: Parameters<typeof runnableExamples>[0]): void {
  for (const example of runnableExamples(needing)) {
    test(`the example at ${example.place} runs: ADD, CHECK, STATUS, GC, DEL`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        await prepareFor(host, example);
        const file = writeExample(host, example);
        const env = capabilityArgsOf(example);
        const runtime: Runtime = { tool: "ours", path: oursInWorld, env };
        const validated = await runTool(host, runtime, "validate", file);
        assert.equal(validated.status, 0, describe(validated));
        await runOnce(host, runtime, example);
        // What stays on purpose, such as the bridge, is there now.
        await host.unchangedBy(() => runOnce(host, runtime, example));
      }));
  }
}

async function runOnce(host: Host, runtime: Runtime, example: RunnableExample): Promise<void> {
  const { name } = example;
  const { ips = [] } = JSON.parse(await succeed(host, runtime, "add", name)) as Result;
  const links = await host.ip<{ addr_info: { local: string; prefixlen: number }[] }>(
    "c1",
    "address",
  );
  const found = links.flatMap(({ addr_info }) =>
    addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  );
  for (const { address } of ips) assert.ok(found.includes(address), `${address} is nowhere in c1`);
  await succeed(host, runtime, "status", name);
  const collected = await runTool(host, runtime, "gc", name, "--keep-living");
  assert.equal(collected.status, 0, describe(collected));
  await succeed(host, runtime, "check", name);
  await deleteOnce(host, runtime, example);
  assert.deepEqual(readdirSync(host.outside(cacheDirectory)), []);
}

/** A plugin that is to fail (debug's `failOn`) does so, with its code; then it no longer is. */
async function deleteOnce(host: Host, runtime: Runtime, example: RunnableExample): Promise<void> {
  const failing = example.plugins.find(({ failOn }) => failOn === "DEL");
  if (failing !== undefined) {
    await fail(host, runtime, "del", example.name);
    writeExample(host, { ...example, text: example.text.replace(`"failOn":"DEL",`, "") });
  }
  await succeed(host, runtime, "del", example.name);
  if (failing !== undefined) writeExample(host, example);
}
