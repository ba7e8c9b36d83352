/** What the bridge plugin makes of each key of its configuration, and that packets pass. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import {
  bridgeConfig,
  type Config,
  gatewayConfig,
  layer2Config,
  subnet4,
} from "./harness/networks.ts";
import { assertNoPing, assertPing, assertTcp } from "./harness/traffic.ts";

interface LinkJson {
  ifname: string;
  address: string;
  mtu: number;
  flags: string[];
  operstate: string;
  master?: string;
  promiscuity: number;
  linkinfo: { info_kind: string; info_slave_data?: { hairpin: boolean; isolated: boolean } };
  addr_info: { family: string; local: string; prefixlen: number; scope: string }[];
}

/** A link with its details; "" is the host's namespace. */
async function link(host: Host, netns: string, name: string): Promise<LinkJson> {
  const [found] = await host.ip<LinkJson>(netns, "-d", "address", "show", "dev", name);
  assert.ok(found);
  return found;
}

/** Addresses without the link-local ones. */
async function addresses(host: Host, netns: string, name: string): Promise<string[]> {
  const { addr_info: all } = await link(host, netns, name);
  return all.filter(({ scope }) => scope !== "link").map((it) => `${it.local}/${it.prefixlen}`);
}

/** Unicast routes of a table, as `ip` prints them. */
async function routes(host: Host, family: "-4" | "-6", table = "main"): Promise<string[]> {
  const text = await host.run("ip", "-n", "c1", family, "route", "show", "table", table);
  return text
    .split("\n")
    .map((line) =>
      line
        .trim()
        .replace(/ +/g, " ")
        .replace(/ pref medium| proto \S+/g, ""),
    )
    .filter((line) => line !== "" && !/^(fe80|multicast|local|broadcast|anycast|ff00)/.test(line));
}

/** A sysctl of the namespace c1, or of the host. */
async function sysctl(host: Host, path: string, netns = "c1"): Promise<string> {
  const argv = ["cat", `/proc/sys/net/${path}`];
  return (await (netns === "" ? host.run(...argv) : host.runIn(netns, ...argv))).trim();
}

/** A world with one namespace. */
function withContainer(steps: (host: Host) => Promise<void>): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await steps(host);
  });
}

test("two containers and their gateway talk to each other in both families", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await host.unchangedBy(async () => {
      const attachments = [];
      for (const netns of ["c1", "c2"]) {
        attachments.push(await attach(host, { config: gatewayConfig(), netns }));
      }
      assert.deepEqual(
        attachments.map(({ result }) => result.ips?.map(({ address }) => address)),
        [
          ["10.1.0.2/24", "fd00:1::2/64"],
          ["10.1.0.3/24", "fd00:1::3/64"],
        ],
      );
      await Promise.all([
        ...["10.1.0.1", "fd00:1::1", "10.1.0.3", "fd00:1::3"].map((to) =>
          assertPing(host, "c1", to),
        ),
        ...["10.1.0.1", "fd00:1::1", "10.1.0.2", "fd00:1::2"].map((to) =>
          assertPing(host, "c2", to),
        ),
      ]);
      await assertTcp(host, "c1", "c2", "10.1.0.3");
      await assertTcp(host, "c2", "c1", "fd00:1::2");
      for (const attachment of attachments) {
        assertSuccess(await attachment.check());
        await detach(attachment);
      }
      await host.run("ip", "link", "del", "cni0");
    });
  }));

test("packets reach a container on another bridge through the host", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await attach(host, { config: gatewayConfig(), netns: "c1" });
    const other = {
      type: "host-local",
      ranges: [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]],
    };
    const config = gatewayConfig({ name: "net2", bridge: "br2", ipam: other });
    await attach(host, { config, netns: "c2" });
    await assertPing(host, "c1", "10.2.0.2");
    await assertPing(host, "c1", "fd00:2::2");
    await assertTcp(host, "c2", "c1", "10.1.0.2");
    await assertTcp(host, "c2", "c1", "fd00:1::2");
  }));

test("the first packet gets through as soon as ADD has returned", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    for (const netns of ["c1", "c2"]) await attach(host, { config: gatewayConfig(), netns });
    for (const to of ["10.1.0.2", "fd00:1::2"]) {
      const ping = ["ping", "-n", "-c1", "-W1", to];
      assert.match(await host.runIn("c2", ...ping), / 0% packet loss/);
    }
  }));

interface LinkOfResult {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** The result as each version prints it, with the MACs and the name that chance decides. */
function expectedResult(version: string, links: LinkOfResult[]): object {
  const [bridge, port, container] = links;
  const sandbox = "/run/netns/c1";
  const [address4, address6] = ["10.1.0.2/24", "fd00:1::2/64"];
  const [gateway4, gateway6] = ["10.1.0.1", "fd00:1::1"];
  const [route4, route6] = [
    { dst: "0.0.0.0/0", gw: gateway4 },
    { dst: "::/0", gw: gateway6 },
  ];
  const plain = ({ name = "", mac = "" } = {}) => ({ name, mac });
  if (version === "0.1.0" || version === "0.2.0") {
    return {
      cniVersion: version,
      ip4: { ip: address4, gateway: gateway4, routes: [route4] },
      ip6: { ip: address6, gateway: gateway6, routes: [route6] },
      dns: {},
    };
  }
  if (version.startsWith("0.")) {
    return {
      cniVersion: version,
      interfaces: [plain(bridge), plain(port), { ...plain(container), sandbox }],
      ips: [
        { version: "4", interface: 2, address: address4, gateway: gateway4 },
        { version: "6", interface: 2, address: address6, gateway: gateway6 },
      ],
      routes: [route4, route6],
      dns: {},
    };
  }
  // Only this one has room for the MTU.
  const sorted = ({ name = "", mac = "", mtu = 0 } = {}) =>
    version === "1.1.0" ? { mac, mtu, name } : { mac, name };
  return {
    cniVersion: version,
    interfaces: [sorted(bridge), sorted(port), { ...sorted(container), sandbox }],
    ips: [
      { address: address4, gateway: gateway4, interface: 2 },
      { address: address6, gateway: gateway6, interface: 2 },
    ],
    routes: [route4, route6],
  };
}

for (const cniVersion of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  const than = cniVersion === "1.1.0" ? ", but for the MTUs" : "";
  test(`the result of version ${cniVersion} is the reference's to the byte${than}`, () =>
    withContainer(async (host) => {
      const config = gatewayConfig({ cniVersion });
      const { reply } = await attach(host, { config });
      const port = (await host.ip<LinkJson>("", "link")).find(({ ifname }) =>
        ifname.startsWith("veth"),
      );
      const links = [];
      for (const [netns, name] of [
        ["", "cni0"],
        ["", port?.ifname ?? ""],
        ["c1", "eth0"],
      ] as const) {
        const { address: mac, mtu } = await link(host, netns, name);
        links.push({ name, mac, mtu });
      }
      const expected = JSON.stringify(expectedResult(cniVersion, links), undefined, 4);
      assert.equal(reply.stdout, expected);
    }));
}

test("a configuration without a version gets a result of 0.1.0", () =>
  withContainer(async (host) => {
    const { result } = await attach(host, { config: bridgeConfig({ cniVersion: undefined }) });
    assert.equal(result.cniVersion, "0.1.0");
  }));

test("the host end and the container end are up, and the bridge holds the port", () =>
  withContainer(async (host) => {
    const { hostEnd } = await attach(host, { config: bridgeConfig() });
    const port = await link(host, "", hostEnd);
    assert.equal(port.master, "cni0");
    assert.equal(port.operstate, "UP");
    const { hairpin, isolated } = port.linkinfo.info_slave_data ?? {};
    assert.deepEqual({ hairpin, isolated }, { hairpin: false, isolated: false });
    const eth0 = await link(host, "c1", "eth0");
    assert.equal(eth0.operstate, "UP");
    assert.equal(eth0.linkinfo.info_kind, "veth");
    assert.ok((await link(host, "", "cni0")).flags.includes("UP"));
  }));

test("router advertisements are not accepted on bridge and port", () =>
  withContainer(async (host) => {
    const { hostEnd } = await attach(host, { config: gatewayConfig() });
    assert.equal(await sysctl(host, "ipv6/conf/cni0/accept_ra", ""), "0");
    assert.equal(await sysctl(host, `ipv6/conf/${hostEnd}/accept_ra`, ""), "0");
  }));

test("bridge: names the bridge", () =>
  withContainer(async (host) => {
    const { result } = await attach(host, { config: bridgeConfig({ bridge: "br-blue" }) });
    assert.equal(result.interfaces?.[0]?.name, "br-blue");
    assert.equal((await link(host, "", "br-blue")).linkinfo.info_kind, "bridge");
  }));

test("without isGateway the bridge gets no address and forwarding stays as it is", () =>
  withContainer(async (host) => {
    await host.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward");
    await attach(host, { config: bridgeConfig() });
    assert.deepEqual(await addresses(host, "", "cni0"), []);
    assert.equal(await sysctl(host, "ipv4/ip_forward", ""), "0");
    assert.equal(await sysctl(host, "ipv6/conf/all/forwarding", ""), "0");
    assert.deepEqual(await routes(host, "-4"), ["10.1.0.0/24 dev eth0 scope link src 10.1.0.2"]);
  }));

test("isGateway: puts the gateways on the bridge and turns forwarding on", () =>
  withContainer(async (host) => {
    await attach(host, { config: bridgeConfig({ isGateway: true }) });
    assert.deepEqual(await addresses(host, "", "cni0"), ["10.1.0.1/24", "fd00:1::1/64"]);
    assert.equal(await sysctl(host, "ipv4/ip_forward", ""), "1");
    assert.equal(await sysctl(host, "ipv6/conf/all/forwarding", ""), "1");
    assert.deepEqual(await routes(host, "-4"), ["10.1.0.0/24 dev eth0 scope link src 10.1.0.2"]);
    assert.deepEqual(await routes(host, "-6"), ["fd00:1::/64 dev eth0 metric 256"]);
  }));

test("isGateway: turns on forwarding only for the families in use", () =>
  withContainer(async (host) => {
    await host.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward");
    const ipam = { type: "host-local", subnet: "fd00:9::/64" };
    await attach(host, { config: bridgeConfig({ isGateway: true, ipam }) });
    assert.equal(await sysctl(host, "ipv4/ip_forward", ""), "0");
    assert.equal(await sysctl(host, "ipv6/conf/all/forwarding", ""), "1");
  }));

test("isGateway: takes the range's own gateway where it has one", () =>
  withContainer(async (host) => {
    const ipam = { type: "host-local", subnet: subnet4, gateway: "10.1.0.254" };
    const { result } = await attach(host, { config: gatewayConfig({ ipam }) });
    assert.deepEqual(await addresses(host, "", "cni0"), ["10.1.0.254/24"]);
    assert.deepEqual(result.ips, [{ address: "10.1.0.1/24", gateway: "10.1.0.254", interface: 2 }]);
    await assertPing(host, "c1", "10.1.0.254");
  }));

test("isDefaultGateway: adds a default route of each family", () =>
  withContainer(async (host) => {
    const { result } = await attach(host, { config: gatewayConfig() });
    assert.deepEqual(await addresses(host, "", "cni0"), ["10.1.0.1/24", "fd00:1::1/64"]);
    assert.deepEqual((await routes(host, "-4"))[0], "default via 10.1.0.1 dev eth0");
    assert.ok((await routes(host, "-6")).includes("default via fd00:1::1 dev eth0 metric 1024"));
    assert.deepEqual(result.routes, [
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "::/0", gw: "fd00:1::1" },
    ]);
  }));

for (const [name, ipamRoutes] of [
  ["with next hop", [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }]],
  ["without next hop", [{ dst: "0.0.0.0/0" }]],
] as const) {
  test(`isDefaultGateway: adds no default route of a family that has one ${name}`, () =>
    withContainer(async (host) => {
      const ipam = { type: "host-local", subnet: subnet4, routes: ipamRoutes };
      const { result } = await attach(host, { config: gatewayConfig({ ipam }) });
      assert.deepEqual(result.routes, ipamRoutes);
      const defaults = (await routes(host, "-4")).filter((line) => line.startsWith("default"));
      const hop = "gw" in ipamRoutes[0] ? ipamRoutes[0].gw : "10.1.0.1";
      assert.deepEqual(defaults, [`default via ${hop} dev eth0`]);
    }));
}

test("forceAddress: replaces another address of the family on the bridge", () =>
  withContainer(async (host) => {
    await host.run("ip", "link", "add", "cni0", "type", "bridge");
    await host.run("ip", "address", "add", "192.168.7.1/24", "dev", "cni0");
    await host.run("ip", "address", "add", "fd00:1::ff/48", "nodad", "dev", "cni0");
    await host.run("ip", "address", "add", "fd00:77::1/64", "nodad", "dev", "cni0");
    await attach(host, { config: gatewayConfig({ forceAddress: true }) });
    const present = (await addresses(host, "", "cni0")).sort();
    assert.deepEqual(present, ["10.1.0.1/24", "fd00:1::1/64", "fd00:77::1/64"]);
  }));

test("mtu: applies to a new bridge and to both ends of the pair", () =>
  withContainer(async (host) => {
    const { hostEnd } = await attach(host, { config: bridgeConfig({ mtu: 1400 }) });
    assert.equal((await link(host, "", "cni0")).mtu, 1400);
    assert.equal((await link(host, "", hostEnd)).mtu, 1400);
    assert.equal((await link(host, "c1", "eth0")).mtu, 1400);
  }));

test("mtu: auto is that of the default route's link, less the overhead", () =>
  withContainer(async (host) => {
    await host.run("ip", "link", "add", "up0", "mtu", "1460", "up", "type", "bridge");
    await host.run("ip", "route", "add", "default", "dev", "up0");
    const config = bridgeConfig({ mtu: "auto", mtuOverhead: 60 });
    const { result, hostEnd } = await attach(host, { config });
    assert.equal((await link(host, "", "cni0")).mtu, 1400);
    assert.equal((await link(host, "", hostEnd)).mtu, 1400);
    assert.equal((await link(host, "c1", "eth0")).mtu, 1400);
    assert.deepEqual(
      result.interfaces?.map(({ mtu }) => mtu),
      [1400, 1400, 1400],
    );
  }));

test("mtu: leaves that of an existing bridge to its ports", () =>
  withContainer(async (host) => {
    await host.run("ip", "link", "add", "cni0", "type", "bridge");
    // Once it was set by hand it does not follow its ports any more.
    await host.run("ip", "link", "set", "cni0", "mtu", "1450");
    await attach(host, { config: bridgeConfig({ mtu: 1300 }) });
    assert.equal((await link(host, "", "cni0")).mtu, 1450);
    assert.equal((await link(host, "c1", "eth0")).mtu, 1300);
  }));

test("hairpinMode: a container reaches itself through its port", () =>
  withContainer(async (host) => {
    const { hostEnd } = await attach(host, { config: bridgeConfig({ hairpinMode: true }) });
    assert.equal((await link(host, "", hostEnd)).linkinfo.info_slave_data?.hairpin, true);
  }));

test("portIsolation: containers reach the gateway, and not each other", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    for (const netns of ["c1", "c2"]) {
      const config = gatewayConfig({ portIsolation: true });
      const { hostEnd } = await attach(host, { config, netns });
      assert.equal((await link(host, "", hostEnd)).linkinfo.info_slave_data?.isolated, true);
    }
    await Promise.all([
      assertPing(host, "c1", "10.1.0.1"),
      assertPing(host, "c1", "fd00:1::1"),
      assertNoPing(host, "c1", "10.1.0.3"),
      assertNoPing(host, "c1", "fd00:1::3"),
    ]);
  }));

test("promiscMode: the bridge sees everything, a new one and one that was there", () =>
  withContainer(async (host) => {
    await host.run("ip", "link", "add", "old", "type", "bridge");
    for (const bridge of ["cni0", "old"]) {
      const config = layer2Config({ bridge, promiscMode: true });
      const attachment = await attach(host, { config });
      const { flags, promiscuity } = await link(host, "", bridge);
      assert.ok(flags.includes("PROMISC"));
      assert.equal(promiscuity, 1);
      await detach(attachment);
    }
  }));

test("enabledad: duplicate address detection is off by default and on if wanted", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await attach(host, { config: bridgeConfig(), netns: "c1" });
    await attach(host, { config: bridgeConfig({ enabledad: true }), netns: "c2" });
    assert.equal(await sysctl(host, "ipv6/conf/eth0/accept_dad", "c1"), "0");
    assert.equal(await sysctl(host, "ipv6/conf/eth0/accept_dad", "c2"), "1");
    assert.equal(await sysctl(host, "ipv6/conf/eth0/enhanced_dad", "c2"), "1");
    for (const netns of ["c1", "c2"]) {
      assert.equal(await sysctl(host, "ipv4/conf/eth0/arp_notify", netns), "1");
      assert.equal(await sysctl(host, "ipv6/conf/eth0/keep_addr_on_down", netns), "1");
    }
  }));

test("enabledad: ADD returns once the addresses can be used", () =>
  withContainer(async (host) => {
    await attach(host, { config: gatewayConfig({ enabledad: true }) });
    const tentative = await host.run(
      "ip",
      "-n",
      "c1",
      "-6",
      "address",
      "show",
      "scope",
      "global",
      "tentative",
    );
    assert.equal(tentative, "");
  }));

test("enabledad: an address that another container has fails the ADD, and nothing is left", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const ipam = { type: "host-local", ranges: [[{ subnet: "fd00:1::/64" }]] };
    await attach(host, { config: gatewayConfig({ ipam }), netns: "c1" });
    // The address that comes next, on somebody who did not ask host-local.
    await host.run("ip", "-n", "c1", "address", "add", "fd00:1::3/64", "dev", "eth0", "nodad");
    await host.unchangedBy(async () => {
      const config = gatewayConfig({ ipam, enabledad: true });
      const reply = await host.cni("ADD", { config, netns: "c2" });
      assert.equal(reply.status, 1);
      assert.match((reply.json as { msg: string }).msg, /fd00:1::3.* DADFAILED/);
    });
  }));

test("disableContainerInterface: leaves the container's end down", () =>
  withContainer(async (host) => {
    const config = layer2Config({ disableContainerInterface: true });
    const attachment = await attach(host, { config });
    assert.ok(!(await link(host, "c1", "eth0")).flags.includes("UP"));
    assertSuccess(await attachment.check());
  }));

test("dns: what the configuration says replaces IPAM's", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3");
    const resolvConf = host.write(
      "/run/work/resolv.conf",
      "nameserver 9.9.9.9\nsearch a.example\n",
    );
    const ipam = { type: "host-local", subnet: subnet4, resolvConf };
    const fromIpam = { nameservers: ["9.9.9.9"], search: ["a.example"] };
    const own = {
      domain: "b.example",
      nameservers: ["1.1.1.1"],
      options: ["ndots:2"],
      search: ["c"],
    };
    for (const [netns, dns, expected] of [
      ["c1", undefined, fromIpam],
      ["c2", {}, fromIpam],
      ["c3", own, own],
    ] as const) {
      const { result } = await attach(host, { config: bridgeConfig({ ipam, dns }), netns });
      assert.deepEqual(result.dns, expected);
    }
  }));

for (const ipam of [undefined, {}, { type: "" }]) {
  test(`without an IPAM type (${JSON.stringify(ipam)}) the container is on the bridge and no more`, () =>
    withContainer(async (host) => {
      await host.unchangedBy(async () => {
        const attachment = await attach(host, { config: layer2Config({ ipam }) });
        const { cniVersion, interfaces, ...rest } = attachment.result;
        assert.equal(interfaces?.length, 3);
        assert.deepEqual(rest, {});
        const eth0 = await link(host, "c1", "eth0");
        assert.equal(eth0.operstate, "UP");
        assert.deepEqual(await addresses(host, "c1", "eth0"), []);
        assertSuccess(await attachment.check());
        await detach(attachment);
        await host.run("ip", "link", "del", "cni0");
      });
    }));
}

const [macA, macB, macC] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"];
const macCases: [from: string, args: string | undefined, keys: Config, expected: string][] = [
  ["CNI_ARGS", `MAC=${macA}`, {}, macA],
  ["args.cni, before CNI_ARGS", `MAC=${macA}`, { args: { cni: { mac: macB } } }, macB],
  [
    "runtimeConfig, before all",
    `MAC=${macA}`,
    { args: { cni: { mac: macB } }, runtimeConfig: { mac: macC } },
    macC,
  ],
  [
    "runtimeConfig in another notation",
    undefined,
    { runtimeConfig: { mac: "0200.0000.000C" } },
    macC,
  ],
];

for (const [from, args, keys, expected] of macCases) {
  test(`the container's MAC comes from ${from}`, () =>
    withContainer(async (host) => {
      const config = layer2Config(keys);
      const attachment = await attach(host, { config, ...(args === undefined ? {} : { args }) });
      assert.equal(attachment.result.interfaces?.[2]?.mac, expected);
      assert.equal((await link(host, "c1", "eth0")).address, expected);
      assertSuccess(await attachment.check());
    }));
}

test("MAC and IP in CNI_ARGS go together with IgnoreUnknown", () =>
  withContainer(async (host) => {
    const args = `IgnoreUnknown=1;MAC=${macA};IP=10.1.0.77;K8S_POD_NAME=x`;
    const attachment = await attach(host, { config: bridgeConfig(), args });
    assert.equal(attachment.result.interfaces?.[2]?.mac, macA);
    assert.equal(attachment.result.ips?.[0]?.address, "10.1.0.77/24");
    await detach(attachment);
  }));

test("routes: every field of the specification reaches the kernel", () =>
  withContainer(async (host) => {
    const ipam = {
      type: "host-local",
      ranges: [[{ subnet: subnet4 }], [{ subnet: "fd00:1::/64" }]],
      routes: [
        { dst: "192.168.0.0/16" },
        { dst: "172.16.0.0/12", gw: "10.1.0.9", mtu: 1400, advmss: 1300, priority: 77 },
        { dst: "172.20.0.0/16", table: 100 },
        { dst: "10.9.9.9/32", scope: 253 },
        { dst: "2001:db8::/32", gw: "fd00:1::9", mtu: 1350, advmss: 1200, priority: 55 },
        { dst: "2001:db9::/32", table: 100 },
      ],
    };
    const attachment = await attach(host, { config: bridgeConfig({ isGateway: true, ipam }) });
    const main4 = await routes(host, "-4");
    for (const line of [
      "192.168.0.0/16 via 10.1.0.1 dev eth0",
      "172.16.0.0/12 via 10.1.0.9 dev eth0 metric 77 mtu 1400 advmss 1300",
      "10.9.9.9 dev eth0 scope link",
    ]) {
      assert.ok(main4.includes(line), `${line}\nis not in\n${main4.join("\n")}`);
    }
    assert.deepEqual(await routes(host, "-4", "100"), ["172.20.0.0/16 via 10.1.0.1 dev eth0"]);
    const main6 = await routes(host, "-6");
    const line6 = "2001:db8::/32 via fd00:1::9 dev eth0 metric 55 mtu 1350 advmss 1200";
    assert.ok(main6.includes(line6), `${line6}\nis not in\n${main6.join("\n")}`);
    assert.deepEqual(await routes(host, "-6", "100"), [
      "2001:db9::/32 via fd00:1::1 dev eth0 metric 1024",
    ]);
    assert.deepEqual(attachment.result.routes, ipam.routes);
    assertSuccess(await attachment.check());
  }));

test("a route on the link gets no gateway, so that the gateway itself can be beyond the subnet", () =>
  withContainer(async (host) => {
    const ipam = {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24", gateway: "10.200.0.1" }]],
      routes: [{ dst: "10.200.0.1/32", scope: 253 }, { dst: "0.0.0.0/0" }],
    };
    await attach(host, { config: bridgeConfig({ ipam }) });
    const present = await routes(host, "-4");
    assert.ok(present.includes("10.200.0.1 dev eth0 scope link"), present.join("\n"));
    assert.ok(present.includes("default via 10.200.0.1 dev eth0"), present.join("\n"));
  }));

test("a container with IPv6 turned off gets it for an IPv6 address", () =>
  withContainer(async (host) => {
    await host.runIn("c1", "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
    await attach(host, { config: gatewayConfig() });
    assert.deepEqual(await addresses(host, "c1", "eth0"), ["10.1.0.2/24", "fd00:1::2/64"]);
    await assertPing(host, "c1", "fd00:1::1");
  }));

test("a host with IPv6 turned off for new links still gets its IPv6 gateway", () =>
  withContainer(async (host) => {
    await host.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
    const ipam = { type: "host-local", subnet: subnet4 };
    await attach(host, { config: gatewayConfig({ ipam }) });
    await assertPing(host, "c1", "10.1.0.1");
  }));

test("an existing bridge is used, with what it has", () =>
  withContainer(async (host) => {
    await host.run("ip", "link", "add", "cni0", "address", macA, "type", "bridge");
    await host.run("ip", "address", "add", "10.1.0.1/24", "dev", "cni0");
    await host.run("ip", "link", "set", "cni0", "up");
    await host.unchangedBy(async () => {
      const attachment = await attach(host, {
        config: gatewayConfig({ ipam: { type: "host-local", subnet: subnet4 } }),
      });
      assert.deepEqual(await addresses(host, "", "cni0"), ["10.1.0.1/24"]);
      assert.equal((await link(host, "", "cni0")).address, macA);
      await assertPing(host, "c1", "10.1.0.1");
      await detach(attachment);
    });
  }));

test("an existing bridge that is down comes up", () =>
  withContainer(async (host) => {
    await host.run("ip", "link", "add", "cni0", "type", "bridge");
    await attach(host, { config: gatewayConfig() });
    assert.ok((await link(host, "", "cni0")).flags.includes("UP"));
    await assertPing(host, "c1", "10.1.0.1");
  }));

test("the bridge's MAC does not change when ports come and go", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3");
    const macs = new Set<string>();
    const attachments = [];
    for (const netns of ["c1", "c2", "c3"]) {
      attachments.push(await attach(host, { config: gatewayConfig(), netns }));
      macs.add((await link(host, "", "cni0")).address);
    }
    for (const attachment of attachments) {
      await detach(attachment);
      macs.add((await link(host, "", "cni0")).address);
    }
    assert.equal(macs.size, 1);
  }));

test("a gateway's MAC stays as it is even where the bridge was made without one", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3", "c4");
    await host.run("ip", "link", "add", "cni0", "up", "type", "bridge");
    const macs = new Set<string>();
    for (const netns of ["c1", "c2", "c3", "c4"]) {
      const { result } = await attach(host, { config: gatewayConfig(), netns });
      macs.add(result.interfaces?.[0]?.mac ?? "");
    }
    macs.add((await link(host, "", "cni0")).address);
    assert.equal(macs.size, 1, [...macs].join(" "));
  }));

test("a container takes several interfaces, on one network and on several", () =>
  withContainer(async (host) => {
    await host.unchangedBy(async () => {
      const other = gatewayConfig({
        name: "net2",
        bridge: "br2",
        ipam: { type: "host-local", subnet: "10.2.0.0/24" },
      });
      const attachments = [
        await attach(host, { config: bridgeConfig(), ifName: "eth0" }),
        await attach(host, { config: bridgeConfig(), ifName: "eth1" }),
        await attach(host, { config: other, ifName: "eth2" }),
      ];
      assert.deepEqual(
        attachments.map(({ result }) => result.ips?.[0]?.address),
        ["10.1.0.2/24", "10.1.0.3/24", "10.2.0.2/24"],
      );
      for (const attachment of attachments) assertSuccess(await attachment.check());
      const [first, ...others] = attachments;
      if (first) await detach(first);
      for (const attachment of others) assertSuccess(await attachment.check());
      for (const attachment of others) await detach(attachment);
      for (const name of ["cni0", "br2"]) await host.run("ip", "link", "del", name);
    });
  }));

for (const length of [64, 300]) {
  test(`a container id of ${length} characters is as good as any`, () =>
    withContainer(async (host) => {
      await host.unchangedBy(async () => {
        const call = {
          config: bridgeConfig(),
          containerId: "0123456789".repeat(30).slice(0, length),
        };
        await attach(host, call);
        assertSuccess(await host.cni("DEL", { ...call, netns: "" }));
        await host.run("ip", "link", "del", "cni0");
      });
    }));
}

test("values that ask for nothing are taken", () =>
  withContainer(async (host) => {
    const config = bridgeConfig({
      ipMasq: false,
      vlan: 0,
      vlanTrunk: null,
      macspoofchk: false,
      preserveDefaultVlan: false,
      mtu: 0,
      hairpinMode: null,
      bridge: null,
      runtimeConfig: {},
      args: {},
    });
    resultOf(await host.cni("ADD", { config }));
  }));
