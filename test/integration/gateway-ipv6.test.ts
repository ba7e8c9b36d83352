/** A container whose host is its gateway is reached by IPv6 from elsewhere as soon as its ADD has ended. */

import assert from "node:assert/strict";
import test from "node:test";
import { assertError, assertSuccess, type Result, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { networkOf } from "./harness/interface-plugin.ts";
import { type Config, dualStack, gatewayConfig, subnet6 } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { assertPingAtOnce } from "./harness/traffic.ts";

/** The link-local addresses of the host's bridge. */
async function linkLocalOf(host: Host): Promise<string[]> {
  const [link] = await host.ip<{ addr_info: { local: string; scope: string }[] }>(
    "",
    ...["-6", "address", "show", "dev", "cni0"],
  );
  return (link?.addr_info ?? []).filter(({ scope }) => scope === "link").map((it) => it.local);
}

function address6({ ips = [] }: Result): string {
  return ips.find(({ address }) => address.includes(":"))?.address.replace(/\/.*/, "") ?? "";
}

const networks: readonly [what: string, plugin: string, config: Config][] = [
  ["through a bridge that is made for it", "bridge", gatewayConfig()],
  ["through a pair of its own", "ptp", networkOf("ptp")],
];

for (const [what, plugin, config] of networks) {
  test(`another host reaches the first container at once, ${what}`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await addOutside(host);
      await host.runIn("out", "ip", "-6", "route", "add", subnet6, "via", outside[6].host);
      const result = resultOf(await host.cni("ADD", { plugin, config }));
      await assertPingAtOnce(host, "out", address6(result));
      assertSuccess(await host.cni("DEL", { plugin, config }));
    }));
}

test("a bridge that is there has its link-local address from the ADD that makes it a gateway", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await host.run("ip", "link", "add", "cni0", "address", "02:00:00:00:00:01", "type", "bridge");
    await host.run("ip", "link", "set", "cni0", "up");
    const own = ["fe80::ff:fe00:1"];
    // It stays when the ADD fails: once there was a carrier, the kernel would not make it again.
    const astray = { ...dualStack, routes: [{ dst: "10.9.0.0/16", gw: "10.200.0.1" }] };
    const failing = { plugin: "bridge", config: gatewayConfig({ ipam: astray }) };
    assertError(await host.cni("ADD", failing), { code: 999, msg: /10\.9\.0\.0/ });
    assert.deepEqual(await linkLocalOf(host), own);
    const call = { plugin: "bridge", config: gatewayConfig() };
    for (const netns of ["c1", "c2"]) resultOf(await host.cni("ADD", { ...call, netns }));
    assert.deepEqual(await linkLocalOf(host), own);
  }));
