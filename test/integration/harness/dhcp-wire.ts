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
import { network6 } from "./dhcp6.ts";
import { assertSuccess } from "./expect.ts";
import { withHost } from "./host.ts";

/** The servers of each family: where they are, and what dnsmasq is told. */
const families = {
  4: { server: network.server, options: [] },
  6: {
    server: network6.server,
    options: ["--dhcp-range=fd00:9::10,fd00:9::ff,64,120", "--enable-ra"],
  },
} as const;

/** Two containers on w0 by such a plugin: each gets its own address, reaches the server and gives it back. */
export function plugOnWire(plugin: string, family: 4 | 6): Promise<void> {
  return withHost(async (host) => {
    await makeServerWire(host);
    await host.addNetns("c1", "c2");
    const { server: address, options } = families[family];
    const server = await startDnsmasq(host, options, { netns: "srv", link: "w0" });
    const daemon = await startDaemon(host);
    const wire = { type: plugin, bridge: undefined, master: "w0" };
    const config = dhcpConfig({ family: String(family) }, wire);
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
      await host.runIn(netns, "ping", "-c1", "-W2", address);
    }
    for (const attachment of attachments) {
      assertSuccess(await attachment.check());
      await detach(attachment);
    }
    await until("the releases", () => !fileOf(host, dnsmasqLeases).includes("pod-"));
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
    await server.stop();
  });
}
