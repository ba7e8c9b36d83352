import assert from "node:assert/strict";
import test from "node:test";
import {
  listDirectory,
  makeDirectories,
  openDirectory,
  rename,
  stat,
  symlink,
  unlink,
} from "../../pkg/sys/file.ts";
import { Scratch } from "../../pkg/sys/testing/scratch.ts";
import { type Holding, OwnerIndex } from "./owner-index.ts";
import { Machine } from "./testing/machine.ts";

const eth0 = (address: string): Holding => ({ address, ifName: "eth0" });

test("a sealed index is found again until the directory changes", () => {
  using scratch = new Scratch();
  const root = `${scratch.path}/index`;
  using directory = openDirectory(`${scratch.path}/net`, 0o700);
  {
    using index = OwnerIndex.rebuild(root, new Map([["a", [eth0("10.1.0.2"), eth0("fd00::2")]]]));
    index.seal(directory);
  }
  {
    using index = OwnerIndex.open(root, directory);
    assert.ok(index);
    assert.deepEqual(index.holdingsOf("a"), [eth0("10.1.0.2"), eth0("fd00::2")]);
    assert.deepEqual(index.holdingsOf("b"), []);
    index.put("a", [eth0("fd00::2")]);
    index.put("b", [{ address: "10.1.0.3", ifName: "a=b" }]);
    index.put("c", []);
    index.seal(directory);
  }
  {
    using index = OwnerIndex.open(root, directory);
    assert.deepEqual(index?.holdingsOf("a"), [eth0("fd00::2")]);
    assert.deepEqual(index?.holdingsOf("b"), [{ address: "10.1.0.3", ifName: "a=b" }]);
  }
  openDirectory(`${scratch.path}/net/sub`, 0o700).close();
  assert.equal(OwnerIndex.open(root, directory), undefined);
});

test("an index that was not sealed is not found", () => {
  using scratch = new Scratch();
  const root = `${scratch.path}/index`;
  OwnerIndex.rebuild(root, new Map())[Symbol.dispose]();
  assert.equal(OwnerIndex.open(root, scratch.dir), undefined);
});

test("a rebuilt index holds exactly what it is told, whatever was there", () => {
  using scratch = new Scratch();
  const root = `${scratch.path}/index`;
  for (const folder of ["1", "2", "rebuilding"]) {
    makeDirectories(`${root}/${folder}`, 0o700);
    symlink("10.1.0.2=eth0", `${root}/${folder}/same`);
    symlink("10.1.0.2=eth0", `${root}/${folder}/other`);
    symlink("10.1.0.2=eth0", `${root}/${folder}/gone`);
  }
  const holdings = new Map([
    ["same", [eth0("10.1.0.2")]],
    ["other", [eth0("10.1.0.3")]],
    ["new", [eth0("10.1.0.4")]],
  ]);
  using index = OwnerIndex.rebuild(root, holdings);
  for (const [containerId, held] of holdings) assert.deepEqual(index.holdingsOf(containerId), held);
  assert.deepEqual(index.holdingsOf("gone"), []);
  assert.deepEqual(listDirectory(root), ["rebuilding"]);
});

test("an index knows nothing of containers that no file can be named after", () => {
  using scratch = new Scratch();
  const long = "a".repeat(256);
  using index = OwnerIndex.rebuild(`${scratch.path}/index`, new Map([[long, [eth0("10.1.0.2")]]]));
  assert.equal(index.holdingsOf(long), undefined);
});

/** The index's only folder. */
function folderOf(machine: Machine): string {
  const [name = "", ...more] = listDirectory(machine.indexRoot);
  assert.deepEqual(more, []);
  return `${machine.indexRoot}/${name}`;
}

/** Whether the index is in use: its folder is named after the directory's time. */
function isCurrent(machine: Machine): boolean {
  return folderOf(machine).endsWith(`/${stat(machine.path).mtimeNs}`);
}

test("the index follows ADD and DEL", () => {
  using machine = new Machine();
  machine.add("a");
  machine.add("a", { ifName: "net1" });
  machine.add("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)).sort(), ["a", "b"]);
  machine.del("a");
  machine.del("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)), ["a"]);
});

test("a failed ADD leaves the index current", () => {
  using machine = new Machine();
  machine.add("a");
  machine.failure(() =>
    machine.add("b", { more: { runtimeConfig: { ips: ["10.1.0.7", "10.9.0.1"] } } }),
  );
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)), ["a"]);
});

test("a reservation made by someone else is seen at once", () => {
  using machine = new Machine();
  machine.add("a");
  machine.write("10.1.0.9", "b\r\neth0");
  assert.match(
    machine.failure(() => machine.add("b")).message,
    /10\.1\.0\.9 has been allocated to b/,
  );
  machine.del("b");
  assert.deepEqual(machine.reserved(), ["10.1.0.2"]);
  assert.ok(isCurrent(machine));
});

test("a reservation removed by someone else is not missed", () => {
  using machine = new Machine();
  machine.add("a");
  machine.remove("10.1.0.2");
  assert.match(machine.failure(() => machine.check("a")).message, /Failed to find/);
  assert.deepEqual(machine.add("a"), ["10.1.0.3/24"]);
});

test("a crash between reservation and index costs nothing but time", () => {
  using machine = new Machine();
  machine.add("a");
  // As far as an ADD gets that is killed before its index is written, and a DEL likewise.
  machine.write("10.1.0.3", "b\r\neth0");
  machine.remove("10.1.0.2");
  assert.ok(!isCurrent(machine));
  machine.check("b");
  machine.add("a");
  machine.del("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(
    machine.reserved(),
    ["10.1.0.3"].map(() => "10.1.0.4"),
  );
});

test("a crash between the index's name and the directory's time is noticed", () => {
  using machine = new Machine();
  machine.add("a");
  rename(folderOf(machine), `${machine.indexRoot}/1000000000`);
  machine.add("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)).sort(), ["a", "b"]);
});

const corruptions = [
  { name: "another container's address", target: "10.1.0.3=eth0" },
  { name: "an address that is free", target: "10.1.0.77=eth0" },
  { name: "no address at all", target: "../../net/lock=eth0" },
  { name: "another interface", target: "10.1.0.2=net1" },
];

for (const { name, target } of corruptions) {
  test(`an index that names ${name} is not believed`, () => {
    using machine = new Machine();
    machine.add("a");
    machine.add("b");
    unlink(`${folderOf(machine)}/a`);
    symlink(target, `${folderOf(machine)}/a`);
    machine.check("a");
    machine.del("a");
    assert.deepEqual(machine.reserved(), ["10.1.0.3"]);
    assert.ok(isCurrent(machine));
    machine.check("b");
  });
}

test("an index that cannot be used is done without, and told", () => {
  using machine = new Machine();
  machine.add("a");
  const folder = folderOf(machine);
  unlink(`${folder}/a`);
  makeDirectories(`${folder}/a`, 0o700);
  machine.check("a");
  assert.match(
    machine.lines.join("\n"),
    /cannot use the index in ".*": readlink a: invalid argument/,
  );
  assert.match(machine.failure(() => machine.add("a")).message, /has been allocated to a/);
  assert.deepEqual(machine.add("b"), ["10.1.0.3/24"]);
  machine.del("a");
  assert.deepEqual(machine.reserved(), ["10.1.0.3"]);
});

test("a file in the index's place does not hinder", () => {
  using machine = new Machine();
  machine.write("x", "");
  rename(`${machine.path}/x`, `${machine.dataDir}/.tscni`);
  machine.add("a");
  assert.match(machine.failure(() => machine.add("a")).message, /has been allocated to a/);
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
});

test("a container id too long for a file name needs no index", () => {
  using machine = new Machine();
  const long = "a".repeat(300);
  machine.add(long);
  assert.match(machine.failure(() => machine.add(long)).message, /has been allocated/);
  machine.check(long);
  machine.del(long);
  assert.deepEqual(machine.reserved(), []);
});
