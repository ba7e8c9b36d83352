/** dhcp: plugin and daemon against real servers. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  makeServerBridge,
  network,
  startDaemon,
  startDnsmasq,
  statusOf,
  until,
} from "./harness/dhcp.ts";
import { assertSuccess } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";

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
