// kernel: bridge-vlan vlan
/** The bridge plugin with VLANs: who reaches whom, the gateway's interface of a VLAN, and the reference beside it. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { withoutNewReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { batch } from "./harness/interface-plugin.ts";
import {
  bridgeConfig,
  type Config,
  gatewayConfig,
  layer2Config,
  subnet6,
} from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { assertNoPing, assertPing, assertPingAtOnce, assertTcp } from "./harness/traffic.ts";

/** Another network, on the same bridge. */
const otherNetwork = (keys: Config) =>
  gatewayConfig({
    name: "net2",
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]],
    },
    ...keys,
  });

interface PortVlans {
  ifname: string;
  vlans: { vlan: number; flags?: string[] }[];
}

interface LinkJson {
  ifname: string;
  address: string;
  mtu: number;
  link?: string;
  master?: string;
  flags: string[];
  operstate: string;
}

/** The VLANs of a port, as `100 PVID Egress Untagged`. */
async function vlansOf(host: Host, port: string): Promise<string[]> {
  const all: PortVlans[] = JSON.parse(await host.run("bridge", "-j", "vlan"));
  const found = all.filter(({ ifname }) => ifname === port).flatMap(({ vlans }) => vlans);
  return found.map(({ vlan, flags = [] }) => [vlan, ...flags].join(" "));
}

const native = (id: number) => `${id} PVID Egress Untagged`;

/** The port behind a gateway's interface. */
async function portOf(host: Host, gateway: string): Promise<string> {
  const [link] = await host.ip<LinkJson>("", "link", "show", "dev", gateway);
  return link?.link ?? "";
}

async function withContainers(
  names: readonly string[],
  steps: (host: Host) => Promise<void>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns(...names);
    await steps(host);
  });
}

test("vlan: containers of a VLAN reach each other and their gateway, and nobody else", () =>
  withContainers(["c1", "c2", "c3", "c4"], async (host) => {
    const config = gatewayConfig({ vlan: 100 });
    const first = await attach(host, { config, netns: "c1" });
    const second = await attach(host, { config, netns: "c2" });
    // One of another VLAN with an address of the same network, and one of another network.
    await attach(host, { config: bridgeConfig({ vlan: 200 }), netns: "c3" });
    await attach(host, { config: otherNetwork({ vlan: 200 }), netns: "c4" });
    assert.deepEqual(await vlansOf(host, first.hostEnd), [native(100)]);
    const gateways = [first, second].map(({ result }) => result.interfaces?.[3]);
    const [link] = await host.ip<LinkJson>("", "link", "show", "dev", "cni0.100");
    assert.deepEqual(gateways[0], { name: "cni0.100", mac: link?.address, mtu: 1500 });
    assert.deepEqual(gateways[1], gateways[0]);
    const port = await portOf(host, "cni0.100");
    assert.deepEqual(await vlansOf(host, port), [native(100)]);
    assert.match(port, /^veth[0-9a-f]{8}$/);
    await Promise.all([
      ...["10.1.0.1", "fd00:1::1", "10.1.0.3", "fd00:1::3"].map((to) => assertPing(host, "c1", to)),
      ...["10.2.0.1", "fd00:2::1"].map((to) => assertPing(host, "c4", to)),
      ...["10.1.0.2", "fd00:1::2"].map((to) => assertNoPing(host, "c3", to)),
    ]);
    await assertTcp(host, "c1", "c2", "10.1.0.3");
    for (const attachment of [first, second]) assertSuccess(await attachment.check());
    for (const name of ["cni0.100", port]) {
      const accept = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
      assert.equal((await host.run("cat", accept)).trim(), "0");
    }
  }));

test("vlan: another host reaches the first container at once by IPv6", () =>
  withContainers(["c1"], async (host) => {
    await addOutside(host);
    await host.runIn("out", "ip", "-6", "route", "add", subnet6, "via", outside[6].host);
    await attach(host, { config: gatewayConfig({ vlan: 100 }) });
    await assertPingAtOnce(host, "out", "fd00:1::2");
  }));

test("vlan: the gateway's interface stays for the next, GC and DEL leave it alone", () =>
  withContainers(["c1"], async (host) => {
    const config = gatewayConfig({ vlan: 100 });
    await detach(await attach(host, { config }));
    await host.unchangedBy(async () => {
      const attachment = await attach(host, { config });
      const again = { ...config, "cni.dev/valid-attachments": [] };
      assertSuccess(await host.cni("GC", { config: again }));
      await detach(attachment);
    });
    assert.ok(await portOf(host, "cni0.100"));
    const removed = await attach(host, { config });
    assertSuccess(await removed.del({ netns: "", containerId: "container-c1" }));
  }));

test("vlanTrunk: tagged packets pass for its VLANs only, those without a tag for the native one", () =>
  withContainers(["c1", "c2", "c3"], async (host) => {
    const trunk = [{ id: 205 }, { minID: 98, maxID: 100 }, { minID: 99, maxID: 101 }];
    const c1 = await attach(host, { config: layer2Config({ vlan: 7, vlanTrunk: trunk }) });
    assert.deepEqual(await vlansOf(host, c1.hostEnd), [native(7), "98", "99", "100", "101", "205"]);
    await attach(host, { config: bridgeConfig({ vlan: 100 }), netns: "c2" });
    await attach(host, { config: bridgeConfig({ vlan: 300 }), netns: "c3" });
    await batch(host, "c1", [
      "link add link eth0 name v100 up type vlan id 100",
      "link add link eth0 name v300 up type vlan id 300",
      "address add 10.1.0.200/24 dev v100",
    ]);
    await assertPing(host, "c1", "10.1.0.2");
    await batch(host, "c1", ["address flush dev v100", "address add 10.1.0.200/24 dev v300"]);
    await assertNoPing(host, "c1", "10.1.0.3");
    assertSuccess(await c1.check());
  }));

const memberships: [keys: Config, vlans: string[]][] = [
  [{ vlanTrunk: [] }, [native(1)]],
  [{ vlanTrunk: [{ id: 7 }] }, [native(1), "7"]],
  [{ vlan: 4094, preserveDefaultVlan: true }, ["1 Egress Untagged", native(4094)]],
  [{ vlanTrunk: [{ id: 7 }], preserveDefaultVlan: true }, [native(1), "7"]],
  [{ vlan: 8, vlanTrunk: [{ minID: 7, maxID: 9 }] }, ["7", native(8), "9"]],
];

test("the port is in the VLANs of the configuration", () =>
  withContainers(["c1"], async (host) => {
    for (const [keys, vlans] of memberships) {
      const attachment = await attach(host, { config: layer2Config(keys) });
      assert.deepEqual(await vlansOf(host, attachment.hostEnd), vlans, JSON.stringify(keys));
      assertSuccess(await attachment.check());
      await detach(attachment);
    }
  }));

test("CHECK tells which VLAN of the port, or which part of the gateway, is not as ADD left it", () =>
  withContainers(["c1"], async (host) => {
    const config = gatewayConfig({ vlan: 100, vlanTrunk: [{ id: 7 }] });
    const attachment = await attach(host, { config });
    const port = attachment.hostEnd;
    const vlan = (...argv: string[]) => host.run("bridge", "vlan", ...argv);
    const told = async (msg: RegExp) => assertError(await attachment.check(), { code: 999, msg });
    await vlan("del", "dev", port, "vid", "7");
    await told(/^VLAN 7 of port "veth[0-9a-f]+" is missing, configured is tagged$/);
    await vlan("add", "dev", port, "vid", "7", "pvid", "untagged");
    await told(/^VLAN 100 of port .* is untagged, configured is native$/);
    await vlan("add", "dev", port, "vid", "7");
    await vlan("add", "dev", port, "vid", "100", "pvid", "untagged");
    assertSuccess(await attachment.check());
    await vlan("add", "dev", port, "vid", "8");
    await told(/is in VLAN 8, which is not configured$/);
    await vlan("del", "dev", port, "vid", "8");
    await host.run("ip", "address", "del", "10.1.0.1/24", "dev", "cni0.100");
    await told(/^interface "cni0.100" has lost its address 10.1.0.1\/24$/);
    await host.run("ip", "link", "del", "cni0.100");
    await told(/cni0\.100/);
  }));

const late = { type: "late", routes: [] };
const lateAnswer = `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}], "routes": [{"dst": "10.9.0.0/16", "gw": "192.0.2.1"}]}'`;

test("an ADD that fails late leaves no gateway's interface, unless somebody else needs it", () =>
  withContainers(["c1", "c2", "c3"], async (host) => {
    const path = `${host.script("late", lateAnswer)}:/run/ours`;
    const failing = { config: gatewayConfig({ vlan: 100, ipam: late }), path };
    await host.unchangedBy(async () => assertError(await host.cni("ADD", failing), { code: 999 }));
    await attach(host, { config: otherNetwork({ vlan: 200 }), netns: "c2" });
    await host.unchangedBy(async () => assertError(await host.cni("ADD", failing), { code: 999 }));
    await attach(host, { config: gatewayConfig({ vlan: 100 }), netns: "c3" });
    await host.unchangedBy(async () => assertError(await host.cni("ADD", failing), { code: 999 }));
  }));

test("an address in the way on the gateway's interface is refused, or replaced by force", () =>
  withContainers(["c1"], async (host) => {
    const config = gatewayConfig({ vlan: 100 });
    await detach(await attach(host, { config }));
    await batch(host, "", ["address flush dev cni0.100", "address add 10.7.0.1/24 dev cni0.100"]);
    await host.unchangedBy(async () =>
      assertError(await host.cni("ADD", { config }), {
        code: 999,
        msg: 'failed to set vlan interface for bridge with addr: "cni0.100" already has an IP address different from 10.1.0.1/24',
      }),
    );
    await attach(host, { config: { ...config, forceAddress: true } });
    await assertPing(host, "c1", "10.1.0.1");
  }));

test("a bridge that does not filter VLANs stays so, and a line on stderr says it", () =>
  withContainers(["c1"], async (host) => {
    await host.run("ip", "link", "add", "cni0", "up", "type", "bridge");
    const { reply, hostEnd } = await attach(host, { config: layer2Config({ vlan: 100 }) });
    assert.match(reply.stderr, /bridge "cni0" does not filter VLANs/);
    assert.deepEqual(await vlansOf(host, hostEnd), [native(100)]);
  }));

test("ten first ADDs at once share one bridge and one gateway's interface", () =>
  withContainers(
    Array.from({ length: 10 }, (_, index) => `c${index + 1}`),
    async (host) => {
      const config = gatewayConfig({ vlan: 100 });
      const calls = Array.from({ length: 10 }, (_, index) =>
        host.cni("ADD", { config, netns: `c${index + 1}`, deadlineMs: 60_000 }),
      );
      const results = (await Promise.all(calls)).map(resultOf);
      assert.equal(new Set(results.map((it) => JSON.stringify(it.interfaces?.[3]))).size, 1);
      assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 12);
      assert.deepEqual(await vlansOf(host, await portOf(host, "cni0.100")), [native(100)]);
      await assertPing(host, "c10", "10.1.0.1");
      await assertPing(host, "c1", results[9]?.ips?.[0]?.address.replace(/\/.*/, "") ?? "");
    },
  ));

test("an interrupted making of the gateway's interface is taken up by the next ADD", () =>
  withContainers(["c1", "c2"], async (host) => {
    const config = gatewayConfig({ vlan: 100 });
    await detach(await attach(host, { config }));
    // As after a kill between making it and putting its port into the VLAN.
    const port = await portOf(host, "cni0.100");
    await host.run("sh", "-c", "ip link set cni0.100 down && ip link set cni0.100 alias ''");
    await host.run("bridge", "vlan", "del", "dev", port, "vid", "100");
    await host.run("bridge", "vlan", "add", "dev", port, "vid", "1", "pvid", "untagged");
    await attach(host, { config });
    assert.deepEqual(await vlansOf(host, port), [native(100)]);
    await assertPing(host, "c1", "10.1.0.1");
  }));

/** What a suite makes of a configuration, without what is different each time. */
async function madeBy(from: string, config: Config): Promise<unknown> {
  let made: unknown;
  await withContainers(["c1"], async (host) => {
    const result = resultOf(await host.cni("ADD", { config, from, path: from }));
    const [port, gatewayPort] = [result.interfaces?.[1]?.name ?? "", await portIfAny(host)];
    const links = await host.ip<LinkJson & Record<string, unknown>>("", "-d", "address");
    made = {
      vlans: [await vlansOf(host, port), await vlansOf(host, gatewayPort)],
      bridgeVlans: await vlansOf(host, "cni0"),
      result: JSON.parse(
        JSON.stringify(result, (key, value) =>
          /^(mac|mtu)$/.test(key) ? undefined : value,
        ).replaceAll(port, "PORT"),
      ),
      links: links
        .filter(({ ifname }) => ifname.startsWith("cni0"))
        .map((link) => ({
          name: link.ifname,
          flags: link.flags.sort(),
          mtu: link.mtu,
          kind: (link.linkinfo as { info_kind: string }).info_kind,
          filtering: (link.linkinfo as { info_data?: Record<string, unknown> }).info_data
            ?.vlan_filtering,
          addresses: (link.addr_info as { local: string; prefixlen: number; scope: string }[])
            .filter(({ scope }) => scope === "global")
            .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
        })),
    };
    // Each suite removes what the other made.
    const other = from === "/run/ours" ? "/run/reference" : "/run/ours";
    const del = { config: { ...config, prevResult: result }, from: other, path: other };
    assertSuccess(await host.cni("DEL", del));
    const left = await host.ip<LinkJson>("", "link", "show", "master", "cni0");
    assert.deepEqual(
      left.map(({ ifname }) => ifname),
      gatewayPort === "" ? [] : [gatewayPort],
    );
  });
  return made;
}

async function portIfAny(host: Host): Promise<string> {
  const links = await host.ip<LinkJson>("", "link");
  return links.find(({ ifname }) => ifname === "cni0.100")?.link ?? "";
}

const compared: Config[] = [
  gatewayConfig({ vlan: 100 }),
  gatewayConfig({ vlan: 100, preserveDefaultVlan: true, cniVersion: "0.3.1", mtu: 1400 }),
  bridgeConfig({ vlan: 100, vlanTrunk: [{ minID: 5, maxID: 9, id: 7 }, { id: 4094 }] }),
  gatewayConfig({ vlanTrunk: [{ id: 7 }] }),
  layer2Config({ vlanTrunk: [] }),
];

for (const config of compared) {
  const { vlan, vlanTrunk, preserveDefaultVlan, isDefaultGateway } = config;
  const keys = JSON.stringify({ vlan, vlanTrunk, preserveDefaultVlan, isDefaultGateway });
  test(`both suites make the same of ${keys}`, { skip: withoutNewReference }, async () => {
    assert.deepEqual(await madeBy("/run/ours", config), await madeBy("/run/reference", config));
  });
}
