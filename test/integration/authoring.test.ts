/** What docs/authoring.md tells authors of plugins to do, done: the template in a folder of its own, tested, built, run. */

import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test from "node:test";
import { readJsonExamples } from "../../scripts/examples.ts";
import { describe, run } from "./harness/command.ts";
import { assertError } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";
import type { Config } from "./harness/networks.ts";
import { cached, fail, type Runtime, runTool, succeed, writeNetwork } from "./harness/runtime.ts";
import { oursInWorld } from "./harness/world.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tscni-author-"));
const own = join(folder, "my-plugin");
const built = join(own, "dist");
const longest = 2 * 1024 * 1024;

test.before(() => {
  cpSync(join(root, "template"), own, { recursive: true });
  // What "npm install" makes of the package.json there, without a registry.
  mkdirSync(join(own, "node_modules"));
  symlinkSync(root, join(own, "node_modules/tscni"));
  for (const name of ["valibot", "tsx", "@types"]) {
    symlinkSync(join(root, "node_modules", name), join(own, "node_modules", name));
  }
});

test.after(() => rmSync(folder, { recursive: true }));

const env = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", TSCNI: root };

/** Runs one of the template's commands in its folder. */
async function inFolder(command: string): Promise<string> {
  const outcome = await run(["sh", "-ec", `cd "$0"; ${command}`, own], {
    env,
    deadlineMs: 300_000,
  });
  assert.equal(outcome.status, 0, describe(outcome));
  return outcome.stdout;
}

test("the template's own tests pass where it was copied to, in namespaces of the test kit", async () => {
  const stdout = await inFolder("npm test --silent");
  assert.match(stdout, /^\S pass [4-9]/m);
  assert.match(stdout, /^\S fail 0/m);
  assert.match(stdout, /^\S skipped 0/m);
});

test("its types are right", async () => {
  await inFolder(`"${root}/node_modules/.bin/tsc"`);
});

test("one command builds it, into one small file", async () => {
  assert.match(await inFolder("npm run build --silent"), /dist\/altname +\d+ bytes\n$/);
  assert.deepEqual(readdirSync(built), ["altname"]);
  assert.ok(statSync(join(built, "altname")).size < longest);
  const byHand = await run([join(built, "altname")], { env: {} });
  assert.equal(
    byHand.stderr,
    "CNI altname plugin v0.1.0\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
  );
});

test("it works in a chain behind the suite's plugins: ADD, CHECK, STATUS, GC, DEL", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const example = readJsonExamples().find(({ page }) => page === "docs/authoring.md");
    const [bridge = {}, altname = {}] = (example?.json.plugins ?? []) as Config[];
    writeNetwork(host, [bridge, altname]);
    const runtime: Runtime = { tool: "ours", path: `${oursInWorld}:${built}` };
    const tried = await runTool(host, runtime, "try", "net1", "--", "/usr/sbin/ip", "link");
    assert.equal(tried.status, 0, describe(tried));
    assert.match(tried.stdout, /altname web/);
    const altNames = async () => {
      const [link] = await host.ip<{ altnames?: string[] }>("c1", "link", "show", "dev", "eth0");
      return link?.altnames?.sort();
    };
    const result = JSON.parse(await succeed(host, runtime, "add"));
    assert.equal(result.ips.length, 1);
    assert.deepEqual(await altNames(), ["frontend", "web"]);
    await succeed(host, runtime, "check");
    await succeed(host, runtime, "status");
    await host.runIn("c1", "ip", "link", "property", "del", "dev", "eth0", "altname", "web");
    assert.match(await fail(host, runtime, "check"), /eth0 is not called web/);
    await succeed(host, runtime, "del");
    await succeed(host, runtime, "del");
    assert.equal(cached(host), undefined);
    writeNetwork(host, [bridge, { type: "altname", names: ["not a name"] }]);
    assert.match(await fail(host, runtime, "add"), /"not a name" is no name of an interface/);
  }));

test("what the skel does for it: versions, variables, undo", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const call = (config: object, env = {}) =>
      host.cni("ADD", { plugin: "altname", from: built, config, env });
    const network = { cniVersion: "1.1.0", name: "net1", type: "altname", names: ["web", "lo0"] };
    assertError(await call({ ...network, cniVersion: "2.0.0" }), { code: 1 });
    assertError(await call(network, { CNI_IFNAME: undefined }), { code: 4 });
    assertError(await call({ ...network, names: "web" }), { code: 7, msg: /"names"/ });
    // One of the names is taken: the kernel refuses, and the other one must be gone again.
    await host.runIn("c1", "ip", "link", "add", "eth0", "type", "bridge");
    await host.runIn("c1", "ip", "link", "add", "lo0", "type", "bridge");
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/x" }] };
    await host.unchangedBy(async () => {
      assertError(await call({ ...network, prevResult }), { code: 999, msg: /file exists/ });
    });
    const [link] = await host.ip<{ altnames?: string[] }>("c1", "link", "show", "dev", "eth0");
    assert.equal(link?.altnames, undefined);
  }));
