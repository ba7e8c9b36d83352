/** The daemon killed, or without room, while a running container's lease changes: lease, interface and file come to agree. */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test from "node:test";
import { dnsmasqLeases, makeServerBridge, network, startDnsmasq, until } from "./harness/dhcp.ts";
import { bridge6, makeServerBridge6, startDnsmasq6 } from "./harness/dhcp6.ts";
import type { Host } from "./harness/host.ts";
import {
  faultAt,
  letDie,
  type Manner,
  Scene,
  sweepRenewal,
  type Terms,
  traceRenewal,
} from "./harness/renewal.ts";

const usual: Terms = { address: `${network.prefix}.20`, router: `${network.prefix}.1` };
const moved: Terms = { ...usual, address: `${network.prefix}.30` };

const ipv4: Manner = {
  family: 4,
  usual,
  makeBridge: makeServerBridge,
  serve(host, terms) {
    write(host, terms);
    return startDnsmasq(host, ["--dhcp-hostsfile=/run/hosts", "--dhcp-optsfile=/run/options"]);
  },
  async change(host, server, terms) {
    write(host, terms);
    const heard = () => server.said().split("read /run/options").length;
    const before = heard();
    server.running.kill("SIGHUP");
    await until("the server's new terms", () => heard() > before);
    return server;
  },
  filed: ({ lease }) => ({
    address: dotted(lease?.address ?? 0),
    router: dotted(lease?.routers[0] ?? 0),
  }),
};

function write(host: Host, { address, router }: Terms): void {
  host.write("/run/hosts", `02:00:00:00:00:05,${address}\n`);
  host.write("/run/options", `option:router,${router}\n`);
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

const usual6: Terms = { address: "fd00:9::20", router: bridge6.router };
const moved6: Terms = { ...usual6, address: "fd00:9::30" };

const ipv6: Manner = {
  family: 6,
  usual: usual6,
  makeBridge: (host) => makeServerBridge6(host, bridge6.mac),
  serve(host, { address }) {
    // Its identifier would be another with each file of leases.
    const options = ["--dhcp-duid=32473,01"];
    return startDnsmasq6(host, options, `${address},${address},64,120`);
  },
  async change(host, server, terms) {
    await server.stop();
    // What it knows it renews, in its range or not.
    rmSync(host.outside(dnsmasqLeases), { force: true });
    return ipv6.serve(host, terms);
  },
  filed: ({ lease, routers }) => ({
    address: lease?.addresses[0] ?? "",
    router: routers?.[0]?.address ?? "",
  }),
};

/** What becomes of a lease at its renewal: another router is told, or the address is refused and another one given. */
const renewals: [what: string, manner: Manner, changed: Terms][] = [
  ["another router", ipv4, { ...usual, router: `${network.prefix}.2` }],
  ["another address", ipv4, moved],
  ["another address", ipv6, moved6],
];

/** What changes something outside the daemon, or tells somebody. */
const weighty = ["renameat2", "write", "sendto", "openat"];

for (const [what, manner, changed] of renewals) {
  test(`IPv${manner.family}: the daemon killed at every step of a renewal that brings ${what}`, () =>
    sweepRenewal({
      ...{ manner, probe: 0, changed, names: weighty, least: 6 },
      async step(scene, point, { now }) {
        await letDie(scene, faultAt(point, "signal=SIGKILL"));
        // The server has changed its mind again: what the file does not say now, nobody will.
        await scene.offer(now);
        return scene.settle(`after ${point.name} ${point.ordinal}`);
      },
    }));
}

/** Without a descriptor for the last socket of its kind that the changed lease needs. */
async function settleWithout(scene: Scene, family: string): Promise<Terms> {
  await scene.offer(moved);
  scene.makeDue();
  const sockets = (await traceRenewal(scene, ["socket"])).filter((line) => /^socket/.test(line));
  const ordinal = sockets.findLastIndex((line) => line.startsWith(`socket(${family}`)) + 1;
  assert.ok(ordinal > 0);
  await scene.offer(usual);
  scene.makeDue();
  return scene.settle("later", faultAt({ name: "socket", ordinal }, "error=EMFILE"));
}

test("the address of a running container is probed for later where there is no descriptor for it now", () =>
  Scene.withLease(ipv4, 20, async (scene) => {
    assert.deepEqual(await settleWithout(scene, "AF_PACKET"), usual);
  }));

test("the interface of a running container is changed later where there is no descriptor for it now", () =>
  Scene.withLease(ipv4, 0, async (scene) => {
    assert.deepEqual(await settleWithout(scene, "AF_NETLINK"), usual);
  }));

/** What a machine without room, or with a full or broken disk, has these calls fail with. */
const errors: Readonly<Record<string, string>> = {
  bind: "ENOMEM",
  epoll_ctl: "ENOMEM",
  openat: "EMFILE",
  recvmsg: "ENOMEM",
  renameat2: "EIO",
  sendto: "ENOBUFS",
  setns: "ENOMEM",
  setsockopt: "ENOMEM",
  socket: "EMFILE",
  statx: "ENOMEM",
  write: "ENOSPC",
};

for (const [manner, changed] of [
  [ipv4, moved],
  [ipv6, moved6],
] as const) {
  test(`IPv${manner.family}: an error at every system call of a renewal that brings another address: it is had all the same`, () =>
    sweepRenewal({
      ...{ manner, probe: 20, changed, names: Object.keys(errors), least: 40 },
      async step(scene, point, { other }) {
        const what = `after ${point.name} ${point.ordinal}`;
        const settled = await scene.settle(what, faultAt(point, `error=${errors[point.name]}`));
        assert.deepEqual(settled, other, what);
        return settled;
      },
    }));
}
