/** The host-local plugin called directly: which addresses it gives, what it writes, what it refuses. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import test from "node:test";
import { assertError, assertSuccess, type Result, resultOf } from "./harness/expect.ts";
import { type Call, type Host, withHost } from "./harness/host.ts";
import { type Config, hostLocalConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";

const store = "/var/lib/cni/networks/net1";

/** One range set with few addresses: .2 to .6. */
const small = { ranges: [[{ subnet: "10.1.0.0/29" }]] };

interface Request extends Partial<Call> {
  readonly ipam?: Config;
  readonly changes?: Config;
}

function call(containerId: string, { ipam = small, changes = {}, ...rest }: Request = {}): Call {
  const config = hostLocalConfig(ipam, changes);
  return { plugin: "host-local", containerId, netns: "/run/netns/unused", config, ...rest };
}

async function add(host: Host, containerId: string, request: Request = {}): Promise<Result> {
  return resultOf(await host.cni("ADD", call(containerId, request)));
}

/** The addresses an ADD gave, joined. */
async function given(host: Host, containerId: string, request: Request = {}): Promise<string> {
  const { ips = [] } = await add(host, containerId, request);
  return ips.map(({ address }) => address).join(" ");
}

async function release(host: Host, containerId: string, request: Request = {}): Promise<void> {
  assertSuccess(await host.cni("DEL", call(containerId, request)));
}

async function refused(
  host: Host,
  containerId: string,
  request: Request,
  msg: string | RegExp,
): Promise<void> {
  const before = readReservations(host);
  const reply = await host.cni("ADD", call(containerId, request));
  assertError(reply, { msg });
  assert.deepEqual(readReservations(host), before, "the failed ADD left a reservation");
}

test("an address of each range set, with prefix length and gateway", () =>
  withHost(async (host) => {
    assert.deepEqual(await add(host, "a", { ipam: {} }), {
      cniVersion: "1.1.0",
      ips: [
        { address: "10.1.0.2/24", gateway: "10.1.0.1" },
        { address: "fd00:1::2/64", gateway: "fd00:1::1" },
      ],
    });
  }));

test("the files are the reference's, byte for byte", () =>
  withHost(async (host) => {
    await add(host, "a", { ipam: {} });
    const folder = host.outside(store);
    assert.deepEqual(readdirSync(folder).sort(), [
      "10.1.0.2",
      "fd00:1::2",
      "last_reserved_ip.0",
      "last_reserved_ip.1",
      "lock",
    ]);
    const content = (name: string) => readFileSync(`${folder}/${name}`, "utf8");
    assert.equal(content("10.1.0.2"), "a\r\neth0");
    assert.equal(content("fd00:1::2"), "a\r\neth0");
    assert.equal(content("last_reserved_ip.0"), "10.1.0.2");
    assert.equal(content("last_reserved_ip.1"), "fd00:1::2");
    assert.equal(content("lock"), "");
    for (const name of ["10.1.0.2", "last_reserved_ip.0"]) {
      assert.equal(statSync(`${folder}/${name}`).mode & 0o777, 0o600, name);
    }
    await release(host, "a", { ipam: {} });
    assert.deepEqual(readdirSync(folder).sort(), [
      "last_reserved_ip.0",
      "last_reserved_ip.1",
      "lock",
    ]);
  }));

test("addresses go round: what was released comes last", () =>
  withHost(async (host) => {
    for (const last of [2, 3, 4]) assert.equal(await given(host, `c${last}`), `10.1.0.${last}/29`);
    await release(host, "c2");
    assert.equal(await given(host, "c5"), "10.1.0.5/29");
    assert.equal(await given(host, "c6"), "10.1.0.6/29");
    assert.equal(await given(host, "again"), "10.1.0.2/29");
    await refused(
      host,
      "late",
      {},
      "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.6",
    );
    await release(host, "c4");
    assert.equal(await given(host, "late"), "10.1.0.4/29");
  }));

test("the ranges of a set are used one after the other", () =>
  withHost(async (host) => {
    const set = [
      { subnet: "10.1.0.0/24", rangeStart: "10.1.0.9", rangeEnd: "10.1.0.10" },
      { subnet: "10.2.0.0/24", rangeStart: "10.2.0.1", rangeEnd: "10.2.0.3", gateway: "10.2.0.2" },
    ];
    const request = { ipam: { ranges: [set] } };
    const all = [];
    for (let i = 0; i < 4; i++) all.push(await given(host, `c${i}`, request));
    assert.deepEqual(all, ["10.1.0.9/24", "10.1.0.10/24", "10.2.0.1/24", "10.2.0.3/24"]);
    await refused(
      host,
      "late",
      request,
      "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.9-10.1.0.10,10.2.0.1-10.2.0.3",
    );
  }));

test("the old form of a single range comes in front of the others", () =>
  withHost(async (host) => {
    const ipam = { subnet: "10.9.0.0/24", ranges: [[{ subnet: "10.1.0.0/24" }]] };
    const changes = { runtimeConfig: { ipRanges: [[{ subnet: "10.5.0.0/24" }]] } };
    assert.equal(await given(host, "a", { ipam }), "10.9.0.2/24 10.1.0.2/24");
    assert.equal(await given(host, "b", { ipam, changes }), "10.5.0.2/24 10.9.0.3/24 10.1.0.3/24");
  }));

test("a set that is exhausted takes back what the sets before it gave", () =>
  withHost(async (host) => {
    const ipam = { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/30" }]] };
    await add(host, "a", { ipam });
    await refused(
      host,
      "b",
      { ipam },
      "failed to allocate for range 1: no IP addresses available in range set: 10.2.0.1-10.2.0.2",
    );
  }));

test("IPv6 ranges end with the last address", () =>
  withHost(async (host) => {
    const ipam = { ranges: [[{ subnet: "fd00:1::/126" }]] };
    const all = [];
    for (let i = 0; i < 2; i++) all.push(await given(host, `c${i}`, { ipam }));
    assert.deepEqual(all, ["fd00:1::2/126", "fd00:1::3/126"]);
    await refused(
      host,
      "late",
      { ipam },
      /no IP addresses available in range set: fd00:1::1-fd00:1::3$/,
    );
  }));

test("a second ADD of the same attachment is refused, another interface is not", () =>
  withHost(async (host) => {
    await add(host, "a");
    await refused(
      host,
      "a",
      {},
      "failed to allocate for range 0: 10.1.0.2 has been allocated to a, duplicate allocation is not allowed",
    );
    assert.equal(await given(host, "a", { ifName: "eth1" }), "10.1.0.3/29");
  }));

const wanted: [from: string, request: Request][] = [
  ["CNI_ARGS", { args: "IP=10.1.0.5" }],
  ["CNI_ARGS with a prefix length", { args: "IP=10.1.0.5/16" }],
  ["args.cni", { changes: { args: { cni: { ips: ["10.1.0.5"] } } } }],
  ["runtimeConfig", { changes: { runtimeConfig: { ips: ["10.1.0.5/29"] } } }],
  [
    "all three at once",
    {
      args: "IP=10.1.0.5",
      changes: { args: { cni: { ips: ["10.1.0.5"] } }, runtimeConfig: { ips: ["10.1.0.5"] } },
    },
  ],
];

for (const [from, request] of wanted) {
  test(`an address requested through ${from} is given, once`, () =>
    withHost(async (host) => {
      assert.equal(await given(host, "a", request), "10.1.0.5/29");
      await refused(
        host,
        "b",
        request,
        "failed to allocate for range 0: requested IP address 10.1.0.5 is not available in range set 10.1.0.1-10.1.0.6",
      );
      assert.equal(await given(host, "b"), "10.1.0.6/29");
    }));
}

test("an address requested of each set is given", () =>
  withHost(async (host) => {
    const changes = { runtimeConfig: { ips: ["fd00:1::77", "10.1.0.77"] } };
    assert.equal(await given(host, "a", { ipam: {}, changes }), "10.1.0.77/24 fd00:1::77/64");
  }));

const badRequests: [ips: string[], msg: string][] = [
  [["10.1.0.1"], "failed to allocate for range 0: requested ip 10.1.0.1 is subnet's gateway"],
  [["192.0.2.1"], "failed to allocate all requested IPs: 192.0.2.1"],
  [["10.1.0.2", "10.1.0.3"], "failed to allocate all requested IPs: 10.1.0.3"],
  [["everywhere"], "invalid IP address everywhere"],
  [[""], "cannot understand ip: IP <nil> not v4 nor v6"],
];

for (const [ips, msg] of badRequests) {
  test(`the requested addresses ${JSON.stringify(ips)} are refused`, () =>
    withHost((host) => refused(host, "a", { changes: { runtimeConfig: { ips } } }, msg)));
}

test("a bad address in CNI_ARGS is told with the pair", () =>
  withHost((host) =>
    refused(
      host,
      "a",
      { args: "IP=nowhere" },
      'ARGS: error parsing value of pair "IP=nowhere": invalid IP address nowhere',
    ),
  ));

test("routes are handed on as they are", () =>
  withHost(async (host) => {
    const routes = [
      { dst: "0.0.0.0/0" },
      {
        dst: "172.16.0.0/12",
        gw: "10.1.0.9",
        mtu: 1400,
        advmss: 1300,
        priority: 7,
        table: 100,
        scope: 0,
      },
    ];
    const { routes: handed } = await add(host, "a", { ipam: { ...small, routes } });
    assert.deepEqual(handed, routes);
  }));

test("resolvConf: is read as the resolver reads it", () =>
  withHost(async (host) => {
    const resolvConf = host.write(
      "/run/work/resolv.conf",
      "# nameserver 1.1.1.1\n; domain x\n\nnameserver 9.9.9.9 ignored\n  nameserver fd00::53\n" +
        "domain a.example\ndomain b.example\nsearch c.example d.example\nsearch e.example\n" +
        "options ndots:2 edns0\nsortlist 10.0.0.0\nnameserver\n",
    );
    const { dns } = await add(host, "a", { ipam: { ...small, resolvConf } });
    assert.deepEqual(dns, {
      domain: "b.example",
      nameservers: ["9.9.9.9", "fd00::53"],
      options: ["ndots:2", "edns0"],
      search: ["c.example", "d.example", "e.example"],
    });
    const missing = { ipam: { ...small, resolvConf: "/run/work/none" } };
    await refused(host, "b", missing, "open /run/work/none: no such file or directory");
  }));

test("dataDir: is where the reservations go", () =>
  withHost(async (host) => {
    const ipam = { ...small, dataDir: "/run/work/deep/store" };
    await add(host, "a", { ipam });
    assert.deepEqual(readReservations(host, "/run/work/deep/store"), ["net1/10.1.0.2 a eth0"]);
    assert.deepEqual(readReservations(host), []);
    await release(host, "a", { ipam });
    assert.deepEqual(readReservations(host, "/run/work/deep/store"), []);
  }));

const badIpam: [what: string, ipam: Config, msg: string | RegExp][] = [
  ["no ranges", { ranges: undefined }, "no IP ranges specified"],
  ["an empty list of sets", { ranges: [] }, "no IP ranges specified"],
  ["an empty set", { ranges: [[]] }, "invalid range set 0: empty range set"],
  ["a range without subnet", { ranges: [[{}]] }, /^invalid range set 0: IP .*not v4 nor v6$/],
  [
    "a subnet of two addresses",
    { ranges: [[{ subnet: "10.1.0.0/31" }]] },
    "invalid range set 0: Network 10.1.0.0/31 too small to allocate from",
  ],
  [
    "a subnet with host bits",
    { ranges: [[{ subnet: "10.1.0.7/24" }]] },
    "invalid range set 0: Network has host bits set. For a subnet mask of length 24 the network address is 10.1.0.0",
  ],
  [
    "a start outside",
    { ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.2.0.1" }]] },
    "invalid range set 0: RangeStart 10.2.0.1 not in network 10.1.0.0/24",
  ],
  [
    "an end outside",
    { ranges: [[{ subnet: "10.1.0.0/24", rangeEnd: "10.2.0.1" }]] },
    "invalid range set 0: RangeEnd 10.2.0.1 not in network 10.1.0.0/24",
  ],
  [
    "an end before the start",
    { ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" }]] },
    /^invalid range set 0: Range(End 10\.1\.0\.8|Start 10\.1\.0\.9) not in network 10\.1\.0\.0\/24$/,
  ],
  [
    "the broadcast address as start",
    { ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.255" }]] },
    /^invalid range set 0: RangeStart 10\.1\.0\.255 /,
  ],
  [
    "two families in one set",
    { ranges: [[{ subnet: "10.1.0.0/24" }, { subnet: "fd00::/64" }]] },
    "invalid range set 0: mixed address families",
  ],
  [
    "ranges that overlap",
    { ranges: [[{ subnet: "10.1.0.0/24" }, { subnet: "10.1.0.0/25" }]] },
    "invalid range set 0: subnets 10.1.0.1-10.1.0.254 and 10.1.0.1-10.1.0.126 overlap",
  ],
  [
    "sets that overlap",
    { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.1.0.0/16" }]] },
    "range set 0 overlaps with 1",
  ],
  ["a subnet that is none", { ranges: [[{ subnet: "ten" }]] }, /invalid CIDR address: ten/],
  [
    "a gateway that is none",
    { ranges: [[{ subnet: "10.1.0.0/24", gateway: "x" }]] },
    /invalid IP address: x/,
  ],
  ["ranges that are no list", { ranges: {} }, /ranges/],
  ["a route without destination", { ...small, routes: [{ gw: "10.1.0.1" }] }, /dst/],
  ["a dataDir that is a number", { ...small, dataDir: 7 }, /dataDir/],
];

for (const [what, ipam, msg] of badIpam) {
  test(`a configuration with ${what} is refused`, () =>
    withHost((host) => refused(host, "a", { ipam }, msg)));
}

test("a configuration without ipam is refused", () =>
  withHost((host) =>
    refused(host, "a", { changes: { ipam: undefined } }, "IPAM config missing 'ipam' key"),
  ));

test("several addresses of a family need version 0.3.0", () =>
  withHost(async (host) => {
    const ipam = { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/24" }]] };
    const changes = { cniVersion: "0.2.0" };
    await refused(
      host,
      "a",
      { ipam, changes },
      "CNI version 0.2.0 does not support more than 1 address per family",
    );
    assert.equal(
      await given(host, "a", { ipam, changes: { cniVersion: "0.3.0" } }),
      "10.1.0.2/24 10.2.0.2/24",
    );
  }));

test("DEL releases what the attachment holds, and nothing else", () =>
  withHost(async (host) => {
    await add(host, "a", { ipam: {} });
    await add(host, "a", { ipam: {}, ifName: "eth1" });
    await add(host, "b", { ipam: {} });
    await release(host, "a", { ipam: {} });
    assert.deepEqual(readReservations(host), [
      "net1/10.1.0.3 a eth1",
      "net1/10.1.0.4 b eth0",
      "net1/fd00:1::3 a eth1",
      "net1/fd00:1::4 b eth0",
    ]);
    await release(host, "a", { ipam: {} });
    await release(host, "never", { ipam: {} });
    assert.equal(readReservations(host).length, 4);
  }));

test("DEL where there is no store makes none", () =>
  withHost(async (host) => {
    await release(host, "a");
    assert.deepEqual(readdirSync(host.outside("/var/lib/cni")), []);
  }));

test("a reservation of an old version, without interface, is its container's", () =>
  withHost(async (host) => {
    host.write(`${store}/10.1.0.2`, "a");
    host.write(`${store}/10.1.0.3`, " b \n");
    await refused(host, "a", {}, /10\.1\.0\.2 has been allocated to a, duplicate/);
    assertSuccess(await host.cni("CHECK", call("a")));
    await release(host, "a");
    await release(host, "b", { ifName: "eth7" });
    assert.deepEqual(readReservations(host), []);
  }));

test("CHECK knows who has an address", () =>
  withHost(async (host) => {
    const failure = { code: 999, msg: "host-local: Failed to find address added by container b" };
    assertError(await host.cni("CHECK", call("b")), failure);
    await add(host, "a");
    assertSuccess(await host.cni("CHECK", call("a")));
    assertError(await host.cni("CHECK", call("a", { ifName: "eth1" })), {
      code: 999,
      msg: "host-local: Failed to find address added by container a",
    });
    assertError(await host.cni("CHECK", call("b")), failure);
  }));

test("GC removes the reservations of what is not valid, old ones by their container", () =>
  withHost(async (host) => {
    for (const id of ["a", "b", "c"]) await add(host, id);
    await add(host, "a", { ifName: "eth1" });
    host.write(`${store}/10.1.0.6`, "old");
    const changes = {
      "cni.dev/valid-attachments": [
        { containerID: "a", ifname: "eth0" },
        { containerID: "c", ifname: "eth0" },
      ],
    };
    assertSuccess(await host.cni("GC", call("", { changes })));
    assert.deepEqual(readReservations(host), ["net1/10.1.0.2 a eth0", "net1/10.1.0.4 c eth0"]);
  }));

test("STATUS is good without a store, and code 50 where nothing can be had", () =>
  withHost(async (host) => {
    const ipam = { ranges: [[{ subnet: "10.1.0.0/30" }]] };
    const status = () => host.cni("STATUS", call("", { ipam }));
    assertSuccess(await status());
    assert.deepEqual(readdirSync(host.outside("/var/lib/cni")), [], "STATUS made something");
    await add(host, "a", { ipam });
    assertError(await status(), { code: 50, msg: /10\.1\.0\.1-10\.1\.0\.2/ });
    await release(host, "a", { ipam });
    assertSuccess(await status());
    await host.run("mount", "-t", "tmpfs", "-o", "ro", "store", "/var/lib/cni");
    assertError(await status(), { code: 50, msg: /read-only file system/ });
  }));

test("with 3,000 reservations every one is found, and the time stays", () =>
  withHost(async (host) => {
    const ipam = { ranges: [[{ subnet: "10.1.0.0/16" }]] };
    const files = `
      mkdir -p ${store}; cd ${store}
      i=0; while [ $i -lt 3000 ]; do
        printf 'container%d\\r\\neth0' $i >10.1.$((i / 250 + 1)).$((i % 250 + 1)); i=$((i + 1))
      done`;
    await host.run("sh", "-ec", files);
    assert.equal(await given(host, "new", { ipam }), "10.1.0.2/16");
    await refused(
      host,
      "container2999",
      { ipam },
      /10\.1\.12\.250 has been allocated to container2999/,
    );
    assertSuccess(await host.cni("CHECK", call("container1500", { ipam })));
    await release(host, "container1500", { ipam });
    assertError(await host.cni("CHECK", call("container1500", { ipam })), { code: 999 });
    await release(host, "new", { ipam });
    assert.equal(readReservations(host).length, 2999);
  }));
