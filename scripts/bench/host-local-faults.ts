/**
 * Lets every system call of ADD and DEL fail once, and kills them at each, for our host-local and the reference's, and
 * prints what was left behind, side by side. Takes some minutes; needs root, strace and scripts/install-reference.sh.
 */

import { withHost } from "../../test/integration/harness/host.ts";
import { oursInWorld, referenceInWorld } from "../../test/integration/harness/world.ts";
import {
  type Findings,
  faults,
  type Sweep,
  sweep,
} from "../../test/integration/host-local-sweep.ts";

const kinds: Omit<Sweep, "host" | "from">[] = [
  { verb: "ADD", kind: "error" },
  { verb: "DEL", kind: "error" },
  { verb: "ADD", kind: "kill" },
  { verb: "DEL", kind: "kill" },
];

async function sweepAll(from: string): Promise<Findings[]> {
  const all: Findings[] = [];
  for (const kind of kinds) {
    await withHost(async (host) => {
      all.push(await sweep({ ...kind, host, from }));
    });
  }
  return all;
}

function row(title: string, of: (findings: Findings) => number, suites: Findings[][]): string {
  const cells = kinds.flatMap((_, at) =>
    suites.map((suite) => String(suite[at] === undefined ? "" : of(suite[at]))),
  );
  return `| ${title} | ${cells.join(" | ")} |`;
}

const suites = [await sweepAll(oursInWorld), await sweepAll(referenceInWorld)];
const titles = kinds.flatMap(({ verb, kind }) => {
  const title = `${verb}, ${kind === "kill" ? "killed" : "a call fails"}`;
  return [`${title}: tscni`, "reference"];
});
console.log(`| | ${titles.join(" | ")} |`);
console.log(`| --- |${" ---: |".repeat(titles.length)}`);
console.log(row("runs", ({ runs }) => runs, suites));
console.log(row("of these, told of a failure", ({ failed }) => failed, suites));
for (const fault of faults) console.log(row(fault, ({ counts }) => counts[fault], suites));
if (process.argv.includes("--lines")) {
  for (const { lines } of suites.flat()) for (const line of lines) console.error(line);
}
