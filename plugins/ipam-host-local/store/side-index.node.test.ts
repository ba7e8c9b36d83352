import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { listDirectory, openDirectory } from "../../../pkg/sys/file.ts";
import { stat } from "../../../pkg/sys/statx.ts";
import { removeTree, Scratch } from "../../../pkg/sys/testing/scratch.ts";
import { Machine } from "../testing/machine.ts";
import { nameOf, readHolders } from "./reservation.ts";
import { SideIndex, type SideIndexPlace } from "./side-index.ts";

const ids = ["a", "b", "c"];
const interfaces = ["eth0", "net1"];
const addresses = ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"];

const who = { id: fc.constantFrom(...ids), ifName: fc.constantFrom(...interfaces) };
const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), ...who }),
  fc.record({ kind: fc.constant("del" as const), ...who }),
  // Somebody else: reserves, releases, does both under one name, or leaves a torn file.
  fc.record({
    kind: fc.constant("write" as const),
    address: fc.constantFrom(...addresses),
    ...who,
  }),
  fc.record({ kind: fc.constant("remove" as const), address: fc.constantFrom(...addresses) }),
  fc.record({
    kind: fc.constant("replace" as const),
    address: fc.constantFrom(...addresses),
    ...who,
  }),
  fc.record({ kind: fc.constant("tear" as const), address: fc.constantFrom(...addresses) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform(machine: Machine, doing: Step): void {
  if (doing.kind === "add" || doing.kind === "del") {
    try {
      machine[doing.kind](doing.id, { ifName: doing.ifName });
    } catch {
      // a duplicate, or a full range
    }
    return;
  }
  const { address, kind } = doing;
  const isThere = machine.reserved().includes(address);
  if (kind === "remove") {
    if (isThere) machine.remove(address);
  } else if (kind === "tear") {
    if (!isThere) machine.write(address, "");
  } else if (kind === "replace" || !isThere) {
    if (isThere) machine.remove(address);
    machine.write(address, `${doing.id}\r\n${doing.ifName}`);
  }
}

/** What the files say, and what the index says, of every attachment. */
function compare(machine: Machine): void {
  using directory = openDirectory(machine.path);
  const truth = readHolders(directory);
  for (const id of ids) {
    for (const ifName of interfaces) {
      const held = truth.get(nameOf({ containerId: id, ifName }));
      if (held) machine.check(id, { ifName });
      else assert.equal(machine.failure(() => machine.check(id, { ifName })).code, 999);
    }
  }
}

test("the index says what the files say, whoever changed them", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ step, looks: fc.boolean() }), { maxLength: 25 }), (steps) => {
      using machine = new Machine({ subnet: "10.1.0.0/29" });
      machine.add("z");
      machine.del("z");
      for (const { step, looks } of steps) {
        perform(machine, step);
        if (looks) compare(machine);
      }
      compare(machine);
      for (const id of ids) for (const ifName of interfaces) machine.del(id, { ifName });
      using directory = openDirectory(machine.path);
      assert.deepEqual([...readHolders(directory).keys()], []);
      assert.deepEqual(
        machine.lines.filter((line) => line.includes("cannot")),
        [],
      );
    }),
    { numRuns: 60 },
  );
});

/** The index itself, as it is on disk. */
function openIndex(machine: Machine): { index: SideIndex; place: SideIndexPlace } {
  const directory = openDirectory(machine.path);
  const place = { root: machine.sidePath, directory, boot: "b", machineId: () => "" };
  return { index: SideIndex.refresh(place, neverReclaim), place };
}

const neverReclaim = { trusted: true, reclaims: () => false, reclaim: () => assert.fail() };

test("a refresh reads only the files that are new", () => {
  using machine = new Machine();
  for (let i = 2; i < 200; i++) machine.write(`10.1.0.${i}`, `c${i}\r\neth0`);
  const { index, place } = openIndex(machine);
  // Changed in place, which nobody does: whoever opened the file again would see it.
  for (let i = 2; i < 200; i++) machine.write(`10.1.0.${i}`, "");
  machine.write("10.1.0.250", "new\r\neth0");
  using again = SideIndex.refresh(place, neverReclaim);
  assert.deepEqual(again.heldBy({ containerId: "c7", ifName: "eth0" })?.addresses, ["10.1.0.7"]);
  assert.deepEqual(again.heldBy({ containerId: "new", ifName: "eth0" })?.addresses, ["10.1.0.250"]);
  index[Symbol.dispose]();
  place.directory.close();
});

test("a directory of many files is put into the index by several calls", () => {
  using machine = new Machine({ subnet: "10.1.0.0/16" });
  for (let i = 0; i < 5000; i++) machine.write(`10.1.${8 + (i >> 8)}.${i & 255}`, `c${i}\r\neth0`);
  const linked = () => listDirectory(`${machine.sidePath}/files/other`).length;
  machine.check("c4999");
  assert.equal(linked(), 2000);
  assert.deepEqual(machine.add("new"), ["10.1.0.2/16"]);
  machine.failure(() => machine.add("c4999"));
  assert.ok(linked() >= 4000);
  machine.del("c4999");
  machine.check("c4998");
  assert.equal(linked(), 4999);
  const [folder = ""] = listDirectory(machine.indexRoot);
  assert.ok(folder.endsWith(`.${stat(machine.path).mtimeNs}`), folder);
  for (const id of ["c0", "c2500", "c4998", "new"]) machine.del(id);
  assert.equal(machine.reserved().length, 4996);
});

test("where there are no hard links to the files, the index is complete at once", (context) => {
  using machine = new Machine();
  using scratch = new Scratch();
  for (let i = 0; i < 3000; i++) machine.write(`10.1.${i >> 8}.${i & 255}`, `c${i}\r\neth0`);
  machine.remove("10.1.0.0");
  using elsewhere = openDirectory("/dev/shm");
  using directory = openDirectory(machine.path);
  if (stat(elsewhere).dev === stat(directory).dev)
    return context.skip("/dev/shm is no other mount");
  const root = `/dev/shm/${scratch.path.replace(/.*\//, "")}`;
  const place = { root, directory, boot: "b", machineId: () => "" };
  try {
    using index = SideIndex.refresh(place, neverReclaim);
    index.seal();
    using again = SideIndex.open(place);
    const last = { containerId: "c2999", ifName: "eth0" };
    assert.deepEqual(again?.heldBy(last)?.addresses, ["10.1.11.183"]);
  } finally {
    removeTree(root);
  }
});
