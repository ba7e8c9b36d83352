import assert from "node:assert/strict";
import test from "node:test";
import { settingsOf } from "./config.ts";

const none = { backend: "", iptablesAdminChainName: "", firewalldZone: "", ingressPolicy: "" };

test("what is left out has the reference's defaults", () => {
  assert.deepEqual(settingsOf(none), {
    backend: undefined,
    adminChain: "CNI-ADMIN",
    zone: "trusted",
    policy: "open",
  });
});

test("what is given counts", () => {
  const settings = settingsOf({
    backend: "nftables",
    iptablesAdminChainName: "MINE",
    firewalldZone: "public",
    ingressPolicy: "isolated",
  });
  assert.deepEqual(settings, {
    backend: "nftables",
    adminChain: "MINE",
    zone: "public",
    policy: "isolated",
  });
});

const refused: [Partial<typeof none>, RegExp][] = [
  [{ backend: "iptable" }, /^unrecognized backend "iptable"$/],
  [{ ingressPolicy: "closed" }, /^unknown ingress policy: "closed"$/],
  [{ iptablesAdminChainName: "x\n-A INPUT -j ACCEPT" }, /^invalid iptablesAdminChainName/],
  [{ iptablesAdminChainName: "x".repeat(29) }, /^invalid iptablesAdminChainName/],
  [{ iptablesAdminChainName: "FORWARD" }, /^invalid iptablesAdminChainName "FORWARD"$/],
  [{ iptablesAdminChainName: "CNI-FORWARD" }, /^invalid iptablesAdminChainName/],
  [{ iptablesAdminChainName: "-A" }, /^invalid iptablesAdminChainName/],
];

for (const [config, message] of refused) {
  test(`code 7: ${message.source}`, () => {
    assert.throws(() => settingsOf({ ...none, ...config }), { code: 7, message });
  });
}
