/** A lease through an interface that is made on another one, from ADD to DEL. */

import assert from "node:assert/strict";
import { attach, detach } from "./attachment.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  makeServerWire,
  network,
  startDaemon,
  startDnsmasq,
  statusOf,
  until,
} from "./dhcp.ts";
import { assertSuccess } from "./expect.ts";
import { withHost } from "./host.ts";

/** Two containers on w0 by such a plugin: each gets its own address, reaches the server and gives it back. */
export function plugOnWire(plugin: string): Promise<void> {
  return withHost(async (host) => {
    await makeServerWire(host);
    await host.addNetns("c1", "c2");
    const server = await startDnsmasq(host, [], { netns: "srv", link: "w0" });
    const daemon = await startDaemon(host);
    const config = dhcpConfig({}, { type: plugin, bridge: undefined, master: "w0" });
    const attachments = [];
    for (const netns of ["c1", "c2"]) {
      const args = `IgnoreUnknown=1;K8S_POD_NAME=pod-${netns}`;
      attachments.push(await attach(host, { plugin, config, netns, args }));
    }
    const addresses = attachments.map(({ result }) => result.ips?.[0]?.address.split("/")[0] ?? "");
    assert.equal(new Set(addresses).size, 2);
    const leases = fileOf(host, dnsmasqLeases);
    for (const [at, address] of addresses.entries()) {
      assert.match(leases, new RegExp(` ${address} pod-c${at + 1} `));
    }
    for (const netns of ["c1", "c2"]) {
      await host.runIn(netns, "ping", "-c1", "-W2", network.server);
    }
    for (const attachment of attachments) {
      assertSuccess(await attachment.check());
      await detach(attachment);
    }
    await until("the releases", () => fileOf(host, dnsmasqLeases) === "");
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
    await server.stop();
  });
}
