/** DEL, GC and STATUS of the bridge plugin: whatever became of the container, nothing stays behind. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { assertSame, type Host, withHost } from "./harness/host.ts";
import { bridgeConfig, type Config, gatewayConfig, layer2Config } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";

/** A world with a namespace and the bridge, which DEL never removes. */
function withBridge(steps: (host: Host) => Promise<void>): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await detach(await attach(host, { config: gatewayConfig() }));
    await host.unchangedBy(() => steps(host));
  });
}

test("DEL a second time succeeds, and a third", () =>
  withBridge(async (host) => {
    const attachment = await attach(host, { config: gatewayConfig() });
    for (let i = 0; i < 3; i++) assertSuccess(await attachment.del());
  }));

test("DEL without prevResult succeeds", () =>
  withBridge(async (host) => {
    const config = gatewayConfig();
    await attach(host, { config });
    assertSuccess(await host.cni("DEL", { config }));
  }));

test("DEL with a prevResult that cannot be read succeeds", () =>
  withBridge(async (host) => {
    const config = gatewayConfig();
    await attach(host, { config });
    assertSuccess(await host.cni("DEL", { config: { ...config, prevResult: { ips: "all" } } }));
  }));

test("DEL without a namespace removes the interface that lives on in it", () =>
  withBridge(async (host) => {
    const attachment = await attach(host, { config: gatewayConfig() });
    for (let i = 0; i < 2; i++) {
      assertSuccess(await attachment.del({ netns: "", containerId: "container-c1" }));
    }
  }));

test("DEL without a namespace and without prevResult does, too", () =>
  withBridge(async (host) => {
    const config = layer2Config();
    await attach(host, { config });
    assertSuccess(await host.cni("DEL", { config, netns: "", containerId: "container-c1" }));
  }));

for (const [name, netns] of [
  ["is gone", "/run/netns/gone"],
  ["was never one", "/run/work/file"],
] as const) {
  test(`DEL with a namespace path that ${name} removes interface and reservations`, () =>
    withBridge(async (host) => {
      host.write("/run/work/file", "");
      const attachment = await attach(host, { config: gatewayConfig() });
      assertSuccess(await attachment.del({ netns, containerId: "container-c1" }));
    }));
}

test("DEL after the namespace has gone releases the addresses", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await detach(await attach(host, { config: gatewayConfig(), netns: "c2" }));
    const attachment = await attach(host, { config: gatewayConfig() });
    await host.deleteNetns("c1");
    assertSuccess(await attachment.del());
    assert.deepEqual(readReservations(host), []);
  }));

test("DEL of what never was succeeds", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      for (const netns of ["c1", "", "/run/netns/gone"]) {
        assertSuccess(await host.cni("DEL", { config: gatewayConfig(), netns }));
        assertSuccess(await host.cni("DEL", { config: layer2Config(), netns }));
      }
    });
  }));

test("DEL when the interface has been removed by hand releases the addresses", () =>
  withBridge(async (host) => {
    const attachment = await attach(host, { config: gatewayConfig() });
    await host.run("ip", "-n", "c1", "link", "del", "eth0");
    assertSuccess(await attachment.del());
  }));

test("DEL when the container renamed its interface removes it", () =>
  withBridge(async (host) => {
    const attachment = await attach(host, { config: gatewayConfig() });
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "down");
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "name", "lan0");
    await detach(attachment);
  }));

test("DEL leaves other attachments alone", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const config = gatewayConfig();
    const staying = await attach(host, { config, netns: "c2" });
    await host.unchangedBy(async () => {
      await detach(await attach(host, { config, netns: "c1" }));
    });
    assertSuccess(await staying.check());
  }));

test("DEL goes on to the interface when IPAM fails, and says that it did", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = `${host.script("failing", 'echo \'{"code": 117, "msg": "no"}\'; exit 1')}:/run/ours`;
    const config = layer2Config();
    await attach(host, { config });
    const failing = layer2Config({ ipam: { type: "failing" } });
    assertError(await host.cni("DEL", { config: failing, path }), { code: 117, msg: "no" });
    const links = await host.ip<{ ifname: string }>("c1", "link");
    assert.deepEqual(
      links.map(({ ifname }) => ifname),
      ["lo"],
    );
  }));

test("DEL works with every version of a configuration", () =>
  withBridge(async (host) => {
    for (const cniVersion of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
      await detach(await attach(host, { config: gatewayConfig({ cniVersion }) }));
    }
  }));

function gcConfig(config: Config, ...valid: [containerID: string, ifname: string][]): Config {
  const attachments = valid.map(([containerID, ifname]) => ({ containerID, ifname }));
  return { ...config, "cni.dev/valid-attachments": attachments };
}

test("GC removes the interfaces and addresses of what is no longer valid, and only those", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3");
    const config = gatewayConfig();
    const otherNetwork = gatewayConfig({
      name: "net2",
      bridge: "br2",
      ipam: { type: "host-local", subnet: "10.2.0.0/24" },
    });
    await attach(host, { config, netns: "c1" });
    await attach(host, { config: otherNetwork, netns: "c2", ifName: "eth9" });
    const before = await host.snapshot();
    await attach(host, { config, netns: "c1", ifName: "eth1" });
    await attach(host, { config, netns: "c2" });
    await attach(host, { config, netns: "c3" });
    const valid = gcConfig(config, ["container-c1", "eth0"]);
    assertSuccess(await host.cni("GC", { config: valid }));
    assertSame(before, await host.snapshot());
    assertSuccess(await host.cni("GC", { config: valid }));
    assertSame(before, await host.snapshot());
  }));

test("GC with an empty list removes all of the network", () =>
  withBridge(async (host) => {
    await attach(host, { config: gatewayConfig() });
    assertSuccess(await host.cni("GC", { config: gcConfig(gatewayConfig()) }));
  }));

test("GC without a list removes nothing", () =>
  withBridge(async (host) => {
    const attachment = await attach(host, { config: gatewayConfig() });
    await host.unchangedBy(async () => {
      assertSuccess(await host.cni("GC", { config: gatewayConfig() }));
    });
    await detach(attachment);
  }));

test("GC forwards to an IPAM plugin of any make", () =>
  withHost(async (host) => {
    const path = `${host.script("recorder", "echo $CNI_COMMAND >>/run/work/log; cat >/run/work/stdin")}:/run/ours`;
    host.write("/run/work/log", "");
    const config = gcConfig(bridgeConfig({ ipam: { type: "recorder" } }), ["a", "eth0"]);
    assertSuccess(await host.cni("GC", { config, path }));
    assert.equal(await host.run("cat", "/run/work/log"), "GC\n");
    assert.equal(await host.run("cat", "/run/work/stdin"), JSON.stringify(config));
  }));

test("STATUS is good while addresses are left, and code 50 when there are none", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const ipam = { type: "host-local", subnet: "10.1.0.0/30" };
    const config = bridgeConfig({ ipam });
    assertSuccess(await host.cni("STATUS", { config }));
    resultOf(await host.cni("ADD", { config }));
    assertError(await host.cni("STATUS", { config }), {
      code: 50,
      msg: /no IP addresses available/,
    });
    assertSuccess(await host.cni("DEL", { config }));
    assertSuccess(await host.cni("STATUS", { config }));
  }));

test("STATUS without IPAM is good", () =>
  withHost(async (host) => {
    assertSuccess(await host.cni("STATUS", { config: layer2Config() }));
  }));
