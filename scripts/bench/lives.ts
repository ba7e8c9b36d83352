/** ADD of one plugin, with what has to go before it and after it, by each suite in turn: system calls and times. */

import { countCalls, run } from "./counts.ts";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import { type Effort, type Row, shareOf, timeRow } from "./rows.ts";
import { type Suite, suites } from "./suites.ts";

/** What a suite does, over and over again. */
export interface Life {
  readonly before: readonly Step[];
  readonly add: Step;
  readonly after: readonly Step[];
}

/** What was measured. */
export interface Measured {
  readonly counts: readonly Row[];
  readonly times: readonly Row[];
}

/** System calls of ADD; a first one makes what stays: directories. */
export function callsOf(what: string, lifeOf: (suite: Suite) => Life): Row {
  const [mine = 0, theirs = 0] = suites.map((suite) => {
    const { before, add, after } = lifeOf(suite);
    const outputs = new Map<string, string>();
    const runAll = (steps: readonly Step[]) => {
      for (const step of steps) outputs.set(step.label, run(step));
    };
    const completed = (): Step => {
      const previous = outputs.get(add.prevResultOf ?? "");
      if (previous === undefined) return add;
      return { ...add, config: { ...add.config, prevResult: JSON.parse(previous) } };
    };
    runAll(before);
    runAll([completed(), ...after, ...before]);
    const count = countCalls(completed());
    runAll(after);
    return count;
  });
  return {
    what: `system calls: ADD, ${what}`,
    unit: "",
    ours: mine,
    reference: theirs,
    budget: { text: "1/8 of theirs", most: theirs / 8 },
  };
}

/** Times of ADD: of the whole process, and of processors. */
export function timesOf(
  what: string,
  lifeOf: (suite: Suite) => Life,
  { rounds, limitMs }: Effort,
): Row[] {
  const lives = suites.map(lifeOf);
  const { times, processor } = measure({
    kind: "rounds",
    alternatives: lives.map(({ before, add, after }) => [...before, add, ...after]),
    warmUp: 3,
    rounds,
    limitMs: limitMs / 4,
  });
  const of = (all: typeof times) => lives.map(({ add }) => all[add.label]);
  const [mine, theirs] = of(times);
  const [myProcessor, theirProcessor] = of(processor);
  return [
    timeRow(`ADD, ${what}`, mine, theirs, shareOf(theirs, 3)),
    timeRow(`processor: ADD, ${what}`, myProcessor, theirProcessor),
  ];
}

/** Several measurements as one. */
export function together(...parts: readonly Measured[]): Measured {
  return {
    counts: parts.flatMap(({ counts }) => counts),
    times: parts.flatMap(({ times }) => times),
  };
}
