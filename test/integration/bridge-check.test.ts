/** CHECK of the bridge plugin: nothing to say about what ADD left, and a failure for every change to it. */

import assert from "node:assert/strict";
import test from "node:test";
import { type Attachment, attach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { bridgeConfig, type Config, gatewayConfig, layer2Config } from "./harness/networks.ts";

const good: [name: string, config: Config][] = [
  ["addresses only", bridgeConfig()],
  ["a gateway", bridgeConfig({ isGateway: true })],
  ["a default gateway", gatewayConfig()],
  ["layer 2", layer2Config()],
  ["hairpin", gatewayConfig({ hairpinMode: true })],
  ["isolation", gatewayConfig({ portIsolation: true })],
  ["a promiscuous bridge", gatewayConfig({ promiscMode: true })],
  ["duplicate address detection", gatewayConfig({ enabledad: true })],
  ["an MTU", gatewayConfig({ mtu: 1400 })],
  ["a DNS", gatewayConfig({ dns: { nameservers: ["1.1.1.1"] } })],
  [
    "routes of another table",
    bridgeConfig({
      ipam: {
        type: "host-local",
        subnet: "10.1.0.0/24",
        routes: [
          { dst: "172.16.0.0/12", table: 100 },
          { dst: "172.32.0.0/16", priority: 7 },
        ],
      },
    }),
  ],
  [
    "routes to one destination by several gateways",
    bridgeConfig({
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]],
        routes: [
          { dst: "172.16.0.0/12", gw: "10.1.0.8" },
          { dst: "172.16.0.0/12", gw: "10.1.0.9" },
          { dst: "2001:db8::/32", gw: "fd00:1::8" },
          { dst: "2001:db8::/32", gw: "fd00:1::9" },
        ],
      },
    }),
  ],
  [
    "an address of its own",
    bridgeConfig({
      ipam: { type: "host-local", subnet: "10.1.0.0/24", gateway: "10.1.0.254" },
      runtimeConfig: { ips: ["10.1.0.77"] },
    }),
  ],
];

for (const [name, config] of good) {
  for (const cniVersion of ["0.4.0", "1.0.0", "1.1.0"]) {
    test(`CHECK has nothing to say about ${name}, version ${cniVersion}`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        const attachment = await attach(host, { config: { ...config, cniVersion } });
        await host.unchangedBy(async () => assertSuccess(await attachment.check()));
      }));
  }
}

test("CHECK compares the namespace itself, not the path to it", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const attachment = await attach(host, { config: gatewayConfig() });
    host.write("/run/netns/alias", "");
    await host.run("mount", "--bind", "/run/netns/c1", "/run/netns/alias");
    const netns = "/run/netns/alias";
    assertSuccess(await attachment.check({ netns, containerId: "container-c1" }));
  }));

interface Damage {
  readonly what: string;
  readonly config?: Config;
  readonly by: (host: Host, attachment: Attachment) => Promise<unknown>;
  readonly msg?: RegExp;
}

const inContainer = (...command: string[]) => {
  return (host: Host) => host.run("ip", "-n", "c1", ...command);
};
const onHost = (...command: string[]) => {
  return (host: Host) => host.run("ip", ...command);
};

const damages: Damage[] = [
  {
    what: "an IPv4 address is gone",
    by: inContainer("address", "del", "10.1.0.2/24", "dev", "eth0"),
    msg: /10\.1\.0\.2/,
  },
  {
    what: "an IPv6 address is gone",
    by: inContainer("address", "del", "fd00:1::2/64", "dev", "eth0"),
    msg: /fd00:1::2/,
  },
  {
    what: "an address has another prefix length",
    by: async (host) => {
      await host.run("ip", "-n", "c1", "address", "add", "10.1.0.2/25", "dev", "eth0");
      await host.run("ip", "-n", "c1", "address", "del", "10.1.0.2/24", "dev", "eth0");
      await host.run("ip", "-n", "c1", "route", "replace", "default", "via", "10.1.0.1");
    },
    msg: /10\.1\.0\.2/,
  },
  {
    what: "an address has moved to another interface",
    by: async (host) => {
      await host.run("ip", "-n", "c1", "link", "add", "d0", "up", "type", "bridge");
      await host.run("ip", "-n", "c1", "address", "del", "fd00:1::2/64", "dev", "eth0");
      await host.run("ip", "-n", "c1", "address", "add", "fd00:1::2/64", "dev", "d0");
    },
    msg: /fd00:1::2/,
  },
  {
    what: "the IPv4 default route is gone",
    by: inContainer("route", "del", "default"),
    msg: /0\.0\.0\.0\/0/,
  },
  {
    what: "the IPv6 default route is gone",
    by: inContainer("-6", "route", "del", "default"),
    msg: /::\/0/,
  },
  {
    what: "the default route leads to another interface",
    by: async (host) => {
      await host.run("ip", "-n", "c1", "link", "add", "d0", "up", "type", "bridge");
      await host.run("ip", "-n", "c1", "route", "replace", "default", "dev", "d0");
    },
  },
  {
    what: "a route is in another table than it was",
    config: bridgeConfig({
      ipam: {
        type: "host-local",
        subnet: "10.1.0.0/24",
        routes: [{ dst: "172.16.0.0/12", table: 100 }],
      },
    }),
    by: async (host) => {
      await host.run("ip", "-n", "c1", "route", "del", "172.16.0.0/12", "table", "100");
      await host.run("ip", "-n", "c1", "route", "add", "172.16.0.0/12", "via", "10.1.0.1");
    },
    msg: /172\.16\.0\.0\/12/,
  },
  { what: "the interface is gone", by: inContainer("link", "del", "eth0"), msg: /eth0/ },
  {
    what: "the interface is of another kind",
    by: async (host, { result }) => {
      const mac = result.interfaces?.[2]?.mac ?? "";
      await host.run("ip", "-n", "c1", "link", "del", "eth0");
      await host.run("ip", "-n", "c1", "link", "add", "eth0", "address", mac, "type", "bridge");
    },
    msg: /eth0/,
  },
  {
    what: "the interface is down",
    config: layer2Config(),
    by: inContainer("link", "set", "eth0", "down"),
    msg: /eth0/,
  },
  {
    what: "the interface has another MAC",
    by: inContainer("link", "set", "eth0", "address", "02:00:00:00:00:99"),
    msg: /eth0|[Mm]ac|MAC/,
  },
  {
    what: "the port has left the bridge",
    by: (host, { hostEnd }) => host.run("ip", "link", "set", hostEnd, "nomaster"),
    msg: /CNI veth created for bridge cni0 was not found/,
  },
  {
    what: "the port is another bridge's",
    by: async (host, { hostEnd }) => {
      await host.run("ip", "link", "add", "br9", "type", "bridge");
      await host.run("ip", "link", "set", hostEnd, "master", "br9");
    },
    msg: /CNI veth created for bridge cni0 was not found/,
  },
  { what: "the bridge is gone", by: onHost("link", "del", "cni0"), msg: /cni0/ },
  {
    what: "the bridge's name is another kind of link's",
    by: async (host, { result }) => {
      const mac = result.interfaces?.[0]?.mac ?? "";
      await host.run("ip", "link", "del", "cni0");
      await host.run("ip", "link", "add", "cni0", "address", mac, "type", "veth");
    },
    msg: /cni0/,
  },
  {
    what: "the bridge has another MAC",
    by: onHost("link", "set", "cni0", "address", "02:00:00:00:00:98"),
    msg: /cni0/,
  },
  {
    what: "the bridge has lost its gateway address",
    by: onHost("address", "del", "10.1.0.1/24", "dev", "cni0"),
    msg: /10\.1\.0\.1/,
  },
  {
    what: "the bridge has lost its IPv6 gateway address",
    by: onHost("address", "del", "fd00:1::1/64", "dev", "cni0"),
    msg: /fd00:1::1/,
  },
  {
    what: "the bridge is no longer promiscuous",
    config: layer2Config({ promiscMode: true }),
    by: onHost("link", "set", "cni0", "promisc", "off"),
    msg: /promisc/i,
  },
  {
    what: "the bridge has become promiscuous",
    config: layer2Config(),
    by: onHost("link", "set", "cni0", "promisc", "on"),
    msg: /promisc/i,
  },
  {
    what: "hairpin mode has been turned off",
    config: layer2Config({ hairpinMode: true }),
    by: (host, { hostEnd }) =>
      host.run("ip", "link", "set", hostEnd, "type", "bridge_slave", "hairpin", "off"),
    msg: /hairpin/,
  },
  {
    what: "hairpin mode has been turned on",
    by: (host, { hostEnd }) =>
      host.run("ip", "link", "set", hostEnd, "type", "bridge_slave", "hairpin", "on"),
    msg: /hairpin/,
  },
  {
    what: "isolation has been turned off",
    config: layer2Config({ portIsolation: true }),
    by: (host, { hostEnd }) =>
      host.run("ip", "link", "set", hostEnd, "type", "bridge_slave", "isolated", "off"),
    msg: /[Ii]solat/,
  },
  {
    what: "the reservations are gone",
    by: (host) => host.run("sh", "-c", "rm /var/lib/cni/networks/net1/[1f]*"),
    msg: /^host-local: Failed to find address added by container /,
  },
];

for (const { what, config = gatewayConfig(), by, msg } of damages) {
  test(`CHECK fails when ${what}`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const attachment = await attach(host, { config });
      assertSuccess(await attachment.check());
      await by(host, attachment);
      await host.unchangedBy(async () => {
        assertError(await attachment.check(), { code: 999, ...(msg === undefined ? {} : { msg }) });
      });
    }));
}

test("CHECK needs prevResult", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const config = gatewayConfig();
    await attach(host, { config });
    assertError(await host.cni("CHECK", { config }), {
      code: 999,
      msg: "Required prevResult missing",
    });
  }));

test("CHECK of a container that has no such attachment fails", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const attachment = await attach(host, { config: layer2Config() });
    const reply = await attachment.check({ netns: "c2", containerId: "container-c1" });
    assert.equal(reply.status, 1);
    assertError(await attachment.check({ netns: "/run/netns/gone" }), { code: 8 });
  }));
