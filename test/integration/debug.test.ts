/** The debug plugin: records, hooks, waits and failures. */

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import test from "node:test";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, replyOf, withHost } from "./harness/host.ts";
import type { Config } from "./harness/networks.ts";

const file = "/run/work/record";

const call = (keys: Config = {}) => ({
  plugin: "debug",
  config: { cniVersion: "1.1.0", name: "net1", type: "debug", ...keys },
});

function withContainer(steps: (host: Host) => Promise<void>): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await steps(host);
  });
}

function readRecord(host: Host): Record<string, unknown>[] {
  const lines = readFileSync(host.outside(file), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

test("each call is recorded, for the owner's eyes only", () =>
  withContainer(async (host) => {
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/x" }] };
    const { config, plugin } = call({ record: file, prevResult });
    const args = "A=B";
    assert.deepEqual(resultOf(await host.cni("ADD", { plugin, config, args })), prevResult);
    for (const verb of ["CHECK", "STATUS", "GC", "DEL"] as const) {
      assertSuccess(await host.cni(verb, { plugin, config, args }));
    }
    const records = readRecord(host);
    assert.deepEqual(
      records.map(({ verb }) => verb),
      ["ADD", "CHECK", "STATUS", "DEL"], // GC without a list of attachments ends before the plugin
    );
    assert.deepEqual(records[0]?.config, config);
    assert.equal(records[0]?.args, args);
    assert.equal(records[0]?.netns, "/run/netns/c1");
    assert.equal(statSync(host.outside(file)).mode & 0o777, 0o600);
  }));

test("calls at the same time leave whole lines", () =>
  withContainer(async (host) => {
    const keys = { record: file, filler: "x".repeat(10_000) };
    const calls = Array.from({ length: 20 }, () => host.cni("ADD", call(keys)));
    for (const reply of await Promise.all(calls)) resultOf(reply);
    assert.equal(readRecord(host).length, 20);
  }));

test("a record is not written through a link", () =>
  withContainer(async (host) => {
    host.write("/run/work/victim", "as it was");
    await host.run("ln", "-s", "victim", `/run/work/link`);
    assertError(await host.cni("ADD", call({ cniOutput: "/run/work/link" })), {
      code: 999,
      msg: /open \/run\/work\/link: too many levels of symbolic links/,
    });
    assert.equal(readFileSync(host.outside("/run/work/victim"), "utf8"), "as it was");
  }));

test("hooks run in the container's namespace, with the environment and the configuration", () =>
  withContainer(async (host) => {
    await host.runIn("c1", "ip", "link", "add", "inside", "type", "veth");
    const script = "ip -o link show inside; printf '%s ' $CNI_COMMAND $TRACEPARENT; cat";
    const { config, plugin } = call({ addHooks: [["sh", "-c", script], ["false"], ["nowhere"]] });
    const env = { TRACEPARENT: "00-1-2-01" };
    const reply = await host.cni("ADD", { plugin, config, env });
    resultOf(reply);
    assert.match(reply.stderr, /inside@.*: <BROADCAST/);
    assert.ok(reply.stderr.includes(`ADD 00-1-2-01 ${JSON.stringify(config)}`), reply.stderr);
    assert.match(reply.stderr, /^hook \["false"\] failed: exit status 1$/m);
    assert.match(reply.stderr, /^hook \["nowhere"\] failed: no such file or directory$/m);
  }));

test("failOn and errorCode make the verb fail as told", () =>
  withContainer(async (host) => {
    const failing = call({ failOn: "DEL", errorCode: 107, errorDetails: "on purpose" });
    resultOf(await host.cni("ADD", failing));
    assertError(await host.cni("DEL", failing), { code: 107, details: "on purpose" });
  }));

test("a wait is as long as told, and the runtime's signal ends it", () =>
  withContainer(async (host) => {
    const reply = await host.cni("CHECK", call({ delay: { CHECK: 300 } }));
    assertSuccess(reply);
    assert.ok(reply.ms >= 300);

    const waiting = host.startCni("ADD", call({ delay: 20_000, record: file }));
    while (!recorded(host)) await new Promise((resolve) => setTimeout(resolve, 5));
    waiting.kill("SIGTERM");
    const interrupted = replyOf(await waiting.outcome);
    assert.ok(interrupted.ms < 10_000);
    assertError(interrupted, { code: 11, msg: "interrupted while waiting" });
  }));

function recorded(host: Host): boolean {
  try {
    return readRecord(host).length > 0;
  } catch {
    return false; // not there yet
  }
}
