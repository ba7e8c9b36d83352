/** Measures the interface plugins named by the arguments under the kernel it is run by, for bench.ts: see scripts/uml.sh. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { interfaces } from "./interfaces.ts";
import { memory } from "./suites.ts";

const effort = { rounds: 30, limitMs: 40_000, crowd: 0, crowds: 0 };

mkdirSync(memory, { recursive: true });
execFileSync("ip", ["netns", "add", "one"]);
const measured = interfaces(process.argv.slice(2), effort, " (UML)");
writeFileSync(join(process.env.TSCNI_UML_SHARE ?? "", "elsewhere.json"), JSON.stringify(measured));
