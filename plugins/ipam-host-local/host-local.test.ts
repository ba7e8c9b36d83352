import assert from "node:assert/strict";
import test from "node:test";
import {
  findTarget,
  listDirectory,
  OpenFlag,
  openDirectory,
  openFile,
  readText,
  symlink,
} from "../../pkg/sys/file.ts";
import { lock } from "../../pkg/sys/lock.ts";
import { stat } from "../../pkg/sys/statx.ts";
import { Store } from "./store/store.ts";
import { Machine } from "./testing/machine.ts";

const dualStack = {
  ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00::/64" }]],
};

test("ADD answers with an address of each set, the routes and the DNS servers", () => {
  using machine = new Machine({ ...dualStack, resolvConf: "" });
  machine.write("resolv.conf", "nameserver 192.0.2.1\n");
  machine.ipam.resolvConf = `${machine.path}/resolv.conf`;
  machine.ipam.routes = [{ dst: "0.0.0.0/0" }, { dst: "FD01::/16", gw: "fd00::0:1", mtu: 1400 }];
  const result = JSON.parse(machine.call("ADD", "a")) as Record<string, unknown>;
  assert.deepEqual(result, {
    cniVersion: "1.0.0",
    ips: [
      { address: "10.1.0.2/24", gateway: "10.1.0.1" },
      { address: "fd00::2/64", gateway: "fd00::1" },
    ],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "fd01::/16", gw: "fd00::1", mtu: 1400 }],
    dns: { nameservers: ["192.0.2.1"] },
  });
});

test("the files are the reference's, and nobody else's to read", () => {
  using machine = new Machine(dualStack);
  machine.add("a");
  const mode = (name: string) => stat(`${machine.path}/${name}`).mode & 0o777;
  const names = ["10.1.0.2", "fd00::2", "last_reserved_ip.0", "last_reserved_ip.1", "lock"];
  assert.deepEqual(listDirectory(machine.path).sort(), names);
  for (const name of names) assert.equal(mode(name), 0o600, name);
  assert.equal(mode("."), 0o700);
  for (const folder of ["..", ".", "owners", "files"]) {
    assert.equal(mode(`../.tscni/net/${folder}`), 0o700, folder);
  }
  assert.equal(machine.read("10.1.0.2"), "a\r\neth0");
  assert.equal(machine.read("last_reserved_ip.0"), "10.1.0.2");
  assert.equal(machine.read("last_reserved_ip.1"), "fd00::2");
});

test("released addresses rest until all others were given", () => {
  using machine = new Machine({ subnet: "10.1.0.0/29" });
  assert.deepEqual(machine.add("a"), ["10.1.0.2/29"]);
  machine.del("a");
  assert.deepEqual(machine.add("b"), ["10.1.0.3/29"]);
  for (const id of ["c", "d", "e"]) machine.add(id);
  assert.deepEqual(machine.add("f"), ["10.1.0.2/29"]);
  machine.del("d");
  assert.deepEqual(machine.add("g"), ["10.1.0.5/29"]);
});

test("the last address reserved shrinks in place", () => {
  using machine = new Machine({ subnet: "10.1.0.0/24", rangeStart: "10.1.0.99" });
  machine.add("a");
  machine.add("b");
  assert.equal(machine.read("last_reserved_ip.0"), "10.1.0.100");
  machine.ipam.rangeStart = "10.1.0.9";
  machine.ipam.rangeEnd = "10.1.0.90";
  machine.add("c");
  assert.equal(machine.read("last_reserved_ip.0"), "10.1.0.9");
});

test("a second ADD of an interface is refused, one of another interface is not", () => {
  using machine = new Machine();
  machine.add("a");
  assert.deepEqual(
    machine.failure(() => machine.add("a")),
    {
      code: 999,
      message:
        "failed to allocate for range 0: 10.1.0.2 has been allocated to a, duplicate allocation is not allowed",
      details: `reserved by "${machine.path}/10.1.0.2"`,
    },
  );
  assert.deepEqual(machine.add("a", { ifName: "net1" }), ["10.1.0.3/24"]);
  assert.deepEqual(machine.add("a", { more: { runtimeConfig: { ips: ["10.1.0.9"] } } }), [
    "10.1.0.9/24",
  ]);
  machine.del("a");
  assert.deepEqual(machine.reserved(), ["10.1.0.3"]);
});

test("an old reservation is a container's, whatever the interface", () => {
  using machine = new Machine();
  machine.write("10.1.0.7", "a");
  assert.match(
    machine.failure(() => machine.add("a")).message,
    /10\.1\.0\.7 has been allocated to a/,
  );
  machine.check("a");
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
});

test("DEL leaves an old reservation where there is a new one", () => {
  using machine = new Machine();
  machine.write("10.1.0.7", "a");
  machine.write("10.1.0.8", "a\r\neth0");
  machine.del("a");
  assert.deepEqual(machine.reserved(), ["10.1.0.7"]);
});

test("an exhausted set is an error, and what came before it is given back", () => {
  using machine = new Machine({
    ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00::/64", rangeEnd: "fd00::2" }]],
  });
  machine.add("a");
  const { message } = machine.failure(() => machine.add("b"));
  assert.equal(
    message,
    "failed to allocate for range 1: no IP addresses available in range set: fd00::1-fd00::2",
  );
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "fd00::2"]);
  machine.del("a");
  assert.deepEqual(machine.add("b"), ["10.1.0.4/24", "fd00::2/64"]);
});

test("a set is used to the last address, past a long row of taken ones", () => {
  using machine = new Machine({ subnet: "10.1.0.0/26" });
  for (let i = 2; i <= 62; i++) if (i !== 60) machine.write(`10.1.0.${i}`, "other\r\neth0");
  assert.deepEqual(machine.add("a"), ["10.1.0.60/26"]);
  assert.match(machine.failure(() => machine.add("b")).message, /no IP addresses available/);
});

const requests = [
  {
    args: "IP=10.1.0.1",
    message: "failed to allocate for range 0: requested ip 10.1.0.1 is subnet's gateway",
  },
  {
    args: "IP=10.1.0.2",
    message:
      "failed to allocate for range 0: requested IP address 10.1.0.2 is not available in range set 10.1.0.1-10.1.0.254",
  },
  { args: "IP=10.9.0.2", message: "failed to allocate all requested IPs: 10.9.0.2" },
];

for (const { args, message } of requests) {
  test(`a request is refused and nothing stays: ${message}`, () => {
    using machine = new Machine();
    machine.add("a");
    assert.equal(machine.failure(() => machine.add("b", { args })).message, message);
    assert.deepEqual(machine.reserved(), ["10.1.0.2"]);
  });
}

test("excluded addresses are neither handed out nor given on request", () => {
  using machine = new Machine({
    subnet: "10.1.0.0/29",
    exclude: ["10.1.0.2", "10.1.0.4-10.1.0.5", "10.9.0.0/16"],
  });
  assert.deepEqual(machine.add("a"), ["10.1.0.3/29"]);
  assert.equal(
    machine.failure(() => machine.add("b", { args: "IP=10.1.0.4" })).message,
    "failed to allocate for range 0: requested ip 10.1.0.4 is excluded",
  );
  assert.deepEqual(machine.add("b"), ["10.1.0.6/29"]);
  assert.match(machine.failure(() => machine.add("c")).message, /no IP addresses available/);
  assert.match(machine.failure(() => machine.status()).details ?? "", /0 of 2 free/);
});

test("a container keeps its address when it is excluded, and releases it", () => {
  using machine = new Machine();
  machine.add("a");
  machine.ipam.exclude = ["10.1.0.0/25"];
  machine.check("a");
  assert.match(machine.failure(() => machine.add("a")).message, /has been allocated to a/);
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
  assert.deepEqual(machine.add("a"), ["10.1.0.128/24"]);
});

test("a requested address moves the round on", () => {
  using machine = new Machine();
  assert.deepEqual(machine.add("a", { args: "IP=10.1.0.9" }), ["10.1.0.9/24"]);
  assert.deepEqual(machine.add("b"), ["10.1.0.10/24"]);
});

test("ranges of the runtime come first", () => {
  using machine = new Machine({ subnet: "10.1.0.0/24", ranges: [[{ subnet: "10.2.0.0/24" }]] });
  const more = { runtimeConfig: { ipRanges: [[{ subnet: "10.3.0.0/24" }]] } };
  assert.deepEqual(machine.add("a", { more }), ["10.3.0.2/24", "10.1.0.2/24", "10.2.0.2/24"]);
});

for (const content of ["", "\0\0\0", "a\r\neth0\r\n\0"]) {
  test(`a reservation holding ${JSON.stringify(content)} is free, and its loss is told`, () => {
    using machine = new Machine();
    machine.write("10.1.0.2", content);
    assert.deepEqual(machine.add("a"), ["10.1.0.2/24"]);
    assert.equal(machine.read("10.1.0.2"), "a\r\neth0");
    assert.deepEqual(machine.lines, [
      `took 10.1.0.2: "${machine.path}/10.1.0.2" was empty or torn`,
    ]);
  });
}

test("a torn reservation in a full range is found in the end", () => {
  using machine = new Machine({ subnet: "10.1.0.0/26" });
  for (let i = 2; i <= 62; i++) machine.write(`10.1.0.${i}`, i === 50 ? "" : "other\r\neth0");
  machine.status();
  assert.deepEqual(machine.add("a"), ["10.1.0.50/26"]);
  assert.equal(machine.failure(() => machine.status()).code, 50);
});

test("an ADD whose output nobody takes gives its addresses back", () => {
  using machine = new Machine(dualStack);
  machine.add("b");
  const print = () => {
    throw new Error("nobody reads");
  };
  assert.equal(machine.failure(() => machine.add("a", { print })).message, "nobody reads");
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "fd00::2"]);
});

test("an ADD that fails at its end leaves what has become another's since", () => {
  using machine = new Machine(dualStack);
  const print = () => {
    machine.del("a");
    machine.add("b", { args: "IP=10.1.0.2" });
    throw new Error("nobody reads");
  };
  assert.equal(machine.failure(() => machine.add("a", { print })).message, "nobody reads");
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "fd00::3"]);
  machine.check("b");
});

for (const mistake of [
  { sticky: "/x" },
  { stickyTtl: "7 days" },
  { stickyTtl: 7 },
  { reclaim: "of" },
  { exclude: ["x"] },
  { ranges: [[{ subnet: "10.1.0.9/24" }]] },
  { ranges: {} },
  { routes: [{}] },
  { resolvConf: "/no/such/file" },
]) {
  test(`DEL and GC release although the configuration has ${JSON.stringify(mistake)}`, () => {
    using machine = new Machine();
    for (const id of ["a", "b"]) machine.add(id);
    Object.assign(machine.ipam, mistake);
    assert.notEqual(machine.failure(() => machine.add("c")).code, 0);
    machine.del("a", { args: "IP=x;Y" });
    assert.deepEqual(machine.reserved(), ["10.1.0.3"]);
    machine.gc([]);
    assert.deepEqual(machine.reserved(), []);
  });
}

test("DEL needs to know where reservations are", () => {
  using machine = new Machine({ dataDir: 7 });
  assert.match(machine.failure(() => machine.del("a")).message, /"ipam.dataDir"/);
  const message = machine.failure(() => machine.del("a", { more: { ipam: null } })).message;
  assert.equal(message, "IPAM config missing 'ipam' key");
});

test("CHECK wants a reservation of this attachment", () => {
  using machine = new Machine();
  const { message } = machine.failure(() => machine.check("a"));
  assert.equal(message, "host-local: Failed to find address added by container a");
  machine.add("a");
  machine.check("a");
  assert.match(
    machine.failure(() => machine.check("a", { ifName: "net1" })).message,
    /Failed to find/,
  );
});

test("CHECK compares prevResult's addresses with what is reserved", () => {
  using machine = new Machine(dualStack);
  const prevResult = (...addresses: string[]) => ({
    more: {
      prevResult: { cniVersion: "1.0.0", ips: addresses.map((address) => ({ address })) },
    },
  });
  machine.add("a");
  machine.add("b");
  machine.check("a", prevResult("10.1.0.2/24", "fd00:0::2/64", "192.0.2.1/24"));
  machine.check("a", prevResult());
  assert.deepEqual(
    machine.failure(() => machine.check("a", prevResult("10.1.0.2/24", "fd00::3/64"))),
    {
      code: 999,
      message:
        "host-local: fd00::3 of prevResult is not reserved for container a, which holds 10.1.0.2, fd00::2",
      details: undefined,
    },
  );
});

test("DEL of nothing succeeds and makes nothing", () => {
  using machine = new Machine();
  machine.del("a");
  assert.deepEqual(listDirectory(machine.scratchPath), []);
  machine.add("a");
  machine.del("a");
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
});

test("GC keeps what is listed and removes the rest", () => {
  using machine = new Machine();
  machine.add("a");
  machine.add("a", { ifName: "net1" });
  machine.add("b");
  machine.write("10.1.0.7", "a");
  machine.write("10.1.0.8", "c");
  machine.write("10.1.0.9", "");
  machine.write(".tmp-1", "b\r\neth0");
  machine.gc([{ containerID: "a", ifname: "eth0" }]);
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "10.1.0.7"]);
  assert.ok(!listDirectory(machine.path).includes(".tmp-1"));
  machine.gc([]);
  assert.deepEqual(machine.reserved(), []);
  machine.add("b");
});

test("GC takes its list under the key's first name, too, and removes nothing without a list", () => {
  using machine = new Machine();
  for (const id of ["a", "b"]) machine.add(id);
  machine.gc([{ containerID: "a", ifname: "eth0" }], "cni.dev/other");
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "10.1.0.3"]);
  machine.gc([{ containerID: "a", ifname: "eth0" }], "cni.dev/attachments");
  assert.deepEqual(machine.reserved(), ["10.1.0.2"]);
});

test("STATUS counts what is free once nothing is", () => {
  using machine = new Machine({
    ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/30" }]],
  });
  machine.status();
  assert.deepEqual(listDirectory(machine.scratchPath), []);
  machine.add("a");
  assert.deepEqual(
    machine.failure(() => machine.status()),
    {
      code: 50,
      message: "no IP addresses available in range set: 10.2.0.1-10.2.0.2",
      details: "range set 0: 252 of 253 free, range set 1: 0 of 1 free",
    },
  );
});

test("STATUS is not misled by files that are no reservations of the set", () => {
  using machine = new Machine({ subnet: "fd00::/126" });
  machine.write("fd00::2", "a\r\neth0");
  machine.write("fd00::0:2", "b\r\neth0");
  machine.write("fd00:0::2", "c\r\neth0");
  machine.status();
  machine.add("d");
  assert.deepEqual(
    machine.failure(() => machine.status()),
    {
      code: 50,
      message: "no IP addresses available in range set: fd00::1-fd00::3",
      details: "range set 0: 0 of 2 free",
    },
  );
});

test("a data directory that is a file is an error of every verb", () => {
  using machine = new Machine();
  machine.write("file", "");
  machine.ipam.dataDir = `${machine.path}/file`;
  const reason = `open ${machine.path}/file/net: not a directory`;
  for (const verb of ["ADD", "CHECK", "DEL"]) {
    assert.equal(machine.failure(() => machine.call(verb, "a")).message, reason);
  }
  const { code, message } = machine.failure(() => machine.status());
  assert.equal(code, 50);
  assert.equal(message, `cannot reserve addresses in "${machine.path}/file/net": ${reason}`);
});

const badConfigs = [
  { ipam: { subnet: "zz" }, message: "invalid CIDR address: zz" },
  { ipam: { subnet: "10.1.0.0/24", gateway: "zz" }, message: "invalid IP address: zz" },
  { ipam: {}, message: "no IP ranges specified" },
  {
    ipam: { subnet: "10.1.0.0/24", exclude: ["10.1.0.9-10.1.0.8"] },
    message: 'cannot exclude "10.1.0.9-10.1.0.8": expected an address, a prefix or "first-last"',
  },
  {
    ipam: { ranges: [{}] },
    message: 'invalid value for "ipam.ranges[0]": expected a list, got {}',
  },
  {
    ipam: { subnet: "10.1.0.0/24", routes: [{ gw: "10.1.0.1" }] },
    message: '"ipam.routes[0].dst" is missing',
  },
  {
    ipam: { subnet: "10.1.0.0/24", reclaim: "no" },
    message: 'invalid value for "ipam.reclaim": expected "boot" or "off", got "no"',
  },
  {
    ipam: { subnet: 5 },
    message: 'invalid value for "ipam.subnet": expected string, got 5',
  },
];

for (const { ipam, message } of badConfigs) {
  test(`a configuration is refused: ${message}`, () => {
    using machine = new Machine(ipam);
    const failure = machine.failure(() => machine.add("a"));
    assert.deepEqual([failure.code, failure.message], [7, message]);
    assert.deepEqual(listDirectory(machine.scratchPath), []);
  });
}

test("a resolv.conf that is not there fails ADD before anything is reserved", () => {
  using machine = new Machine({ subnet: "10.1.0.0/24", resolvConf: "/no/such/file" });
  const { message } = machine.failure(() => machine.add("a"));
  assert.equal(message, "open /no/such/file: no such file or directory");
  assert.deepEqual(listDirectory(machine.scratchPath), []);
});

test("an ADD that is interrupted while it waits for the lock changes nothing", () => {
  using machine = new Machine();
  machine.write("lock", "");
  using held = openFile(`${machine.path}/lock`, OpenFlag.readOnly);
  lock(held, 0);
  using readable = openFile("/dev/null", OpenFlag.readOnly);
  assert.deepEqual(
    machine.failure(() => machine.add("a", { cancelFd: readable.fd })),
    {
      code: 11,
      message: `cannot lock "${machine.path}/lock": interrupted`,
      details: undefined,
    },
  );
  assert.deepEqual(listDirectory(machine.path), ["lock"]);
});

test("an ADD that waits for the lock for too long changes nothing", () => {
  using machine = new Machine();
  machine.write("lock", "");
  using held = openFile(`${machine.path}/lock`, OpenFlag.readOnly);
  lock(held, 0);
  const place = { dataDir: machine.dataDir, network: "net", cancelFd: -1, lockTimeoutMs: 50 };
  assert.deepEqual(
    machine.failure(() => Store.open({ ...place, reclaim: true, claimMs: 1, log: () => {} })),
    {
      code: 11,
      message: `cannot lock "${machine.path}/lock": another process has held it for 0.05 s`,
      details: undefined,
    },
  );
  assert.deepEqual(listDirectory(machine.dataDir), ["net"]);
});

test("the lock is open for writing: NFS has no exclusive one for others", () => {
  using machine = new Machine();
  const place = { dataDir: machine.dataDir, network: "net", cancelFd: -1 };
  using _store = Store.open({ ...place, reclaim: true, claimMs: 1, log: () => {} });
  const open = listDirectory("/proc/self/fd").filter(
    (fd) => findTarget(`/proc/self/fd/${fd}`) === `${machine.path}/lock`,
  );
  assert.equal(open.length, 1);
  const flags = /flags:\s+0\d*(\d)$/m.exec(readText(`/proc/self/fdinfo/${open[0]}`))?.[1];
  assert.equal(Number(flags) & 3, OpenFlag.readWrite);
});

test("keys in another case are found, as Go finds them", () => {
  using machine = new Machine({ Subnet: "10.1.0.0/24", RANGESTART: "10.1.0.9" });
  assert.deepEqual(machine.add("a"), ["10.1.0.9/24"]);
});

test("a lock that is a link is not followed", () => {
  using machine = new Machine();
  openDirectory(machine.path, 0o700).close();
  symlink("/tmp/elsewhere", `${machine.path}/lock`);
  for (const act of [() => machine.add("a"), () => machine.del("a")]) {
    assert.match(machine.failure(act).message, /lock: too many levels of symbolic links/);
  }
});
