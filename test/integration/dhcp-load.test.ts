/** dhcp's daemon with many attachments: all served, in little memory and time. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attach, detach } from "./harness/attachment.ts";
import { dhcpConfig, makeServerBridge, startDaemon, startKea, statusOf } from "./harness/dhcp.ts";
import { withHost } from "./harness/host.ts";

const count = 200;
const atOnce = 50;

/** Resident kilobytes of a process. */
function residentOf(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Milliseconds of processor time of a process. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

test(`${count} attachments, ${atOnce} at once: all leased, renewed and released by one small daemon`, () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    const server = await startKea(host, { lease: 60, renew: 4, rebind: 50 });
    const daemon = await startDaemon(host);
    const names = Array.from({ length: count }, (_, at) => `c${at}`);
    await host.addNetns(...names);
    const attachments = [];
    for (let at = 0; at < count; at += atOnce) {
      const some = names.slice(at, at + atOnce);
      const added = some.map((netns) => attach(host, { config: dhcpConfig({ probe: 20 }), netns }));
      attachments.push(...(await Promise.all(added)));
    }
    const addresses = new Set(attachments.map(({ result }) => result.ips?.[0]?.address));
    assert.equal(addresses.size, count);

    const { pid } = await statusOf(host);
    const renewals = async () => (await statusOf(host)).counters.renewals ?? 0;
    const before = await renewals();
    const cpu = cpuOf(pid);
    await sleep(8_000);
    const spent = cpuOf(pid) - cpu;
    const renewed = (await renewals()) - before;
    const [early, cost] = [residentOf(pid), spent / renewed];
    assert.ok(renewed >= 200, `${renewed} renewals in eight seconds`);
    assert.ok(early < 12 * 1024, `the daemon takes ${early} KB`);
    await sleep(8_000);
    const late = residentOf(pid);
    assert.ok(late - early < 256, `the daemon grew from ${early} to ${late} KB`);
    console.log(`# ${late} KB with ${count} attachments, ${cost.toFixed(2)} ms a renewal`);

    for (let at = 0; at < count; at += atOnce) {
      await Promise.all(attachments.slice(at, at + atOnce).map(detach));
    }
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
    await server.stop();
  }));
