import assert from "node:assert/strict";
import test from "node:test";
import { Timers } from "./timers.ts";

test("timers run in the order of their times, each once", () => {
  const timers = new Timers();
  const ran: number[] = [];
  const made = [5, 3, 9, 1, 7].map((at) => ({ at, timer: timers.add(() => ran.push(at)) }));
  for (const { at, timer } of made) timer.at = at;
  assert.equal(timers.next(), 1);
  for (let run = timers.takeDue(7); run; run = timers.takeDue(7)) run();
  assert.deepEqual(ran, [1, 3, 5, 7]);
  assert.equal(timers.next(), 9);
});

test("a timer that is put off, put forward or unset counts as it was set last", () => {
  const timers = new Timers();
  const ran: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => timers.add(() => ran.push(name)));
  assert.ok(a && b && c);
  [a.at, b.at, c.at] = [1, 2, 3];
  [a.at, b.at, c.at] = [10, null, 2];
  assert.equal(timers.next(), 2);
  for (let run = timers.takeDue(20); run; run = timers.takeDue(20)) run();
  assert.deepEqual(ran, ["c", "a"]);
  assert.equal(timers.next(), null);
});

test("as a sorted list would have it, whatever happens; and what is outdated does not pile up", () => {
  const timers = new Timers();
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const all = Array.from({ length: 50 }, () => timers.add(() => {}));
  for (let round = 0; round < 20_000; round++) {
    const timer = all[random(all.length)];
    if (timer) timer.at = random(4) === 0 ? null : random(1000);
    const times = all.flatMap(({ at }) => (at === null ? [] : [at]));
    assert.equal(timers.next(), times.length === 0 ? null : Math.min(...times));
  }
});
