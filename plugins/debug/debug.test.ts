import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { CniError } from "../../pkg/cni/error.ts";
import { perform } from "../../pkg/skel/perform.ts";
import { delayOf, failsOn, hooksFor } from "./config.ts";
import { debug } from "./debug.ts";
import { asJson, asText } from "./record.ts";

const parse = (keys: object) => v.parse(debug.schema, { name: "net", ...keys }) as never;

const env = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/none",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "K=V",
  CNI_PATH: "/opt/cni/bin",
};

/** The plugin's answer to a call, and how long it took. */
function call(verb: string, keys: object = {}) {
  const log: string[] = [];
  let stdout = "";
  const config = { cniVersion: "1.1.0", name: "net", type: "debug", ...keys };
  perform(debug, {
    env: { ...env, CNI_COMMAND: verb },
    readStdin: () => JSON.stringify(config),
    builtIn: [],
    cancelFd: () => -1,
    checkInterrupted: () => {},
    print: (text) => {
      stdout = text;
    },
    log: (line) => log.push(line),
    netnsChecked: true,
  });
  return { stdout, log };
}

test("ADD returns prevResult", () => {
  const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
  assert.deepEqual(JSON.parse(call("ADD", { prevResult }).stdout), prevResult);
});

test("ADD without prevResult returns an empty result", () => {
  assert.deepEqual(JSON.parse(call("ADD").stdout), { cniVersion: "1.1.0" });
});

for (const verb of ["CHECK", "DEL", "STATUS"]) {
  test(`${verb} prints nothing`, () => {
    assert.deepEqual(call(verb, { prevResult: { cniVersion: "1.1.0" } }), { stdout: "", log: [] });
  });
}

test("failOn fails the verbs it names, and no others", () => {
  for (const failOn of ["DEL", ["ADD", "DEL"]]) {
    const keys = { failOn, errorCode: 11, errorMessage: "no", errorDetails: "later" };
    assert.throws(
      () => call("DEL", keys),
      (error: unknown) =>
        error instanceof CniError &&
        error.code === 11 &&
        error.message === "no" &&
        error.details === "later",
    );
    call("CHECK", keys);
  }
  assert.throws(() => call("ADD", { failOn: "ADD" }), /debug: "failOn" has ADD/);
});

test("delay is for every verb, or by verb", () => {
  assert.equal(delayOf(parse({ delay: 5 }), "ADD"), 5);
  assert.equal(delayOf(parse({ delay: { DEL: 7 } }), "DEL"), 7);
  assert.equal(delayOf(parse({ delay: { DEL: 7 } }), "ADD"), 0);
  assert.equal(delayOf(parse({}), "ADD"), 0);
});

test("each verb has its hooks", () => {
  const config = parse({ addHooks: [["a", "b"]], statusHooks: [["s"]] });
  assert.deepEqual(hooksFor(config, "ADD"), [["a", "b"]]);
  assert.deepEqual(hooksFor(config, "STATUS"), [["s"]]);
  assert.deepEqual(hooksFor(config, "GC"), []);
  assert.ok(!failsOn(config, "ADD"));
});

test("hooks are passed over, with a word, where the namespace is gone", () => {
  assert.deepEqual(call("DEL", { delHooks: [["/bin/false"]] }).log, [
    'hooks not run: no namespace at "/run/netns/none"',
  ]);
});

for (const keys of [{ addHooks: [[]] }, { failOn: "VERSION" }, { delay: -1 }, { errorCode: 0 }]) {
  test(`${JSON.stringify(keys)} is refused`, () => {
    assert.throws(
      () => call("STATUS", keys),
      (error: unknown) => error instanceof CniError && error.code === 7,
    );
  });
}

const recorded = {
  config: parse({}),
  containerId: "c1",
  netns: "/run/netns/x",
  ifName: "eth0",
  env,
  stdin: '{"name":"net"}',
};

test("the text record is the reference's", () => {
  assert.equal(
    asText(recorded, "ADD"),
    "CmdAdd\nContainerID: c1\nNetns: /run/netns/x\nIfName: eth0\nArgs: K=V\nPath: /opt/cni/bin\n" +
      'StdinData: {"name":"net"}\n----------------------\n',
  );
  assert.match(asText(recorded, "GC"), /^CmdGC\n/);
});

test("the JSON record is one line with the configuration in it", () => {
  const line = asJson(recorded, "DEL", 0);
  assert.ok(!line.includes("\n"));
  assert.deepEqual(JSON.parse(line), {
    time: "1970-01-01T00:00:00.000Z",
    verb: "DEL",
    containerId: "c1",
    netns: "/run/netns/x",
    ifName: "eth0",
    args: "K=V",
    path: "/opt/cni/bin",
    config: { name: "net" },
  });
});
