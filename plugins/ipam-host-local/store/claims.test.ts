import assert from "node:assert/strict";
import test from "node:test";
import { realtimeMs, sleepMs } from "../../../pkg/sys/clock.ts";
import { listDirectory } from "../../../pkg/sys/file.ts";
import { call } from "../../../pkg/sys/syscall.ts";
import { Scratch } from "../../../pkg/sys/testing/scratch.ts";
import { Machine } from "../testing/machine.ts";
import { Claims, stickyClaimant } from "./claims.ts";

const sticky = { subnet: "10.1.0.0/29", sticky: "K8S_POD_NAMESPACE/K8S_POD_NAME" };
const pod = (name: string) =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name};K8S_POD_UID=0`;

test("an address follows the pod, whatever the container", () => {
  using machine = new Machine(sticky);
  const [first = ""] = machine.add("c1", { args: pod("web-0") });
  machine.add("c2", { args: pod("web-1") });
  machine.del("c1", { args: pod("web-0") });
  assert.deepEqual(machine.add("c3", { args: pod("other") }), ["10.1.0.4/29"]);
  assert.deepEqual(machine.add("c4", { args: pod("web-0") }), [first]);
});

/** Lets a claim be two days old; AT_FDCWD and AT_SYMLINK_NOFOLLOW, linux/fcntl.h. */
function age(machine: Machine, address: string): void {
  const seconds = BigInt(Math.floor(realtimeMs() / 1000) - 2 * 24 * 3600);
  const times = new Uint8Array(new BigInt64Array([seconds, 0n, seconds, 0n]).buffer);
  const path = `${machine.sidePath}/claims/addresses/${address}`;
  call("utimensat", -100, path, times, 0x100);
}

/** What may become of an address while its pod lives for longer than a claim does, and how the pod ends. */
const longLives: Record<string, (machine: Machine) => void> = {
  "and others pass it by": (machine) => {
    for (const id of ["c2", "c3", "c4", "c5"]) machine.add(id);
    machine.del("c3");
    machine.add("c6");
    machine.del("c1");
    machine.del("c2");
  },
  "and GC goes round before it is deleted": (machine) => {
    machine.gc([{ containerID: "c1", ifname: "eth0" }]);
    machine.del("c1", { args: pod("web-0") });
  },
  "and GC is what releases it": (machine) => machine.gc([]),
};

for (const [what, live] of Object.entries(longLives)) {
  test(`an address follows a pod that lived for longer than the time to live, ${what}`, () => {
    using machine = new Machine(sticky);
    const [first = ""] = machine.add("c1", { args: pod("web-0") });
    age(machine, "10.1.0.2");
    live(machine);
    assert.notEqual(machine.add("other", { args: pod("other") })[0], first);
    assert.deepEqual(machine.add("c7", { args: pod("web-0") }), [first]);
  });
}

for (const [stickyTtl, kept] of [
  ["1d12h", []],
  ["3d", ["10.1.0.2"]],
] as const) {
  test(`of a time to live of ${stickyTtl} two days ${kept.length > 0 ? "leave some" : "are more than all"}`, () => {
    using machine = new Machine({ ...sticky, stickyTtl });
    machine.add("c1", { args: pod("web-0") });
    machine.del("c1");
    age(machine, "10.1.0.2");
    machine.gc([]);
    assert.deepEqual(listDirectory(`${machine.sidePath}/claims/addresses`), kept);
  });
}

test("the time of a claim counts from the release", () => {
  using machine = new Machine(sticky);
  machine.add("c1", { args: pod("web-0") });
  age(machine, "10.1.0.2");
  machine.del("c1");
  for (const id of ["c2", "c3", "c4", "c5"]) machine.add(id);
  age(machine, "10.1.0.2");
  assert.deepEqual(machine.add("c6", { args: pod("late") }), ["10.1.0.2/29"]);
  assert.match(
    machine.failure(() => machine.add("c7", { args: pod("web-0") })).message,
    /no IP addresses available/,
  );
});

test("another interface of the pod is another claimant", () => {
  using machine = new Machine(sticky);
  machine.add("c1", { args: pod("web-0") });
  machine.add("c1", { args: pod("web-0"), ifName: "net1" });
  machine.del("c1");
  machine.del("c1", { ifName: "net1" });
  const args = pod("web-0");
  assert.deepEqual(machine.add("c2", { args, ifName: "net1" }), ["10.1.0.3/29"]);
  assert.deepEqual(machine.add("c2", { args }), ["10.1.0.2/29"]);
});

test("of the addresses that are kept, the one longest free goes first when no other is left", () => {
  using machine = new Machine(sticky);
  const names = ["web-0", "web-1", "web-2", "web-3", "web-4"];
  for (const name of names) machine.add(name, { args: pod(name) });
  for (const name of ["web-3", "web-1", "web-2"]) {
    sleepMs(5);
    machine.del(name, { args: pod(name) });
  }
  machine.status();
  assert.deepEqual(machine.add("new", { args: "" }), ["10.1.0.5/29"]);
  assert.deepEqual(machine.add("newer", { args: pod("newer") }), ["10.1.0.3/29"]);
  assert.deepEqual(machine.add("c", { args: pod("web-2") }), ["10.1.0.4/29"]);
  assert.match(
    machine.failure(() => machine.add("d", { args: pod("web-1") })).message,
    /no IP addresses available/,
  );
});

test("a claim ends when its time is over", () => {
  using machine = new Machine({ ...sticky, stickyTtl: "20ms" });
  machine.add("a", { args: pod("web-0") });
  machine.del("a");
  for (const id of ["b", "c", "d", "e"]) machine.add(id, { args: pod(id) });
  sleepMs(30);
  assert.deepEqual(machine.add("f", { args: pod("f") }), ["10.1.0.2/29"]);
});

test("a request is met although the address is kept for another", () => {
  using machine = new Machine(sticky);
  machine.add("a", { args: pod("web-0") });
  machine.del("a");
  const more = { runtimeConfig: { ips: ["10.1.0.2"] } };
  assert.deepEqual(machine.add("b", { args: pod("web-1"), more }), ["10.1.0.2/29"]);
  assert.deepEqual(machine.add("c", { args: pod("web-0") }), ["10.1.0.3/29"]);
  machine.del("b");
  assert.deepEqual(machine.add("d", { args: pod("web-1") }), ["10.1.0.2/29"]);
});

test("without the keys of the template an ADD goes the ordinary way, and tells", () => {
  using machine = new Machine(sticky);
  machine.add("a", { args: "IgnoreUnknown=1;K8S_POD_NAME=web-0" });
  assert.deepEqual(machine.lines, [
    "the address will not be sticky: CNI_ARGS lacks K8S_POD_NAMESPACE",
  ]);
  assert.ok(!listDirectory(machine.sidePath).includes("claims"));
});

test("keys that the plugin does not know are refused without IgnoreUnknown, as ever", () => {
  using machine = new Machine(sticky);
  const args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0";
  assert.match(machine.failure(() => machine.add("a", { args })).message, /ARGS: unknown args/);
});

test("GC removes claims whose time is over", () => {
  using machine = new Machine({ ...sticky, stickyTtl: "20ms" });
  machine.add("a", { args: pod("web-0") });
  machine.gc([]);
  sleepMs(30);
  machine.gc([]);
  assert.deepEqual(listDirectory(`${machine.sidePath}/claims/addresses`), []);
  assert.deepEqual(listDirectory(`${machine.sidePath}/claims/names`), []);
});

test("a claimant's name is a file's, whatever the key", () => {
  using scratch = new Scratch();
  const claims = new Claims({
    root: `${scratch.path}/claims`,
    timeToLiveMs: 1000,
    isHeld: () => false,
  });
  const keys = ["../../x", "a/b", "é\n", "x".repeat(300), `${"x".repeat(300)}y`];
  keys.forEach((key, at) => {
    claims.set(stickyClaimant(key, "a%b"), [`10.1.0.${at}`]);
  });
  keys.forEach((key, at) => {
    assert.deepEqual(claims.addressesOf(stickyClaimant(key, "a%b")), [`10.1.0.${at}`]);
  });
  assert.equal(listDirectory(`${scratch.path}/claims/names`).length, keys.length);
});

for (const [key, value, message] of [
  ["sticky", "/A", 'invalid sticky template "/A": expected keys of CNI_ARGS like "A/B"'],
  ["stickyTtl", "7 days", 'invalid duration "7 days": expected a time like "7d" or "1h30m"'],
  ["stickyTtl", "0s", 'invalid duration "0s": expected a time like "7d" or "1h30m"'],
] as const) {
  test(`a configuration is refused: ${message}`, () => {
    using machine = new Machine({ subnet: "10.1.0.0/24", [key]: value });
    const failure = machine.failure(() => machine.add("a"));
    assert.deepEqual([failure.code, failure.message], [7, message]);
  });
}
