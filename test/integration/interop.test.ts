/** The reference suite and ours on one host: each understands, checks and removes what the other made. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import nodeTest from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { sharedVersion, withoutNewReference, withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, withHost } from "./harness/host.ts";
import type { Config } from "./harness/networks.ts";
import * as networks from "./harness/networks.ts";
import { changes, readReservations, type Snapshot } from "./harness/snapshot.ts";
import { assertPing } from "./harness/traffic.ts";

const test = (name: string, body: () => Promise<void>) =>
  nodeTest(name, { skip: withoutReference }, body);

const shared = { cniVersion: sharedVersion };
const bridgeConfig = (keys: Config = {}) => networks.bridgeConfig({ ...shared, ...keys });
const gatewayConfig = (keys: Config = {}) => networks.gatewayConfig({ ...shared, ...keys });
const layer2Config = (keys: Config = {}) => networks.layer2Config({ ...shared, ...keys });
const hostLocalConfig = (ipam: Config) => networks.hostLocalConfig(ipam, shared);

const ours = "/run/ours";
const reference = "/run/reference";
const suites: [name: string, from: string, other: string][] = [
  ["ours", ours, reference],
  ["the reference", reference, ours],
];

function hostLocal(from: string, containerId: string, ipam: Config = {}): Call {
  const config = hostLocalConfig(ipam);
  return { plugin: "host-local", from, containerId, netns: "/run/netns/unused", config };
}

async function given(host: Host, call: Call): Promise<string[]> {
  return (resultOf(await host.cni("ADD", call)).ips ?? []).map(({ address }) => address);
}

test("both suites take turns in one directory, and count on from each other", () =>
  withHost(async (host) => {
    for (let i = 0; i < 6; i++) {
      const from = i % 2 === 0 ? ours : reference;
      const expected = [`10.1.0.${i + 2}/24`, `fd00:1::${i + 2}/64`];
      assert.deepEqual(await given(host, hostLocal(from, `c${i}`)), expected);
    }
    assert.equal(readReservations(host).length, 12);
  }));

test("both suites write the same files", () =>
  withHost(async (host) => {
    const contents: Record<string, string>[] = [];
    for (const from of [ours, reference]) {
      const dataDir = `/var/lib/cni/${from === ours ? "a" : "b"}`;
      await given(host, hostLocal(from, "c1", { dataDir }));
      await given(host, hostLocal(from, "c2", { dataDir }));
      assertSuccess(await host.cni("DEL", hostLocal(from, "c1", { dataDir })));
      const folder = host.outside(`${dataDir}/net1`);
      contents.push(
        Object.fromEntries(
          readdirSync(folder).map((name) => [name, readFileSync(`${folder}/${name}`, "utf8")]),
        ),
      );
    }
    assert.deepEqual(contents[0], contents[1]);
  }));

for (const [name, from, other] of suites) {
  test(`what ${name} reserved, the other one sees, checks and releases`, () =>
    withHost(async (host) => {
      const ipam = { ranges: [[{ subnet: "10.1.0.0/29" }]] };
      for (let i = 0; i < 5; i++) await given(host, hostLocal(from, `c${i}`, ipam));
      assertError(await host.cni("ADD", hostLocal(other, "late", ipam)), {
        code: 999,
        msg: "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.6",
      });
      assertError(await host.cni("ADD", hostLocal(other, "c1", ipam)), {
        code: 999,
        msg: "failed to allocate for range 0: 10.1.0.3 has been allocated to c1, duplicate allocation is not allowed",
      });
      const wanted = { ...hostLocal(other, "late", ipam), args: "IP=10.1.0.4" };
      assertError(await host.cni("ADD", wanted), {
        code: 999,
        msg: "failed to allocate for range 0: requested IP address 10.1.0.4 is not available in range set 10.1.0.1-10.1.0.6",
      });
      assertSuccess(await host.cni("CHECK", hostLocal(other, "c2", ipam)));
      assertSuccess(await host.cni("DEL", hostLocal(other, "c2", ipam)));
      assertError(await host.cni("CHECK", hostLocal(from, "c2", ipam)), { code: 999 });
      assert.deepEqual(await given(host, hostLocal(from, "late", ipam)), ["10.1.0.4/29"]);
    }));
}

test("a directory that both changed in turn stays true for both", () =>
  withHost(async (host) => {
    const turn = (i: number) => (i % 3 === 0 ? ours : reference);
    const held = new Map<string, string>();
    for (let i = 0; i < 40; i++) {
      const id = `c${i}`;
      held.set(id, (await given(host, hostLocal(turn(i), id)))[0] ?? "");
      if (i % 4 === 3) {
        const gone = `c${i - 3}`;
        assertSuccess(await host.cni("DEL", hostLocal(turn(i + 1), gone)));
        held.delete(gone);
        for (const from of [ours, reference]) {
          assertError(await host.cni("CHECK", hostLocal(from, gone)), { code: 999 });
        }
      }
    }
    for (const from of [ours, reference]) {
      for (const id of held.keys()) assertSuccess(await host.cni("CHECK", hostLocal(from, id)));
    }
    const addresses = [...held.values()].map((address) => address.replace(/\/.*/, ""));
    const files = readReservations(host).filter((line) => line.startsWith("net1/10."));
    assert.deepEqual(
      files.map((line) => line.slice("net1/".length).split(" ")[0]).sort(),
      addresses.sort(),
    );
  }));

for (const [name, from, other] of suites) {
  test(`the other suite checks and removes an attachment that ${name} made`, () =>
    withHost(async (host) => {
      await host.addNetns("c1", "c2");
      for (const config of [
        gatewayConfig(),
        gatewayConfig({ hairpinMode: true }),
        bridgeConfig(),
      ]) {
        const neighbour = await attach(host, { config, from: other, path: other, netns: "c2" });
        await host.unchangedBy(async () => {
          const attachment = await attach(host, { config, from, path: from });
          if (config.isDefaultGateway) await assertPing(host, "c1", "10.1.0.1");
          assertSuccess(await attachment.check({ from: other, path: other }));
          assertSuccess(await attachment.del({ from: other, path: other }));
        });
        await detach(neighbour);
      }
    }));
}

test("DEL without a namespace releases the addresses of what the reference made", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const attachment = await attach(host, {
      config: gatewayConfig(),
      from: reference,
      path: reference,
    });
    assertSuccess(
      await attachment.del({ from: ours, path: ours, netns: "", containerId: "container-c1" }),
    );
    assert.deepEqual(readReservations(host), []);
  }));

/** What the plugin executed, besides itself. */
async function executed(host: Host, call: Call): Promise<string[]> {
  const trace = "/run/work/trace";
  const wrap = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", trace];
  resultOf(await host.cni("ADD", { ...call, wrap }));
  return readFileSync(host.outside(trace), "utf8")
    .split("\n")
    .flatMap((line) => /execve\("([^"]+)".*= 0$/.exec(line)?.[1] ?? [])
    .slice(1);
}

test("the host-local that CNI_PATH finds first is the one that is used", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3");
    const config = gatewayConfig();
    assert.deepEqual(await executed(host, { config, netns: "c1", path: `${reference}:${ours}` }), [
      "/run/reference/host-local",
    ]);
    // Our own is called in process.
    assert.deepEqual(
      await executed(host, { config, netns: "c2", path: `${ours}:${reference}` }),
      [],
    );
    const scripts = host.script("host-local", "exec /run/reference/host-local");
    assert.deepEqual(await executed(host, { config, netns: "c3", path: `${scripts}:${ours}` }), [
      "/run/scripts/host-local",
      "/run/reference/host-local",
    ]);
    assert.deepEqual(
      readReservations(host).filter((line) => line.startsWith("net1/10.")),
      [
        "net1/10.1.0.2 container-c1 eth0",
        "net1/10.1.0.3 container-c2 eth0",
        "net1/10.1.0.4 container-c3 eth0",
      ],
    );
  }));

test("our bridge works with the reference's host-local, and the other way round", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    for (const [netns, from, path] of [
      ["c1", ours, reference],
      ["c2", reference, ours],
    ] as const) {
      const attachment = await attach(host, { config: gatewayConfig(), netns, from, path });
      await assertPing(host, netns, "10.1.0.1");
      await assertPing(host, netns, "fd00:1::1");
      assertSuccess(await attachment.check());
      await detach(attachment);
      assert.deepEqual(readReservations(host), []);
    }
  }));

/** Chance decides MACs and the host end's name. */
function withoutChance(text: string): string {
  return text
    .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "MAC")
    .replace(/\bveth[0-9a-f]{8}\b/g, "VETH")
    .replace(/ alias \S+/g, "");
}

/** What a suite prints and makes in a world of its own. */
async function madeBy(
  from: string,
  config: Config,
  args?: string,
): Promise<{ stdout: string; world: Snapshot }> {
  const made: { stdout: string; world: Snapshot }[] = [];
  await withHost(async (host) => {
    await host.addNetns("c1");
    const call = { config, from, path: from };
    const reply = await host.cni("ADD", args === undefined ? call : { ...call, args });
    assert.equal(resultOf(reply).cniVersion, config.cniVersion);
    const clean = (lines: readonly string[] = []) => lines.map(withoutChance);
    const { host: onHost, containers, reservations } = await host.snapshot();
    const world = { host: clean(onHost), containers: { c1: clean(containers.c1) }, reservations };
    // Our results of version 1.1.0 tell the interfaces' MTU.
    const stdout = withoutChance(reply.stdout).replace(/ *"mtu": \d+,\n/g, "");
    made.push({ stdout, world });
  });
  const [only] = made;
  assert.ok(only);
  return only;
}

const comparisons: [name: string, config: Config, args?: string][] = [
  ["addresses", bridgeConfig()],
  ["a gateway", bridgeConfig({ isGateway: true })],
  ["default routes", gatewayConfig()],
  ["layer 2", layer2Config()],
  ["an MTU", gatewayConfig({ mtu: 1400 })],
  ["promiscuous mode", gatewayConfig({ promiscMode: true })],
  ["hairpin mode", gatewayConfig({ hairpinMode: true })],
  ["a DNS", gatewayConfig({ dns: { nameservers: ["1.1.1.1"], search: ["a.example"] } })],
  ["an interface that stays down", layer2Config({ disableContainerInterface: true })],
  ["a requested address", gatewayConfig(), "IgnoreUnknown=true;IP=10.1.0.77"],
  [
    "routes",
    gatewayConfig({
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.1.0.0/24", gateway: "10.1.0.254" }], [{ subnet: "fd00:1::/64" }]],
        routes: [
          { dst: "0.0.0.0/0", gw: "10.1.0.9" },
          { dst: "172.16.0.0/12", priority: 7 },
          { dst: "172.20.0.0/16", table: 100 },
          { dst: "2001:db8::/32", gw: "fd00:1::9" },
        ],
      },
    }),
  ],
];

for (const [name, keys, args] of comparisons) {
  for (const cniVersion of ["0.2.0", "0.4.0", "1.1.0"]) {
    if (keys.ipam === undefined && cniVersion === "0.2.0") continue; // no address, no result
    const what = `both suites make the same of ${name}, version ${cniVersion}`;
    nodeTest(what, { skip: withoutNewReference }, async () => {
      const config = { ...keys, cniVersion };
      const [one, other] = [
        await madeBy(ours, config, args),
        await madeBy(reference, config, args),
      ];
      assert.equal(one.stdout, other.stdout);
      assert.equal(changes(other.world, one.world).join("\n"), "");
    });
  }
}
