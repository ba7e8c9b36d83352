/** What a running container's leases do while there are no descriptors: they wait for some. */

import assert from "node:assert/strict";
import test from "node:test";
import { bootMs } from "../../../pkg/sys/clock.ts";
import { Errno, SysError } from "../../../pkg/sys/errno.ts";
import type { EventLoop } from "../../../pkg/sys/event-loop.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { OpenFlag, openFile } from "../../../pkg/sys/file.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import type { Wanted6 } from "../order.ts";
import { Client6 } from "./client6.ts";
import type { Surroundings } from "./lease-client.ts";
import { arpInquiry, Probe, Probes } from "./probe.ts";
import type { Settings } from "./settings.ts";

const link = {
  index: 2,
  name: "eth0",
  mac: Uint8Array.of(2, 0, 0, 0, 0, 5),
  hardwareType: 1,
  kind: "veth",
};

/** A client's surroundings in which no socket can be opened, its timers, and what it says. */
function exhausted() {
  const timers: (Timer & { run: () => void })[] = [];
  const said: string[] = [];
  const timer = (run: () => void) => {
    const made = { at: null, run };
    timers.push(made);
    return made;
  };
  const unexpected = () => assert.fail("it must go on");
  const around: Surroundings = {
    loop: { timer, unwatch: () => {} } as unknown as EventLoop,
    settings: { resendtimeout: 60_000 } as Settings,
    link,
    inside: () => {
      throw new SysError("open socket", Errno.EMFILE);
    },
    log: (text) => said.push(text),
    onGranted: unexpected,
    onLost: unexpected,
    onFailed: unexpected,
    onGone: unexpected,
  };
  return { around, timers, said };
}

test("a patient probe tries again each second, and says so once; another one throws", () => {
  const { around, timers, said } = exhausted();
  const inquiry = arpInquiry(link, 0x0a090005);
  const make = (isPatient: boolean) =>
    new Probe(around, inquiry, { ms: 100, isPatient }, () => assert.fail("nothing is known"));
  assert.throws(() => make(false), { errno: Errno.EMFILE });
  timers.length = 0;
  make(true);
  for (let tries = 0; tries < 3; tries++) {
    const [timer] = timers;
    assert.ok(timer?.at && Math.abs(timer.at - bootMs() - 1_000) < 500);
    timer.at = null;
    timer.run();
  }
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^cannot ask who has the address: .*too many open files/);
});

test("of two addresses to ask for, what was opened for the first is closed where the second cannot be", () => {
  const { around, timers } = exhausted();
  using socket = openFile("/dev/null", OpenFlag.readOnly);
  const free = [socket];
  const closed: Fd[] = [];
  const loop = {
    ...around.loop,
    watchOwn: (fd: Fd) => fd,
    closeWhenIdle: (fd: Fd) => closed.push(fd),
  };
  const inside = <T>(work: () => T) => (free.pop() as T | undefined) ?? around.inside(work);
  const two = { ...around, loop: loop as unknown as EventLoop, inside };
  const inquiry = arpInquiry(link, 0x0a090005);
  const inquiries = new Map(["first", "second"].map((address) => [address, inquiry]));
  const patience = { ms: 100, isPatient: false };
  const make = () => new Probes(two, inquiries, patience, () => assert.fail("nothing is known"));
  assert.throws(make, { errno: Errno.EMFILE });
  assert.deepEqual(closed, [socket]);
  assert.ok(timers.every(({ at }) => at === null));
});

test("an IPv6 client that cannot send a renewal sends it later", () => {
  const { around, timers } = exhausted();
  const now = bootMs();
  const lease = {
    addresses: ["fd00::5"],
    dns: [],
    search: [],
    server: "0001",
    renewAt: now - 1_000,
    rebindAt: now + 80_000,
    expiresAt: now + 100_000,
  };
  const wanted: Wanted6 = {
    slaac: false,
    duid: "00010203040506",
    iaid: "00000001",
    provide: [],
    rapidCommit: false,
    probe: 0,
  };
  const granted = { ips: [{ address: "fd00::5/128" }], routes: [] };
  const saved = { lease, routers: [], own: [], granted };
  const client = new Client6(around, { wanted, priority: 0, persistent: true }, saved);
  assert.throws(() => client.start(), { errno: Errno.EMFILE });
  assert.equal(client.phase, "renewing");
  const due = timers.map(({ at }) => at).filter((at) => at !== null);
  assert.equal(due.length, 1);
  assert.ok((due[0] ?? 0) <= now + 12_000);
});
