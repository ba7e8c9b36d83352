import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { mergeStates, printLink, printOwn, readLinkFile, readOwnFile } from "./backup-format.ts";
import { differences } from "./compare.ts";
import { type TuningConfig, tuningEntries, wantedOf } from "./config.ts";
import { repeatsKey } from "./repeated-key.ts";

const a = "02:00:00:00:00:0a";
const b = "02:00:00:00:00:0b";
const c = "02:00:00:00:00:0c";
const d = "02:00:00:00:00:0d";

function wanted(keys: object, cniArgs: Record<string, string> = {}) {
  const config: TuningConfig = v.parse(v.object(tuningEntries), keys);
  return wantedOf({ config, cniArgs, ifName: "eth0", stdin: JSON.stringify(keys) });
}

test("a MAC address comes from args before runtimeConfig, CNI_ARGS and the configuration", () => {
  const args = { cni: { mac: d } };
  const runtimeConfig = { mac: c };
  assert.equal(wanted({ mac: a }).link.mac, a);
  assert.equal(wanted({ mac: a }, { MAC: b }).link.mac, b);
  assert.equal(wanted({ mac: a, runtimeConfig }, { MAC: b }).link.mac, c);
  assert.equal(wanted({ mac: a, runtimeConfig, args }, { MAC: b }).link.mac, d);
  assert.throws(() => wanted({ mac: "x" }), /invalid MAC address/);
});

test("args replace values, and add kernel parameters even where there are none", () => {
  const cni = { promisc: false, mtu: 1400, allmulti: false, txQLen: 7 };
  const { link } = wanted({ promisc: true, mtu: 1, allmulti: true, txQLen: 1, args: { cni } });
  assert.deepEqual(JSON.parse(JSON.stringify(link)), { mtu: 1400, allmulti: false, txQLen: 7 });
  const sysctl = { "net.b": "2" };
  assert.deepEqual(wanted({ args: { cni: { sysctl } } }).sysctl, { "net/b": "2" });
  assert.deepEqual(
    wanted({ sysctl: { "net.a": "1", "net.b": "1" }, args: { cni: { sysctl } } }).sysctl,
    { "net/a": "1", "net/b": "2" },
  );
});

test("nothing is wanted of an MTU of 0 and of promisc false", () => {
  assert.equal(printLink(wanted({ mtu: 0, promisc: false }).link), undefined);
});

for (const [what, json, repeats] of [
  ["a key twice", '{"sysctl":{"net.a":"1","net.a":"2"}}', true],
  ["a key twice, escaped", '{"sysctl":{"net.a":"1","net.\\u0061":"2"}}', true],
  ["a key once, as a value again", '{"sysctl":{"net.a":"net.b","net.b":"net.a"}}', false],
  ["a key twice elsewhere", '{"x":{"a":"1","a":"2"},"sysctl":{"a":"{\\"a\\":"}}', false],
  ["a key twice, in two objects", '{"sysctl":{"a":"1"},"SYSCTL":{"b":"1","a":"1"}}', true],
  [
    "a key twice, in the first of two objects",
    '{"Sysctl":{"a":"1","a":"1"},"sysctl":{"b":"1"}}',
    true,
  ],
  ["a key twice, after an escape", '{"name":"\\"","sysctl":{"a":"1","a":"1"}}', true],
  ["a key of a nested object", '{"args":{"sysctl":{"a":1,"a":1}},"sysctl":{}}', false],
] as const) {
  test(`repeatsKey() finds ${what}: ${repeats}`, () => {
    const names = Object.keys(JSON.parse(json).sysctl);
    assert.equal(repeatsKey(json, "sysctl", names), repeats);
  });
}

test("the interface's backup is the reference's file", () => {
  const text = printLink({ txQLen: 1000, mac: a, allmulti: false });
  assert.equal(text, `{\n "mac": "${a}",\n "allmulti": false,\n "txQLen": 1000\n}`);
  const log: string[] = [];
  assert.deepEqual(readLinkFile(text, log.push), { txQLen: 1000, mac: a, allmulti: false });
  assert.deepEqual(
    readLinkFile('{"mac', (line) => log.push(line)),
    {},
  );
  assert.equal(log.length, 1);
});

test("our backup keeps its owner, and leads nowhere outside the namespace", () => {
  const owner = { network: "net", containerId: "c", ifName: "eth0" };
  const hostEnd = { name: "veth1", mtu: 1500 };
  const sysctl = { "net/a": "1", "net/../kernel/x": "1", "kernel/x": "1" };
  const text = printOwn(owner, { link: {}, hostEnd, sysctl });
  const { owner: found, ...rest } = readOwnFile(text, () => {});
  assert.deepEqual(found, owner);
  assert.deepEqual(rest, { hostEnd, sysctl: { "net/a": "1" } });
});

test("of two backups the first counts", () => {
  assert.deepEqual(
    mergeStates(
      { link: { mtu: 1500, mac: undefined }, sysctl: { "net/a": "0" } },
      { link: { mtu: 1400, mac: a }, sysctl: { "net/a": "1", "net/b": "2" } },
    ),
    { link: { mtu: 1500, mac: a }, hostEnd: undefined, sysctl: { "net/a": "0", "net/b": "2" } },
  );
});

test("differences() names all of them, and none for what cannot be read", () => {
  const present = { link: { mtu: 1500 }, sysctl: { "net/a": "0" } };
  assert.deepEqual(
    differences("eth0", { link: { mtu: 1400 }, sysctl: { "net/a": "1", "net/b": "1" } }, present),
    [
      "Error: Tuning configured value of net/a is 1, current value is 0",
      "Error: Tuning configured mtu of eth0 is 1400, current value is 1500",
    ],
  );
});
