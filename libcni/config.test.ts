import assert from "node:assert/strict";
import test from "node:test";
import { parseList, parsePlugin, toList } from "./config.ts";

const list = "error parsing configuration list: ";
const plugin = "error parsing configuration: ";
const one = `"plugins": [{"type": "a"}]`;

const refusedLists: [string, string][] = [
  ["", `${list}unexpected end of JSON input`],
  ["[]", `${list}json: cannot unmarshal array into Go value of type map[string]interface {}`],
  ["null", `${list}no name`],
  ["{}", `${list}no name`],
  [`{"name": 1}`, `${list}invalid name type float64`],
  [`{"name": true}`, `${list}invalid name type bool`],
  [`{"name": []}`, `${list}invalid name type []interface {}`],
  [`{"name": {}}`, `${list}invalid name type map[string]interface {}`],
  [`{"name": null}`, `${list}invalid name type <nil>`],
  [`{"name": "n", "cniVersion": 1}`, `${list}invalid cniVersion type float64`],
  [`{"name": "n", "cniVersions": "1"}`, `${list}invalid type for cniVersions: []interface {}`],
  [`{"name": "n", "cniVersions": [1]}`, `${list}invalid type for cniVersions index 0: float64`],
  [
    `{"name": "n", "cniVersions": ["1.0.0", "x"]}`,
    `${list}invalid cniVersions entry x at index 1: failed to convert major version part "x": strconv.Atoi: parsing "x": invalid syntax`,
  ],
  [
    `{"name": "n", "cniVersion": "1.0.0.0", "cniVersions": []}`,
    `${list}invalid cniVersion 1.0.0.0: invalid version "1.0.0.0": too many parts`,
  ],
  [`{"name": "n", "disableCheck": 1}`, `${list}invalid type float64 for disableCheck`],
  [`{"name": "n", "disableGC": "Maybe"}`, `${list}invalid value "maybe" for disableGC`],
  [
    `{"name": "n", "loadOnlyInlinedPlugins": true}`,
    `${list}\`loadOnlyInlinedPlugins\` is true, and no 'plugins' key`,
  ],
  [`{"name": "n", "plugins": {}}`, `${list}invalid 'plugins' type map[string]interface {}`],
  [`{"name": "n", "plugins": []}`, `${list}no plugins in list`],
  [
    `{"name": "n", "plugins": [{"type": "a"}, {}]}`,
    `failed to parse plugin config 1: ${plugin}missing 'type'`,
  ],
];

for (const [text, message] of refusedLists) {
  test(`a list is refused: ${text}`, () => {
    assert.throws(() => parseList(text), { message });
  });
}

const refusedPlugins: [string, string][] = [
  ["{", `${plugin}unexpected end of JSON input`],
  ["{}", `${plugin}missing 'type'`],
  [`{"type": ""}`, `${plugin}missing 'type'`],
  [
    `{"name": "n", "plugins": []}`,
    `${plugin}missing 'type' (a list with "plugins" belongs in a .conflist file)`,
  ],
  [
    `{"type": 1}`,
    `${plugin}json: cannot unmarshal number into Go struct field PluginConf.type of type string`,
  ],
  [
    `{"type": "a", "capabilities": {"mac": "yes"}}`,
    `${plugin}json: cannot unmarshal string into Go struct field PluginConf.capabilities of type bool`,
  ],
];

for (const [text, message] of refusedPlugins) {
  test(`a plugin's configuration is refused: ${text}`, () => {
    assert.throws(() => parsePlugin(text), { message });
  });
}

const versions: [string, string][] = [
  [`{"name": "n", ${one}}`, ""],
  [`{"name": "n", "cniVersion": "9.9", ${one}}`, "9.9"],
  [`{"name": "n", "cniVersions": ["0.4.0", "1.1.0", "1.0.0"], ${one}}`, "1.1.0"],
  [`{"name": "n", "cniVersion": "1.0.0", "cniVersions": ["0.4.0"], ${one}}`, "1.0.0"],
  [`{"name": "n", "cniVersion": "2.0.0", "cniVersions": ["0.4.0", "1.2.0"], ${one}}`, "0.4.0"],
  [`{"name": "n", "cniVersion": "2.0.0", "cniVersions": ["1.2.0"], ${one}}`, "2.0.0"],
];

for (const [text, version] of versions) {
  test(`the version of ${text} is "${version}"`, () => {
    assert.equal(parseList(text).cniVersion, version);
  });
}

test("flags are booleans or their words", () => {
  const text = `{"name": "n", "disableCheck": "TRUE", "disableGC": true, "loadOnlyInlinedPlugins": "false", ${one}}`;
  const { disableCheck, disableGC, loadOnlyInlinedPlugins } = parseList(text);
  assert.deepEqual([disableCheck, disableGC, loadOnlyInlinedPlugins], [true, true, false]);
});

test("of a key that occurs twice the last one counts", () => {
  const { name, plugins } = parseList(
    `{"name": "a", "name": "b", "plugins": [{"type": "x", "type": "y"}]}`,
  );
  assert.equal(name, "b");
  assert.equal(plugins[0]?.type, "y");
});

test("a configuration of one plugin is a list by its own name and version", () => {
  const text = `{"name": "n", "cniVersion": "0.3.1", "type": "a"}`;
  const { name, cniVersion, plugins } = toList(parsePlugin(text), text);
  assert.deepEqual([name, cniVersion, plugins.length], ["n", "0.3.1", 1]);
});

test("a plugin tells its capabilities and its IPAM plugin", () => {
  const config = parsePlugin(
    `{"type": "a", "capabilities": {"mac": true, "ips": false}, "ipam": {"type": "host-local"}}`,
  );
  assert.deepEqual(config.capabilities, { mac: true, ips: false });
  assert.equal(config.ipamType, "host-local");
});
