import assert from "node:assert/strict";
import test from "node:test";
import { CniError } from "../cni/error.ts";
import type { SpawnRequest, SpawnResult } from "../sys/process.ts";
import { decode, encode } from "../sys/text.ts";
import { findPrograms, openPrograms, readTable, updateTable, updateTables } from "./program.ts";
import { ensureRule, hasRule } from "./table.ts";

type Answer = Partial<Omit<SpawnResult, "stdout" | "stderr">> & {
  stdout?: string;
  stderr?: string;
};

/** Programs that give these answers one after the other, and what they were run with. */
function programs(...answers: Answer[]) {
  const runs: (SpawnRequest & { script: string })[] = [];
  const run = (request: SpawnRequest): SpawnResult => {
    runs.push({ ...request, script: decode(request.stdin) });
    const { stdout = "", stderr = "", ...rest } = answers[runs.length - 1] ?? {};
    const ended = { error: 0, status: 0, signal: 0, timedOut: false, cancelled: false, ...rest };
    return { ...ended, stdout: encode(stdout), stderr: encode(stderr) };
  };
  const isExecutable = (path: string) => path.startsWith("/usr/sbin/iptables-");
  return { runs, found: openPrograms(4, { env: { PATH: "/bin" }, run, isExecutable }, "cannot") };
}

const empty = { stdout: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n" };
const full = { stdout: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i y -j DROP\nCOMMIT\n" };
const rule = { in: "y", target: ["DROP"] };
const failed = { status: 1, stderr: "iptables-restore: line 2 failed\n" };
const locked = {
  status: 4,
  stderr: "Another app is currently holding the xtables lock. Stopped waiting after 10s.\n",
};

test("programs are looked for in PATH first, then in the usual places, the plain name before others", () => {
  const find = (PATH: string, ...files: string[]) =>
    findPrograms(6, { env: { PATH }, isExecutable: (path) => files.includes(path) })?.restore;
  const pair = (stem: string) => [`${stem}-save`, `${stem}-restore`];
  assert.equal(
    find("/opt", ...pair("/opt/ip6tables"), ...pair("/sbin/ip6tables")),
    "/opt/ip6tables-restore",
  );
  assert.equal(find("", ...pair("/sbin/ip6tables-legacy")), "/sbin/ip6tables-legacy-restore");
  assert.equal(
    find("/opt", ...pair("/opt/ip6tables-nft"), ...pair("/sbin/ip6tables")),
    "/sbin/ip6tables-restore",
  );
  assert.equal(find("relative:/opt", "/opt/ip6tables-restore"), undefined);
  assert.throws(
    () => openPrograms(6, { env: {}, isExecutable: () => false }, "cannot do it"),
    /^Error: cannot do it: neither ip6tables-save nor ip6tables-restore is on this host$/,
  );
});

test("a change is one look and one script", () => {
  const { runs, found } = programs(empty, {});
  updateTable(found, "filter", (table) => ensureRule(table, "INPUT", rule));
  assert.deepEqual(
    runs.map(({ argv, script }) => [argv.join(" "), script]),
    [
      ["iptables-save -t filter", ""],
      ["iptables-restore --noflush -w 10", "*filter\n-A INPUT -i y -j DROP\nCOMMIT\n"],
    ],
  );
});

test("a change of two tables is one script, without the table that has it already", () => {
  const raw = { stdout: "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n" };
  const change = (...answers: Answer[]) => {
    const { runs, found } = programs(...answers);
    updateTables(found, [
      ["raw", (table) => ensureRule(table, "PREROUTING", rule, "first")],
      ["filter", (table) => ensureRule(table, "INPUT", rule)],
    ]);
    return runs[2]?.script;
  };
  assert.equal(
    change(raw, empty, {}),
    "*raw\n-I PREROUTING 1 -i y -j DROP\nCOMMIT\n*filter\n-A INPUT -i y -j DROP\nCOMMIT\n",
  );
  assert.equal(change(raw, full, {}), "*raw\n-I PREROUTING 1 -i y -j DROP\nCOMMIT\n");
});

test("without steps nothing is changed", () => {
  const { runs, found } = programs(full);
  updateTable(found, "filter", (table) => ensureRule(table, "INPUT", rule));
  assert.equal(runs.length, 1);
});

test("a change that somebody else was quicker with is planned anew", () => {
  const { runs, found } = programs(empty, failed, full);
  updateTable(found, "filter", (table) => ensureRule(table, "INPUT", rule));
  assert.equal(runs.length, 3);
});

test("a change that fails the same way again is a failure, with the line that was refused", () => {
  const { runs, found } = programs(empty, failed, empty, failed);
  assert.throws(
    () => updateTable(found, "filter", (table) => ensureRule(table, "INPUT", rule)),
    /^Error: cannot change table "filter": \/usr\/sbin\/iptables-restore: line 2 failed; exit status 1: -A INPUT -i y -j DROP$/,
  );
  assert.equal(runs.length, 4);
});

const ends: [string, Answer[], number, RegExp][] = [
  ["the lock is not to be had", [empty, locked], 11, /did not get the xtables lock within 10 s/],
  ["the runtime wants the call to end", [{ cancelled: true }], 11, /interrupted while/],
  ["a program does not end", [{ timedOut: true, signal: 9 }], 11, /did not end in time/],
  ["a program cannot be run", [{ error: 13, status: -1 }], 999, /cannot run .*: permission denied/],
  [
    "the table cannot be read",
    [{ status: 3, stderr: "iptables-save v1.8.9 (legacy): Cannot initialize: x\n" }],
    999,
    /^cannot read table "filter": .*iptables-save: Cannot initialize: x; exit status 3$/,
  ],
];

for (const [title, answers, code, message] of ends) {
  test(`code ${code} where ${title}`, () => {
    const { found } = programs(...answers);
    assert.throws(
      () => updateTable(found, "filter", (table) => ensureRule(table, "INPUT", rule)),
      (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, message);
        assert.equal(error instanceof CniError ? error.code : 999, code);
        return true;
      },
    );
  });
}

test("a table is read", () => {
  assert.ok(hasRule(readTable(programs(full).found, "filter"), "INPUT", rule));
});
