import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type Libcni, openLibcni, parseList } from "./node.ts";

interface Fixture {
  readonly dir: string;
  readonly cni: Libcni;
  readonly stderr: string[];
  script(name: string, body: string): void;
}

async function withFixture(work: (fixture: Fixture) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "libcni-"));
  const stderr: string[] = [];
  const script = (name: string, body: string) => {
    writeFileSync(join(dir, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(dir, name), 0o755);
  };
  const onStderr = (text: string) => void stderr.push(text);
  try {
    const cni = openLibcni({ pluginDirs: [dir], cacheDir: join(dir, "cache"), onStderr });
    await work({ dir, cni, stderr, script });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const attachment = { containerId: "c1", netns: "/run/netns/c1", ifName: "eth0" };
const list = parseList(`{"cniVersion": "1.1.0", "name": "net", "plugins": [{"type": "p"}]}`);

test("a plugin runs as a process, and its attachment is remembered in files for root alone", () =>
  withFixture(async ({ dir, cni, stderr, script }) => {
    script("p", `cat > ${dir}/stdin; echo hint >&2; echo '{"ips": [{"address": "10.0.0.2/24"}]}'`);
    const result = await cni.add(list, attachment);
    assert.equal(result.ips?.[0]?.address, "10.0.0.2/24");
    assert.deepEqual(stderr, ["hint\n"]);
    const results = join(dir, "cache/results");
    assert.deepEqual(readdirSync(results), ["net-c1-eth0"]);
    assert.equal(statSync(results).mode & 0o777, 0o700);
    assert.equal(statSync(join(results, "net-c1-eth0")).mode & 0o777, 0o600);
    assert.equal((await cni.cachedAttachments()).length, 1);
    await cni.del(list, attachment);
    assert.deepEqual(readdirSync(results), []);
  }));

test("a plugin that may not be killed is not waited for", (context) =>
  withFixture(async ({ dir, cni, script }) => {
    script("p", `echo $$ >> ${dir}/pids; exec sleep 60`);
    const kill = context.mock.method(process, "kill", () => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    });
    const abort = new AbortController();
    const adding = cni.add(list, attachment, { signal: abort.signal });
    await assert.rejects(
      cni.add(list, { ...attachment, containerId: "c2" }, { timeoutMs: 300 }),
      /did not end within 300 ms/,
    );
    abort.abort();
    await assert.rejects(adding, /interrupted while .* was running/);
    assert.equal(kill.mock.callCount(), 2);
    kill.mock.restore();
    const pids = readFileSync(join(dir, "pids"), "utf8").trim().split("\n");
    assert.equal(pids.length, 2);
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
  }));

test("a plugin that never ends is killed with what it started", () =>
  withFixture(async ({ dir, cni, script }) => {
    script("p", `sleep 60 & echo $! > ${dir}/pid; wait`);
    const began = Date.now();
    await assert.rejects(cni.add(list, attachment, { timeoutMs: 300 }), {
      message: `plugin type="p" failed (add): ${dir}/p did not end within 300 ms`,
    });
    assert.ok(Date.now() - began < 5000);
  }));

test("a deadline holds where what the plugin started has left its group and keeps its output open", () =>
  withFixture(async ({ dir, cni, script }) => {
    script("p", `setsid sleep 8 & echo $! > ${dir}/pid; sleep 60`);
    const began = Date.now();
    await assert.rejects(
      cni.add(list, attachment, { timeoutMs: 300 }),
      /did not end within 300 ms/,
    );
    assert.ok(Date.now() - began < 5000);
    process.kill(Number(readFileSync(join(dir, "pid"), "utf8")));
  }));

test("an abort ends the plugin, and cleaning up has its own deadline", () =>
  withFixture(async ({ dir, cni, script }) => {
    script("p", `[ $CNI_COMMAND = DEL ] && { touch ${dir}/deleted; exit; }; sleep 60`);
    const signal = AbortSignal.timeout(200);
    await assert.rejects(cni.add(list, attachment, { signal, cleanUpTimeoutMs: 5000 }), {
      code: 11,
    });
    assert.ok(statSync(join(dir, "deleted")).isFile());
  }));

test("a plugin that ends without reading its stdin has still run", () =>
  withFixture(async ({ cni, script }) => {
    script("p", "echo '{}'");
    const large = { ...attachment, capabilityArgs: { big: "x".repeat(1_000_000) } };
    const wants = parseList(
      `{"name": "net", "plugins": [{"type": "p", "capabilities": {"big": true}}]}`,
    );
    await cni.add(wants, large);
  }));

test("what cannot be started is told in the reference's words", () =>
  withFixture(async ({ dir, cni }) => {
    writeFileSync(join(dir, "p"), "#!/none\n", { mode: 0o600 });
    await assert.rejects(cni.status(list), { message: `fork/exec ${dir}/p: permission denied` });
    chmodSync(join(dir, "p"), 0o755);
    await assert.rejects(cni.status(list), {
      message: `fork/exec ${dir}/p: no such file or directory`,
    });
  }));

test("calls for one container follow each other, those of others run beside", () =>
  withFixture(async ({ dir, cni, script }) => {
    script(
      "p",
      `echo in $CNI_CONTAINERID >> ${dir}/log; sleep 0.2; echo out $CNI_CONTAINERID >> ${dir}/log; echo '{}'`,
    );
    const began = Date.now();
    await Promise.all([
      cni.add(list, attachment),
      cni.del(list, attachment),
      cni.add(list, { ...attachment, containerId: "c2" }),
    ]);
    assert.ok(Date.now() - began < 600, "two containers side by side");
    assert.equal((await cni.cachedAttachments()).length, 1);
  }));

test("GC waits for an attachment that is being made, and keeps it although it was not listed", () =>
  withFixture(async ({ dir, cni, script }) => {
    script("p", `cat > ${dir}/$CNI_COMMAND; [ $CNI_COMMAND = ADD ] && sleep 0.3; echo '{}'`);
    const adding = cni.add(list, attachment);
    await wait(100);
    await cni.gc(list, { validAttachments: [] });
    await adding;
    assert.equal((await cni.cachedAttachments()).length, 1);
    const { "cni.dev/valid-attachments": valid } = JSON.parse(
      readFileSync(join(dir, "GC"), "utf8"),
    );
    assert.deepEqual(valid, [{ containerID: "c1", ifname: "eth0" }]);
    await cni.gc(list, { validAttachments: [] });
    assert.equal((await cni.cachedAttachments()).length, 0);
  }));

test("a call that waits for another of its container ends by its own deadline or signal, and runs nothing", () =>
  withFixture(async ({ dir, cni, script }) => {
    script("p", `echo $CNI_COMMAND >> ${dir}/log; [ $CNI_COMMAND = ADD ] && sleep 1; echo '{}'`);
    let isMade = false;
    const adding = cni.add(list, attachment).then(() => {
      isMade = true;
    });
    await assert.rejects(cni.del(list, attachment, { timeoutMs: 100 }), /timed out/);
    const signal = AbortSignal.timeout(100);
    await assert.rejects(cni.check(list, attachment, { signal }), /interrupted/);
    assert.equal(isMade, false);
    await cni.del(list, attachment); // behind the ADD, though those between have gone
    assert.equal(isMade, true);
    await adding;
    assert.equal(readFileSync(join(dir, "log"), "utf8"), "ADD\nDEL\n");
  }));

test("GC that waits ends by its signal", () =>
  withFixture(async ({ cni, script }) => {
    script("p", "sleep 1; echo '{}'");
    let isMade = false;
    const adding = cni.add(list, attachment).then(() => {
      isMade = true;
    });
    await assert.rejects(cni.gc(list, { signal: AbortSignal.timeout(100) }), /interrupted/);
    assert.equal(isMade, false);
    await adding;
  }));

test("GC gives up where a call does not end in time", () =>
  withFixture(async ({ cni, script }) => {
    script("p", "sleep 0.5; echo '{}'");
    const adding = cni.add(list, attachment);
    await wait(100);
    await assert.rejects(cni.gc(list, { timeoutMs: 100 }), /timed out/);
    await adding;
  }));
