import assert from "node:assert/strict";
import test from "node:test";
import { monotonicMs } from "./clock.ts";
import { Errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { readAll } from "./file.ts";
import { Poll, poll } from "./poll.ts";
import { args, environment, processId, spawn } from "./process.ts";
import { blockSignals, Signal } from "./signal.ts";
import { call } from "./syscall.ts";
import { decode, encode } from "./text.ts";
import { type Operation, observe } from "./trace.ts";

function pipe(): [Fd, Fd] {
  const ends = new Int32Array(2);
  call("pipe2", new Uint8Array(ends.buffer), 0o2000000);
  return [new Fd(ends[0] ?? -1), new Fd(ends[1] ?? -1)];
}

function shell(script: string, more: Partial<Parameters<typeof spawn>[0]> = {}) {
  return spawn({
    path: "/bin/sh",
    argv: ["sh", "-c", script],
    env: {},
    stdin: new Uint8Array(0),
    deadlineMs: 0,
    cancelFd: -1,
    ...more,
  });
}

test("the process knows its arguments and environment", () => {
  assert.ok(args().length > 0);
  assert.equal(typeof environment().PATH, "string");
  assert.ok(processId() > 0);
});

test("spawn hands over descriptors in place of pipes", () => {
  const [readEnd, writeEnd] = pipe();
  using r = readEnd;
  {
    using w = writeEnd;
    const descriptors = [0, w.fd, 2] as const;
    const { status, stdout } = shell("echo said; exit 4", { descriptors });
    assert.deepEqual([status, stdout.length], [4, 0]);
  }
  assert.equal(decode(readAll(r)), "said\n");
});

test("poll answers for each descriptor, or after its time", () => {
  const [readEnd, writeEnd] = pipe();
  using _r = readEnd;
  using _w = writeEnd;
  const targets = [
    { fd: readEnd.fd, events: Poll.in },
    { fd: -1, events: Poll.in },
    { fd: writeEnd.fd, events: Poll.out },
  ];
  assert.deepEqual(poll(targets, -1), [0, 0, Poll.out]);
  const start = monotonicMs();
  assert.deepEqual(poll(targets.slice(0, 1), 5), [0]);
  assert.ok(monotonicMs() - start >= 5);
  call("write", writeEnd.fd, encode("x"), 1);
  assert.deepEqual(poll(targets.slice(0, 1), 1000), [Poll.in]);
  writeEnd.close();
  assert.deepEqual(poll(targets.slice(0, 1), 0), [Poll.in | Poll.hangUp]);
});

test("a blocked signal waits until it is asked for", () => {
  const signals = blockSignals(["SIGUSR1", "SIGUSR2"]);
  assert.equal(signals.pending(), 0);
  call("tgkill", processId(), call("gettid"), Signal.SIGUSR2);
  assert.deepEqual(poll([{ fd: signals.fd, events: Poll.in }], 1000), [Poll.in]);
  assert.equal(signals.pending(), Signal.SIGUSR2);
  assert.equal(signals.pending(), 0);
});

test("a program gets its input, arguments and environment, and no more", () => {
  const result = shell('echo "$0 $A"; cat; echo oops >&2; env | sort >&2; exit 3', {
    env: { A: "größe" },
    stdin: encode("in\n"),
  });
  assert.equal(decode(result.stdout), "sh größe\nin\n");
  assert.match(decode(result.stderr), /^oops\nA=größe\n(PWD=[^\n]*\n)?(SHLVL=\d\n)?(_=[^\n]*\n)?$/);
  assert.equal(result.status, 3);
  assert.deepEqual([result.error, result.signal, result.timedOut], [0, 0, false]);
});

test("a program that does not start says why", () => {
  assert.equal(shell("", { path: "/nonexistent" }).error, Errno.ENOENT);
  assert.equal(shell("", { path: "/etc/passwd" }).error, Errno.EACCES);
  assert.equal(shell("", { path: "sh" }).error, Errno.ENOENT);
});

test("a program that ignores a large input, or prints much, is run all the same", () => {
  assert.equal(shell("exit 0", { stdin: new Uint8Array(1_000_000) }).status, 0);
  const { stdout, status } = shell("cat", { stdin: new Uint8Array(1_000_000).fill(97) });
  assert.deepEqual([stdout.length, status], [1_000_000, 0]);
});

test("a signal that ends a program is told", () => {
  const result = shell("kill -TERM $$");
  assert.deepEqual([result.status, result.signal], [-1, Signal.SIGTERM]);
});

test("a program has its own process group and no blocked signals", () => {
  blockSignals(["SIGUSR1"]);
  const ids = decode(shell("exec cut -d' ' -f1,5 /proc/self/stat").stdout);
  assert.match(ids, /^(\d+) \1\n$/);
  // No shell in between: it has a mask of its own.
  const argv = ["grep", "SigBlk", "/proc/self/status"];
  assert.match(decode(shell("", { path: "/bin/grep", argv }).stdout), /\t0{16}\n$/);
});

test("past the deadline the whole group is gone", () => {
  const start = monotonicMs();
  const result = shell("sleep 30 & echo $!; wait", { deadlineMs: 100 });
  assert.ok(result.timedOut && monotonicMs() - start < 5000);
  const alive = shell(
    `kill -0 ${decode(result.stdout).trim()} 2>/dev/null && cat /proc/${decode(result.stdout).trim()}/stat`,
  );
  // Killed, though perhaps not yet collected by init.
  assert.match(decode(alive.stdout), /^$|\) Z /);
});

test("a cancelled program is not waited for", () => {
  const [readEnd, writeEnd] = pipe();
  using _r = readEnd;
  using _w = writeEnd;
  call("write", writeEnd.fd, encode("x"), 1);
  const start = monotonicMs();
  assert.ok(shell("sleep 30", { cancelFd: readEnd.fd }).cancelled);
  assert.ok(monotonicMs() - start < 5000);
  assert.ok(!shell("exit 0", { cancelFd: writeEnd.fd }).cancelled);
});

test("an observer is told which program ran, and neither its arguments nor its environment", () => {
  const told: Operation[] = [];
  const before = observe((operation) => told.push(operation));
  try {
    shell("exit 3", { env: { SECRET: "x" } });
    const path = "/nowhere/at/all";
    const stdin = new Uint8Array(0);
    spawn({ path, argv: [path], env: {}, stdin, deadlineMs: 0, cancelFd: -1 }, "ADD");
  } finally {
    observe(before);
  }
  assert.deepEqual(
    told.map(({ us: _, ...rest }) => rest),
    [
      { kind: "program", purpose: "run /bin/sh", errno: 0, failed: true },
      { kind: "program", purpose: "run /nowhere/at/all ADD", errno: Errno.ENOENT, failed: true },
    ],
  );
});
