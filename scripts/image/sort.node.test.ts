/** The order of what several calls touched. */

import assert from "node:assert/strict";
import test from "node:test";
import { type Sighting, sortNames } from "./sort.ts";

function sighting(verb: string, present: string, touched: string, written = ""): Sighting {
  const names = (text: string) => [...text];
  return {
    isAdd: verb === "ADD",
    present: names(present),
    touched: names(touched),
    written: new Set(names(written)),
  };
}

test("what is written to goes first, then what each ADD touches, by the order of the touch", () => {
  const sections = sortNames([
    sighting("ADD", "abcdefg", "gcab", "b"),
    sighting("ADD", "abcdefg", "cgdb", "b"),
    sighting("ADD", "abcdg", "cgb"),
    sighting("DEL", "abcdefg", "fba", "f"),
  ]);
  assert.deepEqual(
    sections.map(({ names }) => names.join("")),
    ["b", "cg", "", "", "ad", "f"],
  );
});

test("half of the images are not most of them", () => {
  const present = ["ab", "ab", "ac", "ac"];
  const sections = sortNames(present.map((names) => sighting("ADD", names, names)));
  assert.deepEqual(
    sections.map(({ names }) => names.join("")),
    ["", "a", "bc", "", "", ""],
  );
});

test("what only some images have counts among those", () => {
  const sections = sortNames([
    sighting("ADD", "abx", "xa"),
    sighting("ADD", "ab", "ab"),
    sighting("ADD", "ab", "a"),
    sighting("ADD", "aby", "ay"),
    sighting("ADD", "aby", "a"),
  ]);
  assert.deepEqual(
    sections.map(({ names }) => names.join("")),
    ["", "a", "x", "y", "b", ""],
  );
});
