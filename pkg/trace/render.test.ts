import assert from "node:assert/strict";
import test from "node:test";
import { type Line, printLine, readLines } from "./line.ts";
import { renderTrace } from "./render.ts";

const caller = {
  pid: 7,
  plugin: "bridge",
  verb: "ADD",
  network: "net1",
  containerId: "c1",
  ifName: "eth0",
};

const line = (changes: Partial<Line>): Line => ({
  time: "2026-01-31T12:00:00.000Z",
  ...caller,
  kind: "netlink",
  purpose: "find link cni0",
  errno: 0,
  failed: false,
  us: 12,
  ...changes,
});

const end = (changes: Partial<Line> = {}) =>
  line({ kind: "verb", purpose: "ADD", us: 2500, ...changes });

test("a call is a paragraph, a batch has its time once", () => {
  const text = renderTrace([
    line({ errno: 19, failed: true }),
    line({ purpose: "create link cni0", us: 200, batch: 3 }),
    line({ purpose: "set link cni0 up", us: 200, batch: 3 }),
    line({ kind: "program", purpose: "run /opt/cni/bin/x ADD", us: 1000, failed: true }),
    end({ failed: true, code: 11 }),
  ]);
  assert.equal(
    text,
    `2026-01-31T12:00:00.000Z bridge ADD net1 c1 eth0: failed with code 11, 2500 us
     12 us  find link cni0: ENODEV
    200 us  create link cni0
         +  set link cni0 up
   1000 us  run /opt/cni/bin/x ADD: failed
`,
  );
});

test("what a plugin called in process did is named after it, in its caller's paragraph", () => {
  const inside = { plugin: "host-local" };
  const text = renderTrace([
    line({ ...inside, kind: "lock", purpose: "lock /x" }),
    end({ ...inside, us: 90 }),
    line({ kind: "call", purpose: "call host-local ADD", us: 100 }),
    end(),
  ]);
  assert.equal(
    text,
    `2026-01-31T12:00:00.000Z bridge ADD net1 c1 eth0: ok, 2500 us
     12 us  host-local: lock /x
    100 us  call host-local ADD
`,
  );
});

test("calls at the same time are told apart, and one that was killed is told as such", () => {
  const text = renderTrace([
    line({ pid: 1, purpose: "one" }),
    line({ pid: 2, purpose: "two" }),
    line({ pid: 3, purpose: "three" }),
    end({ pid: 2 }),
    end({ pid: 1 }),
  ]);
  const heads = text.split("\n").filter((row) => row.startsWith("2026"));
  assert.deepEqual(
    heads.map((row) => row.slice(row.indexOf(":", 30) + 2)),
    ["ok, 2500 us", "ok, 2500 us", "did not end"],
  );
  assert.ok(text.indexOf("two") < text.indexOf("one"));
  assert.ok(text.indexOf("one") < text.indexOf("three"));
});

test("lines are read as they were printed, and torn ones are left out", () => {
  const printed = printLine(
    caller,
    { kind: "netlink", purpose: 'a "b"\n', errno: 2, failed: true, us: 5 },
    0,
  );
  assert.equal(printed.split("\n").length, 2);
  const [read, ...others] = readLines(
    `${printed}{"time":"2026\nnull\n[]\n{}\n${printed.slice(0, -9)}`,
  );
  assert.deepEqual(others, []);
  assert.deepEqual(read, {
    time: "1970-01-01T00:00:00.000Z",
    ...caller,
    kind: "netlink",
    purpose: 'a "b"\n',
    errno: 2,
    failed: true,
    us: 5,
  });
  assert.equal(renderTrace([]), "");
});
