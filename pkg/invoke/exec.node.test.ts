import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { CniError, errorText } from "../cni/error.ts";
import { execPlugin } from "./exec.ts";
import { findPlugin } from "./find.ts";
import { splitPath } from "./lookup.ts";

const folder = mkdtempSync(join(tmpdir(), "tscni-invoke-"));
test.after(() => rmSync(folder, { recursive: true }));

/** A plugin written in shell. */
function script(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function run(path: string, more: { stdin?: string; deadlineMs?: number } = {}) {
  const stderr: string[] = [];
  const env = { PATH: "/usr/bin:/bin", CNI_COMMAND: "ADD" };
  const stdout = execPlugin({ path, env, stdin: "", ...more }, (text) => stderr.push(text));
  return { stdout, stderr };
}

test("execPlugin hands stdin and environment over and both outputs back", () => {
  const path = script("echo", 'echo "log" >&2; printf "%s:" "$CNI_COMMAND"; cat');
  assert.deepEqual(run(path, { stdin: "config" }), { stdout: "ADD:config", stderr: ["log\n"] });
});

const failures = [
  {
    what: "its own error object",
    body: `echo '{"code": 11, "msg": "busy", "details": "later"}'; exit 1`,
    code: 11,
    message: "busy; later",
  },
  {
    what: "an error object without a code",
    body: `echo '{"msg": "x"}'; exit 1`,
    code: 0,
    message: "x",
  },
  {
    what: "its stderr where it says nothing else",
    body: "echo oops >&2; exit 3",
    code: 999,
    message: 'netplugin failed: "oops\\n": exit status 3',
  },
  {
    what: "its exit status where it says nothing at all",
    body: "exit 3",
    code: 999,
    message: "netplugin failed with no error message: exit status 3",
  },
  {
    what: "the signal that ended it",
    body: "kill -9 $$",
    code: 999,
    message: "netplugin failed with no error message: signal: killed",
  },
  {
    what: "what it printed where that is no JSON",
    body: "echo garbage; exit 1",
    code: 999,
    message:
      'netplugin failed but error parsing its diagnostic message "garbage\\n": ' +
      "invalid character 'g' looking for beginning of value",
  },
];

for (const [index, { what, body, code, message }] of failures.entries()) {
  test(`execPlugin throws ${what}`, () => {
    const path = script(`failure${index}`, body);
    assert.throws(
      () => run(path),
      (error: Error) => {
        const text = error instanceof CniError ? errorText(error) : error.message;
        assert.equal(text, message);
        return (error instanceof CniError ? error.code : 999) === code;
      },
    );
  });
}

test("execPlugin ends a plugin that passes its deadline, its children too", () => {
  const path = script("slow", "sleep 60 & wait");
  const started = Date.now();
  assert.throws(() => run(path, { deadlineMs: 200 }), /slow did not end within 200 ms$/);
  assert.ok(Date.now() - started < 5000);
});

test("execPlugin names what cannot be run", () => {
  assert.throws(() => run(join(folder, "none")), /fork\/exec .*none: no such file or directory$/);
});

test("findPlugin takes the first regular file in the path", () => {
  const path = script("wanted", "");
  assert.equal(findPlugin("wanted", splitPath(`/nowhere:${folder}`)), path);
});

const lookups = [
  { type: "", path: "/a", message: "no plugin name provided" },
  { type: "../wanted", path: "/a", message: "invalid plugin name: ../wanted" },
  { type: "x", path: "", message: "no paths provided" },
  { type: "x", path: "/a:/b", message: 'failed to find plugin "x" in path [/a /b]' },
];

for (const { type, path, message } of lookups) {
  test(`findPlugin says "${message}"`, () => {
    assert.throws(() => findPlugin(type, splitPath(path)), { message });
  });
}
