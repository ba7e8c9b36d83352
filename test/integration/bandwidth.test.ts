/** The bandwidth plugin, on interfaces that ptp, macvlan and host-device made. */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain, chained, type Member, type OnInterface, onInterfaceOf } from "./harness/chain.ts";
import { describe } from "./harness/command.ts";
import { reference, withoutNewReference } from "./harness/executables.ts";
import { assertError, assertSuccess, type Result, resultOf } from "./harness/expect.ts";
import { assertSame, type Host, withHost } from "./harness/host.ts";
import { addWire, batch, routedIpam } from "./harness/interface-plugin.ts";
import { type Config, dualStack, subnet4, withResult } from "./harness/networks.ts";

const ptp: Member = { type: "ptp", cniVersion: "1.1.0", ipam: dualStack };
const { member, call } = chained("bandwidth");
const both = { ingressRate: 8e6, ingressBurst: 8e4, egressRate: 16e6, egressBurst: 16e4 };

/** A container with ptp's interface; the steps must leave all as it was, qdiscs and filters included. */
const onInterface = (steps: OnInterface, keys: Config = {}) =>
  onInterfaceOf({ member: { ...ptp, ...keys } }, async (host, prevResult, chain) => {
    const before = await queuesOf(host);
    await host.unchangedBy(() => steps(host, prevResult, chain));
    assert.deepEqual(await queuesOf(host), before);
  });

interface QdiscJson {
  kind: string;
  dev: string;
  handle: string;
  root?: boolean;
  options: { rate?: number; burst?: number; lat?: number };
}

interface AddressJson {
  mtu: number;
  addr_info: { family: string }[];
}

interface FilterJson {
  pref: number;
  options?: { actions?: { to_dev?: string; mirred_action?: string }[] };
}

async function tc<T>(host: Host, netns: string, ...argv: string[]): Promise<T[]> {
  const where = netns === "" ? [] : ["-n", netns];
  return JSON.parse((await host.run("tc", "-j", "-s", ...where, ...argv)) || "[]");
}

/** Every qdisc that is not the kernel's own choice, as text. */
async function qdiscsOf(host: Host, netns: string): Promise<string[]> {
  const list = await tc<QdiscJson>(host, netns, "qdisc", "show");
  return list
    .filter(({ handle }) => handle !== "0:")
    .map(({ kind, dev, handle, options: { rate, burst, lat } }) =>
      [
        dev.replace(/^veth.*/, "HOST-END"),
        kind,
        handle,
        rate ?? "-",
        burst ?? "-",
        lat ?? "-",
      ].join(" "),
    )
    .sort();
}

async function queuesOf(host: Host): Promise<string[]> {
  return [...(await qdiscsOf(host, "")), ...(await qdiscsOf(host, "c1"))];
}

const hostEndOf = (result: Result) =>
  result.interfaces?.find(({ sandbox }) => !sandbox)?.name ?? "";
const ifb = /^bwp[0-9a-f]{12}$/;

/** The links that filters of what arrives lead to. */
async function targetsOf(host: Host, netns: string, dev: string): Promise<string[]> {
  const list = await tc<FilterJson>(host, netns, "filter", "show", "dev", dev, "ingress");
  return list.flatMap(({ pref, options }) =>
    (options?.actions ?? []).map(({ to_dev }) => `${pref} ${to_dev}`),
  );
}

for (const cniVersion of ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  test(`bandwidth ${cniVersion}: both directions are limited, and DEL takes all of it away`, () =>
    onInterface(
      async (host, prevResult) => {
        const config = withResult(member({ ...both, cniVersion }), prevResult);
        const result = resultOf(await host.cni("ADD", call(config)));
        const { interfaces = [], ...others } = result;
        const made = interfaces.at(-1);
        assert.deepEqual(
          { ...others, interfaces: interfaces.slice(0, -1) },
          { ...others, interfaces: prevResult.interfaces },
        );
        assert.deepEqual(others.ips, prevResult.ips);
        assert.match(made?.name ?? "", ifb);
        assert.deepEqual(await qdiscsOf(host, ""), [
          "HOST-END ingress ffff: - - -",
          "HOST-END tbf 1: 1000000 10000 25000",
          `${made?.name} tbf 1: 2000000 20000 25000`,
        ]);
        assert.deepEqual(await qdiscsOf(host, "c1"), []);
        const hostEnd = hostEndOf(prevResult);
        assert.deepEqual(await targetsOf(host, "", hostEnd), [`65535 ${made?.name}`]);
        const [link] = await host.ip<Record<string, unknown>>("", "link", "show", made?.name ?? "");
        assert.equal(link?.ifalias, "net1/container-c1/eth0");
        assert.equal(link?.address, made?.mac);
        assert.ok(`${link?.flags}`.split(",").includes("UP"));
        const again = call(withResult(config, result));
        if (cniVersion >= "0.4.0") assertSuccess(await host.cni("CHECK", again));
        assertSuccess(await host.cni("DEL", again));
        assertSuccess(await host.cni("DEL", again));
      },
      { cniVersion },
    ));
}

for (const direction of ["ingress", "egress"] as const) {
  test(`only ${direction} is limited where only that is asked for, by the runtime`, () =>
    onInterface(async (host, prevResult) => {
      const limits = { [`${direction}Rate`]: 8e6, [`${direction}Burst`]: 8e4 };
      const keys = { runtimeConfig: { bandwidth: limits } };
      const config = withResult(member(keys), prevResult);
      const result = resultOf(await host.cni("ADD", call(config)));
      const found = await qdiscsOf(host, "");
      const made = result.interfaces?.find(({ name }) => ifb.test(name))?.name;
      assert.equal(made === undefined, direction === "ingress");
      const usual = "tbf 1: 1000000 10000 25000";
      assert.deepEqual(
        found,
        made === undefined
          ? [`HOST-END ${usual}`]
          : ["HOST-END ingress ffff: - - -", `${made} ${usual}`],
      );
      assertSuccess(await host.cni("CHECK", call(withResult(config, result))));
      // A runtime that forgets what it asked for.
      assertSuccess(await host.cni("DEL", call(member())));
    }));
}

for (const [mtu, what] of [
  [1500, "which IPv6 knows"],
  [1200, "too narrow for IPv6"],
] as const) {
  test(`beside a link ${what} the ifb has no address of its own`, () =>
    onInterface(
      async (host, prevResult) => {
        const config = withResult(member(both), prevResult);
        const result = resultOf(await host.cni("ADD", call(config)));
        const name = result.interfaces?.at(-1)?.name ?? "";
        const [link] = await host.ip<AddressJson>("", "address", "show", name);
        assert.deepEqual([link?.mtu, link?.addr_info], [mtu, []]);
        const [end] = await host.ip<AddressJson>("", "address", "show", hostEndOf(prevResult));
        assert.equal(
          end?.addr_info.some(({ family }) => family === "inet6"),
          mtu === 1500,
        );
        assertSuccess(await host.cni("DEL", call(withResult(config, result))));
      },
      { mtu, ipam: { ...dualStack, ranges: [[{ subnet: subnet4 }]] } },
    ));
}

test("nothing to limit: prevResult is returned as it is, and nothing made", () =>
  onInterface(async (host, prevResult) => {
    for (const keys of [{}, { ingressRate: 0 }, { egressRate: 0, egressBurst: 0 }]) {
      const config = withResult(member(keys), prevResult);
      assert.deepEqual(resultOf(await host.cni("ADD", call(config))), prevResult);
      assert.deepEqual(await queuesOf(host), []);
      assertSuccess(await host.cni("CHECK", call(config)));
      assertSuccess(await host.cni("DEL", call(config)));
    }
  }));

test("another agent's clsact serves and stays; with filters of its own there nothing passes them by", () =>
  onInterface(async (host, prevResult) => {
    const hostEnd = hostEndOf(prevResult);
    const config = withResult(member(both), prevResult);
    await host.run("tc", "qdisc", "add", "dev", hostEnd, "clsact");
    const result = resultOf(await host.cni("ADD", call(config)));
    const made = result.interfaces?.at(-1)?.name;
    assert.deepEqual(await targetsOf(host, "", hostEnd), [`65534 ${made}`]);
    assertSuccess(await host.cni("CHECK", call(withResult(config, result))));
    assertSuccess(await host.cni("DEL", call(withResult(config, result))));
    assert.deepEqual(await queuesOf(host), ["HOST-END clsact ffff: - - -"]);

    const filter = ["filter", "add", "dev", hostEnd, "ingress", "prio", "7", "protocol", "ip"];
    await host.run("tc", ...filter, "u32", "match", "u32", "0", "0", "flowid", "1:1");
    const beside = resultOf(await host.cni("ADD", call(config)));
    assert.deepEqual(beside, prevResult);
    const wanted = [
      "HOST-END clsact ffff: - - -",
      "HOST-END tbf 1: 1000000 10000 25000",
      "eth0 tbf 1: 2000000 20000 25000",
    ];
    assert.deepEqual(await queuesOf(host), wanted);
    assertSuccess(await host.cni("CHECK", call(withResult(config, beside))));
    assertSuccess(await host.cni("DEL", call(withResult(config, beside))));
    assert.deepEqual(await queuesOf(host), wanted.slice(0, 1));
    assert.equal(
      (await tc<FilterJson>(host, "", "filter", "show", "dev", hostEnd, "ingress")).length,
      3,
    );
    await host.run("tc", "qdisc", "del", "dev", hostEnd, "clsact");
  }));

test("another agent's ingress qdisc stays, also an empty one", () =>
  onInterface(async (host, prevResult) => {
    const hostEnd = hostEndOf(prevResult);
    const config = withResult(member(both), prevResult);
    const theirs = ["HOST-END ingress ffff: - - -"];
    await host.run("tc", "qdisc", "add", "dev", hostEnd, "ingress");
    const result = resultOf(await host.cni("ADD", call(config)));
    assert.equal((await targetsOf(host, "", hostEnd)).length, 1);
    assertSuccess(await host.cni("CHECK", call(withResult(config, result))));
    assertSuccess(await host.cni("DEL", call(withResult(config, result))));
    assert.deepEqual(await queuesOf(host), theirs);
    const wrap = ["sh", "-c", 'exec "$0" "$@" >/dev/full'];
    assert.equal((await host.cni("ADD", call(config, { wrap }))).status, 1);
    assert.deepEqual(await queuesOf(host), theirs);
    await host.run("tc", "qdisc", "del", "dev", hostEnd, "ingress");
  }));

test("another agent's filter that comes later goes first, and survives DEL", () =>
  onInterface(async (host, prevResult) => {
    const hostEnd = hostEndOf(prevResult);
    const config = withResult(member(both), prevResult);
    const result = resultOf(await host.cni("ADD", call(config)));
    const filter = ["filter", "add", "dev", hostEnd, "ingress", "prio", "7", "protocol", "ip"];
    await host.run("tc", ...filter, "u32", "match", "u32", "0", "0", "flowid", "1:1");
    assertSuccess(await host.cni("CHECK", call(withResult(config, result))));
    assertSuccess(await host.cni("DEL", call(withResult(config, result))));
    assert.deepEqual(await queuesOf(host), ["HOST-END ingress ffff: - - -"]);
    await host.run("tc", "qdisc", "del", "dev", hostEnd, "ingress");
  }));

// Whoever pairs links within a namespace has these numbers there; the two namespaces do not know each other.
for (const [what, pairs] of [
  [
    "a pair of the host's own with the container's numbers",
    ["own0 index 71 type veth peer own1 index 72"],
  ],
  ["nothing on the host, whose links have other numbers,", []],
] as const) {
  test(`${what} is not the other end`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      for (const pair of pairs) await batch(host, "", [`link add ${pair}`]);
      await batch(host, "c1", ["link add eth0 index 72 type veth peer tail0 index 71"]);
      const prevResult = { interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }], ips: [] };
      const config = withResult(member({ egressRate: 8e6 }), prevResult);
      resultOf(await host.cni("ADD", call(config)));
      assert.deepEqual(await qdiscsOf(host, ""), []);
      assert.equal((await qdiscsOf(host, "c1")).length, 1);
      assertSuccess(await host.cni("DEL", call(config)));
      assert.deepEqual(await queuesOf(host), []);
    }));
}

test("a root qdisc of somebody else is told, and stays", () =>
  onInterface(async (host, prevResult) => {
    const hostEnd = hostEndOf(prevResult);
    await host.run(
      "tc",
      "qdisc",
      "add",
      "dev",
      hostEnd,
      "root",
      "handle",
      "7:",
      "pfifo",
      "limit",
      "5",
    );
    await host.unchangedBy(async () => {
      assertError(await host.cni("ADD", call(withResult(member(both), prevResult))), {
        msg: `cannot limit ${hostEnd}: it has a root qdisc already: pfifo`,
      });
    });
    assertSuccess(await host.cni("DEL", call(member(both))));
    assert.deepEqual(await queuesOf(host), ["HOST-END pfifo 7: - - -"]);
    await host.run("tc", "qdisc", "del", "dev", hostEnd, "root");
  }));

test("a second interface on the same network has an ifb of its own; a second ADD is refused", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const limits = member({ egressRate: 8e6 });
    const bridge = { type: "bridge", cniVersion: "1.1.0", ipam: dualStack };
    const one = new Chain(host, [bridge, limits]);
    const two = new Chain(host, [bridge, limits], { ifName: "eth1" });
    const ifbsOf = async () => {
      const links = await host.ip<{ ifname: string; ifalias: string }>(
        "",
        "link",
        "show",
        "type",
        "ifb",
      );
      return links.map(({ ifalias }) => ifalias).sort();
    };
    const names = [await one.add(), await two.add()].map((it) => it.interfaces?.at(-1)?.name);
    assert.equal(new Set(names).size, 2);
    assert.deepEqual(await ifbsOf(), ["net1/container-c1/eth0", "net1/container-c1/eth1"]);
    await one.check();
    await two.check();
    assertError(await one.call("ADD", limits), { msg: /^adding link: file exists: bwp/ });
    await one.check();
    await one.del();
    assert.deepEqual(await ifbsOf(), ["net1/container-c1/eth1"]);
    await two.check();
    await two.del();
    assert.deepEqual(await ifbsOf(), []);
  }));

test("CHECK tells every difference", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(member(both), prevResult);
    const result = resultOf(await host.cni("ADD", call(config)));
    const hostEnd = hostEndOf(prevResult);
    const made = result.interfaces?.at(-1)?.name ?? "";
    const check = (keys: Config = both) =>
      host.cni("CHECK", call(withResult(member(keys), result)));
    assertError(await check({ ...both, egressRate: 24e6 }), {
      msg:
        `Rate doesn't match on ${made}: 2000000, not 3000000; Limit doesn't match on ${made}: 70000, not 95000; ` +
        `Buffer doesn't match on ${made}: 156250, not 104156`,
    });
    await host.run("tc", "qdisc", "del", "dev", hostEnd, "root");
    await host.run("tc", "qdisc", "del", "dev", hostEnd, "ingress");
    assertError(await check(), {
      msg:
        `Failed to find qdisc of kind tbf on ${hostEnd}; ` +
        `what arrives on ${hostEnd} is not redirected to ${made}`,
    });
    await host.run("ip", "link", "del", made);
    assertError(await check(), { msg: /Failed to find qdisc of kind tbf on eth0$/ });
    assertSuccess(await host.cni("DEL", call(member(both))));
  }));

test("DEL needs neither namespace nor prevResult, and GC takes what nobody has deleted", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const before = await host.snapshot();
    const limits = member({ egressRate: 8e6 });
    for (const netns of ["", "/run/netns/none"]) {
      const chain = new Chain(host, [ptp, limits]);
      await chain.add();
      const [gone] = [await host.cni("DEL", call(member(), { netns }))];
      assertSuccess(gone);
      assert.deepEqual(await host.ip("", "link", "show", "type", "ifb"), []);
      await chain.del();
    }
    const stays = { netns: "c2", containerId: "other" };
    for (const where of [{}, stays]) {
      const chain = new Chain(host, [ptp, limits], where);
      await chain.add();
    }
    const gc = (containerID: string, name = "net1") =>
      host.cni(
        "GC",
        call(member({ name, "cni.dev/valid-attachments": [{ containerID, ifname: "eth0" }] })),
      );
    const aliases = async () => {
      const links = await host.ip<{ ifalias: string }>("", "link", "show", "type", "ifb");
      return links.map(({ ifalias }) => ifalias);
    };
    assertSuccess(await gc("nobody", "net2"));
    assert.equal((await aliases()).length, 2);
    assertSuccess(await gc("other"));
    assert.deepEqual(await aliases(), ["net1/other/eth0"]);
    for (const where of [{}, stays]) {
      const chain = new Chain(host, [ptp, limits], where);
      await chain.del();
    }
    assertSame(before, await host.snapshot());
  }));

test("bad input is refused, and nothing has changed", () =>
  onInterface(async (host, prevResult) => {
    const add = (keys: Config, result?: unknown) =>
      host.cni("ADD", call(withResult(member(keys), result)));
    for (const [keys, code, msg] of [
      [{ ingressRate: -8 }, 7, /"ingressRate"/],
      [{ ingressRate: 1 }, 7, "ingressRate 1 is less than a byte a second"],
      [{ ingressRate: 2 ** 45 }, 7, /is more than can be limited$/],
      [{ egressBurst: 80 }, 7, "if burst is set, rate must also be set"],
      [{ egressRate: 80, egressBurst: 2 ** 36 }, 7, "burst cannot be more than 4GB"],
      [{ unshapedSubnets: ["10.0.0.0/8"] }, 2, /^unsupported field "unshapedSubnets"/],
    ] as const) {
      await host.unchangedBy(async () => assertError(await add(keys, prevResult), { code, msg }));
      assertError(await host.cni("STATUS", call(member(keys))), { code, msg });
    }
    const without = { ...prevResult, interfaces: [{ name: hostEndOf(prevResult) }] };
    await host.unchangedBy(async () => {
      assertError(await add(both), { msg: "must be called as chained plugin" });
      assertError(await add({}), { msg: "must be called as chained plugin" });
      assertError(await add(both, { ...prevResult, interfaces: [], ips: [] }), {
        msg: "no interfaces provided",
      });
      assertError(await add(both, { ...without, ips: [] }), {
        msg: 'prevResult has no interface "eth0" with a sandbox',
      });
      const missing = await host.cni(
        "ADD",
        call(withResult(member(both), prevResult), { ifName: "eth7" }),
      );
      assertError(missing, { msg: 'prevResult has no interface "eth7" with a sandbox' });
    });
    assertSuccess(await host.cni("STATUS", call(member(both))));
  }));

test("rates beyond 32 bits are limited; a burst without room for a packet is told", () =>
  onInterface(async (host, prevResult) => {
    const keys = { ingressRate: 2 ** 37, egressRate: 8e6, egressBurst: 8000 };
    const config = withResult(member(keys), prevResult);
    const reply = await host.cni("ADD", call(config));
    const result = resultOf(reply);
    assert.match(reply.stderr, /egressBurst of 1000 bytes: packets that are larger are dropped/);
    assert.equal(
      (await qdiscsOf(host, "")).filter((it) => it.includes(`tbf 1: ${2 ** 34} `)).length,
      1,
    );
    assertSuccess(await host.cni("CHECK", call(withResult(config, result))));
    assertSuccess(await host.cni("DEL", call(withResult(config, result))));
  }));

for (const [what, keys] of Object.entries<Config>({
  "both directions": both,
  ingress: { ingressRate: 123_456_789, ingressBurst: 1_234_567 },
  egress: { egressRate: 8, egressBurst: 8 },
  "more than 32 bits": { ingressRate: 2 ** 36, ingressBurst: 2 ** 30 },
})) {
  test(
    `beside the reference, ${what}: qdiscs and result are alike, each checks and deletes the other's`,
    { skip: withoutNewReference },
    () =>
      onInterface(async (host, prevResult) => {
        const config = withResult(member(keys), prevResult);
        const suites = [{}, { from: `${reference}` }];
        const outcomes: unknown[] = [];
        for (const [place, from] of suites.entries()) {
          const result = resultOf(await host.cni("ADD", call(config, from)));
          const links = await host.ip<Record<string, unknown>>("", "link", "show", "type", "ifb");
          const shown = links.map(({ ifname, mtu, txqlen, flags }) => [ifname, mtu, txqlen, flags]);
          const text = JSON.stringify([await queuesOf(host), shown, result]);
          const mac = result.interfaces?.find(({ name }) => ifb.test(name))?.mac;
          outcomes.push(mac === undefined ? text : text.replaceAll(mac, "MAC"));
          const again = withResult(config, result);
          for (const other of suites) assertSuccess(await host.cni("CHECK", call(again, other)));
          assertSuccess(await host.cni("DEL", call(again, suites[1 - place])));
          // The reference leaves the qdiscs to whoever removes the veth; nothing is left of them after ours.
          assertSuccess(await host.cni("DEL", call(again)));
          await dropQueues(host, hostEndOf(prevResult));
        }
        assert.equal(outcomes[0], outcomes[1]);
      }),
  );
}

/** What the reference's DEL leaves: a filter whose target is gone, and the qdiscs. */
async function dropQueues(host: Host, dev: string): Promise<void> {
  for (const line of await qdiscsOf(host, "")) {
    const place = line.includes("ingress") ? "ingress" : "root";
    await host.run("tc", "qdisc", "del", "dev", dev, place);
  }
}

const limits = { ingressRate: 40e6, egressRate: 20e6 };

/**
 * Measures with iperf3 what gets through from the container to an address, or back. Ethernet, IP and TCP headers are
 * limited too, which iperf3 does not count: 66 or 86 of 1514 bytes.
 */
async function assertRates(
  host: Host,
  netns: string | undefined,
  ways: readonly (readonly [direction: "egress" | "ingress", address: string])[],
): Promise<void> {
  const where = netns === undefined ? {} : { netns };
  for (const [direction, address] of ways) {
    // A server for each: one that has just served is busy for a moment yet.
    const server = host.start(["iperf3", "-s", "-1", "--forceflush"], where);
    await server.printed("listening");
    const way = direction === "ingress" ? ["-R"] : [];
    const command = ["iperf3", "-J", "-t2", "-O1", "-c", address, ...way];
    const outcome = await host.start(command, { netns: "c1" }).outcome;
    server.kill("SIGKILL");
    await server.outcome;
    assert.equal(outcome.status, 0, describe(outcome));
    const found = JSON.parse(outcome.stdout).end.sum_received?.bits_per_second;
    assert.ok(found > 0, describe(outcome));
    const share = found / limits[`${direction}Rate`];
    const told = `${direction}, ${address}: ${(share * 100).toFixed(1)} % of the rate`;
    assert.ok(share > 0.9 && share < 1.1, told);
  }
}

const gateways = ["10.1.0.1", "fd00:1::1"] as const;

test("iperf3 gets within 10 % of the rates, both directions and families", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [ptp, member(limits)]);
    await chain.add();
    await assertRates(host, undefined, [
      ["egress", gateways[0]],
      ["ingress", gateways[0]],
      ["egress", gateways[1]],
      ["ingress", gateways[1]],
    ]);
    await chain.del();
  }));

for (const [what, filter, gateway] of [
  ["clsact", "true", gateways[0]],
  [
    "filter",
    "tc filter add dev $1 ingress prio 1 protocol all u32 match u32 0 0 flowid 1:1",
    gateways[1],
  ],
] as const) {
  test(`beside another agent's ${what} the container sends within 10 % of the rate`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const first = new Chain(host, [ptp]);
      const prevResult = await first.add();
      const script = `tc qdisc add dev $1 clsact; ${filter}`;
      await host.run("sh", "-ec", script, "agent", hostEndOf(prevResult));
      const config = withResult(member(limits), prevResult);
      resultOf(await host.cni("ADD", call(config)));
      await assertRates(host, undefined, [["egress", gateway]]);
      assertSuccess(await host.cni("DEL", call(config)));
      await first.del();
    }));
}

test("a macvlan: limits are inside the container, and iperf3 gets within 10 % of the rates", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await addWire(host);
    const macvlan = { type: "macvlan", master: "wire0", cniVersion: "1.1.0", ipam: routedIpam };
    const chain = new Chain(host, [macvlan, member(limits)]);
    const result = await chain.add();
    const made = result.interfaces?.at(-1);
    assert.match(made?.name ?? "", ifb);
    assert.equal(made?.sandbox, "/run/netns/c1");
    assert.deepEqual(await qdiscsOf(host, ""), []);
    assert.deepEqual(await qdiscsOf(host, "c1"), [
      `${made?.name} tbf 1: 5000000 250000 25000`,
      "eth0 ingress ffff: - - -",
      "eth0 tbf 1: 2500000 125000 25000",
    ]);
    await chain.check();
    await assertRates(host, "lan", [
      ["egress", gateways[0]],
      ["ingress", gateways[1]],
    ]);
    assertSuccess(await chain.call("DEL", member()));
    assert.deepEqual(await qdiscsOf(host, "c1"), []);
    await chain.del();
  }));

test("a lent device comes home without limits", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await batch(host, "", ["link add dev0 type veth peer name dev1", "link set dev1 up"]);
    const device = { type: "host-device", device: "dev0", cniVersion: "1.1.0" };
    const chain = new Chain(host, [device, member(both)]);
    await chain.add();
    await chain.check();
    assert.equal((await queuesOf(host)).length, 3);
    await chain.del();
    assert.deepEqual(await queuesOf(host), []);
    await host.run("ip", "link", "del", "dev0");
  }));
