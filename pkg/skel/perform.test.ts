import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { CniError } from "../cni/error.ts";
import type { Surroundings } from "./perform.ts";
import { definePlugin, type Plugin } from "./plugin.ts";
import { callPlugin } from "./testing/call.ts";

const quiet = definePlugin({
  name: "quiet",
  config: { size: v.optional(v.pipe(v.number(), v.integer()), 7) },
  cniArgs: ["IP"],
  add: ({ config }) => ({ interfaces: [{ name: `size${config.size}` }] }),
  check() {},
  del() {},
});

/** Runs a plugin on a configuration; the output, or the error, and what it logged. */
function run(
  plugin: Plugin,
  config: string,
  env: Record<string, string> = {},
  around: Partial<Surroundings> = {},
) {
  const answer = callPlugin(plugin, "ADD", config, { ...around, env });
  return { stdout: answer.stdout, log: answer.log, error: answer.thrown };
}

function config(more: object = {}): string {
  return JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "quiet", ...more });
}

test("perform answers VERSION without reading stdin", () => {
  const readStdin = () => assert.fail("stdin was read");
  const { stdout } = run(quiet, "", { CNI_COMMAND: "VERSION" }, { readStdin });
  assert.equal(
    stdout,
    '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
  );
});

test("perform prints ADD's result in the configuration's version", () => {
  const { stdout } = run(quiet, config());
  assert.equal(
    stdout,
    '{\n    "cniVersion": "1.0.0",\n    "interfaces": [\n        {\n            "name": "size7"\n        }\n    ]\n}',
  );
});

test("perform calls RELOAD without a namespace; a plugin without rules has nothing to do", () => {
  const env = { CNI_COMMAND: "RELOAD", CNI_NETNS: "" };
  assert.equal(run(quiet, config(), env).stdout, "");
  const asked: string[] = [];
  const loud = definePlugin({
    name: "loud",
    config: {},
    add: ({ prevResult }) => prevResult ?? {},
    check: () => {},
    del: () => {},
    reload: ({ containerId, ifName }) => void asked.push(`${containerId} ${ifName}`),
  });
  run(loud, config(), env);
  assert.equal(asked.length, 1);
  const { error } = run(loud, config(), { ...env, CNI_CONTAINERID: "" });
  assert.ok(error instanceof CniError);
  assert.equal(error.message, "required env variables [CNI_CONTAINERID] missing");
});

const refusals: {
  what: string;
  stdin?: string;
  env?: Record<string, string>;
  code: number;
  message: string | RegExp;
  details?: string;
}[] = [
  {
    what: "names all missing variables in order",
    env: { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_PATH: "" },
    code: 4,
    message: "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_PATH] missing",
  },
  {
    what: "tells an invalid container id before a later missing variable",
    env: { CNI_CONTAINERID: "../etc", CNI_PATH: "" },
    code: 4,
    message: "invalid characters in containerID",
    details: "../etc",
  },
  {
    what: "refuses an interface name of 16 bytes",
    env: { CNI_IFNAME: "0123456789abcdef" },
    code: 4,
    message: "interface name is too long",
    details: "interface name should be less than 16 characters",
  },
  {
    what: "takes an empty stdin for cut JSON",
    stdin: "",
    code: 6,
    message: "error unmarshall network config: unexpected end of JSON input",
  },
  {
    what: "tells an empty stdin before an unknown command",
    stdin: "",
    env: { CNI_COMMAND: "FLY" },
    code: 6,
    message: "error unmarshall network config: unexpected end of JSON input",
  },
  {
    what: "refuses a command in lower case",
    env: { CNI_COMMAND: "add" },
    code: 4,
    message: "unknown CNI_COMMAND: add",
  },
  { what: "refuses a list", stdin: "[]", code: 6, message: /expected an object, got a list$/ },
  { what: "wants a name", stdin: "{}", code: 7, message: "missing network name" },
  {
    what: "refuses a name that leaves the directory",
    stdin: config({ name: "../x" }),
    code: 7,
    message: "invalid characters found in network name",
    details: "../x",
  },
  {
    what: "refuses an unknown version",
    stdin: config({ cniVersion: "9.9.9" }),
    code: 1,
    message: "incompatible CNI versions",
  },
  {
    what: "refuses GC below 1.1.0",
    env: { CNI_COMMAND: "GC" },
    code: 1,
    message: "config version does not allow GC",
  },
  {
    what: "refuses CHECK below 0.4.0",
    stdin: config({ cniVersion: "0.3.1" }),
    env: { CNI_COMMAND: "CHECK" },
    code: 1,
    message: "config version does not allow CHECK",
  },
  {
    what: "tells key, value and expectation of a wrong type",
    stdin: config({ size: "big" }),
    code: 7,
    message: 'invalid value for "size": expected number, got "big"',
  },
  {
    what: "refuses a list where an object is wanted",
    stdin: config({ ipam: { type: "x" }, dns: ["1.1.1.1"] }),
    code: 7,
    message: 'invalid value for "dns": expected an object, got ["1.1.1.1"]',
  },
  {
    what: "refuses unknown CNI_ARGS",
    env: { CNI_ARGS: "MAC=x" },
    code: 4,
    message: 'ARGS: unknown args ["MAC=x"]',
  },
  {
    what: "refuses the plugin's own namespace before the verb",
    env: { CNI_NETNS: "/proc/self/ns/net" },
    code: 8,
    message: "plugin's netns and netns from CNI_NETNS should not be the same",
  },
];

for (const { what, stdin = config(), env, code, message, details } of refusals) {
  test(`perform ${what}`, () => {
    const { error, stdout } = run(quiet, stdin, env);
    assert.equal(stdout, "");
    if (!(error instanceof Error)) assert.fail("nothing was thrown");
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(error instanceof CniError ? error.code : 999, code);
    if (details !== undefined) assert.equal((error as CniError).details, details);
  });
}

test("perform passes over keys that are something to JavaScript only", () => {
  const keys = `{"__proto__": {"size": 9}, "constructor": [], "Name": null, `;
  assert.match(run(quiet, config().replace("{", keys)).stdout, /size7/);
});

test("perform matches keys in any case and takes null for absent", () => {
  assert.match(run(quiet, config({ SIZE: 3 })).stdout, /size3/);
  assert.match(run(quiet, config({ size: null })).stdout, /size7/);
  assert.match(run(quiet, config({ SIZE: 3, size: 4 })).stdout, /size4/);
});

const undoing = (steps: string[], end: () => void) =>
  definePlugin({
    name: "undoing",
    config: {},
    add({ undo }) {
      undo.push(() => steps.push("first"));
      undo.push(() => {
        throw new Error("second is stuck");
      });
      undo.push(() => steps.push("third"));
      end();
      return {};
    },
    check() {},
    del() {},
  });

test("perform takes a failed ADD back in reverse and goes on past a stuck step", () => {
  const steps: string[] = [];
  const plugin = undoing(steps, () => {
    throw new Error("no more");
  });
  const { error, log } = run(plugin, config());
  assert.deepEqual(steps, ["third", "first"]);
  assert.deepEqual(log, ["cannot take back a failed ADD: second is stuck"]);
  assert.equal((error as Error).message, "no more");
});

test("perform takes an ADD back when it was interrupted, or its result not taken", () => {
  for (const key of ["checkInterrupted", "print"] as const) {
    const steps: string[] = [];
    const fail = () => {
      throw new Error("broken pipe");
    };
    const { error } = run(
      undoing(steps, () => {}),
      config(),
      {},
      { [key]: fail },
    );
    assert.deepEqual(steps, ["third", "first"]);
    assert.equal((error as Error).message, "broken pipe");
  }
});

test("perform runs every step of DEL, throws the first failure last and logs the others", () => {
  const steps: string[] = [];
  const plugin = definePlugin({
    name: "stubborn",
    config: {},
    add: () => ({}),
    check() {},
    del({ attempt }) {
      attempt(() => {
        throw new Error("one");
      });
      attempt(() => steps.push("two"));
      attempt(() => {
        throw new Error("three");
      });
    },
  });
  const { error, log } = run(plugin, config(), { CNI_COMMAND: "DEL" });
  assert.deepEqual(steps, ["two"]);
  assert.equal((error as Error).message, "one");
  assert.deepEqual(log, ["failed as well: three"]);
});

test("perform lets DEL go on without a prevResult that cannot be read", () => {
  const { error, log } = run(quiet, config({ prevResult: { ips: [{ address: "x" }] } }), {
    CNI_COMMAND: "DEL",
  });
  assert.equal(error, undefined);
  assert.match(log.join(), /going on without prevResult/);
});

test("perform removes nothing on a GC that does not tell what is valid", () => {
  const sweeping = definePlugin({
    name: "sweeping",
    config: {},
    add: () => ({}),
    check() {},
    del() {},
    gc: () => assert.fail("gc ran"),
  });
  const { error, log } = run(sweeping, config({ cniVersion: "1.1.0" }), { CNI_COMMAND: "GC" });
  assert.equal(error, undefined);
  assert.match(log.join(), /nothing removed/);
});
