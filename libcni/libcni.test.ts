import assert from "node:assert/strict";
import test from "node:test";
import { type NetworkList, parseList, parsePlugin } from "./config.ts";
import { PluginError } from "./runner.ts";
import { type Json, Memory } from "./testing/memory.ts";

const attachment = { containerId: "c1", netns: "/run/netns/c1", ifName: "eth0" };
const cacheName = "net-c1-eth0";
const cacheFile = `/cache/results/${cacheName}`;

function result(address: string, cniVersion?: string): string {
  return JSON.stringify({ cniVersion, ips: [{ address }] });
}

/** A chain of `a`, which makes an address, and `b`, which hands on what it got. */
function chain(more: object = {}): { memory: Memory; list: NetworkList } {
  const memory = new Memory();
  memory.plugins.a = () => result("10.0.0.2/24");
  memory.plugins.b = ({ stdin }) => JSON.stringify(stdin.prevResult ?? {});
  const plugins = [
    { type: "a" },
    { type: "b", name: "own", capabilities: { mac: true, ips: false } },
  ];
  const text = JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins, ...more });
  return { memory, list: parseList(text) };
}

test("ADD runs the chain, each plugin with the result before it, and remembers the last one", async () => {
  const { memory, list } = chain();
  const made = await memory.libcni().add(list, {
    ...attachment,
    args: [
      ["K", "V"],
      ["L", "W"],
    ],
    capabilityArgs: { mac: "0a:00:00:00:00:01", ips: ["x"], other: 1 },
  });
  assert.deepEqual(made, { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/24" }] });
  const [first, second] = memory.seen;
  assert.equal(first?.text, `{"cniVersion":"1.1.0","name":"net","type":"a"}`);
  assert.equal(
    second?.text,
    `{"capabilities":{"ips":false,"mac":true},"cniVersion":"1.1.0","name":"net",` +
      `"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}]},` +
      `"runtimeConfig":{"mac":"0a:00:00:00:00:01"},"type":"b"}`,
  );
  assert.deepEqual(first?.env, {
    HOME: "/root",
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/c1",
    CNI_ARGS: "K=V;L=W",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/bin",
  });
  assert.deepEqual(memory.cached(cacheName), {
    kind: "cniCacheV1",
    containerId: "c1",
    config: list.text,
    ifName: "eth0",
    networkName: "net",
    netns: "/run/netns/c1",
    cniArgs: [
      ["K", "V"],
      ["L", "W"],
    ],
    capabilityArgs: { ips: ["x"], mac: "0a:00:00:00:00:01", other: 1 },
    result: { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/24" }] },
  });
});

test("CHECK and DEL get the remembered result, DEL from the last plugin to the first", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  await cni.add(list, attachment);
  memory.seen.length = 0;
  await cni.check(list, attachment);
  await cni.del(list, attachment);
  assert.deepEqual(memory.calls, ["CHECK a", "CHECK b", "DEL b", "DEL a"]);
  for (const { stdin } of memory.seen) assert.equal(stdin.prevResult.ips[0].address, "10.0.0.2/24");
  assert.equal(memory.files[cacheFile], undefined);
});

test("a list of before 0.4.0 has no CHECK and sends no result on DEL", async () => {
  const { memory, list } = chain({ cniVersion: "0.3.1" });
  const cni = memory.libcni();
  memory.plugins.a = () => `{"ips": [{"version": "4", "address": "10.0.0.2/24"}]}`;
  await cni.add(list, attachment);
  await assert.rejects(cni.check(list, attachment), {
    message: `configuration version "0.3.1" does not support the CHECK command`,
  });
  await cni.del(list, attachment);
  assert.equal(memory.seen.at(-1)?.stdin.prevResult, undefined);
});

test("disableCheck and disableGC turn the verbs into nothing", async () => {
  const { memory, list } = chain({ disableCheck: true, disableGC: true });
  const cni = memory.libcni();
  await cni.check(list, attachment);
  await cni.gc(list);
  assert.deepEqual(memory.calls, []);
});

const badResults: [string, string, string][] = [
  [
    "two objects",
    "{}{}",
    `failed to unmarshal raw result: invalid character '{' after top-level value`,
  ],
  ["nothing", "", "failed to unmarshal raw result: unexpected end of JSON input"],
  ["an unknown version", `{"cniVersion": "7.0.0"}`, `unsupported CNI result version "7.0.0"`],
  ["an error object, yet exits with 0", `{"code": 11, "msg": "no", "details": "more"}`, "no; more"],
];

for (const [what, stdout, reason] of badResults) {
  test(`ADD of a plugin that prints ${what} fails`, async () => {
    const { memory, list } = chain();
    memory.plugins.a = () => stdout;
    await assert.rejects(memory.libcni().add(list, attachment), {
      message: `plugin type="a" failed (add): ${reason}`,
    });
    assert.deepEqual(memory.written, []);
  });
}

test("a result of another version is taken in its own shape", async () => {
  const { memory, list } = chain({ plugins: [{ type: "a" }] });
  memory.plugins.a = () => `{"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.9/24"}}`;
  const made = await memory.libcni().add(list, attachment);
  assert.equal(made.cniVersion, "0.2.0");
  assert.deepEqual(memory.cached(cacheName).result, {
    cniVersion: "0.2.0",
    dns: {},
    ip4: { ip: "10.0.0.9/24" },
  });
});

test("a version that is no text counts as the configuration's", async () => {
  const { memory, list } = chain({ plugins: [{ type: "a" }] });
  memory.plugins.a = () => `{"cniVersion": 1}`;
  assert.equal((await memory.libcni().add(list, attachment)).cniVersion, "1.1.0");
});

test("a plugin's error keeps its code, and what is made so far is remembered for DEL", async () => {
  const { memory, list } = chain();
  const stderr = "a hint";
  const error = `{"code": 50, "msg": "full", "details": "0 free"}`;
  memory.plugins.b = ({ env }) =>
    env.CNI_COMMAND === "ADD" ? { status: 1, stdout: error, stderr } : "";
  const cni = memory.libcni();
  await assert.rejects(cni.add(list, attachment), (failure: unknown) => {
    assert.ok(failure instanceof PluginError);
    assert.equal(failure.message, `plugin type="b" name="own" failed (add): full; 0 free`);
    assert.deepEqual([failure.code, failure.type, failure.command], [50, "b", "ADD"]);
    return true;
  });
  assert.deepEqual(memory.stderr, ["a hint"]);
  await cni.del(list, attachment);
  assert.equal(memory.seen.at(-1)?.stdin.prevResult.ips[0].address, "10.0.0.2/24");
  assert.equal(memory.files[cacheFile], undefined);
});

const ends: [string, object, string][] = [
  ["says nothing", { status: 3 }, "netplugin failed with no error message: exit status 3"],
  ["writes to stderr only", { status: 1, stderr: "oh" }, `netplugin failed: "oh": exit status 1`],
  [
    "is killed",
    { status: -1, signal: 9 },
    "netplugin failed with no error message: signal: killed",
  ],
  [
    "prints no JSON",
    { status: 1, stdout: "oops" },
    `netplugin failed but error parsing its diagnostic message "oops": invalid character 'o' looking for beginning of value`,
  ],
  [
    "prints no object",
    { status: 1, stdout: `["oops"]` },
    `netplugin failed but error parsing its diagnostic message "[\\"oops\\"]": json: cannot unmarshal array into Go value of type types.Error`,
  ],
  ["cannot be started", { error: 8 }, "fork/exec /bin/a: exec format error"],
];

for (const [what, answer, reason] of ends) {
  test(`a plugin that ${what} fails in the reference's words`, async () => {
    const { memory, list } = chain();
    memory.plugins.a = () => answer;
    const cni = memory.libcni();
    await assert.rejects(cni.add(list, attachment), {
      message: `plugin type="a" failed (add): ${reason}`,
    });
    await assert.rejects(cni.del({ ...list, plugins: list.plugins.slice(0, 1) }, attachment), {
      message: `plugin type="a" failed (delete): ${reason}`,
    });
    await assert.rejects(cni.check(list, attachment), { message: reason });
    await assert.rejects(cni.status(list), { message: reason });
  });
}

test("a busy executable is tried again, by a fresh process, and reported after the last attempt", async () => {
  const { memory, list } = chain();
  let tries = 0;
  memory.plugins.a = () => (++tries < 3 ? { error: 26 } : "{}");
  await memory.libcni().add(list, attachment);
  assert.equal(memory.now, 3000);
  memory.plugins.a = () => ({ error: 26 });
  memory.seen.length = 0;
  await assert.rejects(memory.libcni().add(list, attachment), {
    message: `plugin type="a" failed (add): fork/exec /bin/a: text file busy`,
  });
  assert.equal(memory.seen.length, 6);
});

test("a deadline covers the whole chain, and cleaning up has one of its own", async () => {
  const { memory, list } = chain();
  memory.plugins.a = ({ env }) => {
    if (env.CNI_COMMAND === "ADD") memory.now += 500;
    return result("10.0.0.2/24");
  };
  const options = { timeoutMs: 500, cleanUpTimeoutMs: 500 };
  await assert.rejects(memory.libcni().add(list, attachment, options), {
    message: `plugin type="b" name="own" failed (add): /bin/b did not end within 500 ms`,
  });
  assert.deepEqual(memory.calls, ["ADD a", "DEL b", "DEL a"]);
  assert.equal(memory.files[cacheFile], undefined);
});

test("a call that is cancelled before it begins runs nothing", async () => {
  const { memory, list } = chain();
  const signal = { aborted: true, addEventListener: () => {}, removeEventListener: () => {} };
  await assert.rejects(memory.libcni().add(list, attachment, { signal }), { code: 11 });
  assert.deepEqual(memory.calls, []);
});

test("names are checked before a plugin sees them, a missing plugin is told first", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  const bad = { ...attachment, containerId: "../c1" };
  const message = "invalid characters in containerID; ../c1";
  await assert.rejects(cni.add(list, bad), { message: `plugin type="a" failed (add): ${message}` });
  await assert.rejects(cni.del(list, bad), { code: 4 });
  await assert.rejects(cni.check(list, bad), { code: 4 });
  delete memory.plugins.a;
  await assert.rejects(cni.add(list, bad), {
    message: `plugin type="a" failed (add): failed to find plugin "a" in path [/bin]`,
  });
  const evil = parseList(`{"name": "n", "plugins": [{"type": "../sbin/reboot"}]}`);
  await assert.rejects(cni.add(evil, attachment), {
    message: `plugin type="../sbin/reboot" failed (add): invalid plugin name: ../sbin/reboot`,
  });
  assert.deepEqual(memory.calls, []);
});

for (const [what, text] of [
  ["empty", ""],
  ["cut short", `{"kind":"cniCacheV1","containerId":"c1","con`],
  ["about something else", `[1, 2]`],
] as const) {
  test(`a cache file that is ${what} keeps nobody from deleting`, async () => {
    const { memory, list } = chain();
    const warnings: string[] = [];
    const cni = memory.libcni({ onWarning: (message) => void warnings.push(message) });
    memory.files[cacheFile] = text;
    await assert.rejects(
      cni.check(list, attachment),
      /^Error: failed to get network "net" cached result: /,
    );
    await cni.del(list, attachment);
    assert.deepEqual(memory.calls, ["DEL b", "DEL a"]);
    assert.equal(memory.seen[0]?.stdin.prevResult, undefined);
    assert.equal(warnings.length, 1);
    assert.equal(memory.files[cacheFile], undefined);
    assert.deepEqual(await cni.cachedAttachments(), []);
  });
}

test("a bare result, from before the envelope, is understood", async () => {
  const { memory, list } = chain();
  memory.files[cacheFile] =
    `{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.0.0.7/24"}]}`;
  await memory.libcni().check(list, attachment);
  assert.deepEqual(memory.seen[0]?.stdin.prevResult, {
    cniVersion: "1.1.0",
    ips: [{ address: "10.0.0.7/24" }],
  });
});

test("a file of the same name that tells of another attachment is neither believed nor removed", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  await cni.add({ ...list, name: "net-c1" }, { ...attachment, containerId: "eth0", ifName: "x" });
  const other = "/cache/results/net-c1-eth0-x";
  memory.seen.length = 0;
  await cni.del(list, { ...attachment, containerId: "c1-eth0", ifName: "x" });
  assert.equal(memory.seen[0]?.stdin.prevResult, undefined);
  assert.ok(other in memory.files);
  assert.equal(
    await cni.cachedAttachment("net", { containerId: "c1-eth0", ifName: "x" }),
    undefined,
  );
});

test("attachments are listed, all or of one container", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  await cni.add(list, { ...attachment, containerId: "c2", args: [["A", "B"]] });
  await cni.add(list, attachment);
  memory.files["/cache/results/net-c3-eth0"] = "";
  const names = async (id?: string) =>
    (await cni.cachedAttachments(id)).map(({ containerId }) => containerId);
  assert.deepEqual(await names(), ["c1", "c2"]);
  assert.deepEqual(await names("c2"), ["c2"]);
  assert.deepEqual(await names("c"), []);
  const [found] = await cni.cachedAttachments("c2");
  assert.deepEqual(found?.args, [["A", "B"]]);
  assert.equal(found?.config, list.text);
  assert.equal(found?.result?.ips?.[0]?.address, "10.0.0.2/24");
});

test("GC deletes what is not valid, then has each plugin collect, and goes on after failures", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  for (const containerId of ["c1", "c2", "c3"]) await cni.add(list, { ...attachment, containerId });
  await cni.add({ ...list, name: "other" }, attachment);
  memory.seen.length = 0;
  memory.plugins.a = ({ env }) =>
    env.CNI_CONTAINERID === "c2" || env.CNI_COMMAND === "GC" ? { status: 1, stderr: "x" } : "";
  const valid = { containerId: "c1", ifName: "eth0" };
  await assert.rejects(cni.gc(list, { validAttachments: [valid] }), {
    message: [
      `failed to delete stale attachment c2 eth0: plugin type="a" failed (delete): netplugin failed: "x": exit status 1`,
      `failed to GC plugin a: netplugin failed: "x": exit status 1`,
    ].join("\n"),
  });
  assert.deepEqual(memory.calls, ["DEL b", "DEL a", "DEL b", "DEL a", "GC a", "GC b"]);
  const { text, env } = memory.seen.at(-2) ?? {};
  const listed = `[{"containerID":"c1","ifname":"eth0"}]`;
  assert.equal(
    text,
    `{"cni.dev/attachments":${listed},"cni.dev/valid-attachments":${listed},"cniVersion":"1.1.0","name":"net","type":"a"}`,
  );
  assert.deepEqual([env?.CNI_CONTAINERID, env?.CNI_NETNS, env?.CNI_IFNAME], ["", "", ""]);
  const left = (await cni.cachedAttachments()).map(
    ({ network, containerId }) => `${network} ${containerId}`,
  );
  assert.deepEqual(left, ["net c1", "net c2", "other c1"]);
});

test("GC that is interrupted begins nothing more", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  for (const containerId of ["c1", "c2"]) await cni.add(list, { ...attachment, containerId });
  const made = memory.calls.length;
  memory.plugins.b = () => ({ status: -1, signal: 9, cancelled: true });
  await assert.rejects(cni.gc(list), {
    message: `failed to delete stale attachment c1 eth0: plugin type="b" name="own" failed (delete): interrupted while /bin/b was running`,
  });
  assert.deepEqual(memory.calls.slice(made), ["DEL b"]);
});

test("GC that is told nothing deletes every attachment of the network and names none as valid", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  await cni.add(list, attachment);
  await cni.gc(list);
  assert.deepEqual(await cni.cachedAttachments(), []);
  assert.equal(memory.seen.at(-1)?.stdin["cni.dev/valid-attachments"], undefined);
});

test("STATUS asks every plugin of a list of 1.1.0 and keeps the error's code", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  await cni.status({ ...list, cniVersion: "1.0.0" });
  assert.deepEqual(memory.calls, []);
  memory.plugins.b = () => ({ status: 1, stdout: `{"code": 51, "msg": "sick"}` });
  await assert.rejects(cni.status(list), { code: 51, message: "sick" });
  assert.deepEqual(memory.calls, ["STATUS a", "STATUS b"]);
});

test("a list is valid if its plugins are there and speak its version; each is asked once", async () => {
  const { memory, list } = chain();
  const cni = memory.libcni();
  const speak = (...supportedVersions: string[]) =>
    JSON.stringify({ cniVersion: "1.1.0", supportedVersions });
  memory.plugins.a = () => speak("1.0.0", "1.1.0");
  memory.plugins.b = () => speak("1.1.0");
  assert.deepEqual(await cni.validate(list), ["mac"]);
  await cni.validate(list);
  assert.equal(memory.seen.length, 2);
  const { env, text } = memory.seen[0] ?? {};
  assert.equal(text, `{"cniVersion":"1.1.0"}`);
  const { CNI_NETNS, CNI_IFNAME, CNI_PATH, CNI_CONTAINERID } = env ?? {};
  assert.deepEqual(
    [CNI_NETNS, CNI_IFNAME, CNI_PATH, CNI_CONTAINERID],
    ["dummy", "dummy", "dummy", ""],
  );
  const wrong = parseList(`{"name": "n", "plugins": [{"type": "a"}, {"type": "z"}]}`);
  await assert.rejects(cni.validate(wrong), {
    message: `[plugin a does not support config version "0.1.0" failed to find plugin "z" in path [/bin]]`,
  });
});

const versionAnswers: [Json, string[] | string][] = [
  [`{"cniVersion": "0.2.0"}`, ["0.1.0", "0.2.0"]],
  [`{"cniVersion": "1.0.0"}`, "decoding version info: missing field supportedVersions"],
  [`{}`, "decoding version info: missing field cniVersion"],
  [{ status: 1, stdout: `{"code": 4, "msg": "unknown CNI_COMMAND: VERSION"}` }, ["0.1.0"]],
];

for (const [answer, expected] of versionAnswers) {
  test(`VERSION answered by ${JSON.stringify(answer)}`, async () => {
    const { memory } = chain();
    memory.plugins.a = () => answer;
    if (typeof expected === "string") {
      await assert.rejects(memory.libcni().versions("a"), { message: expected });
    } else assert.deepEqual(await memory.libcni().versions("a"), expected);
  });
}

test("a configuration of one plugin has its errors as they are", async () => {
  const { memory } = chain();
  const plugin = parsePlugin(`{"name": "net", "cniVersion": "1.0.0", "type": "a"}`);
  const cni = memory.libcni();
  await cni.addPlugin(plugin, attachment);
  assert.equal(memory.cached(cacheName).config, `{"cniVersion":"1.0.0","name":"net","type":"a"}`);
  memory.plugins.a = () => ({ status: 1, stdout: `{"code": 7, "msg": "no"}` });
  await assert.rejects(cni.addPlugin(plugin, attachment), { message: "no", code: 7 });
  await assert.rejects(cni.delPlugin(plugin, attachment), { message: "no", code: 7 });
});

test("every call is told of, with its duration, stderr and error", async () => {
  const { memory, list } = chain();
  const told: string[] = [];
  memory.plugins.b = () => {
    memory.now += 7;
    return { status: 1, stderr: "why" };
  };
  const onExec = (event: Json) =>
    void told.push(
      `${event.command} ${event.type} ${event.durationMs} ${event.stderr} ${event.error?.code}`,
    );
  await assert.rejects(
    memory.libcni({ onExec }).add(list, attachment, { env: { TRACEPARENT: "00-1" } }),
  );
  assert.deepEqual(told, ["ADD a 0  undefined", "ADD b 7 why 999"]);
  assert.equal(memory.seen[0]?.env.TRACEPARENT, "00-1");
});
