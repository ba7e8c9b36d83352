import assert from "node:assert/strict";
import test from "node:test";
import { realtimeMs } from "../../../pkg/sys/clock.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import {
  listDirectory,
  makeDirectories,
  openDirectory,
  rename,
  symlink,
  unlink,
} from "../../../pkg/sys/file.ts";
import { stat } from "../../../pkg/sys/statx.ts";
import { Scratch } from "../../../pkg/sys/testing/scratch.ts";
import { Machine } from "../testing/machine.ts";
import { type Held, nothingHeld, OwnerIndex } from "./owner-index.ts";
import type { Owner } from "./reservation.ts";

const eth0 = (containerId: string): Owner => ({ containerId, ifName: "eth0" });
const holding = (...addresses: string[]): Held => ({ addresses, namespace: "" });
const boot = "b1";

function seal(index: OwnerIndex | undefined, directory: Fd): void {
  index?.seal(directory, boot);
  index?.[Symbol.dispose]();
}

test("a sealed index is found again until the directory changes, or a boot goes by", () => {
  using scratch = new Scratch();
  const root = `${scratch.path}/index`;
  using directory = openDirectory(`${scratch.path}/net`, 0o700);
  const made = OwnerIndex.start(root);
  made.put(eth0("a"), {
    addresses: ["10.1.0.2", "fd00::2"],
    namespace: "4:17 /run/netns/blue @ 1",
  });
  seal(made, directory);
  const { mtimeNs } = stat(directory);
  assert.equal(mtimeNs % 1_000_000_000n, 0n);
  // Further back than whatever the kernel sets now, cut to a whole second.
  assert.ok(BigInt(Math.floor(realtimeMs())) * 1_000_000n - mtimeNs >= 2_000_000_000n);
  {
    const index = OwnerIndex.open(root, directory, boot) ?? assert.fail();
    assert.deepEqual(index.heldBy(eth0("a")), {
      addresses: ["10.1.0.2", "fd00::2"],
      namespace: "4:17 /run/netns/blue @ 1",
    });
    assert.deepEqual(index.heldBy(eth0("b")), nothingHeld);
    index.put(eth0("a"), holding("fd00::2"));
    index.put({ containerId: "b", ifName: "a=b" }, holding("10.1.0.3"));
    index.put(eth0("c"), nothingHeld);
    seal(index, directory);
  }
  {
    using index = OwnerIndex.open(root, directory, boot);
    assert.deepEqual(index?.heldBy(eth0("a")), holding("fd00::2"));
    assert.deepEqual(index?.heldBy({ containerId: "b", ifName: "a=b" }), holding("10.1.0.3"));
  }
  assert.equal(OwnerIndex.open(root, directory, "b2"), undefined);
  openDirectory(`${scratch.path}/net/sub`, 0o700).close();
  assert.equal(OwnerIndex.open(root, directory, boot), undefined);
});

test("an index that was not sealed is not found, but gone on with", () => {
  using scratch = new Scratch();
  const root = `${scratch.path}/index`;
  const made = OwnerIndex.start(root);
  made.put(eth0("a"), holding("10.1.0.2"));
  made.finish();
  made[Symbol.dispose]();
  assert.equal(OwnerIndex.open(root, scratch.dir, boot), undefined);
  using index = OwnerIndex.take(root);
  assert.deepEqual(index?.heldBy(eth0("a")), holding("10.1.0.2"));
});

test("an index that was not filled to its end is not gone on with", () => {
  using scratch = new Scratch();
  const root = `${scratch.path}/index`;
  OwnerIndex.start(root)[Symbol.dispose]();
  assert.equal(OwnerIndex.take(root), undefined);
  OwnerIndex.start(root)[Symbol.dispose]();
  for (const name of ["b1.1", "refreshing"]) makeDirectories(`${root}/${name}`, 0o700);
  symlink("10.1.0.2", `${root}/b1.1/a:eth0`);
  assert.equal(OwnerIndex.take(root), undefined);
  using index = OwnerIndex.start(root);
  assert.deepEqual(index.heldBy(eth0("a")), nothingHeld);
  assert.deepEqual(listDirectory(root), ["rebuilding"]);
});

test("an index tells what it does not know", () => {
  using scratch = new Scratch();
  using index = OwnerIndex.start(`${scratch.path}/index`);
  const long = eth0("a".repeat(256));
  index.put(long, holding("10.1.0.2"));
  assert.equal(index.heldBy(long), undefined);
  index.put(eth0("many"), holding(...new Array<string>(500).fill("10.1.0.2")));
  assert.equal(index.heldBy(eth0("many")), undefined);
});

/** The index's only folder. */
function folderOf(machine: Machine): string {
  const [name = "", ...more] = listDirectory(machine.indexRoot);
  assert.deepEqual(more, []);
  return `${machine.indexRoot}/${name}`;
}

/** Whether the index is in use: its folder is named after the directory's time. */
function isCurrent(machine: Machine): boolean {
  return folderOf(machine).endsWith(`.${stat(machine.path).mtimeNs}`);
}

test("the index follows ADD and DEL", () => {
  using machine = new Machine();
  machine.add("a");
  machine.add("a", { ifName: "net1" });
  machine.add("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)).sort(), ["a:eth0", "a:net1", "b:eth0"]);
  machine.del("a");
  machine.del("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)), ["a:net1"]);
});

test("a failed ADD leaves the index current", () => {
  using machine = new Machine();
  machine.add("a");
  machine.failure(() =>
    machine.add("b", { more: { runtimeConfig: { ips: ["10.1.0.7", "10.9.0.1"] } } }),
  );
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)), ["a:eth0"]);
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
  rename(folderOf(machine), `${machine.indexRoot}/.1000000000`);
  machine.add("b");
  assert.ok(isCurrent(machine));
  assert.deepEqual(listDirectory(folderOf(machine)).sort(), ["a:eth0", "b:eth0"]);
});

const corruptions = [
  { name: "another container's address", target: "10.1.0.3" },
  { name: "an address that is free", target: "10.1.0.77" },
  { name: "no address at all", target: "../../net/lock" },
  { name: "an address and nonsense", target: "10.1.0.2 @" },
];

for (const { name, target } of corruptions) {
  test(`an index that names ${name} is not believed`, () => {
    using machine = new Machine();
    machine.add("a");
    machine.add("b");
    unlink(`${folderOf(machine)}/a:eth0`);
    symlink(target, `${folderOf(machine)}/a:eth0`);
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
  const link = `${folderOf(machine)}/a:eth0`;
  unlink(link);
  makeDirectories(link, 0o700);
  machine.check("a");
  assert.match(machine.lines.join("\n"), /cannot use ".*": readlink a:eth0: invalid argument/);
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
