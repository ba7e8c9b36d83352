import assert from "node:assert/strict";
import test from "node:test";
import {
  findNetwork,
  listNetworks,
  loadListFile,
  NetworkNotFoundError,
  NoNetworksError,
} from "./load.ts";
import { Memory } from "./testing/memory.ts";

const dir = "/etc/cni/net.d";

function conflist(name: string, more: object = {}): string {
  return JSON.stringify({ name, cniVersion: "1.0.0", plugins: [{ type: "bridge" }], ...more });
}

function memory(files: Record<string, string>): Memory {
  const memory = new Memory();
  for (const [name, text] of Object.entries(files)) memory.files[`${dir}/${name}`] = text;
  return memory;
}

test("a list is found by the name in it, and comes before a plugin of that name", async () => {
  const { machine } = memory({
    "10-a.conf": `{"name": "n", "type": "ptp"}`,
    "20-b.conflist": conflist("n"),
    "30-c.json": `{"name": "j", "type": "ptp"}`,
    "40.JSON": `{"name": "k", "type": "ptp"}`,
  });
  assert.equal((await findNetwork(machine, "n", dir)).file, `${dir}/20-b.conflist`);
  assert.equal((await findNetwork(machine, "j", `${dir}/`)).plugins[0]?.type, "ptp");
  await assert.rejects(findNetwork(machine, "k", dir), NetworkNotFoundError);
});

test("of two files the first by name wins", async () => {
  const { machine } = memory({
    "b.conflist": conflist("n", { cniVersion: "0.4.0" }),
    "a.conflist": conflist("n", { cniVersion: "1.1.0" }),
  });
  assert.equal((await findNetwork(machine, "n", dir)).cniVersion, "1.1.0");
});

test("a directory full of broken files still has its good one, and tells of the others where it matters", async () => {
  const { machine } = memory({
    "00-empty.conflist": "",
    "01-cut.conflist": `{"name": "n", "plug`,
    "02-none.conflist": `{"name": "n", "plugins": []}`,
    "03-list.conf": conflist("n"),
    "04-binary.json": "\0\x01",
    "05-evil.conflist": `{"name": "../../evil", "plugins": [{"type": "a"}]}`,
    "99-good.conflist": conflist("good"),
  });
  assert.equal((await findNetwork(machine, "good", dir)).name, "good");
  await assert.rejects(findNetwork(machine, "other", dir), (error: unknown) => {
    assert.ok(error instanceof NetworkNotFoundError);
    assert.deepEqual(error.message.split("\n"), [
      `no net configuration with name "other" in ${dir}`,
      `  skipped ${dir}/00-empty.conflist: error parsing configuration list: unexpected end of JSON input`,
      `  skipped ${dir}/01-cut.conflist: error parsing configuration list: unexpected end of JSON input`,
      `  skipped ${dir}/02-none.conflist: error parsing configuration list: no plugins in list`,
      `  skipped ${dir}/05-evil.conflist: invalid characters found in network name; ../../evil`,
      `  skipped ${dir}/03-list.conf: error parsing configuration: missing 'type' (a list with "plugins" belongs in a .conflist file)`,
      `  skipped ${dir}/04-binary.json: error parsing configuration: invalid character '\\x00' looking for beginning of value`,
    ]);
    return true;
  });
  const candidates = await listNetworks(machine, dir);
  assert.equal(candidates.length, 7);
  assert.deepEqual(
    candidates.filter(({ list }) => list !== undefined).map(({ file }) => file),
    [`${dir}/99-good.conflist`],
  );
});

test("a configuration of one plugin is kept in the cache as the list it stands for", async () => {
  const { machine } = memory({
    "a.conf": `{"type": "p", "name": "n", "cniVersion": "1.0.0", "b": 1}`,
  });
  const { text } = await findNetwork(machine, "n", dir);
  const plugin = `{"b":1,"cniVersion":"1.0.0","name":"n","type":"p"}`;
  assert.equal(text, `{"cniVersion":"1.0.0","name":"n","plugins":[${plugin}]}`);
});

test("an empty or missing directory has no networks", async () => {
  const { machine } = memory({ "readme.txt": "" });
  await assert.rejects(findNetwork(machine, "n", dir), NoNetworksError);
  await assert.rejects(findNetwork(machine, "n", "/none"), {
    message: "no net configurations found in /none",
  });
});

test("drop-in plugins come behind the list's own, in the order of their names, and into what the cache keeps", async () => {
  const { machine } = memory({
    "n.conflist": conflist("n"),
    "n/20-b.conf": `{"type": "portmap"}`,
    "n/10-a.conf": `{"type": "firewall"}`,
    "n/30-c.json": `{"type": "ignored"}`,
  });
  const list = await loadListFile(machine, `${dir}/n.conflist`);
  assert.deepEqual(
    list.plugins.map(({ type, file }) => [type, file]),
    [
      ["bridge", undefined],
      ["firewall", `${dir}/n/10-a.conf`],
      ["portmap", `${dir}/n/20-b.conf`],
    ],
  );
  assert.equal(
    list.text,
    `{"cniVersion":"1.0.0","loadOnlyInlinedPlugins":true,"name":"n","plugins":[{"type":"bridge"},{"type":"firewall"},{"type":"portmap"}]}`,
  );
});

test("a list may live from its drop-in plugins alone, or refuse them", async () => {
  const { machine } = memory({
    "n.conflist": `{"name": "n"}`,
    "n/a.conf": `{"type": "a"}`,
    "m.conflist": conflist("m", { loadOnlyInlinedPlugins: true }),
    "m/a.conf": `{"type": "a"}`,
    "o.conflist": `{"name": "o"}`,
    "p.conflist": conflist("p"),
    "p/bad.conf": "{}",
  });
  const types = async (file: string) =>
    (await loadListFile(machine, `${dir}/${file}`)).plugins.map(({ type }) => type);
  assert.deepEqual(await types("n.conflist"), ["a"]);
  assert.deepEqual(await types("m.conflist"), ["bridge"]);
  await assert.rejects(types("o.conflist"), { message: "no plugin configs found" });
  await assert.rejects(types("p.conflist"), {
    message: "error parsing configuration: missing 'type'",
  });
  await assert.rejects(types("q.conflist"), {
    message: `error reading ${dir}/q.conflist: open ${dir}/q.conflist: no such file or directory`,
  });
});
