/** What host-local is given wrongly is refused in the reference's words, and unusual data directories work or say why not. */

import assert from "node:assert/strict";
import { readdirSync, symlinkSync } from "node:fs";
import test from "node:test";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, withHost } from "./harness/host.ts";
import { type Config, gatewayConfig, hostLocalConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

const netns = "/run/netns/none";

function call(ipam: Config, changes: Config = {}): Call {
  const config = hostLocalConfig(ipam, { cniVersion: "1.0.0", ...changes });
  return { plugin: "host-local", config, netns, containerId: "a" };
}

const v4 = { subnet: "10.1.0.0/24" };
const v6 = { subnet: "fd00::/64" };

/** The call, by what is wrong with it. */
interface Wrong {
  readonly ranges?: unknown;
  /** Beside `ranges` in `ipam`. */
  readonly ipam?: Config;
  readonly more?: Config;
  readonly args?: string;
}

const wrong: Record<string, Wrong> = {
  "no ipam": { more: { ipam: undefined } },
  "no ranges": {},
  "a start without a subnet": { ipam: { rangeStart: "10.1.0.2" } },
  "a range without a subnet": { ranges: [[{ gateway: "10.1.0.1" }]] },
  "a subnet without a length": { ranges: [[{ subnet: "10.1.0.0" }]] },
  "a subnet with leading zeros": { ranges: [[{ subnet: "010.1.0.0/24" }]] },
  "a subnet of IPv4 written as IPv6": { ranges: [[{ subnet: "::ffff:10.4.0.0/120" }]] },
  "a start that is none": { ranges: [[{ ...v4, rangeStart: "x" }]] },
  "an end that is none": { ranges: [[{ ...v4, rangeEnd: "10.1.0.1.1" }]] },
  "a start with a zone": { ranges: [[{ subnet: "fe80::/64", rangeStart: "fe80::1%eth0" }]] },
  "a gateway with a length": { ranges: [[{ ...v4, gateway: "10.1.0.1/24" }]] },
  "host bits in the old form": { ipam: { subnet: "10.1.0.5/24" } },
  "a start outside in the old form": { ipam: { ...v4, rangeStart: "10.2.0.1" } },
  "an overlap of the old form and a set": { ranges: [[v6], [v4]], ipam: v4 },
  "host bits in the runtime's ranges": {
    ipam: v6,
    more: { runtimeConfig: { ipRanges: [[{ subnet: "10.1.0.1/24" }]] } },
  },
  "the runtime's ranges and ours overlap": {
    ranges: [[v4]],
    more: { runtimeConfig: { ipRanges: [[v6], [v4]] } },
  },
  "an empty set of the runtime": { ipam: v4, more: { runtimeConfig: { ipRanges: [[]] } } },
  "a route to nowhere": { ipam: { ...v4, routes: [{ dst: "x" }] } },
  "a route by nobody": { ipam: { ...v4, routes: [{ dst: "0.0.0.0/0", gw: "x" }] } },
  "DNS settings that are missing": { ipam: { ...v4, resolvConf: "/no/such/file" } },
  "a request with too long a prefix": {
    ranges: [[v4]],
    more: { runtimeConfig: { ips: ["10.1.0.5/33"] } },
  },
  "several requests in one argument": { ranges: [[v4]], args: "IP=10.1.0.2,10.1.0.3" },
  "requests of which one cannot be met": {
    ranges: [[v4], [v6]],
    more: { runtimeConfig: { ips: ["fd00::7", "10.9.0.1", "10.1.0.7"] } },
  },
  "no sets": { ranges: [] },
  "an empty set": { ranges: [[]] },
  "an empty second set": { ranges: [[v4], []] },
  "a set of one family and a bad one": { ranges: [[v6], [{ subnet: "10.1.0.0/31" }]] },
  "a subnet too small": { ranges: [[{ subnet: "fd00::/127" }]] },
  "a subnet of one address": { ranges: [[{ subnet: "10.1.0.1/32" }]] },
  "host bits": { ranges: [[{ subnet: "10.1.0.5/24" }]] },
  "host bits in IPv6": { ranges: [[{ subnet: "fd00::5/64" }]] },
  "a start below": { ranges: [[{ ...v4, rangeStart: "10.0.255.255" }]] },
  "a start above": { ranges: [[{ ...v4, rangeStart: "10.1.1.0" }]] },
  "a start of another family": { ranges: [[{ ...v4, rangeStart: "fd00::1" }]] },
  "an end of another family": { ranges: [[{ ...v6, rangeEnd: "10.1.0.1" }]] },
  "an end outside": { ranges: [[{ ...v6, rangeEnd: "fd00:0:0:1::" }]] },
  "a reversed range": { ranges: [[{ ...v4, rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" }]] },
  "an end before the default start": { ranges: [[{ ...v4, rangeEnd: "10.1.0.0" }]] },
  "mixed families": { ranges: [[v4, v6]] },
  "overlapping ranges": {
    ranges: [
      [
        { ...v4, rangeEnd: "10.1.0.9" },
        { ...v4, rangeStart: "10.1.0.9" },
      ],
    ],
  },
  "a set twice": { ranges: [[v6], [v4], [v6]] },
  "overlapping sets": { ranges: [[v4], [v6], [{ subnet: "10.1.0.0/16" }]] },
  "a version with one address of a family": {
    ranges: [[v4], [{ subnet: "10.2.0.0/24" }]],
    more: { cniVersion: "0.2.0" },
  },
  "a requested address of no set": { ranges: [[v4]], args: "IP=10.9.0.1" },
  "a requested gateway": { ranges: [[v4]], args: "IP=10.1.0.1/24" },
  "a requested address that is none": { ranges: [[v4]], args: "IP=10.1.0.256" },
  "unknown arguments": { ranges: [[v4]], args: "FOO=1;BAR=2" },
  "a broken argument": { ranges: [[v4]], args: "IP" },
  "requests of the runtime that are none": {
    ranges: [[v4]],
    more: { runtimeConfig: { ips: ["10.1.0.5", "x"] } },
  },
  "an empty request": { ranges: [[v4]], more: { args: { cni: { ips: [""] } } } },
};

for (const [what, { ranges, ipam, more, args }] of Object.entries(wrong)) {
  test(`${what}: refused in the reference's words`, { skip: withoutReference }, () =>
    withHost(async (host) => {
      const given = { ...call({ ranges, ...ipam }, more), ...(args === undefined ? {} : { args }) };
      const messages: unknown[] = [];
      for (const from of [referenceInWorld, oursInWorld]) {
        const reply = await host.cni("ADD", { ...given, from });
        assertError(reply, { code: from === referenceInWorld ? 999 : codeOf(reply.json) });
        messages.push((reply.json as { msg: string }).msg);
      }
      assert.equal(messages[1], messages[0]);
      assert.deepEqual(readReservations(host), []);
    }),
  );
}

/** A mistake in the configuration, in CNI_ARGS, or a request that cannot be met. */
function codeOf(json: unknown): number {
  const { code } = json as { code: number };
  assert.ok([4, 7, 999].includes(code), `code ${code}`);
  return code;
}

test("a mistake made after the ADD keeps neither DEL nor GC from releasing, nor does one in CNI_ARGS", () =>
  withHost(async (host) => {
    const mistakes = { ranges: [[{ subnet: "10.1.0.9/24" }]], exclude: ["x"], sticky: "/" };
    for (const verb of ["DEL", "GC"] as const) {
      await host.addNetns("c1");
      const config = gatewayConfig({ ipam: { type: "host-local", ...v4 } });
      resultOf(await host.cni("ADD", { config, netns: "c1" }));
      assert.equal(readReservations(host).length, 1);
      const ipam = { type: "host-local", ...mistakes };
      const broken = { ...config, ipam, "cni.dev/valid-attachments": [] };
      assertSuccess(await host.cni(verb, { config: broken, netns: "c1", args: "IP=x;Y" }));
      assert.deepEqual(readReservations(host), []);
      await host.deleteNetns("c1");
    }
  }));

test("a gateway outside the subnet, or of another family, is given as it is", () =>
  withHost(async (host) => {
    for (const gateway of ["192.0.2.1", "fd00::1"]) {
      const given = call({ ranges: [[{ ...v4, gateway }]] });
      assert.deepEqual(resultOf(await host.cni("ADD", given)).ips?.[0]?.gateway, gateway);
      assertSuccess(await host.cni("DEL", given));
    }
  }));

test("ten thousand ranges are no obstacle", () =>
  withHost(async (host) => {
    const subnets = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/28`);
    const given = call({ ranges: [subnets.map((subnet) => ({ subnet }))] });
    const reply = await host.cni("ADD", given);
    assert.equal(resultOf(reply).ips?.[0]?.address, "10.0.0.2/28");
    assertSuccess(await host.cni("DEL", given));
    const doubled = call({ ranges: [[...subnets, subnets[7777]].map((subnet) => ({ subnet }))] });
    const { json, ms } = await host.cni("ADD", doubled);
    assert.match(
      (json as { msg: string }).msg,
      /^invalid range set 0: subnets 10\.30\.97\.1-.* overlap$/,
    );
    assert.ok(ms < 5000, `took ${ms} ms`);
  }));

/** Runs the verbs with another data directory. */
async function liveThrough(host: Host, dataDir: string): Promise<void> {
  const given = call({ ranges: [[v4]], dataDir });
  const again = { ...given, containerId: "b" };
  const first = resultOf(await host.cni("ADD", given)).ips?.[0]?.address;
  assert.notEqual(resultOf(await host.cni("ADD", again)).ips?.[0]?.address, first);
  for (const each of [given, again]) {
    assertSuccess(await host.cni("CHECK", each));
    assertSuccess(await host.cni("DEL", each));
    assertError(await host.cni("CHECK", each), { code: 999, msg: /Failed to find/ });
  }
}

test("a data directory that is a link is followed, a network's directory is not", () =>
  withHost(async (host) => {
    await host.run("mkdir", "-p", "/run/real/elsewhere");
    symlinkSync("real", host.outside("/run/link"));
    await liveThrough(host, "/run/link");
    assert.ok(readdirSync(host.outside("/run/real/net1")).includes("lock"));
    await liveThrough(host, "/run/link/");
    symlinkSync("elsewhere", host.outside("/run/real/net2"));
    const given = call({ ranges: [[v4]], dataDir: "/run/real" }, { name: "net2" });
    assertError(await host.cni("ADD", given), { code: 999, msg: /net2/ });
    assert.deepEqual(readdirSync(host.outside("/run/real/elsewhere")), []);
  }));

test("a network's directory may be a mount of its own", () =>
  withHost(async (host) => {
    await host.run("mkdir", "-p", "/run/data/net1");
    await host.run("mount", "-t", "tmpfs", "store", "/run/data/net1");
    await liveThrough(host, "/run/data");
    assert.equal(
      (await host.cni("ADD", call({ ranges: [[v4]], dataDir: "/run/data" }))).stderr,
      "",
    );
  }));

test("a data directory may be deep, relative or strangely named", () =>
  withHost(async (host) => {
    await liveThrough(host, "/run/a/b/c/d");
    await liveThrough(host, "/run/with blank/ünd\ttab");
    await liveThrough(host, "run/relative");
  }));

test("a data directory that is a file, or cannot be written, is told by every verb", () =>
  withHost(async (host) => {
    host.write("/run/file", "");
    const given = call({ ranges: [[v4]], dataDir: "/run/file" }, { cniVersion: "1.1.0" });
    for (const verb of ["ADD", "CHECK", "DEL"] as const) {
      assertError(await host.cni(verb, given), {
        code: 999,
        msg: "open /run/file/net1: not a directory",
      });
    }
    assertError(await host.cni("STATUS", given), { code: 50, msg: /not a directory/ });
    await host.run("mkdir", "/run/ro");
    const readOnly = call({ ranges: [[v4]], dataDir: "/run/ro" }, { cniVersion: "1.1.0" });
    resultOf(await host.cni("ADD", readOnly));
    await host.run("mount", "-o", "bind", "/run/ro", "/run/ro");
    await host.run("mount", "-o", "remount,bind,ro", "/run/ro");
    assertError(await host.cni("ADD", { ...readOnly, containerId: "b" }), {
      code: 999,
      msg: /read-only file system/,
    });
    assertSuccess(await host.cni("CHECK", readOnly));
    assertError(await host.cni("DEL", readOnly), { code: 999, msg: /read-only file system/ });
    assertError(await host.cni("STATUS", readOnly), { code: 50, msg: /read-only file system/ });
    assertSuccess(await host.cni("DEL", { ...readOnly, containerId: "nobody" }));
  }));
