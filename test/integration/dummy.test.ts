// kernel: dummy
/** The dummy plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";
import { networkOf, testInterfacePlugin } from "./harness/interface-plugin.ts";
import { assertPing } from "./harness/traffic.ts";

const plugin = "dummy";
const config = networkOf(plugin);

testInterfacePlugin({
  plugin,
  config,
  prepare: async () => {},
  kind: "dummy",
  layer2: false,
  existing: /^failed to create dummy: file exists: the container has an interface "eth0"$/,
});

test("dummy: the container reaches its own addresses; the DNS is IPAM's", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.write("/run/work/resolv.conf", "nameserver 10.1.0.53\n");
    const ipam = { ...(config.ipam as object), resolvConf: "/run/work/resolv.conf" };
    const call = { plugin, config: { ...config, ipam, dns: { nameservers: ["192.0.2.1"] } } };
    const attachment = await attach(host, call);
    await host.run("ip", "-n", "c1", "link", "set", "lo", "up");
    for (const { address } of attachment.result.ips ?? []) {
      await assertPing(host, "c1", address.split("/")[0] ?? "");
    }
    assert.deepEqual(attachment.result.dns, { nameservers: ["10.1.0.53"] });
    await detach(attachment);
  }));

test("dummy: ADD, CHECK and STATUS need IPAM, DEL does not", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const bare = { ...config, ipam: undefined, prevResult: { cniVersion: "1.1.0" } };
    const told = { code: 7, msg: "dummy interface requires an IPAM configuration" };
    for (const verb of ["ADD", "CHECK", "STATUS"] as const) {
      assertError(await host.cni(verb, { plugin, config: bare }), told);
    }
    assertSuccess(await host.cni("DEL", { plugin, config: bare }));
  }));

test("dummy: CHECK tells that the interface is down", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const attachment = await attach(host, { plugin, config });
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "down");
    assertError(await attachment.check(), { msg: "Interface eth0 is down" });
    await detach(attachment);
  }));
