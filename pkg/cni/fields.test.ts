import assert from "node:assert/strict";
import test from "node:test";
import { listOf, objectReader, type ReadObject, text } from "./fields.ts";

interface Pet {
  name: string;
  toys: Pet[];
}

/** A reader, and what its fields were asked to read. */
function counted() {
  const asked: unknown[] = [];
  const name = (value: unknown, key: string, where: string) => {
    asked.push(value);
    return text(value, key, where)?.toLowerCase();
  };
  const read: ReadObject<Pet> = objectReader<Pet>({
    name,
    toys: listOf((value, where) => read(value, where) as Pet),
  });
  return { asked, read };
}

test("an object that is as it should be is taken itself, with the lists in it", () => {
  const pet = { name: "rex", toys: [{ name: "ball" }, { name: "bone", toys: [{ name: "end" }] }] };
  assert.equal(counted().read(pet, ""), pet);
});

const changed: [title: string, value: object, result: object][] = [
  ["a field that reads as another", { name: "Rex" }, { name: "rex" }],
  [
    "one behind others",
    { name: "rex", toys: [{ name: "A" }] },
    { name: "rex", toys: [{ name: "a" }] },
  ],
  [
    "only in the last of a list",
    { toys: [{ name: "a" }, { name: "B" }] },
    { toys: [{ name: "a" }, { name: "b" }] },
  ],
  [
    "a key that is not known",
    { name: "rex", age: 3, toys: [{ name: "a" }] },
    { name: "rex", toys: [{ name: "a" }] },
  ],
  ["null", { name: "rex", toys: null }, { name: "rex" }],
  ["nothing", { name: "", toys: [] }, {}],
  ["other letters", { NAME: "rex" }, { name: "rex" }],
  ["the last of two spellings", { name: "rex", Name: "max" }, { name: "max" }],
  ["the last of two, which says nothing", { name: "rex", Name: "" }, {}],
  ["null in other letters, which is no spelling", { name: "rex", Name: null }, { name: "rex" }],
];

for (const [title, value, result] of changed) {
  test(`what is read is a copy, and what was given stays as it is: ${title}`, () => {
    const before = copyOf(value);
    const found = counted().read(value, "");
    assert.deepEqual(found, result);
    assert.deepEqual(value, before);
    assert.notEqual(found, value);
  });
}

function copyOf(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

test("each field is read once, however deep what has to change", () => {
  const { asked, read } = counted();
  const deep = { toys: [{ name: "a", toys: [{ name: "b", toys: [{ name: "C", x: 1 }] }] }] };
  read(deep, "");
  assert.deepEqual(asked, ["a", "b", "C"]);
});
