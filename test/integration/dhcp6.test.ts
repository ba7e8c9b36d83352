/** dhcp with IPv6: DHCPv6 servers, and what routers tell. */

import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attach, detach } from "./harness/attachment.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  network,
  startDaemon,
  startDnsmasq,
  statusOf,
  until,
} from "./harness/dhcp.ts";
import {
  makeServerBridge6,
  network6,
  startDnsmasq6,
  startIsc6,
  startKea6,
} from "./harness/dhcp6.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";

test("DHCPv6 of dnsmasq with its advertisements: address, default route, DNS, name; seen and released there", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    const server = await startDnsmasq6(host, [
      "--dhcp-option=option6:dns-server,[fd00:9::53]",
      "--dhcp-option=option6:domain-search,example.org",
    ]);
    const daemon = await startDaemon(host);
    const config = dhcpConfig({ family: "6", hostname: "web-1" });
    const attachment = await attach(host, { config });
    const [ip] = attachment.result.ips ?? [];
    assert.match(ip?.address ?? "", /^fd00:9::[0-9a-f]+\/64$/);
    assert.match(ip?.gateway ?? "", /^fe80::/);
    assert.equal(attachment.result.routes?.[0]?.dst, "::/0");
    assert.deepEqual(attachment.result.dns, {
      nameservers: ["fd00:9::53"],
      search: ["example.org"],
    });
    assert.match(fileOf(host, dnsmasqLeases), new RegExp(`${ip?.address.split("/")[0]} web-1 `));
    await host.runIn("c1", "ping", "-6", "-c1", "-W2", network6.server);
    assertSuccess(await attachment.check());
    const { attachments } = await statusOf(host);
    assert.deepEqual(
      attachments[0]?.leases.map(({ family, phase }) => [family, phase]),
      [[6, "bound"]],
    );
    await detach(attachment);
    await until("the release", () => server.said().includes("DHCPRELEASE"));
    assert.doesNotMatch(fileOf(host, dnsmasqLeases), /web-1/);
    await daemon.stop();
  }));

test("dual: one ADD has a lease of each family, DEL gives both back", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.run("ip", "addr", "add", `${network.server}/24`, "dev", network.bridge);
    await host.addNetns("c1");
    const server = await startDnsmasq6(host, [
      `--dhcp-range=${network.prefix}.10,${network.prefix}.99,120`,
    ]);
    const daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig({ family: "dual" }) });
    const addresses = attachment.result.ips?.map(({ address }) => address) ?? [];
    assert.match(addresses[0] ?? "", /^10\.9\.0\./);
    assert.match(addresses[1] ?? "", /^fd00:9::/);
    await host.runIn("c1", "ping", "-c1", "-W2", network.server);
    await host.runIn("c1", "ping", "-6", "-c1", "-W2", network6.server);
    assertSuccess(await attachment.check());
    await detach(attachment);
    await until("both releases", () => server.said().match(/DHCPRELEASE/g)?.length === 2);
    await daemon.stop();
  }));

test("slaac: an address of the container's own making, the same after DEL and ADD, settings by stateless DHCPv6", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    const option = "--dhcp-option=option6:dns-server,[fd00:9::55]";
    await startDnsmasq6(host, [option], "fd00:9::,ra-stateless,ra-names");
    const daemon = await startDaemon(host);
    const config = dhcpConfig({ family: "6", slaac: true });
    const first = await attach(host, { config });
    const [ip] = first.result.ips ?? [];
    assert.match(ip?.address ?? "", /^fd00:9::[0-9a-f:]+\/64$/);
    assert.match(ip?.gateway ?? "", /^fe80::/);
    assert.deepEqual(first.result.dns?.nameservers, ["fd00:9::55"]);
    await host.runIn("c1", "ping", "-6", "-c1", "-W2", network6.server);
    // Nothing beside it is the kernel's own making.
    const shown = JSON.parse(await host.runIn("c1", "ip", "-j", "-6", "addr", "show", "eth0"));
    const global = shown[0].addr_info.filter((it: { scope: string }) => it.scope === "global");
    assert.deepEqual(
      global.map((it: { local: string; prefixlen: number }) => `${it.local}/${it.prefixlen}`),
      [ip?.address],
    );
    await detach(first);
    const second = await attach(host, { config });
    assert.equal(second.result.ips?.[0]?.address, ip?.address);
    await detach(second);
    await daemon.stop();
  }));

test("slaac: an address that a neighbour has is not taken", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    await startDnsmasq6(host, [], "fd00:9::,ra-only");
    const daemon = await startDaemon(host);
    const config = dhcpConfig({ family: "6", slaac: true });
    const first = await attach(host, { config });
    const taken = first.result.ips?.[0]?.address ?? "";
    await detach(first);
    await host.run("ip", "addr", "add", taken, "dev", network.bridge, "nodad");
    const second = await attach(host, { config });
    assert.match(second.result.ips?.[0]?.address ?? "", /^fd00:9::/);
    assert.notEqual(second.result.ips?.[0]?.address, taken);
    assert.match(daemon.said(), /is somebody else's: trying another/);
    await detach(second);
    await daemon.stop();
  }));

test("Kea: one message each way; renewed; kept by the next daemon after kill -9; a router that comes later is used", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    const kea = await startKea6(host, { lease: 60, renew: 2, rebind: 40 });
    const killed = await startDaemon(host);
    const config = dhcpConfig({ family: "6", rapidCommit: true });
    const attachment = await attach(host, { config });
    const address = attachment.result.ips?.[0]?.address ?? "";
    assert.match(address, /^fd00:9::1[0-9a-f]{3}\/128$/);
    assert.equal(attachment.result.routes, undefined);
    assert.doesNotMatch(kea.said(), /DHCP6_LEASE_ADVERT/);
    await until("a renewal", async () => (await statusOf(host)).counters.renewals);
    await killed.stop("SIGKILL");
    const daemon = await startDaemon(host);
    const lease = (await statusOf(host)).attachments[0]?.leases[0];
    assert.deepEqual(lease?.addresses, [address]);
    await until("a renewal by the next", async () => (await statusOf(host)).counters.renewals);
    await startDnsmasq6(host, [], "fd00:9::,ra-only");
    await until("its route", async () =>
      (await host.runIn("c1", "ip", "-6", "route")).includes("default via fe80::"),
    );
    await detach(attachment);
    await until("the release", () => /DHCP6_RELEASE_NA(?!_FAIL)/.test(kea.said()));
    await daemon.stop();
  }));

test("ISC: a lease that nobody renews is taken from the interface when it ends, and another is looked for", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    const times = { lease: 6, renew: 2, rebind: 4 };
    const server = await startIsc6(host, times);
    const daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig({ family: "6" }) });
    const address = attachment.result.ips?.[0]?.address ?? "";
    await server.stop();
    await until("the end", () => daemon.said().includes(`lost ${address}: it expired`), 20_000);
    assert.doesNotMatch(await host.runIn("c1", "ip", "-6", "addr"), /fd00:9::1/);
    await startIsc6(host, times);
    await until("another lease", () => daemon.said().includes("and put it on the interface"));
    assert.match(await host.runIn("c1", "ip", "-6", "addr"), /fd00:9::1/);
    await detach(attachment);
    await daemon.stop();
  }));

test("dual: IPv6 is lost, its search outlives the daemon and every patience; IPv4's lease is not touched", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.run("ip", "addr", "add", `${network.server}/24`, "dev", network.bridge);
    await host.addNetns("c1");
    await startDnsmasq(host, [`--dhcp-range=${network.prefix}.10,${network.prefix}.99,120`]);
    const times = { lease: 6, renew: 2, rebind: 4 };
    const server = await startIsc6(host, times);
    const flags = ["-resendtimeout", "9s"];
    let daemon = await startDaemon(host, flags);
    const attachment = await attach(host, { config: dhcpConfig({ family: "dual" }) });
    const [four, six] = attachment.result.ips ?? [];
    await server.stop();
    const lost = `lost ${six?.address}: it expired`;
    await until("the end", () => daemon.said().includes(lost), 20_000);
    await daemon.stop("SIGKILL");
    daemon = await startDaemon(host, flags);
    await sleep(11_000);
    const [kept] = (await statusOf(host)).attachments;
    assert.deepEqual(kept?.leases[0]?.addresses, [four?.address]);
    await startIsc6(host, times);
    await until("another", () => daemon.said().includes("and put it on the interface"), 20_000);
    await detach(attachment);
    await daemon.stop();
  }));

/** Tells a prefix for two seconds, a few times a second, as long as it is let. */
const fleetingRouter = `
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"${network.bridge}")
head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 2, 0, 0)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 2, 2, 0) + socket.inet_pton(socket.AF_INET6, "fd00:9::")
end = time.time() + 3
while time.time() < end:
    s.sendto(head + prefix, ("ff02::1", 0, 0, socket.if_nametoindex("${network.bridge}")))
    time.sleep(0.2)
`;

test("dual, slaac: a prefix that ends is waited for again, however long; IPv4's lease is not touched", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.run("ip", "addr", "add", `${network.server}/24`, "dev", network.bridge);
    await host.addNetns("c1");
    await startDnsmasq(host, [`--dhcp-range=${network.prefix}.10,${network.prefix}.99,120`]);
    const daemon = await startDaemon(host, ["-resendtimeout", "4s"]);
    const router = host.run("python3", "-c", fleetingRouter);
    const config = dhcpConfig({ family: "dual", slaac: true });
    const attachment = await attach(host, { config });
    const [four, six] = attachment.result.ips ?? [];
    await router;
    await until("the end", () => daemon.said().includes(`lost ${six?.address}`), 20_000);
    await sleep(6_000);
    const [kept] = (await statusOf(host)).attachments;
    assert.deepEqual(kept?.leases[0]?.addresses, [four?.address]);
    await host.run("python3", "-c", fleetingRouter);
    assert.ok(daemon.said().includes(`leased ${six?.address} and put it on the interface`));
    await detach(attachment);
    await daemon.stop();
  }));

test("Kea: rebound at another server that has the lease", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    const times = { lease: 60, renew: 2, rebind: 4 };
    const first = await startKea6(host, times);
    const daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig({ family: "6" }) });
    const leaseOf = async () => (await statusOf(host)).attachments[0]?.leases[0];
    const before = await leaseOf();
    await first.stop();
    await startKea6(host, times, "02");
    const after = await until("another server", async () => {
      const lease = await leaseOf();
      return lease?.server !== before?.server && lease;
    });
    assert.deepEqual(after.addresses, before?.addresses);
    assert.doesNotMatch(daemon.said(), /lost/);
    await detach(attachment);
    await daemon.stop();
  }));

test("an address that somebody has is declined", () =>
  withHost(async (host) => {
    await makeServerBridge6(host);
    await host.addNetns("c1");
    await startDnsmasq6(host, [], "fd00:9::10,fd00:9::11,64,120");
    await host.run("ip", "addr", "add", "fd00:9::10/64", "dev", network.bridge, "nodad");
    const daemon = await startDaemon(host);
    const add = attach(host, { config: dhcpConfig({ family: "6", probe: 200 }) });
    const attachment = await add;
    assert.equal(attachment.result.ips?.[0]?.address, "fd00:9::11/64");
    await detach(attachment);
    await daemon.stop();
  }));

for (const ipam of [{ family: "6" }, { family: "6", slaac: true }]) {
  test(`${JSON.stringify(ipam)}: nobody answers, ADD fails, and the daemon keeps nothing of it`, () =>
    withHost(async (host) => {
      await makeServerBridge6(host);
      await host.addNetns("c1");
      const daemon = await startDaemon(host, ["-resendtimeout", "1s"]);
      const config = dhcpConfig(ipam);
      const words = /no more tries|no router told a prefix/;
      assertError(await host.cni("ADD", { config, netns: "c1" }), { msg: words });
      // Routers would be asked again after four seconds.
      await sleep(5_000);
      const sockets = await host.runIn(
        "c1",
        "sh",
        "-c",
        "sed -s 1d /proc/net/packet /proc/net/udp6",
      );
      assert.equal(sockets, "");
      assert.deepEqual((await statusOf(host)).attachments, []);
      await daemon.stop();
    }));
}

for (const [ipam, words] of [
  [{ family: "5" }, /expected "4" or "6" or "dual"/],
  [{ slaac: true }, /cannot use slaac: "family" is "4"/],
  [{ family: "6", clientID: "mac" }, /cannot use clientID: "family" is "6"/],
  [{ family: "6", request: [{ option: "6" }] }, /cannot use request/],
  [{ family: "6", broadcast: true }, /cannot use broadcast/],
] as const) {
  test(`${JSON.stringify(ipam)} is refused`, () =>
    withHost(async (host) => {
      await makeServerBridge6(host);
      await host.addNetns("c1");
      assertError(await host.cni("ADD", { config: dhcpConfig(ipam), netns: "c1" }), {
        code: 7,
        msg: words,
      });
    }));
}
