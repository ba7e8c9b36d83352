/** After a boot, what was reserved before it is taken back by and by: no call has to do all of it. */

import assert from "node:assert/strict";
import { linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import test from "node:test";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, type Verb, withHost } from "./harness/host.ts";
import { hostLocalConfig } from "./harness/networks.ts";
import { type Identity, pretend } from "./host-local-identity.ts";

const networks = "/var/lib/cni/networks";
const store = `${networks}/net1`;
const side = `${networks}/.tscni/net1`;

/** What one call takes back at most. */
const slice = 2000;

/** Of the n-th container. */
function addressOf(n: number): string {
  return `10.1.${n >> 8}.${n & 255}`;
}

/** The container of an address. */
function boxOf(address: string): string {
  const [, , high, low] = address.split(".").map(Number);
  return `box${((high ?? 0) << 8) | (low ?? 0)}`;
}

/** The first address that is still reserved for a container of before the boot: tmpfs lists it last. */
function oldest(host: Host): string {
  const all = reserved(host);
  for (let n = 2; n < 65_535; n++) if (all.has(addressOf(n))) return addressOf(n);
  assert.fail("none is left");
}

/** As if so many containers had been added by this suite: a call for each would take minutes. */
function fill(host: Host, first: number, end: number): void {
  const [boot = ""] = readdirSync(host.outside(`${side}/files`));
  const [owners = ""] = readdirSync(host.outside(`${side}/owners`));
  for (let n = first; n < end; n++) {
    const file = host.outside(`${store}/${addressOf(n)}`);
    writeFileSync(file, `box${n}\r\neth0`);
    linkSync(file, host.outside(`${side}/files/${boot}/${addressOf(n)}`));
    symlinkSync(addressOf(n), host.outside(`${side}/owners/${owners}/box${n}:eth0`));
  }
  host.write(`${store}/last_reserved_ip.0`, addressOf(end - 1));
}

const wide = hostLocalConfig({ ranges: [[{ subnet: "10.1.0.0/16" }]] }, { cniVersion: "1.1.0" });

function withIdentity(steps: (host: Host, identity: Identity) => Promise<void>): Promise<void> {
  return withHost(async (host) => steps(host, await pretend(host)));
}

interface Outcome {
  readonly address: string;
  readonly calls: number;
  readonly stderr: string;
}

async function call(host: Host, verb: Verb, containerId: string, config = wide): Promise<Outcome> {
  const reply = await host.cni(verb, {
    plugin: "host-local",
    config,
    containerId,
    netns: "/run/netns/none",
    wrap: ["strace", "-o", "/run/trace"],
  });
  const address = verb === "ADD" ? (resultOf(reply).ips?.[0]?.address ?? "") : "";
  if (verb !== "ADD") assertSuccess(reply);
  const calls = readFileSync(host.outside("/run/trace"), "utf8").split("\n").length;
  return { address: address.split("/")[0] ?? "", calls, stderr: reply.stderr };
}

/** The addresses that are reserved. */
function reserved(host: Host): Set<string> {
  return new Set(readdirSync(host.outside(store)).filter((name) => name.startsWith("10.")));
}

test("a boot with sixty thousand reservations costs no call more than a slice of them", () =>
  withIdentity(async (host, identity) => {
    await call(host, "ADD", "box2");
    fill(host, 3, 60_000);
    identity.setBoot(2);
    const first = await call(host, "ADD", "new");
    assert.match(first.stderr, /took back 2000 addresses .* and left 57998 to the next calls/);
    // Eleven for each that is taken back, and the listings.
    assert.ok(first.calls < 11 * slice + 500, `${first.calls} calls`);
    const left = oldest(host);
    assert.equal((await call(host, "ADD", boxOf(left))).address, left);
    const next = await call(host, "ADD", "newer");
    assert.ok(next.calls < 11 * slice + 500, `${next.calls} calls`);
    // Neither takes what is kept for somebody.
    assert.ok(!/^10\.1\.(0\.[2-9]|1\.)/.test(first.address), first.address);
    assert.equal(reserved(host).size, 59_998 - 3 * slice - 1 + 3);
  }));

test("by and by all is taken back, and then a call costs what it did", () =>
  withIdentity(async (host, identity) => {
    const { address } = await call(host, "ADD", "box2");
    await call(host, "DEL", "nobody");
    const before = await call(host, "DEL", "nobody");
    fill(host, 3, 5000);
    identity.setBoot(2);
    // Any verb does a part of it; GC leaves what is to be taken back alone, so that it is kept for its owners.
    await call(host, "GC", "", { ...wide, "cni.dev/valid-attachments": [] });
    assert.equal(reserved(host).size, 4998 - slice);
    await call(host, "DEL", boxOf(oldest(host)));
    assert.equal(reserved(host).size, 4998 - 2 * slice - 1);
    const last = await call(host, "DEL", "nobody");
    assert.match(last.stderr, /took back 997 addresses reserved before the latest boot$/m);
    assert.equal(reserved(host).size, 0);
    assert.deepEqual(readdirSync(host.outside(`${side}/files`)), []);
    const after = await call(host, "DEL", "nobody");
    assert.ok(Math.abs(after.calls - before.calls) <= 2, `${after.calls} calls`);
    assert.equal(after.stderr, "");
    for (const n of [2, 1000, 3500, 4998]) {
      assert.equal((await call(host, "ADD", `box${n}`)).address, n === 2 ? address : addressOf(n));
    }
  }));

test("a range full of what a boot has freed is free for whoever needs an address", () =>
  withIdentity(async (host, identity) => {
    const ranges = [[{ subnet: "10.1.0.0/20" }]];
    const narrow = hostLocalConfig({ ranges }, { cniVersion: "1.1.0" });
    await call(host, "ADD", "box2", narrow);
    fill(host, 3, 4095);
    const full = { plugin: "host-local", config: narrow, netns: "/run/netns/none" };
    assertError(await host.cni("STATUS", full), { code: 50 });
    identity.setBoot(2);
    assertSuccess(await host.cni("STATUS", full));
    const left = reserved(host);
    assert.equal(left.size, 4093 - slice);
    // An address that is still reserved may be asked for.
    const wanted = [...left].at(-1) ?? "";
    const asking = hostLocalConfig(
      { ranges },
      { cniVersion: "1.1.0", runtimeConfig: { ips: [wanted] } },
    );
    assert.equal((await call(host, "ADD", "asking", asking)).address, wanted);
    const given = new Set([wanted]);
    let calls = 0;
    for (let n = 0; n < 3; n++) {
      const added = await call(host, "ADD", `new${n}`, narrow);
      given.add(added.address);
      calls = added.calls;
    }
    assert.equal(given.size, 4);
    // All are kept for somebody: each is asked once for how long, by then.
    assert.ok(calls < 4093 + 400, `${calls} calls`);
    assert.equal(reserved(host).size, 4);
  }));

test("what this machine did not reserve stays, also beside thousands that it did", () =>
  withIdentity(async (host, identity) => {
    await call(host, "ADD", "box2");
    fill(host, 3, 3000);
    host.write(`${store}/10.1.100.1`, "foreign\r\neth0");
    // The name is another's by now.
    host.write(`${store}/${addressOf(2500)}.new`, "foreign\r\neth0");
    await host.run("mv", `${store}/${addressOf(2500)}.new`, `${store}/${addressOf(2500)}`);
    identity.setMachine(2);
    identity.setBoot(2);
    await call(host, "ADD", "elsewhere");
    assert.equal(reserved(host).size, 3000);
    identity.setMachine(1);
    identity.setBoot(3);
    for (let n = 0; n < 3; n++) await call(host, "DEL", "nobody");
    assert.equal(reserved(host).size, 3);
    assert.ok(reserved(host).has("10.1.100.1") && reserved(host).has(addressOf(2500)));
  }));

test("an ADD that is killed while it takes back leaves nothing for good", () =>
  withIdentity(async (host, identity) => {
    await call(host, "ADD", "box2");
    fill(host, 3, 300);
    identity.setBoot(2);
    for (const [at, kind] of ["unlinkat", "symlinkat", "readlinkat", "openat"].entries()) {
      const reply = await host.cni("DEL", {
        plugin: "host-local",
        config: wide,
        containerId: "nobody",
        wrap: [
          "strace",
          "-qq",
          "-o",
          "/run/trace",
          "-e",
          `inject=${kind}:signal=KILL:when=${100 + 7 * at}`,
        ],
      });
      assert.equal(reply.signal ?? "SIGKILL", "SIGKILL");
    }
    const left = reserved(host).size;
    assert.ok(left > 0 && left < 299, `${left} are left`);
    await call(host, "DEL", "nobody");
    assert.equal(reserved(host).size, 0);
    for (const n of [10, 150, 299]) {
      assert.equal((await call(host, "ADD", `box${n}`)).address, addressOf(n));
    }
    assert.equal(reserved(host).size, 3);
  }));
