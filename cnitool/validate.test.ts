import assert from "node:assert/strict";
import test from "node:test";
import { Tool } from "./testing/session.ts";

const name = `"cniVersion": "1.1.0", "name": "n"`;
const ipam = `"ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}`;
const mapped = `{"type": "portmap", "capabilities": {"portMappings": true}}`;

/** As the build makes them, cut down. */
const schemas = {
  "bridge.json": {
    type: "object",
    allOf: [{ $ref: "#/definitions/keys" }],
    definitions: {
      keys: {
        type: "object",
        properties: {
          cniVersion: { type: "string", enum: ["0.1.0", "1.0.0", "1.1.0"] },
          name: { type: "string" },
          type: { type: "string" },
          isGateway: { type: "boolean" },
          mtu: { anyOf: [{ type: "integer", minimum: 0, maximum: 65535 }, { const: "auto" }] },
          ipam: {
            type: "object",
            properties: { type: { type: "string" }, subnet: { type: "string" } },
            required: ["type"],
          },
          vlanTrunk: {
            type: "array",
            items: { type: "object", properties: { id: { type: "integer" } } },
          },
        },
      },
    },
  },
  "conflist.json": {
    type: "object",
    required: ["name", "plugins"],
    properties: {
      cniVersion: { type: "string" },
      name: { type: "string", pattern: "^[a-z]+$" },
      disableGC: { type: "boolean" },
      plugins: {
        type: "array",
        minItems: 1,
        items: {
          type: "object",
          required: ["type"],
          properties: {
            type: { type: "string" },
            capabilities: { type: "object", additionalProperties: { type: "boolean" } },
          },
          allOf: [
            {
              if: { properties: { type: { const: "bridge" } }, required: ["type"] },
              // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
              then: { $ref: "bridge.json#/definitions/keys" },
            },
          ],
        },
      },
    },
  },
};

async function validate(
  file: string,
  text: string,
  env: Record<string, string> = { CNI_PATH: "" },
) {
  const tool = new Tool();
  Object.assign(tool.env, env);
  Object.assign(tool.schemas, schemas);
  tool.memory.files[file] = text;
  for (const type of ["bridge", "host-local", "portmap"]) tool.memory.files[`/bin/${type}`] = "";
  return await tool.run(`validate ${file}`);
}

const cases: [string, string, string[]][] = [
  ["a sound list", `{${name}, "plugins": [{"type": "bridge", ${ipam}}]}`, []],
  ["a text cut short", `{${name},\n "plu`, ["2:6: error: unexpected end of JSON input"]],
  [
    "a stray comma",
    `{${name},\n}`,
    ["2:1: error: invalid character '}' looking for beginning of object key string"],
  ],
  ["no name", `{"plugins": [{"type": "bridge", ${ipam}}]}`, [`1:1: error: "name" is missing`]],
  [
    "a name that leaves the directory",
    `{"name": "../x", "plugins": [{"type": "bridge", ${ipam}}]}`,
    [
      `1:10: error: invalid value for "name": expected text like ^[a-z]+$, got "../x"`,
      "1:10: error: invalid characters found in network name; ../x",
    ],
  ],
  [
    "no plugins",
    `{${name}, "plugins": []}`,
    [`1:49: error: invalid value for "plugins": expected at least 1 of them, got []`],
  ],
  [
    "a duplicate key",
    `{${name},\n "name": "m", "plugins": [{"type": "bridge", ${ipam}}]}`,
    [`2:2: error: "name" stands here a second time: only the last one counts`],
  ],
  [
    "keys that are nearly right",
    `{${name}, "disableGc": true, "plugins": [{"type": "bridge", "isGatway": true,\n "frobnicate": 1, "_comment": 1, ${ipam}}]}`,
    [
      `1:38: note: "disableGc" is taken for "disableGC": better spelled so`,
      `1:88: warning: unknown key "isGatway": did you mean "isGateway"?`,
      `2:2: warning: unknown key "frobnicate": nothing in this suite reads it`,
    ],
  ],
  [
    "values of the wrong kind",
    `{${name}, "plugins": [{"type": "bridge", "isGateway": "yes",\n "mtu": 70000,\n "vlanTrunk": [{"id": 1.5}], ${ipam}}]}`,
    [
      `1:82: error: invalid value for "plugins[0].isGateway": expected true or false, got "yes"`,
      `2:9: error: invalid value for "plugins[0].mtu": expected a whole number or "auto", got 70000`,
      `3:23: error: invalid value for "plugins[0].vlanTrunk[0].id": expected a whole number, got 1.5`,
    ],
  ],
  [
    "a missing type",
    `{${name}, "plugins": [{"ipam": {}}]}`,
    [`1:50: error: "type" is missing in "plugins[0]"`],
  ],
  [
    "a null, which counts as absent",
    `{${name}, "plugins": [{"type": "bridge", "mtu": null, ${ipam}}]}`,
    [],
  ],
  [
    "portmap without its capability",
    `{${name}, "plugins": [{"type": "bridge", "hairpinMode": true, ${ipam}},\n {"type": "portmap"}]}`,
    [
      `1:69: warning: unknown key "hairpinMode": nothing in this suite reads it`,
      `2:11: warning: portmap never learns of a port: declare "capabilities": {"portMappings": true}`,
    ],
  ],
  [
    "portmap without hairpin",
    `{${name}, "plugins": [{"type": "bridge", ${ipam}}, ${mapped}]}`,
    ["1:59: note: without hairpinMode a container cannot reach itself through its own host port"],
  ],
  [
    "firewall before what it works on",
    `{${name}, "plugins": [{"type": "firewall"}, {"type": "bridge", ${ipam}}]}`,
    [
      "1:59: error: firewall works on what a plugin before it has made: it must stand behind bridge",
    ],
  ],
  [
    "a chain without a beginning",
    `{${name}, "plugins": [{"type": "tuning"}]}`,
    ["1:59: error: tuning works on what a plugin before it has made: there is none"],
  ],
  [
    "two plugins that make the interface",
    `{${name}, "plugins": [{"type": "bridge", ${ipam}}, {"type": "macvlan", ${ipam}}]}`,
    ["1:136: error: macvlan makes the same interface as bridge before it, and will fail"],
  ],
  [
    "no addresses",
    `{${name}, "plugins": [{"type": "ptp"}, ${mapped}]}`,
    [
      `1:59: warning: the container gets no address: "ipam" is missing, without which the reference's ptp fails`,
      `1:76: warning: portmap does nothing for a container without addresses: no plugin before it has "ipam"`,
    ],
  ],
  [
    "dummy without addresses",
    `{${name}, "plugins": [{"type": "dummy"}]}`,
    [`1:59: error: dummy needs an "ipam" with a "type"`],
  ],
  [
    "an unknown plugin",
    `{${name}, "plugins": [{"type": "brigde", "ipam": {"type": "hostlocal"}}]}`,
    [
      `1:59: warning: "brigde" is no plugin of this suite (did you mean "bridge"?)`,
      `1:86: warning: "hostlocal" is no plugin of this suite (did you mean "host-local"?)`,
    ],
  ],
];

for (const [what, text, expected] of cases) {
  test(`validate: ${what}`, async () => {
    const { status, stdout } = await validate("/n.conflist", text);
    const lines = expected.map((line) => `/n.conflist:${line}\n`).join("");
    assert.equal(stdout, lines || "nothing is wrong\n");
    assert.equal(status, lines.includes(": error: ") ? 1 : 0);
  });
}

test("validate looks for the plugins where CNI_PATH says", async () => {
  const text = `{${name}, "plugins": [{"type": "bridge", "ipam": {"type": "dhcp"}}]}`;
  const { status, stdout } = await validate("/n.conflist", text, { CNI_PATH: "/bin" });
  assert.equal(stdout, `/n.conflist:1:86: error: there is no plugin "dhcp" in /bin\n`);
  assert.equal(status, 1);
});

test("a configuration of one plugin is held against that plugin's schema", async () => {
  const { stdout } = await validate(
    "/n.conf",
    `{${name}, "type": "bridge", "mtu": "auto", "isgateway": 1, ${ipam}}`,
  );
  assert.equal(
    stdout,
    [
      `/n.conf:1:71: note: "isgateway" is taken for "isGateway": better spelled so`,
      `/n.conf:1:84: error: invalid value for "isgateway": expected true or false, got 1\n`,
    ].join("\n"),
  );
});

test("a list in a file for one plugin is never found", async () => {
  const { stdout } = await validate(
    "/n.conf",
    `{${name}, "plugins": [{"type": "bridge", ${ipam}}]}`,
  );
  assert.match(stdout, /a list of plugins is found in \.conflist files only/);
});

test("warnings fail where --strict asks for it, and --json is for programs", async () => {
  const tool = new Tool();
  tool.env.CNI_PATH = "";
  tool.memory.files["/n.conflist"] = `{${name}, "plugins": [{"type": "brigde"}]}`;
  assert.equal((await tool.run("validate /n.conflist")).status, 0);
  const { status, stdout } = await tool.run("validate --strict --json /n.conflist");
  assert.equal(status, 1);
  assert.deepEqual(JSON.parse(stdout), [
    {
      file: "/n.conflist",
      line: 1,
      column: 59,
      severity: "warning",
      message: `"brigde" is no plugin of this suite (did you mean "bridge"?)`,
    },
  ]);
});

test("a file that is not there is told", async () => {
  const { status, stderr } = await new Tool().run("validate /none");
  assert.deepEqual([status, stderr], [1, "Error: open /none: no such file or directory\n"]);
});
