import assert from "node:assert/strict";
import test from "node:test";
import { Tool } from "../testing/session.ts";

const hostLocal = { type: "host-local", subnet: "10.1.0.0/24" };

/** What validate says of a list with these plugins, beside the other files of its directory. */
async function findings(
  plugins: readonly object[],
  { more = {}, files = {} }: { more?: object; files?: Record<string, object> } = {},
): Promise<string[]> {
  const tool = new Tool();
  tool.env.CNI_PATH = "";
  tool.network("net1", plugins, more);
  for (const [name, json] of Object.entries(files)) {
    tool.memory.files[`/net.d/${name}`] = JSON.stringify(json);
  }
  const { stdout } = await tool.run("validate --json /net.d/net1.conflist");
  const reports: { severity: string; message: string }[] = JSON.parse(stdout);
  return reports
    .filter(({ severity }) => severity !== "note")
    .map(({ severity, message }) => `${severity}: ${message}`);
}

const bridge = { type: "bridge", ipam: hostLocal };
const withRanges = (...ranges: object[][]) => ({
  ...bridge,
  ipam: { type: "host-local", ranges },
});
const withStatic = (ipam: object, type = "bridge") => ({ type, ipam: { type: "static", ...ipam } });

const cases: [what: string, plugins: object[], found: string[]][] = [
  [
    "hairpin and promiscuous mode",
    [{ ...bridge, hairpinMode: true, promiscMode: true }],
    ["error: cannot set hairpin mode and promiscuous mode at the same time"],
  ],
  [
    "addresses for an interface that stays down",
    [{ ...bridge, disableContainerInterface: true }],
    ["error: cannot use IPAM when DisableContainerInterface flag is set"],
  ],
  [
    "a gateway of nothing",
    [{ type: "bridge", isGateway: true, ipMasq: true }],
    [
      `warning: "isGateway" does nothing for a container without addresses: there is no "ipam"`,
      `warning: "ipMasq" does nothing for a container without addresses: there is no "ipam"`,
    ],
  ],
  [
    "half a range of VLANs, and one backwards",
    [{ ...bridge, vlanTrunk: [{ minID: 5 }, { minID: 9, maxID: 5 }, { id: 7 }] }],
    [
      "error: minID and maxID should be configured simultaneously, maxID is missing",
      "error: minID is greater than maxID in trunk parameter",
    ],
  ],
  [
    "a VLAN's gateway without room for its name",
    [{ ...bridge, bridge: "a-long-name-br", vlan: 100, isGateway: true }],
    [`error: the name of the VLAN's gateway interface is too long: "a-long-name-br.100"`],
  ],
  [
    "a VLAN without master and number",
    [{ type: "vlan", ipam: hostLocal }],
    [
      `warning: VLAN 0 carries a priority only: "vlanId" is missing`,
      `error: "master" field is required. It specifies the host interface name to create the VLAN for`,
    ],
  ],
  [
    "no device",
    [{ type: "host-device" }],
    ['error: specify either "device", "hwaddr", "kernelpath" or "pciBusID"'],
  ],
  [
    "two names of a device",
    [{ type: "host-device", device: "eth1", pciBusID: "0000:01:00.0" }],
    ['warning: only "device" counts: the others do not narrow it down'],
  ],
  [
    "a device that the runtime names",
    [{ type: "host-device", capabilities: { deviceID: true } }],
    [],
  ],
  [
    "a kernel parameter of the host's",
    [bridge, { type: "tuning", sysctl: { "kernel.panic": "1", "net.core.somaxconn": "5" } }],
    ['error: invalid net sysctl key: "kernel/panic"'],
  ],
  [
    "a pair without gateway",
    [withStatic({ addresses: [{ address: "10.0.0.5/24" }] }, "ptp")],
    ["error: IPAM plugin returned no gateway for 10.0.0.5/24: a point-to-point link needs one"],
  ],
  [
    "host bits in a subnet",
    [withRanges([{ subnet: "10.1.0.5/24" }])],
    [
      "error: invalid range set 0: Network has host bits set. For a subnet mask of length 24 the network address is 10.1.0.0",
    ],
  ],
  [
    "a range outside its subnet",
    [withRanges([{ subnet: "10.1.0.0/24", rangeStart: "10.2.0.5" }])],
    ["error: invalid range set 0: RangeStart 10.2.0.5 not in network 10.1.0.0/24"],
  ],
  [
    "sets that overlap",
    [withRanges([{ subnet: "10.1.0.0/16" }], [{ subnet: "10.1.2.0/24" }])],
    ["error: range set 0 overlaps with 1"],
  ],
  [
    "a gateway elsewhere",
    [withRanges([{ subnet: "10.1.0.0/24", gateway: "10.2.0.1" }])],
    ["warning: a gateway is outside its subnet: the container cannot reach it"],
  ],
  ["no ranges", [{ ...bridge, ipam: { type: "host-local" } }], ["error: no IP ranges specified"]],
  [
    "ranges of the runtime's",
    [{ ...bridge, capabilities: { ipRanges: true }, ipam: { type: "host-local" } }],
    [],
  ],
  [
    "a route by a next hop that nobody can reach",
    [
      {
        ...bridge,
        ipam: { ...hostLocal, routes: [{ dst: "10.9.0.0/16", gw: "10.8.0.1" }, { dst: "::/0" }] },
      },
    ],
    ["warning: the next hop 10.8.0.1 is in no network of the container"],
  ],
  [
    "a static gateway elsewhere",
    [withStatic({ addresses: [{ address: "10.0.0.5/24", gateway: "10.0.1.1" }] })],
    ["warning: the gateway is outside its subnet: the container cannot reach it"],
  ],
];

for (const [what, plugins, found] of cases) {
  test(`validate finds ${what}`, async () => {
    assert.deepEqual(await findings(plugins), found);
  });
}

test("validate finds two addresses of a family in a version that has room for one", async () => {
  const plugins = [withRanges([{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/24" }])];
  assert.deepEqual(await findings(plugins, { more: { cniVersion: "0.2.0" } }), [
    "error: CNI version 0.2.0 does not support more than 1 address per family",
  ]);
  assert.deepEqual(await findings(plugins), []);
});

/** Two networks side by side: the plugin of one, that of the other, what is said of the first. */
const neighbours: [what: string, own: object, other: object, found: string[]][] = [
  [
    "one bridge with two MTUs",
    { ...bridge, mtu: 1400 },
    { type: "bridge" },
    [
      '"cni0" has another MTU in WHOSE, the default: the bridge is as the first container\'s network has it',
    ],
  ],
  [
    "one bridge with and without VLANs",
    { ...bridge, vlan: 5 },
    { type: "bridge", bridge: "cni0" },
    [
      '"cni0" keeps VLANs apart only in this network: the bridge is as the first container\'s network has it',
    ],
  ],
  [
    "two gateways on one bridge",
    { ...bridge, isGateway: true },
    { type: "bridge", isDefaultGateway: true, ipam: { ...hostLocal, subnet: "10.2.0.0/24" } },
    ["this network fails while the bridge has the gateway's address of WHOSE, 10.2.0.1/24"],
  ],
  [
    "the same addresses twice",
    bridge,
    { type: "ptp", ipam: { ...hostLocal, subnet: "10.1.0.128/25" } },
    ["the addresses 10.1.0.1-10.1.0.254 overlap with 10.1.0.129-10.1.0.254 of WHOSE"],
  ],
  [
    "a subnet in two halves, which is sound",
    { ...bridge, ipam: { ...hostLocal, rangeEnd: "10.1.0.99" } },
    { type: "bridge", ipam: { ...hostLocal, rangeStart: "10.1.0.100" } },
    [],
  ],
  [
    "two modes of ipvlan",
    { type: "ipvlan", master: "eth0", mode: "l3" },
    { type: "ipvlan", master: "eth0" },
    ['"eth0" has one mode for all ipvlan interfaces, and WHOSE has another'],
  ],
  [
    "macvlan and ipvlan",
    { type: "macvlan", master: "eth0" },
    { type: "ipvlan", master: "eth0" },
    ['"eth0" cannot have macvlan and ipvlan interfaces at once, as of WHOSE'],
  ],
  [
    "passthru and another",
    { type: "macvlan", master: "eth0" },
    { type: "macvlan", master: "eth0", mode: "passthru" },
    ['"eth0" in passthru mode has one interface only, and WHOSE is on it too'],
  ],
  [
    "one VLAN for two",
    { type: "vlan", master: "eth0", vlanId: 7 },
    { type: "vlan", master: "eth0", vlanId: 7 },
    ['VLAN 7 of "eth0" is taken by containers of WHOSE'],
  ],
  [
    "other bridges and masters, which are sound",
    { type: "macvlan", master: "eth0" },
    { type: "ipvlan", master: "eth1" },
    [],
  ],
];

for (const [what, own, other, found] of neighbours) {
  test(`validate finds in the directory: ${what}`, async () => {
    const files = {
      "20-other.conflist": { cniVersion: "1.1.0", name: "net2", plugins: [other] },
      "30-broken.conf": {},
      "broken.conf": {},
    };
    const whose = 'network "net2" (20-other.conflist)';
    assert.deepEqual(
      await findings([own], { files }),
      found.map((text) => `warning: ${text.replace("WHOSE", whose)}`),
    );
  });
}

test("validate finds a name that two files have, and looks at files for one plugin too", async () => {
  const files = { "20-other.conf": { name: "net1", type: "vlan", master: "eth0", vlanId: 7 } };
  assert.deepEqual(await findings([{ type: "vlan", master: "eth0", vlanId: 7 }], { files }), [
    "warning: 20-other.conf has a network of this name too",
    'warning: VLAN 7 of "eth0" is taken by containers of network "net1" (20-other.conf)',
  ]);
});

test("validate finds versions that a plugin does not speak, and capabilities that nobody reads", async () => {
  const tool = new Tool();
  tool.env.CNI_PATH = "";
  const schema = (versions: string[], ...runtime: string[]) => ({
    definitions: {
      keys: {
        properties: {
          cniVersion: { enum: versions },
          runtimeConfig: { properties: Object.fromEntries(runtime.map((key) => [key, {}])) },
        },
      },
    },
  });
  tool.schemas["bridge.json"] = schema(["0.2.0", "0.4.0"], "mac");
  tool.schemas["host-local.json"] = schema(["0.2.0"], "ips");
  tool.schemas["firewall.json"] = schema(["0.4.0", "1.0.0"]);
  const capabilities = { mac: true, ips: true, portMappings: true, bandwidth: false };
  tool.network("n", [{ ...bridge, capabilities }, { type: "firewall" }], { cniVersion: "0.2.0" });
  const { stdout } = await tool.run("validate /net.d/n.conflist");
  const messages = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\S+ /, ""));
  assert.deepEqual(messages, [
    "error: firewall does not speak version 0.2.0, but 0.4.0, 1.0.0",
    'warning: neither bridge nor host-local reads the capability "portMappings"',
  ]);
});
