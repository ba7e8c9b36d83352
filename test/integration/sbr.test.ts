/** The sbr plugin, on interfaces that ptp or macvlan made. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { Chain, chained, type OnInterface, onInterfaceOf } from "./harness/chain.ts";
import { reference, withoutNewReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { addWire, batch, routedIpam } from "./harness/interface-plugin.ts";
import { type Config, withResult } from "./harness/networks.ts";
import { nextHops, routesOfLink } from "./harness/routes.ts";

const first = { type: "macvlan", master: "wire0", cniVersion: "1.1.0", ipam: routedIpam };
const { member, call } = chained("sbr");

/** A container with an interface of both families, and the wire's other end with the gateways' addresses. */
const onInterface = (steps: OnInterface, keys: Config = {}) =>
  onInterfaceOf({ member: { ...first, ...keys }, prepare: addWire }, steps);

interface RuleJson {
  priority: number;
  src: string;
  srclen?: number;
  table: string;
}

/** Rules that are not the kernel's, as text. */
async function rulesOf(host: Host): Promise<string[]> {
  const lists = await Promise.all(
    ["-4", "-6"].map((family) => host.ip<RuleJson>("c1", family, "rule", "show")),
  );
  return lists
    .flat()
    .filter(({ src }) => src !== "all")
    .map(({ src, table }) => `${src} ${table}`)
    .sort();
}

/** Routes of eth0 in every table but the local one, as text. */
async function routesOf(host: Host): Promise<string[]> {
  const routes = await routesOfLink(host, "c1", "eth0");
  return routes
    .filter(({ table }) => table !== "local")
    .map((it) =>
      [it.table ?? "main", it.dst, it.gateway ?? "-", it.prefsrc ?? "-", it.scope ?? "-"].join(" "),
    )
    .sort();
}

for (const cniVersion of ["0.3.0", "0.4.0", "1.0.0", "1.1.0"]) {
  test(`sbr ${cniVersion}: routes of both families move into one table, rules lead there, DEL removes both`, () =>
    onInterface(
      async (host, prevResult, chain) => {
        const config = withResult(member({ cniVersion }), prevResult);
        assert.deepEqual(resultOf(await host.cni("ADD", call(config))), prevResult);
        assert.deepEqual(await rulesOf(host), ["10.1.0.2 100", "fd00:1::2 100"]);
        assert.deepEqual(await routesOf(host), [
          "100 10.1.0.0/24 - 10.1.0.2 link",
          "100 default 10.1.0.1 - global",
          "100 default fd00:1::1 - global",
          "100 fd00:1::/64 - - global",
        ]);
        if (cniVersion >= "0.4.0") {
          assertSuccess(await host.cni("CHECK", call(config)));
          // The plugin before finds its routes, although they are elsewhere now.
          await chain.check();
        }
        assertSuccess(await host.cni("DEL", call(config)));
        assert.deepEqual(await rulesOf(host), []);
        assert.deepEqual(await routesOf(host), []);
        assertSuccess(await host.cni("DEL", call(config)));
      },
      { cniVersion },
    ));
}

test("answers leave through the interface they came in by, with two networks attached", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "far");
    await addWire(host);
    await host.addNetns("lan2");
    await batch(host, "", ["link add wire1 type veth peer eth0 netns lan2", "link set wire1 up"]);
    for (const [netns, place] of [
      ["lan", 1],
      ["lan2", 2],
    ] as const) {
      await batch(host, netns, [
        `link add far type veth peer eth${place} netns far`,
        "link set far up",
        `address add 192.168.${place}.1/24 dev far`,
        `address add fd99:${place}::1/64 dev far nodad`,
      ]);
      await batch(host, "far", [
        `link set eth${place} up`,
        `address add 192.168.${place}.2/24 dev eth${place}`,
        `address add fd99:${place}::2/64 dev eth${place} nodad`,
        `route add 10.${place}.0.0/24 via 192.168.${place}.1`,
        `route add fd00:${place}::/64 via fd99:${place}::1`,
      ]);
      await host.run(
        "nsenter",
        `--net=/run/netns/${netns}`,
        "sysctl",
        "-qw",
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
      );
    }
    await batch(host, "lan2", [
      "address add 10.2.0.1/24 dev eth0",
      "address add fd00:2::1/64 dev eth0 nodad",
      "link set eth0 up",
    ]);
    const ping = (source: string, to: string) =>
      host.runIn("far", "ping", "-n", "-c1", "-W2", "-I", source, to);
    const one = new Chain(host, [first]);
    await one.add();
    const second = {
      ...first,
      name: "net2",
      master: "wire1",
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]],
      },
    };
    const two = new Chain(host, [second, { type: "sbr", cniVersion: "1.1.0", name: "net2" }], {
      ifName: "eth1",
    });
    await two.add();
    await two.check();
    // The far end is known to the first network's router only by the address on its side: anything else is lost.
    for (const [source, to] of [
      ["192.168.1.2", "10.1.0.2"],
      ["192.168.2.2", "10.2.0.2"],
      ["fd99:1::2", "fd00:1::2"],
      ["fd99:2::2", "fd00:2::2"],
    ] as const) {
      await ping(source, to);
    }
    await two.del();
    await one.del();
  }));

test("with a table only rules are added, of the given priority; one that is there is no error", () =>
  onInterface(async (host, prevResult) => {
    const before = await routesOf(host);
    const config = withResult(member({ table: 3000, rulePriority: 1000 }), prevResult);
    for (let times = 0; times < 2; times++) {
      resultOf(await host.cni("ADD", call(config)));
      assert.deepEqual(await rulesOf(host), ["10.1.0.2 3000", "fd00:1::2 3000"]);
    }
    assert.deepEqual(await routesOf(host), before);
    const rules = await host.ip<RuleJson>("c1", "rule", "show");
    assert.equal(rules.find(({ src }) => src === "10.1.0.2")?.priority, 1000);
    assertSuccess(await host.cni("CHECK", call(config)));
    // Another's rule for the same address stays.
    await host.runIn("c1", "ip", "rule", "add", "from", "10.1.0.2", "table", "77");
    assertSuccess(await host.cni("DEL", call(config)));
    assert.deepEqual(await rulesOf(host), ["10.1.0.2 77"]);
    await host.runIn("c1", "ip", "rule", "del", "from", "10.1.0.2", "table", "77");
    assert.deepEqual(await routesOf(host), before);
  }));

test("tables that a rule or a route speaks of are not taken", () =>
  onInterface(async (host, prevResult) => {
    await host.runIn("c1", "ip", "rule", "add", "from", "192.0.2.1", "table", "100");
    await host.runIn("c1", "ip", "route", "add", "192.0.2.0/24", "dev", "eth0", "table", "101");
    const config = withResult(member({ gateways: ["10.1.0.9"] }), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    assert.deepEqual(await rulesOf(host), ["10.1.0.2 102", "192.0.2.1 100", "fd00:1::2 102"]);
    assert.ok((await routesOf(host)).includes("102 default 10.1.0.9 - global"));
    assertSuccess(await host.cni("DEL", call(config)));
    assert.deepEqual(await rulesOf(host), ["192.0.2.1 100"]);
    assert.deepEqual(await routesOf(host), ["101 192.0.2.0/24 - - link"]);
    await host.runIn("c1", "ip", "rule", "del", "from", "192.0.2.1", "table", "100");
  }));

test("source hints keep the networks in the main table, with the interface's addresses", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(member({ addSourceHints: true }), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    assert.deepEqual(await routesOf(host), [
      "100 10.1.0.0/24 - 10.1.0.2 link",
      "100 default 10.1.0.1 - global",
      "100 default fd00:1::1 - global",
      "100 fd00:1::/64 - - global",
      "main 10.1.0.0/24 - 10.1.0.2 link",
      "main fd00:1::/64 - fd00:1::2 global",
    ]);
    assertSuccess(await host.cni("CHECK", call(config)));
    assertSuccess(await host.cni("DEL", call(config)));
    assert.deepEqual(await rulesOf(host), []);
  }));

test("CHECK tells which rule and which default route are missing", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(member(), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    await host.runIn("c1", "ip", "rule", "del", "from", "10.1.0.2", "table", "100");
    await host.runIn("c1", "ip", "-6", "route", "del", "default", "table", "100");
    assertError(await host.cni("CHECK", call(config)), {
      msg:
        "interface eth0: no rule for what comes from 10.1.0.2; " +
        "no default route via fd00:1::1 in table 100, which decides for fd00:1::2",
    });
    assertSuccess(await host.cni("DEL", call(config)));
  }));

test("routes with several next hops move with those of the interface, and come back", () =>
  onInterface(async (host, prevResult) => {
    await batch(host, "c1", [
      "route append 2001:db8::/32 via fd00:1::8 dev eth0",
      "route append 2001:db8::/32 via fd00:1::9 dev eth0",
    ]);
    const refused = member({ gateways: ["203.0.113.1"] });
    await host.unchangedBy(async () => {
      const reply = await host.cni("ADD", call(withResult(refused, prevResult)));
      assertError(reply, { msg: /^set route 0.0.0.0\/0 via 203.0.113.1: network is unreachable/ });
    });
    const config = withResult(member(), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    const gateways = await nextHops(host, "c1", "2001:db8::/32", "table", "100");
    assert.deepEqual(gateways, ["fd00:1::8", "fd00:1::9"]);
    const rest = await host.ip("c1", "-6", "route", "show", "2001:db8::/32");
    assert.deepEqual(rest, []);
    assertSuccess(await host.cni("DEL", call(config)));
  }));

/** The wire's other end goes down; the kernel takes a while to tell the links on it. */
async function loseCarrier(host: Host): Promise<void> {
  await host.run("ip", "-n", "lan", "link", "set", "eth0", "down");
  await host.runIn("c1", "sh", "-c", "until ip route | grep -q linkdown; do sleep 0.05; done");
}

for (const carrier of ["up", "down"]) {
  test(`a failed ADD puts the routes back, while the wire is ${carrier}`, () =>
    onInterface(async (host, prevResult) => {
      if (carrier === "down") await loseCarrier(host);
      for (const addSourceHints of [false, true]) {
        // Not reachable: the kernel refuses the route.
        const keys = { gateways: ["203.0.113.1"], addSourceHints };
        await host.unchangedBy(async () => {
          const reply = await host.cni("ADD", call(withResult(member(keys), prevResult)));
          assertError(reply, {
            msg: /^set route 0.0.0.0\/0 via 203.0.113.1: network is unreachable/,
          });
        });
      }
    }));
}

test("DEL succeeds without interface, namespace and result, and makes nothing in its place", () =>
  onInterface(async (host, prevResult, chain) => {
    const config = withResult(member(), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    await chain.del();
    assertSuccess(await host.cni("DEL", call(config)));
    assert.deepEqual(await rulesOf(host), []);
    assertSuccess(await host.cni("DEL", call(member())));
    assertSuccess(await host.cni("DEL", call(config, { netns: "" })));
    assertSuccess(await host.cni("DEL", call(config, { netns: "/run/netns/none" })));
    assert.ok(!existsSync(host.outside("/run/netns/none")));
    await chain.add();
  }));

test("bad input is refused", () =>
  onInterface(async (host, prevResult) => {
    const add = (config: Config, changes: object = {}) => host.cni("ADD", call(config, changes));
    const chained = "This plugin must be called as chained plugin";
    await host.unchangedBy(async () => {
      assertError(await add(member()), { msg: chained });
      const bare = withResult(member(), { cniVersion: "1.1.0", interfaces: prevResult.interfaces });
      assertError(await add(bare), { msg: "No IP addresses supplied on interface: eth0" });
      const none = { ...prevResult, ips: [{ address: "10.1.0.2/24" }] };
      assertError(await add(withResult(member(), none), { ifName: "eth9" }), {
        msg: 'cannot find network interface "eth9"',
      });
      for (const [keys, msg] of [
        [{ table: 0 }, /"table"/],
        [{ table: 2 ** 32 }, /"table"/],
        [{ rulePriority: -1 }, /"rulePriority"/],
        [{ gateways: ["x"] }, /^invalid static gateway IP address: x$/],
        [{ gateways: ["1.1.1.1", "1.1.1.2"] }, /^gateways list contains multiple IPv4 addresses/],
      ] as const) {
        assertError(await add(withResult(member(keys), prevResult)), { code: 7, msg });
        assertError(await host.cni("STATUS", call(member(keys))), { code: 7, msg });
      }
    });
    assertSuccess(await host.cni("STATUS", call(member())));
    const gc = member({ "cni.dev/valid-attachments": [] });
    assertSuccess(await host.cni("GC", call(gc)));
  }));

const ranges = [[{ subnet: "10.1.0.0/24" }]];
const one4 = {
  type: "host-local",
  ranges,
  routes: [{ dst: "0.0.0.0/0" }, { dst: "198.51.100.0/24" }],
};

for (const [what, keys] of Object.entries<Config>({
  "no key": {},
  "a table": { table: 3000 },
})) {
  test(
    `beside the reference, ${what}: rules and routes are alike`,
    { skip: withoutNewReference },
    () =>
      onInterface(
        async (host, _, chain) => {
          const outcome = async (from?: string) => {
            await chain.del();
            const config = withResult(member(keys), await chain.add());
            const it = call(config, from === undefined ? {} : { from });
            const { ips: _ips, ...result } = resultOf(await host.cni("ADD", it));
            const found = [await rulesOf(host), await routesOf(host)].flat();
            assertSuccess(await host.cni("DEL", it));
            assert.deepEqual(await rulesOf(host), []);
            const text = JSON.stringify([found, { ...result, interfaces: [] }], null, 1);
            // Each ADD gets the next address.
            return text.replace(/10\.1\.0\.([2-9])\b(?! - global)/g, "OWN");
          };
          const theirs = await outcome(`${reference}`);
          assert.equal(await outcome(), theirs);
        },
        { ipam: one4 },
      ),
  );
}
