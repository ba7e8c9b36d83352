import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import * as v from "valibot";
import { cidr, ipAddress, mac } from "../../pkg/skel/field.ts";
import { makeSchemas } from "../build-schema.ts";
import { otherwise, readJsonExamples } from "../examples.ts";
import { convert } from "./convert.ts";
import { readDescriptions, readPurpose } from "./describe.ts";

const root = resolve(import.meta.dirname, "../..");
const files = await makeSchemas();

function newAjv(): Ajv {
  const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
  addFormats.default(ajv);
  return ajv;
}

const ajv = newAjv();
for (const { name, text } of files) ajv.addSchema(JSON.parse(text), name);

/** What the schema says against a value; empty if nothing. */
function faults(schema: string, value: unknown): string {
  const validate = ajv.getSchema(schema);
  assert.ok(validate, `schema/${schema} is missing: npm run build makes it`);
  validate(value);
  return ajv.errorsText(validate.errors, { dataVar: "" }).replace("No errors", "");
}

for (const { name, text, undescribed } of files) {
  test(`schema/${name} is what the sources say: npm run build brings it up to date`, () => {
    assert.equal(readFileSync(join(root, "schema", name), "utf8"), text);
  });

  test(`the README says what every key in ${name} means`, () => {
    assert.deepEqual(undescribed, []);
  });
}

for (const { place, page, json } of readJsonExamples()) {
  if (otherwise[page] !== undefined) continue;
  const isList = Array.isArray(json.plugins);
  // Without a name it is a plugin as it stands in a list.
  const piece = json.name === undefined ? "#/definitions/keys" : "";
  const schema = isList ? "conflist.json" : `${json.type}.json${piece}`;
  test(`the example at ${place} fits ${schema}`, () => {
    assert.equal(faults(schema, json), "");
  });
}

const bridge = { cniVersion: "1.0.0", name: "net", type: "bridge" };
const hostLocal = (ipam: object) => ({ ...bridge, ipam: { type: "host-local", ...ipam } });

const rejected: [why: string, schema: string, config: object, faults: string][] = [
  ["a number as text", "bridge.json", { ...bridge, mtu: "1500" }, "/mtu must be integer"],
  ["another plugin's configuration", "loopback.json", bridge, "/type must be equal to constant"],
  [
    "a network's name that would leave the directory",
    "bridge.json",
    { ...bridge, name: "../etc" },
    '/name must match pattern "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"',
  ],
  [
    "a mistake in the section of the IPAM plugin that a configuration names",
    "bridge.json",
    hostLocal({ ranges: [[{ subnet: "10.1.0.0" }]] }),
    "/ipam/ranges/0/0/subnet must match pattern",
  ],
  [
    "the same in a list",
    "conflist.json",
    { name: "net", plugins: [{ ...hostLocal({ subnet: "10.1.0.0/33" }), name: undefined }] },
    "/plugins/0/ipam/subnet must match pattern",
  ],
  [
    "a list without plugins",
    "conflist.json",
    { name: "net", plugins: [] },
    "/plugins must NOT have",
  ],
  [
    "a type that is a path",
    "conflist.json",
    { name: "net", plugins: [{ type: "../bridge" }] },
    "/plugins/0/type must match pattern",
  ],
  [
    "an unknown version",
    "conflist.json",
    { name: "net", cniVersion: "1.2.0", plugins: [{ type: "bridge" }] },
    "/cniVersion must be equal to one of",
  ],
];

for (const [why, schema, config, expected] of rejected) {
  test(`${schema} marks ${why}`, () => {
    const found = faults(schema, JSON.parse(JSON.stringify(config)));
    assert.ok(found.includes(expected), found);
  });
}

test("keys of plugins that are not of this suite are nobody's business", () => {
  const list = {
    name: "net",
    plugins: [
      { type: "theirs", mtu: "big" },
      { ...bridge, theirs: 1 },
    ],
  };
  assert.equal(faults("conflist.json", list), "");
});

const texts = [
  [
    "address",
    ipAddress,
    "10.1.2.3",
    "fd00::1",
    "::ffff:10.1.2.3",
    "10.1.2",
    "10.1.2.256",
    "",
    "01.2.3.4",
  ],
  [
    "CIDR",
    cidr,
    "10.1.2.3/24",
    "fd00::1/64",
    "0.0.0.0/0",
    "::/128",
    "10.1.2.3",
    "1.2.3.4/33",
    "::/129",
  ],
  [
    "MAC",
    mac,
    "02:00:00:00:00:0a",
    "0200.0000.000C",
    "02-00-00-00-00-0a-ff-fe",
    "02:00",
    "0:0:0:0:0:0",
  ],
] as const;

for (const [what, table, ...values] of texts) {
  test(`the schema of a ${what} takes what the plugins take`, () => {
    const validate = newAjv().compile(convert(table));
    for (const value of values) {
      assert.equal(validate(value), v.safeParse(table, value).success, value);
    }
  });
}

test("descriptions come from tables whose first heading is a key", () => {
  const markdown = `
| key | type | default | meaning |
| --- | --- | --- | --- |
| \`a\`, \`b.c\` | number | 1 | both [are](x.md) \`d\` \\| more |

| key in \`e\`, \`f\` | rule |
|:--|--|
| \`g\` | it holds |

| file | content |
| --- | --- |
| \`lock\` | nothing |
`;
  assert.deepEqual(
    [...readDescriptions(markdown)],
    [
      ["a", "both are d | more; default: 1"],
      ["b.c", "both are d | more; default: 1"],
      ["e.g", "it holds"],
      ["f.g", "it holds"],
    ],
  );
});

test("a plugin's purpose is the first paragraph of its README", () => {
  assert.equal(readPurpose("# x\n\nDoes `y`\nand z.\n\nMore.\n"), "Does y and z.");
});
