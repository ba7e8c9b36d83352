/** Every system call of host-local fails once, and it is killed at each: the store survives all of it. */

import assert from "node:assert/strict";
import test from "node:test";
import { withHost } from "./harness/host.ts";
import { oursInWorld } from "./harness/world.ts";
import { type Sweep, sweep } from "./host-local-sweep.ts";

/** Of the errors, where there are very many calls. */
const two = ["EIO", "EACCES"];

const sweeps: { name: string; what: Omit<Sweep, "host" | "from"> }[] = [
  { name: "an ADD in which a call fails", what: { verb: "ADD", kind: "error" } },
  { name: "a DEL in which a call fails", what: { verb: "DEL", kind: "error" } },
  { name: "an ADD that is killed", what: { verb: "ADD", kind: "kill" } },
  { name: "a DEL that is killed", what: { verb: "DEL", kind: "kill" } },
  {
    name: "a first ADD in which a call fails",
    what: { verb: "ADD", kind: "error", after: "nothing", errors: two },
  },
  { name: "a first ADD that is killed", what: { verb: "ADD", kind: "kill", after: "nothing" } },
  {
    name: "an ADD in which a call fails after a change by somebody else",
    what: { verb: "ADD", kind: "error", after: "change", errors: two },
  },
  {
    name: "a DEL that is killed after a change by somebody else",
    what: { verb: "DEL", kind: "kill", after: "change" },
  },
  {
    name: "an ADD in which a call fails after a boot",
    what: { verb: "ADD", kind: "error", after: "boot", errors: two },
  },
  {
    name: "an ADD that is killed after a boot",
    what: { verb: "ADD", kind: "kill", after: "boot" },
  },
  {
    name: "an ADD of a sticky address in which a call fails",
    what: { verb: "ADD", kind: "error", sticky: true, errors: two },
  },
  {
    name: "a DEL of a sticky address in which a call fails",
    what: { verb: "DEL", kind: "error", sticky: true, errors: two },
  },
];

for (const { name, what } of sweeps) {
  test(`${name} leaves the store whole and holds nothing that DEL would not release`, (context) =>
    withHost(async (host) => {
      const findings = await sweep({ ...what, host, from: oursInWorld });
      context.diagnostic(`${findings.runs} runs, ${findings.failed} of them failed`);
      assert.equal(findings.lines.slice(0, 10).join("\n"), "", `${findings.lines.length} faults`);
      assert.ok(findings.runs > 30, `the sweep has hit ${findings.runs} calls only`);
    }));
}
