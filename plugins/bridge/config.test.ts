import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { CniError } from "../../pkg/cni/error.ts";
import { readConfig } from "../../pkg/skel/config.ts";
import { commonEntries } from "../../pkg/skel/field.ts";
import { type BridgeConfig, bridgeEntries, checkConfig } from "./config.ts";

function configOf(keys: object): BridgeConfig {
  return readConfig(v.object({ ...commonEntries, ...bridgeEntries }), { name: "n", ...keys });
}

test("a bridge configuration has the reference's defaults", () => {
  const config = configOf({});
  assert.equal(config.bridge, "cni0");
  assert.equal(config.mtu, 0);
  assert.equal(config.isGateway, false);
});

const refused = [
  {
    keys: { hairpinMode: true, promiscMode: true },
    code: 7,
    message: "cannot set hairpin mode and promiscuous mode at the same time",
  },
  {
    keys: { disableContainerInterface: true, ipam: { type: "host-local" } },
    code: 7,
    message: "cannot use IPAM when DisableContainerInterface flag is set",
  },
  {
    keys: { ipMasq: true, ipMasqBackend: "ebpf" },
    code: 7,
    message: 'unknown ipmasq backend "ebpf"',
  },
  ...[-1, 4095].map((vlan) => ({
    keys: { vlan },
    code: 7,
    message: `invalid VLAN ID ${vlan} (must be between 0 and 4094)`,
  })),
  {
    keys: { vlanTrunk: [{ id: 0 }] },
    code: 7,
    message: "incorrect trunk id parameter",
  },
  {
    keys: { bridge: "bridge-of-mine", vlan: 7, isGateway: true },
    code: 7,
    message: `the name of the VLAN's gateway interface is too long: "bridge-of-mine.7"`,
  },
];

for (const { keys, code, message } of refused) {
  test(`checkConfig refuses ${JSON.stringify(keys)}`, () => {
    assert.throws(
      () => checkConfig(configOf(keys)),
      (error) => error instanceof CniError && error.code === code && error.message === message,
    );
  });
}

const wrongTypes = [
  {
    keys: { mtu: "1500" },
    message: 'invalid value for "mtu": expected number or "auto", got "1500"',
  },
  { keys: { mtu: -1 }, message: 'invalid value for "mtu": expected >=0, got -1' },
  {
    keys: { isGateway: "yes" },
    message: 'invalid value for "isGateway": expected boolean, got "yes"',
  },
  { keys: { runtimeConfig: { mac: "x" } }, message: "address x: invalid MAC address" },
];

for (const { keys, message } of wrongTypes) {
  test(`a bridge configuration with ${JSON.stringify(keys)} is refused by name`, () => {
    assert.throws(
      () => configOf(keys),
      (error) => error instanceof CniError && error.code === 7 && error.message === message,
    );
  });
}
