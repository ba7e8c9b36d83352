import assert from "node:assert/strict";
import test from "node:test";
import { toCniError } from "../../pkg/cni/error.ts";
import { perform } from "../../pkg/skel/perform.ts";
import { staticPlugin } from "./static.ts";

interface Call {
  ipam?: Record<string, unknown>;
  args?: string;
  cniVersion?: string;
  /** Keys beside `ipam`. */
  more?: Record<string, unknown>;
}

/** What a call prints and logs. Throws what it throws. */
function call(verb: string, { ipam, args = "", cniVersion = "1.1.0", more = {} }: Call) {
  let stdout = "";
  const lines: string[] = [];
  const section = ipam && { type: "static", ...ipam };
  perform(staticPlugin, {
    env: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: "a",
      CNI_IFNAME: "eth0",
      CNI_NETNS: "/no/such/netns",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: args,
    },
    readStdin: () =>
      JSON.stringify({ cniVersion, name: "net", type: "bridge", ipam: section, ...more }),
    builtIn: [],
    cancelFd: () => -1,
    checkInterrupted: () => {},
    print: (text) => {
      stdout += text;
    },
    log: (line) => {
      lines.push(line);
    },
    netnsChecked: true,
  });
  return { stdout, lines };
}

function failure(verb: string, options: Call) {
  try {
    call(verb, options);
  } catch (error) {
    const { code, message, details } = toCniError(error);
    return { code, message, details };
  }
  return assert.fail("expected a failure");
}

const addresses = [{ address: "10.1.0.5/24" }];
const ips = (...list: string[]) => ({ args: { cni: { ips: list } } });
const runtimeIps = (...list: string[]) => ({ runtimeConfig: { ips: list } });

const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "10.9.1.1/16", gw: "10.1.0.1", mtu: 1400, advmss: 1300, priority: 5, table: 0, scope: 0 },
];
const dns = { nameservers: ["1.1.1.1"], domain: "d", search: ["s"], options: ["o"] };

test("ADD answers with addresses, routes of all fields and DNS settings", () => {
  const { stdout } = call("ADD", {
    ipam: {
      addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }, { address: "FD00:0::5/64" }],
      routes,
      dns,
    },
  });
  assert.deepEqual(JSON.parse(stdout), {
    cniVersion: "1.1.0",
    ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }, { address: "fd00::5/64" }],
    routes,
    dns,
  });
});

// But for the last two, what the reference's executable answers to the same.
const sources: { name: string; call: Call; ips: string; log?: string }[] = [
  { name: "no address at all", call: { ipam: {} }, ips: "" },
  {
    name: "those of CNI_ARGS behind the configured ones",
    call: { ipam: { addresses }, args: "IP= 10.1.0.9/24 , 10.2.0.9/24" },
    ips: "10.1.0.5/24 10.1.0.9/24 10.2.0.9/24",
  },
  { name: "none of an empty IP", call: { ipam: { addresses }, args: "IP=" }, ips: "10.1.0.5/24" },
  {
    name: "the last fitting gateway of CNI_ARGS",
    call: { ipam: {}, args: "IP=10.1.0.9/24;GATEWAY=10.1.0.1, 10.1.0.2" },
    ips: "10.1.0.9/24>10.1.0.2",
    log: "gateway 10.1.0.1 of CNI_ARGS is in the network of no address",
  },
  {
    name: "those of args in the place of all others",
    call: { ipam: { addresses }, args: "IP=10.1.0.9/24", more: ips("10.3.0.1/24", "fd00::1/64") },
    ips: "10.3.0.1/24 fd00::1/64",
  },
  {
    name: "those of the runtime in the place of all others",
    call: {
      ipam: { addresses },
      args: "IP=10.1.0.9/24",
      more: { ...ips("10.3.0.1/24"), ...runtimeIps("10.4.0.1/24") },
    },
    ips: "10.4.0.1/24",
  },
  {
    name: "the configured ones where the other lists are empty",
    call: { ipam: { addresses }, more: { ...ips(), ...runtimeIps() } },
    ips: "10.1.0.5/24",
  },
  {
    name: "others in the place of configured ones that are none",
    call: { ipam: { addresses: [{ address: "bad" }] }, more: ips("10.3.0.1/24") },
    ips: "10.3.0.1/24",
  },
  {
    name: "an IPv4 address written as an IPv6 one",
    call: { ipam: { addresses: [{ address: "::ffff:10.1.0.5/120", gateway: "" }] } },
    ips: "10.1.0.5/24",
  },
  {
    name: "a gateway of another family",
    call: { ipam: { addresses: [{ address: "10.1.0.5/24", gateway: "fd00::1" }] } },
    ips: "10.1.0.5/24>fd00::1",
  },
  {
    name: "a gateway of CNI_ARGS for a configured address that has none",
    call: {
      ipam: { addresses: [...addresses, { address: "10.2.0.5/24", gateway: "10.2.0.1" }] },
      args: "GATEWAY=10.1.0.1,10.2.0.9",
    },
    ips: "10.1.0.5/24>10.1.0.1 10.2.0.5/24>10.2.0.1",
    log: "gateway 10.2.0.9 of CNI_ARGS is in the network of no address",
  },
  {
    name: "an address that is given twice only once",
    call: {
      ipam: { addresses: [...addresses, { address: "10.1.0.5/16" }] },
      args: "IP=10.1.0.5/24",
    },
    ips: "10.1.0.5/24 10.1.0.5/16",
  },
];

for (const { name, call: given, ips: expected, log } of sources) {
  test(`ADD gives ${name}`, () => {
    const { stdout, lines } = call("ADD", given);
    const { ips: found = [] } = JSON.parse(stdout) as {
      ips?: { address: string; gateway?: string }[];
    };
    const shown = found.map(({ address, gateway }) =>
      gateway ? `${address}>${gateway}` : address,
    );
    assert.equal(shown.join(" "), expected);
    assert.deepEqual(lines, log === undefined ? [] : [log]);
  });
}

// The messages are those of the reference's executable; its code is always 999.
const refused: { call: Call; code: number; message: string }[] = [
  { call: {}, code: 7, message: "IPAM config missing 'ipam' key" },
  { call: { args: "IP=x" }, code: 7, message: "IPAM config missing 'ipam' key" },
  {
    call: { ipam: { addresses: [{ address: "10.1.0.5" }] } },
    code: 7,
    message: "the 'address' field is expected to be in CIDR notation, got: '10.1.0.5'",
  },
  {
    call: { ipam: { addresses: [{ gateway: "10.1.0.1" }] } },
    code: 7,
    message: "the 'address' field is expected to be in CIDR notation, got: ''",
  },
  {
    call: { ipam: { addresses: [{ address: "10.1.0.5/33" }] } },
    code: 7,
    message: "the 'address' field is expected to be in CIDR notation, got: '10.1.0.5/33'",
  },
  {
    call: { ipam: { addresses: [{ address: "bad", gateway: "x" }] }, more: ips("10.1.0.1/24") },
    code: 7,
    message: "invalid IP address: x",
  },
  {
    call: { ipam: { addresses }, args: "IP=10.1.0.9/24," },
    code: 4,
    message: "the 'ip' field is expected to be in CIDR notation, got: ''",
  },
  {
    call: { ipam: { addresses }, args: "GATEWAY=x" },
    code: 4,
    message: "invalid gateway address: x",
  },
  { call: { ipam: { addresses }, args: "A=x" }, code: 4, message: 'ARGS: unknown args ["A=x"]' },
  {
    call: { ipam: { addresses: [{ address: "bad" }] }, more: ips("10.4.0.1") },
    code: 7,
    message: "an entry in the 'ips' field is NOT in CIDR notation, got: '10.4.0.1'",
  },
  {
    call: { ipam: {}, more: { ...ips("10.4.0.1/24"), ...runtimeIps("10.4.0.2") } },
    code: 7,
    message: "an entry in the 'ips' field is NOT in CIDR notation, got: '10.4.0.2'",
  },
  {
    call: { ipam: { addresses, routes: [{ dst: "x" }] } },
    code: 7,
    message: "invalid CIDR address: x",
  },
  {
    call: { ipam: { addresses, routes: [{ gw: "10.1.0.1" }] } },
    code: 7,
    message: '"ipam.routes[0].dst" is missing',
  },
  {
    call: { ipam: { addresses, routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1/24" }] } },
    code: 7,
    message: "invalid IP address: 10.1.0.1/24",
  },
  {
    call: { ipam: { addresses: [...addresses, { address: "10.2.0.5/24" }] }, cniVersion: "0.2.0" },
    code: 7,
    message: "CNI version 0.2.0 does not support more than 1 address per family",
  },
];

for (const { call: given, code, message } of refused) {
  test(`ADD is refused: ${message} (${JSON.stringify(given)})`, () => {
    assert.deepEqual(failure("ADD", given), { code, message, details: undefined });
  });
}

const limits = { mtu: 2 ** 32, advmss: 2 ** 32, priority: 2 ** 32, table: 2 ** 32, scope: 256 };

for (const [key, limit] of Object.entries(limits)) {
  test(`a route's ${key} is a whole number from 0 to ${limit - 1}`, () => {
    const ipam = (value: unknown) => ({ ipam: { routes: [{ dst: "0.0.0.0/0", [key]: value }] } });
    call("STATUS", ipam(0));
    for (const value of [1, limit - 1]) {
      const { routes } = JSON.parse(call("ADD", ipam(value)).stdout) as { routes: object[] };
      assert.deepEqual(routes, [{ dst: "0.0.0.0/0", [key]: value }]);
    }
    for (const value of [-1, limit, 1.5, "7", [], true]) {
      const { code, message } = failure("STATUS", ipam(value));
      assert.equal(code, 7);
      assert.ok(
        message.startsWith(`invalid value for "ipam.routes[0].${key}": expected `),
        message,
      );
    }
  });
}

test("an old version takes an address of each family", () => {
  const { stdout } = call("ADD", {
    ipam: { addresses: [...addresses, { address: "fd00::5/64" }] },
    cniVersion: "0.2.0",
  });
  assert.deepEqual(JSON.parse(stdout), {
    cniVersion: "0.2.0",
    ip4: { ip: "10.1.0.5/24" },
    ip6: { ip: "fd00::5/64" },
    dns: {},
  });
});

const result = (address: string, gateway?: string) => ({
  more: {
    prevResult: { cniVersion: "1.1.0", ips: [{ address: "9.9.9.9/8" }, { address, gateway }] },
  },
});
const withGateway = { addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }] };

test("CHECK finds the addresses in prevResult", () => {
  call("CHECK", { ipam: { addresses }, ...result("10.1.0.5/24", "10.1.0.1") });
  call("CHECK", { ipam: withGateway, ...result("10.1.0.5/24", "10.1.0.1") });
});

const unconfirmed = [
  { given: result("10.1.0.6/24"), details: "prevResult lacks the address" },
  {
    given: result("10.1.0.5/16", "10.1.0.1"),
    details: "its prefix length is 24, prevResult has 10.1.0.5/16",
  },
  {
    given: result("10.1.0.5/24", "10.1.0.2"),
    details: "its gateway is 10.1.0.1, prevResult has 10.1.0.2",
  },
  { given: result("10.1.0.5/24"), details: "its gateway is 10.1.0.1, prevResult has none" },
];

for (const { given, details } of unconfirmed) {
  test(`CHECK fails: ${details}`, () => {
    assert.deepEqual(failure("CHECK", { ipam: withGateway, ...given }), {
      code: 999,
      message: "static: Failed to match addr 10.1.0.5 on interface eth0",
      details,
    });
  });
}

test("CHECK needs prevResult", () => {
  assert.equal(failure("CHECK", { ipam: withGateway }).message, "Required prevResult missing");
});

test("DEL succeeds whatever addresses and CNI_ARGS say", () => {
  call("DEL", { ipam: { addresses: [{ address: "bad", gateway: "x" }] }, args: "A;B" });
  call("DEL", {});
  call("DEL", { ipam: { addresses: 7, routes: [{}], dns: [] } });
});

test("GC has nothing to remove, and STATUS looks at the configuration", () => {
  call("GC", { ipam: { addresses }, more: { "cni.dev/valid-attachments": [] } });
  call("STATUS", { ipam: { addresses } });
  assert.equal(failure("STATUS", { ipam: { addresses: [{ address: "bad" }] } }).code, 7);
});
