// kernel: vrf
/** The vrf plugin, on interfaces that bridge or ptp made. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain, chained, type Member, type OnInterface, onInterfaceOf } from "./harness/chain.ts";
import { reference, withoutNewReference } from "./harness/executables.ts";
import { assertError, assertSuccess, type Result, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { batch, routedIpam } from "./harness/interface-plugin.ts";
import { type Config, withResult } from "./harness/networks.ts";
import { nextHops, routesOfLink } from "./harness/routes.ts";

const bridge: Member = {
  type: "bridge",
  cniVersion: "1.1.0",
  isGateway: true,
  ipam: routedIpam,
};
const ptp: Member = { type: "ptp", cniVersion: "1.1.0", ipam: routedIpam };
const { member, call } = chained("vrf", { vrfname: "blue" });

/** A container with an interface of both families, on a bridge with the gateways' addresses. */
const onInterface = (steps: OnInterface, keys: Config = {}) =>
  onInterfaceOf({ member: { ...bridge, ...keys } }, steps);

interface VrfJson {
  ifname: string;
  linkinfo: { info_data: { table: number } };
}

async function vrfsOf(host: Host): Promise<string[]> {
  const links = await host.ip<VrfJson>("c1", "-d", "link", "show", "type", "vrf");
  return links.map(({ ifname, linkinfo }) => `${ifname} ${linkinfo.info_data.table}`).sort();
}

/** Routes of an interface in every table, as text; without the addresses' own, and link-local ones. */
async function routesOf(host: Host, dev = "eth0"): Promise<string[]> {
  const routes = await routesOfLink(host, "c1", dev);
  return routes
    .filter(({ type = "unicast" }) => type === "unicast")
    .map((it) => [it.table ?? "main", it.dst, it.gateway ?? "-", it.prefsrc ?? "-"].join(" "))
    .sort();
}

async function addressesOf(host: Host): Promise<string[]> {
  const [link] = await host.ip<{
    addr_info: { local: string; prefixlen: number; scope: string }[];
  }>("c1", "address", "show", "dev", "eth0");
  return (link?.addr_info ?? [])
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .sort();
}

for (const cniVersion of ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  test(`vrf ${cniVersion}: addresses stay, routes move, packets pass, DEL removes the VRF with its last interface`, () =>
    onInterface(
      async (host, prevResult, chain) => {
        const config = withResult(member({ cniVersion }), prevResult);
        assert.deepEqual(resultOf(await host.cni("ADD", call(config))), prevResult);
        assert.deepEqual(await vrfsOf(host), ["blue 1"]);
        assert.deepEqual(await addressesOf(host), ["10.1.0.2/24", "fd00:1::2/64"]);
        assert.deepEqual(await routesOf(host), [
          "1 10.1.0.0/24 - 10.1.0.2",
          "1 default 10.1.0.1 -",
          "1 default fd00:1::1 -",
          "1 fd00:1::/64 - -",
        ]);
        for (const gateway of ["10.1.0.1", "fd00:1::1"]) {
          await host.runIn("c1", "ping", "-n", "-c1", "-W3", "-I", "blue", gateway);
        }
        if (cniVersion >= "0.4.0") {
          assertSuccess(await host.cni("CHECK", call(config)));
          // The plugin before finds its routes, although they are elsewhere now.
          await chain.check();
        }
        assertSuccess(await host.cni("DEL", call(config)));
        assertSuccess(await host.cni("DEL", call(config)));
        assert.deepEqual(await vrfsOf(host), []);
        assert.ok((await routesOf(host)).every((it) => it.startsWith("main ")));
      },
      { cniVersion },
    ));
}

test("two interfaces in one VRF: the second joins, the VRF stays until the last has left", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const one = new Chain(host, [bridge, member({ table: 77 })]);
    const other = {
      ...bridge,
      name: "net2",
      bridge: "cni1",
      ipam: { type: "host-local", subnet: "10.2.0.0/24", routes: [{ dst: "10.9.0.0/16" }] },
    };
    const two = new Chain(host, [other, member({ name: "net2" })], { ifName: "eth1" });
    await one.add();
    await two.add();
    assert.deepEqual(await vrfsOf(host), ["blue 77"]);
    assert.ok((await routesOf(host, "eth1")).includes("77 10.9.0.0/16 10.2.0.1 -"));
    await one.check();
    await two.check();
    await one.del();
    assert.deepEqual(await vrfsOf(host), ["blue 77"]);
    await two.check();
    await two.del();
    assert.deepEqual(await vrfsOf(host), []);
  }));

test("two VRFs have tables of their own, which no rule and no route speaks of", () =>
  onInterface(async (host, prevResult) => {
    await batch(host, "c1", [
      "rule add from 192.0.2.1 table 1",
      "route add blackhole 192.0.2.0/24 table 2",
      "link add red type vrf table 3",
    ]);
    const config = withResult(member(), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    assert.deepEqual(await vrfsOf(host), ["blue 4", "red 3"]);
    assertSuccess(await host.cni("DEL", call(config)));
    assert.deepEqual(await vrfsOf(host), ["red 3"]);
    for (const [table, user] of [
      [1, "rule 32765"],
      [2, "a route"],
      [3, "VRF red"],
      [254, "the kernel"],
    ] as const) {
      await host.unchangedBy(async () => {
        assertError(await host.cni("ADD", call(withResult(member({ table }), prevResult))), {
          msg: `cannot create VRF blue: table ${table} is used by ${user}`,
        });
      });
    }
  }));

test("a table that IPAM has put the interface's routes into is no obstacle", () =>
  onInterface(async (host, prevResult) => {
    await batch(host, "c1", ["route add 198.51.100.0/24 via 10.1.0.1 dev eth0 table 50"]);
    const config = withResult(member({ table: 50 }), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    assertSuccess(await host.cni("CHECK", call(config)));
    assertSuccess(await host.cni("DEL", call(config)));
  }));

test("ptp: the route of link scope moves too, and the default route works", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [ptp, member()]);
    await chain.add();
    const routes = await routesOf(host);
    assert.ok(
      routes.every((it) => it.startsWith("1 ")),
      routes.join("\n"),
    );
    assert.ok(routes.includes("1 default 10.1.0.1 -"));
    await host.runIn("c1", "ping", "-n", "-c1", "-W3", "-I", "blue", "10.1.0.1");
    await chain.check();
    await chain.del();
  }));

test("routes with several next hops move with all of them", () =>
  onInterface(async (host, prevResult) => {
    await batch(host, "c1", [
      "route append 2001:db8::/32 via fd00:1::8 dev eth0",
      "route append 2001:db8::/32 via fd00:1::9 dev eth0",
    ]);
    resultOf(await host.cni("ADD", call(withResult(member(), prevResult))));
    const gateways = await nextHops(host, "c1", "2001:db8::/32", "vrf", "blue");
    assert.deepEqual(gateways, ["fd00:1::8", "fd00:1::9"]);
    assertSuccess(await host.cni("DEL", call(member())));
  }));

test("a failed ADD gives back the routes of others that its own had replaced", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const ranges = [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]];
    const ipam = { ...(routedIpam as object), ranges };
    const one = new Chain(host, [bridge, member()]);
    const two = new Chain(host, [{ ...bridge, name: "net2", bridge: "cni1", ipam }], {
      ifName: "eth1",
    });
    await one.add();
    const prevResult = await two.add();
    const before = await routesOf(host);
    assert.ok(before.includes("1 default 10.1.0.1 -") && before.includes("1 default fd00:1::1 -"));
    const config = withResult(member({ name: "net2" }), prevResult);
    const wrap = ["sh", "-c", 'exec "$0" "$@" >/dev/full'];
    const reply = await host.cni("ADD", call(config, { ifName: "eth1", wrap }));
    assert.equal(reply.status, 1, reply.stderr);
    assert.deepEqual(await routesOf(host), before);
    assert.ok((await routesOf(host, "eth1")).every((it) => it.startsWith("main ")));
    await two.del();
    await one.del();
  }));

/** While the link is down, as every kernel lets it be renamed. */
async function rename(host: Host, from: string, to: string): Promise<void> {
  const changes = [`${from} down`, `${from} name ${to}`, `${to} up`];
  await batch(
    host,
    "c1",
    changes.map((change) => `link set ${change}`),
  );
}

for (const [what, forgotten] of [
  ["by its mark", {}],
  ["by its MAC address", { alias: true }],
] as const) {
  test(`DEL finds an interface that was renamed ${what}, and the VRF goes`, () =>
    onInterface(async (host, prevResult) => {
      const config = withResult(member(), prevResult);
      resultOf(await host.cni("ADD", call(config)));
      await rename(host, "eth0", "other0");
      if ("alias" in forgotten) await batch(host, "c1", ["link set other0 alias x"]);
      assertSuccess(await host.cni("DEL", call(config)));
      assert.deepEqual(await vrfsOf(host), []);
      await rename(host, "other0", "eth0");
    }));
}

test("CHECK tells what is wrong", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(member({ table: 9 }), prevResult);
    const check = (keys: Config = {}) => host.cni("CHECK", call({ ...config, ...keys }));
    assertError(await check(), { msg: "failed to find VRF blue" });
    resultOf(await host.cni("ADD", call(config)));
    assertError(await check({ table: 8 }), {
      msg: "VRF blue already exist with different routing table 9",
    });
    await batch(host, "c1", ["link set eth0 nomaster"]);
    assertError(await check(), {
      msg: "failed to find eth0 associated to vrf blue: its master is none",
    });
    assertSuccess(await host.cni("DEL", call(config)));
    assert.deepEqual(await vrfsOf(host), []);
  }));

test("DEL succeeds without interface, namespace and result, and leaves other links alone", () =>
  onInterface(async (host, prevResult, chain) => {
    const config = withResult(member(), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    await chain.del();
    assertSuccess(await host.cni("DEL", call(member())));
    assert.deepEqual(await vrfsOf(host), []);
    assertSuccess(await host.cni("DEL", call(member(), { netns: "" })));
    assertSuccess(await host.cni("DEL", call(member(), { netns: "/run/netns/none" })));
    await chain.add();
    assertSuccess(await host.cni("DEL", call(member({ vrfname: "eth0" }))));
    assert.deepEqual(await addressesOf(host), ["10.1.0.3/24", "fd00:1::3/64"]);
  }));

test("bad input is refused, and nothing has changed", () =>
  onInterface(async (host, prevResult) => {
    await batch(host, "c1", ["link add br0 type bridge", "link add red type vrf table 30"]);
    const add = (keys: Config, result?: Result) =>
      host.cni("ADD", call(withResult(member(keys), result)));
    await host.unchangedBy(async () => {
      for (const [keys, msg] of [
        [{ vrfname: undefined }, "configuration is expected to have a valid vrf name"],
        [{ vrfname: "a/b" }, "configuration is expected to have a valid vrf name"],
        [{ vrfname: "longer-than-15-c" }, "configuration is expected to have a valid vrf name"],
        [{ table: -1 }, /"table"/],
        [{ table: 2 ** 32 }, /"table"/],
      ] as const) {
        assertError(await add(keys, prevResult), { code: 7, msg });
        assertError(await host.cni("STATUS", call(member(keys))), { code: 7, msg });
      }
      for (const [keys, msg] of [
        [{ vrfname: "br0" }, "Netlink br0 is not a VRF"],
        [{ vrfname: "eth0" }, "Netlink eth0 is not a VRF"],
        [{ vrfname: "red", table: 31 }, "VRF red already exist with different routing table 30"],
      ] as const) {
        assertError(await add(keys, prevResult), { msg });
      }
      assertError(await add({}), { msg: "missing prevResult from earlier plugin" });
      assertError(await add({}, { ...prevResult, interfaces: [], ips: [] }), {
        msg: 'prevResult has no interface "eth0" with a sandbox',
      });
    });
    await batch(host, "c1", ["link set eth0 master red"]);
    await host.unchangedBy(async () => {
      assertError(await add({}, prevResult), {
        msg: "interface eth0 has already a master set: red",
      });
    });
    assertSuccess(await host.cni("STATUS", call(member())));
    const gc = member({ "cni.dev/valid-attachments": [] });
    assertSuccess(await host.cni("GC", call(gc)));
  }));

for (const [what, keys] of Object.entries<Config>({ "no table": {}, "a table": { table: 3000 } })) {
  test(
    `beside the reference, ${what}: VRF, addresses and routes are alike, each deletes the other's`,
    { skip: withoutNewReference },
    () =>
      onInterface(async (host, _, chain) => {
        const suites = [{}, { from: `${reference}` }];
        const outcomes: string[] = [];
        for (const [place, from] of suites.entries()) {
          await chain.del();
          const config = withResult(member(keys), await chain.add());
          const result = resultOf(await host.cni("ADD", call(config, from)));
          for (const other of suites) assertSuccess(await host.cni("CHECK", call(config, other)));
          const found = [await vrfsOf(host), await routesOf(host), await addressesOf(host)].flat();
          const text = JSON.stringify([found, { ...result, interfaces: [] }], null, 1);
          // Each ADD gets the next address.
          outcomes.push(text.replace(/(10\.1\.0\.|fd00:1::)[2-9]\b/g, "$1OWN"));
          assertSuccess(await host.cni("DEL", call(config, suites[1 - place])));
          assert.deepEqual(await vrfsOf(host), []);
        }
        assert.equal(outcomes[0], outcomes[1]);
      }),
  );
}
