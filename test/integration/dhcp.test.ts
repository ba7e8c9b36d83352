/** dhcp: plugin and daemon against real servers. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  keaLeases,
  makeServerBridge,
  network,
  startDaemon,
  startDnsmasq,
  startKea,
  statusOf,
  until,
} from "./harness/dhcp.ts";
import { plugOnWire } from "./harness/dhcp-wire.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertSuccess } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";
import { referenceInWorld } from "./harness/world.ts";

test("a lease of dnsmasq through a bridge: taken, seen by the server with its host name, released", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const server = await startDnsmasq(host, [
      "--dhcp-option=option:domain-search,example.org,a.test",
    ]);
    const daemon = await startDaemon(host);
    const config = dhcpConfig({
      hostname: "web-1",
      priority: 77,
      request: [{ option: "domain-search" }, { option: "6" }],
    });
    const attachment = await attach(host, { config });
    const [ip] = attachment.result.ips ?? [];
    assert.match(ip?.address ?? "", /^10\.9\.0\.\d+\/24$/);
    assert.equal(ip?.gateway, network.server);
    assert.deepEqual(attachment.result.routes, [
      { dst: "0.0.0.0/0", gw: network.server, priority: 77 },
    ]);
    assert.deepEqual(attachment.result.dns?.search, ["example.org", "a.test"]);
    const leases = fileOf(host, dnsmasqLeases);
    assert.match(leases, new RegExp(`${ip?.address.split("/")[0]} web-1 `));
    await host.runIn("c1", "ping", "-c1", "-W2", network.server);
    assertSuccess(await attachment.check());
    const { attachments } = await statusOf(host);
    assert.equal(attachments[0]?.leases[0]?.phase, "bound");
    await detach(attachment);
    await until("the release", () => fileOf(host, dnsmasqLeases) === "");
    assert.match(server.said(), /DHCPRELEASE/);
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
  }));

for (const family of [4, 6] as const) {
  test(`IPv${family} leases through macvlan`, () => plugOnWire("macvlan", family));
}

test("two servers: everybody gets a lease of one of them", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("srv", "c1", "c2", "c3");
    await host.run(
      "sh",
      "-ec",
      `ip link add s0 type veth peer name s0 netns srv
       ip link set s0 master ${network.bridge} up
       ip -n srv addr add ${network.prefix}.2/24 dev s0
       ip -n srv link set s0 up`,
    );
    const servers = [
      await startDnsmasq(host, [`--dhcp-range=${network.prefix}.10,${network.prefix}.99,120`]),
      await startDnsmasq(
        host,
        [
          `--dhcp-range=${network.prefix}.100,${network.prefix}.199,120`,
          "--dhcp-leasefile=/run/second.leases",
        ],
        { netns: "srv", link: "s0" },
      ),
    ];
    const daemon = await startDaemon(host);
    const attachments = await Promise.all(
      ["c1", "c2", "c3"].map((netns) => attach(host, { config: dhcpConfig(), netns })),
    );
    for (const { result } of attachments) {
      const address = result.ips?.[0]?.address.split("/")[0] ?? "";
      const file = Number(address.split(".")[3]) < 100 ? dnsmasqLeases : "/run/second.leases";
      assert.match(fileOf(host, file), new RegExp(` ${address} `));
    }
    await Promise.all(attachments.map(detach));
    for (const server of servers) await server.stop();
    await daemon.stop();
  }));

test("what a lease says: classless routes in place of the router, MTU, name servers, what was provided", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const server = await startDnsmasq(host, [
      "--dhcp-option=option:classless-static-route,0.0.0.0/0,10.9.0.7,198.51.100.0/24,10.9.0.8",
      "--dhcp-option=option:mtu,1400",
      "--dhcp-option=option:dns-server,192.0.2.53,192.0.2.54",
      "--dhcp-option=option:domain-name,example.org",
    ]);
    const daemon = await startDaemon(host);
    const config = dhcpConfig({
      clientID: "duid",
      fqdn: "web-1.example.org",
      request: [
        { option: "classless-static-routes" },
        { option: "interface-mtu" },
        { option: "domain-name-servers" },
        { option: "domain-name" },
      ],
      provide: [
        { option: "vendor-class-identifier", value: "tscni" },
        { option: "user-class", fromArg: "CLASS" },
      ],
    });
    const { result } = await attach(host, { config, args: "IgnoreUnknown=1;CLASS=blue" });
    assert.deepEqual(result.routes, [
      { dst: "0.0.0.0/0", gw: "10.9.0.7", mtu: 1400 },
      { dst: "198.51.100.0/24", gw: "10.9.0.8", mtu: 1400 },
    ]);
    assert.deepEqual(result.dns, {
      nameservers: ["192.0.2.53", "192.0.2.54"],
      domain: "example.org",
    });
    assert.match(server.said(), /vendor class: tscni/);
    assert.match(server.said(), /user class: blue/);
    assert.match(server.said(), /client provides name: web-1/);
    assert.match(fileOf(host, dnsmasqLeases), / ff:[0-9a-f:]{11}:00:04:/);
    await daemon.stop();
    await server.stop();
  }));

test("the reference's result for the same server", { skip: withoutReference }, () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const options = [
      "--dhcp-option=option:classless-static-route,0.0.0.0/0,10.9.0.7,198.51.100.0/24,10.9.0.8",
      "--dhcp-option=33,203.0.113.0,10.9.0.9",
    ];
    const server = await startDnsmasq(host, options);
    const daemon = await startDaemon(host);
    const socketpath = "/run/cni/theirs.sock";
    const theirs = host.start([`${referenceInWorld}/dhcp`, "daemon", "-socketpath", socketpath], {
      deadlineMs: 60_000,
    });
    await until("the reference's daemon", () => existsSync(host.outside(socketpath)));
    await host.run(
      "sh",
      "-ec",
      `ip link add p0 type veth peer name eth0 netns c1
       ip link set p0 master ${network.bridge} up
       ip -n c1 link set eth0 up
       sleep 1.2`,
    );
    for (const ipam of [
      {},
      { priority: 50 },
      { request: [{ option: "121" }] },
      { request: [{ option: "static-routes" }, { option: "121", skipDefault: false }] },
      { request: [{ option: "33" }] },
    ]) {
      const given = (more: object) => ({
        plugin: "dhcp",
        config: dhcpConfig({ ...ipam, ...more }),
      });
      const expected = await host.cni("ADD", {
        ...given({ daemonSocketPath: socketpath, request: numbered(ipam) }),
        from: referenceInWorld,
      });
      const actual = await host.cni("ADD", given({}));
      assert.deepEqual(actual.json, expected.json, JSON.stringify(ipam));
      assertSuccess(await host.cni("DEL", given({})));
      await host.cni("DEL", { ...given({ daemonSocketPath: socketpath }), from: referenceInWorld });
    }
    theirs.kill("SIGKILL");
    await daemon.stop();
    await server.stop();
  }),
);

/** The reference knows few options by name. */
function numbered({ request }: { request?: { option: string }[] }) {
  return request?.map((entry) => (entry.option === "static-routes" ? { option: "33" } : entry));
}

test("through a relay agent: leased, renewed at the server behind it, released", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("srv", "c1");
    await host.run(
      "sh",
      "-ec",
      `ip link add w0 type veth peer name w0 netns srv
       ip addr add 10.8.0.1/24 dev w0
       ip link set w0 up
       ip -n srv addr add 10.8.0.2/24 dev w0
       ip -n srv link set w0 up
       ip -n srv route add 10.9.0.0/24 via 10.8.0.1
       sysctl -qw net.ipv4.ip_forward=1`,
    );
    const times = { lease: 20, renew: 1, rebind: 15 };
    const server = await startKea(host, times, { netns: "srv", link: "w0" });
    const relay = await startDnsmasq(host, [`--dhcp-relay=${network.server},10.8.0.2`]);
    const daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig() });
    assert.equal(attachment.result.ips?.[0]?.gateway, network.server);
    await until("a renewal", async () => ((await statusOf(host)).counters.renewals ?? 0) > 0);
    const { attachments } = await statusOf(host);
    assert.equal(attachments[0]?.leases[0]?.server, "10.8.0.2");
    await detach(attachment);
    await until("the release", () => /,0,\d+,/.test(fileOf(host, keaLeases)));
    for (const one of [relay, server, daemon]) await one.stop();
  }));
