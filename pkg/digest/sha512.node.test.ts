import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import * as fc from "fast-check";
import { sha512 } from "./sha512.ts";

test("sha512() agrees with Node's for texts of any length", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400, unit: "grapheme" }), (text) => {
      assert.equal(sha512(text), createHash("sha512").update(text).digest("hex"));
    }),
  );
});
