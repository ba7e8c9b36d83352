/** Against the kernel, in network namespaces made for it. iproute2 is the second pair of eyes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import type { Address } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { address, prefix } from "../../ip/testing/values.ts";
import { Errno } from "../../sys/errno.ts";
import type { Fd } from "../../sys/fd.ts";
import { OpenFlag, openFile } from "../../sys/file.ts";
import {
  enterNetwork,
  enterNewNetwork,
  skipUnlessRoot as skip,
} from "../../sys/testing/new-network.ts";
import { NetlinkError } from "../error.ts";
import { NetlinkSocket, Protocol } from "../socket.ts";
import { failure } from "../testing/failure.ts";
import { deleteAddress, dumpAddresses, newAddress, replaceAddress } from "./address.ts";
import { addVlans, deleteVlans, dumpVlans } from "./bridge-vlan.ts";
import { RouteGroup } from "./group.ts";
import { IpvlanMode } from "./ipvlan.ts";
import {
  deleteLink,
  dumpLinks,
  getLink,
  type Link,
  type LinkSettings,
  newLink,
  setLink,
} from "./link.ts";
import { MacvlanMode } from "./macvlan.ts";
import { deleteNeighbour, dumpNeighbours, newNeighbour } from "./neighbour.ts";
import {
  appendRoute,
  deleteRoute,
  dumpRoutes,
  getRoute,
  newRoute,
  type Route,
  RouteScope,
  replaceRoute,
} from "./route.ts";
import { deleteRule, dumpRules, newRule } from "./rule.ts";
import { VlanProtocol } from "./vlan.ts";

/** A namespace, the socket in it, and iproute2 in it. */
interface Place {
  readonly fd: Fd;
  readonly socket: NetlinkSocket;
  ip(...args: string[]): Record<string, unknown>[];
}

function makePlace(): Place {
  enterNewNetwork();
  const fd = openFile("/proc/thread-self/ns/net", OpenFlag.readOnly);
  const socket = NetlinkSocket.open(Protocol.route);
  return {
    fd,
    socket,
    ip(...args) {
      enterNetwork(fd.fd);
      return JSON.parse(execFileSync("ip", ["-j", "-d", ...args], { encoding: "utf8" }) || "[]");
    },
  };
}

/** A bridge on the host, and a pair from it into the container, made in two batches. */
function makePair(host: Place, container: Place): { bridge: Link; port: Link } {
  const [, bridge] = host.socket.send(
    newLink({ name: "cni0", up: true, mtu: 1400, kind: "bridge", data: { ageingTime: 20000 } }),
    getLink({ name: "cni0" }),
  );
  const peer = { name: "eth0", mac: "02:00:00:00:00:02", mtu: 1400, netnsFd: container.fd.fd };
  const [, , port] = host.socket.send(
    newLink({
      name: "veth1",
      mac: "02:00:00:00:00:01",
      mtu: 1400,
      master: bridge.index,
      up: true,
      kind: "veth",
      data: { peer },
    }),
    setLink({ name: "veth1", portKind: "bridge", portData: { hairpin: true, isolated: true } }),
    getLink({ name: "veth1" }),
  );
  return { bridge, port };
}

test("one request makes both ends of a pair, one batch all of a bridge's port", { skip }, () => {
  const host = makePlace();
  const container = makePlace();
  const { bridge, port } = makePair(host, container);

  assert.equal(bridge.kind, "bridge");
  assert.equal(bridge.kind === "bridge" && bridge.data?.ageingTime, 20000);
  assert.equal(port.master, bridge.index);
  assert.ok(port.up);
  assert.equal(port.portKind === "bridge" && port.portData?.hairpin, true);
  assert.equal(port.portKind === "bridge" && port.portData?.isolated, true);

  const [eth0] = container.socket.send(getLink({ name: "eth0" }));
  assert.equal(eth0.index, port.peerIndex);
  assert.equal(eth0.peerIndex, port.index);
  assert.deepEqual([eth0.mac, eth0.mtu, eth0.up], ["02:00:00:00:00:02", 1400, false]);

  const [seen] = host.ip("link", "show", "veth1");
  const info = seen?.linkinfo as { info_slave_data: Record<string, unknown> };
  assert.equal(seen?.address, "02:00:00:00:00:01");
  assert.equal(seen?.master, "cni0");
  assert.equal(seen?.mtu, 1400);
  assert.equal(info.info_slave_data.hairpin, true);
  assert.equal(info.info_slave_data.isolated, true);
  const [inside] = container.ip("link", "show", "eth0");
  assert.deepEqual([inside?.address, inside?.mtu], ["02:00:00:00:00:02", 1400]);
});

test("the indexes of both ends can be chosen", { skip }, () => {
  const host = makePlace();
  const container = makePlace();
  const peer = { index: 70, name: "eth0", netnsFd: container.fd.fd };
  host.socket.send(newLink({ index: 60, name: "veth1", kind: "veth", data: { peer } }));
  assert.equal(host.socket.send(getLink({ index: 60 }))[0].name, "veth1");
  assert.equal(container.socket.send(getLink({ index: 70 }))[0].name, "eth0");
});

test("the peer cannot come up in the request that makes it", { skip }, () => {
  const host = makePlace();
  const peer = { name: "b", up: true };
  const error = failure(() =>
    host.socket.send(newLink({ name: "a", kind: "veth", data: { peer } })),
  );
  assert.equal(error.errno, Errno.ENOTCONN);
});

test("addresses, routes and flags of an interface go in one batch", { skip }, () => {
  const host = makePlace();
  const container = makePlace();
  const { port } = makePair(host, container);
  const { socket } = container;
  const index = port.peerIndex ?? 0;
  const full: Route = {
    destination: prefix("10.9.0.0/16"),
    index,
    gateway: address("10.1.0.1"),
    source: address("10.1.0.5"),
    priority: 50,
    table: 1000,
    mtu: 1300,
    advmss: 1200,
  };
  socket.send(
    setLink({ index, families: { ipv4: { conf: { arpNotify: 1 } } } }),
    newAddress({ index, prefix: prefix("10.1.0.5/24") }, "eth0"),
    newAddress({ index, prefix: prefix("fd00::5/64"), noDad: true }, "eth0"),
    setLink({ index, up: true }),
    newRoute({ destination: prefix("0.0.0.0/0"), index, gateway: address("10.1.0.1") }),
    newRoute(full),
    newRoute({ destination: prefix("fd09::/64"), index, gateway: address("fd00::1"), priority: 7 }),
    newRoute({ destination: prefix("10.8.0.0/16"), index, gateway: address("fd00::1") }),
  );
  // The kernel reports the state of the wire at once, without waiting for its own announcement.
  const [afterwards] = host.socket.send(getLink({ name: "veth1" }));
  assert.equal(afterwards.operState, "up");

  const [link] = socket.send(getLink({ index }));
  assert.equal(link.families.ipv4?.conf?.arpNotify, 1);
  const [v4] = socket.dump(dumpAddresses({ index, family: 4 }));
  assert.ok(v4);
  assert.equal(formatPrefix(v4.prefix), "10.1.0.5/24");
  assert.deepEqual(v4.broadcast, address("10.1.0.255"));
  const v6 = socket.dump(dumpAddresses({ index, family: 6 }));
  const own = v6.find((row) => formatPrefix(row.prefix) === "fd00::5/64");
  assert.ok(own && !own.tentative);

  const [read] = socket.dump(dumpRoutes({ table: 1000 }));
  for (const [name, value] of Object.entries(full)) {
    assert.deepEqual((read as Record<string, unknown> | undefined)?.[name], value);
  }
  const viaSix = socket
    .dump(dumpRoutes({ family: 4, index }))
    .find(({ gateway }) => gateway?.family === 6);
  assert.deepEqual(viaSix?.gateway, address("fd00::1"));
  const [chosen] = socket.send(getRoute({ to: address("8.8.8.8") }));
  assert.deepEqual(chosen?.gateway, address("10.1.0.1"));

  const [row] = container.ip("route", "show", "table", "1000");
  assert.deepEqual(
    [row?.dst, row?.gateway, row?.prefsrc, row?.metric, row?.dev],
    ["10.9.0.0/16", "10.1.0.1", "10.1.0.5", 50, "eth0"],
  );
  assert.deepEqual(row?.metrics, [{ mtu: 1300, advmss: 1200 }]);
  const [addresses] = container.ip("addr", "show", "eth0");
  const list = (addresses?.addr_info ?? []) as { local: string }[];
  const locals = list.map(({ local }) => local);
  assert.ok(locals.includes("10.1.0.5") && locals.includes("fd00::5"));
});

test("waitFor() wakes when duplicate address detection is through", { skip }, () => {
  const host = makePlace();
  const container = makePlace();
  const { port } = makePair(host, container);
  const index = port.peerIndex ?? 0;
  container.socket.send(
    newAddress({ index, prefix: prefix("fd00::5/64") }),
    setLink({ index, up: true }),
  );
  let asked = 0;
  const settled = container.socket.waitFor(
    [RouteGroup.ipv6Address],
    () => {
      asked++;
      const rows = container.socket.dump(dumpAddresses({ index, family: 6 }));
      return rows.some(({ tentative }) => tentative) ? undefined : rows;
    },
    { timeoutMs: 10_000 },
  );
  assert.equal(settled?.length, 2);
  assert.ok(asked > 1 && asked < 10, `asked ${asked} times`);
});

test("links are changed, moved, renamed, listed and deleted", { skip }, () => {
  const host = makePlace();
  const container = makePlace();
  const { bridge, port } = makePair(host, container);
  const { socket } = host;
  assert.deepEqual(
    socket.dump(dumpLinks({ master: bridge.index })).map(({ name }) => name),
    ["veth1"],
  );
  assert.deepEqual(
    socket.dump(dumpLinks({ kind: "bridge" })).map(({ name }) => name),
    ["cni0"],
  );
  socket.send(
    newLink({
      parent: bridge.index,
      name: "tmp0",
      netnsFd: container.fd.fd,
      kind: "macvlan",
      data: { mode: MacvlanMode.private, bcQueueLen: 500 },
    }),
  );
  const [macvlan] = container.socket.send(getLink({ name: "tmp0" }));
  assert.equal(macvlan.kind === "macvlan" && macvlan.data?.mode, MacvlanMode.private);
  container.socket.send(
    setLink({ index: macvlan.index, name: "net1", alias: "was tmp0", promiscuous: true }),
  );
  const [renamed] = container.socket.send(getLink({ name: "net1" }));
  assert.deepEqual(
    [renamed.index, renamed.alias, renamed.promiscuity],
    [macvlan.index, "was tmp0", 1],
  );
  socket.send(setLink({ index: port.index, master: 0 }), deleteLink({ name: "cni0" }));
  assert.deepEqual(socket.dump(dumpLinks({ kind: "bridge" })), []);
  container.socket.send(deleteLink({ name: "eth0" }));
  assert.equal(failure(() => socket.send(getLink({ index: port.index }))).errno, Errno.ENODEV);
});

test("the kernel's words reach the message", { skip }, () => {
  const host = makePlace();
  const { port } = makePair(host, makePlace());
  const { socket } = host;
  const { index } = port;
  const gone = failure(() => socket.send(deleteAddress({ index, prefix: prefix("10.1.0.1/24") })));
  assert.equal(gone.errno, Errno.EADDRNOTAVAIL);
  const texts = [
    () => socket.send(newLink({ name: "cni0", kind: "bridge" })),
    () => socket.send(setLink({ name: "veth1", mtu: 10 })),
    () => socket.send(getLink({ name: "nowhere" })),
    () => socket.send(newRoute({ destination: prefix("10.0.0.0/8"), gateway: address("1.1.1.1") })),
    () => socket.dump(dumpRoutes({ family: 4, table: 4321 })),
  ].map((work) => failure(work).message);
  assert.deepEqual(texts, [
    "create link cni0: file exists",
    "change link veth1: invalid argument: mtu less than device minimum",
    "find link nowhere: no such device",
    "add route 10.0.0.0/8 via 1.1.1.1: network is unreachable: Nexthop has invalid gateway",
    "list routes: no such file or directory: ipv4: FIB table does not exist",
  ]);
});

test("routes are appended, replaced and deleted; so are addresses", { skip }, () => {
  const host = makePlace();
  const { bridge } = makePair(host, makePlace());
  const { socket } = host;
  const { index } = bridge;
  const destination = prefix("10.2.0.0/16");
  const via = (text: string): Route => ({ destination, index, gateway: address(text) });
  socket.send(
    newAddress({ index, prefix: prefix("10.1.0.1/24") }),
    replaceAddress({
      index,
      prefix: prefix("10.1.0.1/24"),
      validLifetime: 900,
      preferredLifetime: 800,
    }),
    newRoute(via("10.1.0.2")),
    appendRoute(via("10.1.0.3")),
  );
  const gateways = (): (Address | undefined)[] =>
    socket
      .dump(dumpRoutes({ family: 4, table: 254 }))
      .filter((route) => route.scope === RouteScope.universe)
      .map(({ gateway }) => gateway);
  assert.deepEqual(gateways(), [address("10.1.0.2"), address("10.1.0.3")]);
  assert.equal(failure(() => socket.send(appendRoute(via("10.1.0.3")))).errno, Errno.EEXIST);
  socket.send(replaceRoute(via("10.1.0.4")), deleteRoute(via("10.1.0.3")));
  assert.deepEqual(gateways(), [address("10.1.0.4")]);
  assert.equal(failure(() => socket.send(deleteRoute(via("10.1.0.9")))).errno, Errno.ESRCH);
  const [timed] = socket.dump(dumpAddresses({ index, family: 4 }));
  assert.ok(timed && timed.validLifetime > 800 && timed.validLifetime <= 900);
  socket.send(deleteAddress({ index, prefix: prefix("10.1.0.1/24") }));
  assert.deepEqual(socket.dump(dumpAddresses({ index, family: 4 })), []);
});

test("neighbours and rules come and go", { skip }, () => {
  const host = makePlace();
  const { bridge } = makePair(host, makePlace());
  const { socket } = host;
  const { index } = bridge;
  const entry = { index, address: address("10.1.0.9"), mac: "02:00:00:00:00:09" };
  const rule = { family: 4, from: prefix("10.1.0.0/24"), table: 1000, priority: 500 } as const;
  socket.send(newNeighbour(entry), newRule(rule));
  // The kernel has entries of its own there: a bridge that is up tells its multicast groups.
  const neighbours = socket.dump(dumpNeighbours({ index, family: 4 }));
  assert.ok(neighbours.some(({ mac }) => mac === entry.mac));
  assert.deepEqual(
    socket.dump(dumpRules({ family: 4 })).find((r) => r.priority === 500)?.from,
    rule.from,
  );
  socket.send(deleteNeighbour(entry), deleteRule(rule));
  assert.equal(socket.dump(dumpRules({ family: 4 })).length, 3);
});

test("VLANs of a port come and go", { skip }, (t) => {
  const host = makePlace();
  const { bridge, port } = makePair(host, makePlace());
  const { socket } = host;
  const { index } = port;
  const filtering = setLink({ index: bridge.index, kind: "bridge", data: { vlanFiltering: true } });
  try {
    socket.send(filtering);
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.errno !== Errno.EOPNOTSUPP) throw error;
    return t.skip("this kernel has no VLAN filtering");
  }
  socket.send(
    deleteVlans({ index, vlans: [{ from: 1, to: 4094 }] }),
    addVlans({
      index,
      vlans: [
        { from: 100, pvid: true, untagged: true },
        { from: 200, to: 210 },
      ],
    }),
    addVlans({ index: bridge.index, self: true, vlans: [{ from: 300 }] }),
  );
  const rows = socket.dump(dumpVlans());
  assert.deepEqual(rows.find((row) => row.index === index)?.vlans, [
    { from: 100, to: 100, pvid: true, untagged: true },
    { from: 200, to: 210, pvid: false, untagged: false },
  ]);
  assert.equal(rows.find((row) => row.index === bridge.index)?.vlans.at(-1)?.from, 300);
  assert.equal(socket.dump(dumpVlans({ index })).length, 1);
});

const kinds: LinkSettings[] = [
  { name: "k0", kind: "dummy" },
  { name: "k1", kind: "ifb" },
  { name: "k2", kind: "vrf", data: { table: 77 } },
  { name: "k3", kind: "vlan", data: { id: 5, protocol: VlanProtocol.dot1q } },
  { name: "k4", kind: "ipvlan", data: { mode: IpvlanMode.l3, flags: 0 } },
  { name: "k5", kind: "macvlan", data: { mode: MacvlanMode.vepa } },
  { name: "k6", kind: "bridge", data: { ageingTime: 100, groupFwdMask: 8 } },
];

for (const settings of kinds) {
  test(`the kernel makes of a ${settings.kind} what was asked for`, { skip }, (t) => {
    const { socket } = makePlace();
    const [, parent] = socket.send(newLink({ name: "p0", kind: "veth" }), getLink({ name: "p0" }));
    const isChild = ["vlan", "ipvlan", "macvlan"].includes(settings.kind ?? "");
    const wanted = isChild ? { ...settings, parent: parent.index } : settings;
    try {
      socket.send(newLink({ ...wanted, mtu: 1300 }));
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.errno !== Errno.EOPNOTSUPP) throw error;
      return t.skip("not in this kernel");
    }
    const [link] = socket.send(getLink({ name: settings.name ?? "" }));
    assert.deepEqual([link.kind, link.mtu], [settings.kind, 1300]);
    if (isChild) assert.equal(link.parent, parent.index);
    const data: Record<string, unknown> = { ...link.data };
    for (const [name, value] of Object.entries(settings.data ?? {})) {
      assert.equal(data[name], value, name);
    }
  });
}

test("a hundred links are made, listed and deleted", { skip }, () => {
  const { socket } = makePlace();
  const names = Array.from({ length: 100 }, (_, n) => `br${n}`);
  socket.send(...names.map((name) => newLink({ name, kind: "bridge" })));
  assert.equal(socket.dump(dumpLinks({ kind: "bridge" })).length, 100);
  socket.send(...names.map((name) => deleteLink({ name })));
  assert.deepEqual(socket.dump(dumpLinks({ kind: "bridge" })), []);
});

test("a link's number is found by its name, and whether IPv6 knows it", { skip }, () => {
  const { socket } = makePlace();
  for (const [name, mtu, hasIpv6] of [
    ["wide", 1280, true],
    ["narrow", 1279, false],
  ] as const) {
    socket.send(newLink({ name, kind: "bridge", mtu }));
    const [link] = socket.send(getLink({ name }));
    assert.deepEqual([socket.linkIndex(name), link.hasIpv6], [link.index, hasIpv6]);
  }
  // Also of one that becomes too narrow.
  socket.send(setLink({ name: "wide", mtu: 1279 }));
  assert.equal(socket.send(getLink({ name: "wide" }))[0].hasIpv6, false);
  assert.throws(() => socket.linkIndex("none"), /^SysError: find link none: no such device$/);
});
