/** dhcp: the whole life of a lease with each server, in seconds instead of hours. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import {
  dhcpConfig,
  fileOf,
  iscLeases,
  keaLeases,
  makeServerBridge,
  network,
  type Service,
  startDaemon,
  startIsc,
  startKea,
  statusOf,
  type Times,
  until,
} from "./harness/dhcp.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";

/** A server takes some seconds to start on a busy machine: it must do so between the last two. */
const times = { lease: 12, renew: 2, rebind: 4 };
/** Where the server goes when it changes. */
const second = `${network.prefix}.2`;

const servers: Record<
  string,
  {
    start(host: Host, times: Times): Promise<Service>;
    /** Whether the server's own lease file says that the address is free. */
    isFree(host: Host, address: string): boolean;
    leases: string;
    name: RegExp;
  }
> = {
  dhcpd: {
    start: startIsc,
    leases: iscLeases,
    name: /client-hostname "web-1"/,
    isFree: (host, address) => {
      const entries = fileOf(host, iscLeases).split(`lease ${address} {`);
      return entries.length > 1 && /^\s*binding state free;/m.test(entries.at(-1) ?? "");
    },
  },
  kea: {
    start: startKea,
    leases: keaLeases,
    name: /,web-1,/,
    // A lease that is given back is written with a lifetime of 0.
    isFree: (host, address) => {
      const lines = fileOf(host, keaLeases).trim().split("\n");
      const last = lines.findLast((line) => line.startsWith(`${address},`));
      return last?.split(",")[3] === "0";
    },
  },
};

/** The addresses of the container's interface. */
async function addressesOf(host: Host): Promise<string[]> {
  const [link] = await host.ip<{ addr_info: { local: string; prefixlen: number }[] }>(
    "c1",
    ...["-4", "addr", "show", "dev", "eth0"],
  );
  return (link?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

async function phaseOf(host: Host): Promise<string | undefined> {
  return (await statusOf(host)).attachments[0]?.leases[0]?.phase;
}

async function routesOf(host: Host): Promise<unknown[]> {
  return await host.ip("c1", "-4", "route", "show", "default");
}

// Most of their time they wait.
describe("the life of a lease", { concurrency: true }, () => {
  for (const [name, { start, isFree, leases, name: hostname }] of Object.entries(servers)) {
    test(`${name}: leased, renewed, rebound, expired, leased again, released`, () =>
      withHost(async (host) => {
        await makeServerBridge(host);
        await host.addNetns("c1");
        let server = await start(host, times);
        const daemon = await startDaemon(host, ["-timeout", "1s", "-resendmax", "1s"]);
        const request = [{ option: "domain-name-servers" }];
        const config = dhcpConfig({ hostname: "web-1", request });
        const attachment = await attach(host, { config });
        const address = attachment.result.ips?.[0]?.address ?? "";
        assert.match(address, /^10\.9\.0\.\d+\/24$/);
        assert.deepEqual(attachment.result.dns, { nameservers: ["192.0.2.53"] });
        await until("the host name", () => hostname.test(fileOf(host, leases)));

        const renewals = async () => (await statusOf(host)).counters.renewals ?? 0;
        await until("two renewals", async () => (await renewals()) >= 2);
        assert.deepEqual(await addressesOf(host), [address]);

        // Another server takes over, with the leases of the first.
        await server.stop();
        await host.run("ip", "addr", "add", `${second}/24`, "dev", network.bridge);
        await host.run("ip", "addr", "del", `${network.server}/24`, "dev", network.bridge);
        await host.run("ip", "addr", "replace", `${second}/24`, "dev", network.bridge);
        server = await start(host, times);
        const from = async () => (await statusOf(host)).attachments[0]?.leases[0]?.server;
        await until("the second server", async () => (await from()) === second);
        assert.deepEqual(await addressesOf(host), [address]);
        assertSuccess(await attachment.check());

        // No server is left: the address must not be used any longer than it was lent for.
        await server.stop();
        const isGone = async () => (await addressesOf(host)).length === 0;
        await until("the end of the lease", isGone, 20_000);
        assert.match(daemon.said(), /lost 10\.9\.0\.\d+\/24: it expired/);
        assert.deepEqual(await routesOf(host), []);
        assertError(await attachment.check(), {
          code: 999,
          msg: "error calling DHCP.check: no lease for net1/container-c1/eth0: it was lost",
        });

        server = await start(host, times);
        const [again] = await until(
          "a further lease",
          async () => {
            const found = await addressesOf(host);
            return found.length > 0 && found;
          },
          20_000,
        );
        assert.equal((await routesOf(host)).length, 1);
        assert.equal(await phaseOf(host), "bound");

        await detach(attachment);
        await until("the release", () => isFree(host, again?.split("/")[0] ?? ""));
        await server.stop();
        await daemon.stop();
      }));
  }
});
