/** Measures the plugins named by the arguments under the kernel it is run by, for bench.ts: see scripts/uml.sh. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chained } from "./chained.ts";
import { interfaces } from "./interfaces.ts";
import { together } from "./lives.ts";
import { memory } from "./suites.ts";

const effort = { rounds: 30, limitMs: 40_000, crowd: 0, crowds: 0 };

mkdirSync(memory, { recursive: true });
execFileSync("ip", ["netns", "add", "one"]);
const names = process.argv.slice(2);
const measured = together(interfaces(names, effort, " (UML)"), chained(names, effort, " (UML)"));
writeFileSync(join(process.env.TSCNI_UML_SHARE ?? "", "elsewhere.json"), JSON.stringify(measured));
