import assert from "node:assert/strict";
import test from "node:test";
import { CniError } from "../cni/error.ts";
import { listDirectory, readText, removeDirectory, symlink, unlink } from "../sys/file.ts";
import { processId } from "../sys/process.ts";
import { stat } from "../sys/statx.ts";
import { call } from "../sys/syscall.ts";
import { traced } from "../sys/trace.ts";
import { readLines } from "./line.ts";
import { TraceSink, traceCall } from "./trace.ts";
import { TraceFile } from "./trace-file.ts";

/** A directory of the test's own, gone after it. */
function withDirectory(steps: (path: string) => void): void {
  const path = `/tmp/tscni-trace-${processId()}`;
  call("mkdirat", -100, path, 0o700);
  try {
    steps(path);
  } finally {
    for (const name of listDirectory(path)) unlink(`${path}/${name}`);
    removeDirectory(path);
  }
}

const caller = {
  pid: 1,
  plugin: "debug",
  verb: "ADD",
  network: "net",
  containerId: "c1",
  ifName: "eth0",
};

/** The lines that the work leaves, and what was said about it. */
function trace(path: string, work: () => void) {
  const log: string[] = [];
  using sink = new TraceSink(path, (line) => log.push(line));
  try {
    traceCall(sink, caller, "00-1-2-01", work);
  } catch {
    // the trace tells
  }
  return log;
}

test("operations and the call's end are lines of a private file", () =>
  withDirectory((path) => {
    const log = trace(`${path}/t`, () => {
      traced("sysctl", "set", "net/x", () => {});
      unlink(`${path}/missing`);
    });
    assert.deepEqual(log, []);
    const lines = readLines(readText(`${path}/t`));
    assert.deepEqual(
      lines.map(({ kind, purpose, failed }) => [kind, purpose, failed]),
      [
        ["sysctl", "set net/x", false],
        ["file", `remove ${path}/missing`, false],
        ["verb", "ADD", false],
      ],
    );
    assert.equal(lines[2]?.traceparent, "00-1-2-01");
    assert.equal(stat(`${path}/t`).mode & 0o777, 0o600);
  }));

test("a failure has its errno and the call its code", () =>
  withDirectory((path) => {
    trace(`${path}/t`, () => {
      try {
        symlink("x", `${path}/t`);
      } catch {
        // told all the same
      }
      throw new CniError(11, "busy");
    });
    const [step, end] = readLines(readText(`${path}/t`));
    assert.deepEqual([step?.errno, step?.failed], [17, true]);
    assert.deepEqual([end?.code, end?.failed], [11, true]);
  }));

test("nothing is told after the call", () =>
  withDirectory((path) => {
    trace(`${path}/t`, () => {});
    unlink(`${path}/missing`);
    assert.equal(readLines(readText(`${path}/t`)).length, 1);
  }));

test("a file that cannot be had is told once, and the call goes on", () =>
  withDirectory((path) => {
    symlink("target", `${path}/link`);
    for (const [where, why] of [
      [`${path}/link`, "too many levels of symbolic links"],
      [`${path}/none/t`, "no such file or directory"],
      [path, "is a directory"],
      ["/dev/null", "invalid argument"],
    ] as const) {
      let done = 0;
      const log = trace(where, () => {
        for (; done < 3; done++) unlink(`${path}/missing`);
      });
      assert.equal(done, 3);
      assert.equal(log.length, 1);
      assert.ok(log[0]?.startsWith("going on without a trace: ") && log[0].endsWith(why), log[0]);
    }
  }));

test("a full file is put aside, so that two of them are the most there is", () =>
  withDirectory((path) => {
    using first = new TraceFile(`${path}/t`, 100);
    using second = new TraceFile(`${path}/t`, 100);
    for (let i = 0; i < 20; i++) {
      first.append(`${"a".repeat(29)}\n`);
      second.append(`${"b".repeat(29)}\n`);
    }
    assert.deepEqual(listDirectory(path).sort(), ["t", "t.1"]);
    // Each knows its own writes only: what two of them overshoot is bounded by their number.
    for (const name of ["t", "t.1"]) assert.ok(stat(`${path}/${name}`).size <= 200);
    assert.match(readText(`${path}/t`), /^([ab]{29}\n)*$/);
  }));
