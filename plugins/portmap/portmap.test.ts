import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { CniError } from "../../pkg/cni/error.ts";
import { parseAddress } from "../../pkg/ip/address.ts";
import { parsePrefix } from "../../pkg/ip/prefix.ts";
import { encode } from "../../pkg/netlink/codec.ts";
import { toHex } from "../../pkg/netlink/testing/hex.ts";
import { expressions } from "../../pkg/nftables/expression.ts";
import type { Alike, Run } from "../../pkg/nftables/many.ts";
import { matchAddress, matchLinkName, matchPort, matchProtocol } from "../../pkg/nftables/match.ts";
import { parseConditions } from "./conditions.ts";
import { backendFor, checkConfig, portmapEntries } from "./config.ts";
import { checkFamilies, inOrder, publications, targetsOf } from "./mapping.ts";
import { elementsOf, forwardsIn } from "./port-map.ts";

const schema = v.object(portmapEntries);

function mapping(changes: Record<string, unknown> = {}) {
  const entry = { hostPort: 8080, containerPort: 80, protocol: "tcp", ...changes };
  return (
    v.parse(schema, { runtimeConfig: { portMappings: [entry] } }).runtimeConfig?.portMappings ?? []
  );
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof CniError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const badMappings: [Record<string, unknown>, string][] = [
  [{ hostPort: 0 }, "Invalid host port number: 0"],
  [{ hostPort: 65536 }, "Invalid host port number: 65536"],
  [{ containerPort: 0 }, "Invalid container port number: 0"],
  [{ containerPort: -1 }, "Invalid container port number: -1"],
  [{ range: 0 }, "Invalid range of ports: 0"],
  [{ range: -5 }, "Invalid range of ports: -5"],
  [{ hostPort: 65530, range: 7 }, "Invalid host port number: 65536"],
  [{ protocol: "icmp" }, 'unknown protocol "icmp": expected "tcp", "udp" or "sctp"'],
  [{ protocol: "" }, 'unknown protocol "": expected "tcp", "udp" or "sctp"'],
  [{ hostIP: "10.0.0.256" }, "invalid IP address: 10.0.0.256"],
  [{ hostIP: "10.0.0.1; drop" }, "invalid IP address: 10.0.0.1; drop"],
];

for (const [changes, message] of badMappings) {
  test(`a mapping with ${JSON.stringify(changes)} is refused`, () => {
    assert.equal(
      refusal(() => publications(mapping(changes))),
      `7: ${message}`,
    );
  });
}

test("ranges become ports, and the same mapping twice is one", () => {
  const list = publications([...mapping({ range: 3 }), ...mapping({ range: 2, protocol: "TCP" })]);
  assert.deepEqual(
    list.map(({ ports }) => [...ports]),
    [
      [
        [8080, 80],
        [8081, 81],
        [8082, 82],
      ],
    ],
  );
});

test("ports of several places keep the order they were asked for in", () => {
  const list = publications([
    ...mapping({ range: 2 }),
    ...mapping({ protocol: "udp" }),
    ...mapping({ range: 3, protocol: "TCP" }),
    ...mapping({ protocol: "udp", hostPort: 53, containerPort: 53 }),
  ]);
  assert.equal(list.length, 2);
  assert.deepEqual(
    inOrder(list).map(({ protocol, hostPort, containerPort }) => [
      protocol,
      hostPort,
      containerPort,
    ]),
    [
      [6, 8080, 80],
      [6, 8081, 81],
      [17, 8080, 80],
      [6, 8082, 82],
      [17, 53, 53],
    ],
  );
});

test("one host port cannot lead to two places", () => {
  const overlap = () => publications([...mapping({ range: 3 }), ...mapping({ hostPort: 8082 })]);
  assert.equal(refusal(overlap), "7: host port 8082/tcp of * is mapped twice");
  const other = mapping({ protocol: "udp", containerPort: 81 });
  assert.equal(publications([...mapping(), ...other]).length, 2);
  const certain = mapping({ hostIP: "10.0.0.1", containerPort: 81 });
  assert.equal(publications([...mapping(), ...certain]).length, 2);
});

test("an address of a family that the container does not have cannot be published on", () => {
  const targets = targetsOf({ cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] }, "eth0");
  const list = publications(mapping({ hostIP: "fd00::1" }));
  assert.equal(
    refusal(() => checkFamilies(list, targets)),
    "7: cannot publish on fd00::1: the container has no IPv6 address",
  );
  checkFamilies(publications(mapping({ hostIP: "::" })), targets);
});

test("ports lead to the first address of each family that is the container's own", () => {
  const interfaces = [
    { name: "cni0" },
    { name: "eth1", sandbox: "/n" },
    { name: "eth0", sandbox: "/n" },
  ];
  const ips = [
    { address: "10.9.0.1/24", interface: 0 },
    { address: "10.9.0.2/24", interface: 1 },
    { address: "10.1.0.2/24", interface: 2 },
    { address: "fd00::2/64" },
    { address: "10.1.0.3/24", interface: 2 },
  ];
  assert.deepEqual(targetsOf({ cniVersion: "1.0.0", interfaces, ips }, "eth0"), {
    4: parsePrefix("10.1.0.2/24"),
    6: parsePrefix("fd00::2/64"),
  });
});

const badConfigs: [Record<string, unknown>, string][] = [
  [{ backend: "ebpf" }, '7: unrecognized backend "ebpf"'],
  [{ markMasqBit: 32 }, "7: MasqMarkBit must be between 0 and 31"],
  [
    { markMasqBit: 3, externalSetMarkChain: "X" },
    "7: Cannot specify externalSetMarkChain and markMasqBit",
  ],
  [
    { backend: "nftables", markMasqBit: 3, conditionsV4: ["!", "-s", "10.0.0.0/8"] },
    "7: nftables backend was requested but configuration contains iptables-specific options [markMasqBit conditionsV4]",
  ],
  [
    { backend: "nftables", externalSetMarkChain: "X" },
    "7: nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain]",
  ],
  [
    { backend: "iptables", conditionsV6: ["ip6 saddr fd00::/8"] },
    "7: iptables backend was requested but configuration contains nftables-specific options [conditionsV6]",
  ],
  [
    { conditionsV4: ["-i", "eth0"], conditionsV6: ["iifname eth0"] },
    "7: iptables backend was requested but configuration contains nftables-specific options [conditionsV6]",
  ],
  [{ externalSetMarkChain: "X -j ACCEPT" }, '7: invalid externalSetMarkChain "X -j ACCEPT"'],
  [{ externalSetMarkChain: "" }, '7: invalid externalSetMarkChain ""'],
  [{ conditionsV4: ["-s", "10.0.0.0/8", "-j", "ACCEPT"] }, '7: cannot read the condition at "-j"'],
];

const choices: [Record<string, unknown>, string | undefined][] = [
  [{}, undefined],
  [{ backend: "" }, undefined],
  [{ backend: "iptables" }, "iptables"],
  [{ backend: "nftables" }, "nftables"],
  [{ markMasqBit: 0 }, "iptables"],
  [{ externalSetMarkChain: "KUBE-MARK-MASQ" }, "iptables"],
  [{ conditionsV6: ["!", "-d", "fd00::/8"] }, "iptables"],
  [{ conditionsV4: ["ip saddr 10.0.0.0/8"] }, "nftables"],
  [{ conditionsV4: [] }, undefined],
];

for (const [keys, backend] of choices) {
  test(`${JSON.stringify(keys)} asks for ${backend ?? "no certain backend"}`, () => {
    const config = v.parse(schema, keys);
    checkConfig(config);
    assert.equal(backendFor(config), backend);
  });
}

for (const [keys, message] of badConfigs) {
  test(`a configuration with ${JSON.stringify(keys)} is refused`, () => {
    assert.equal(
      refusal(() => checkConfig(v.parse(schema, keys))),
      message,
    );
  });
}

test("conditions are read, in one text or in words", () => {
  const prefix = parsePrefix("10.0.0.0/8");
  assert.ok(prefix);
  const wanted = [
    ...matchAddress("source", prefix, true),
    ...matchLinkName("in", "eth0"),
    ...matchProtocol(6),
    ...matchPort("source", 1024),
  ];
  for (const words of [
    ["ip saddr != 10.0.0.0/8 iifname eth0 tcp sport 1024"],
    ["ip", "saddr", "!=", "10.0.0.0/8", "meta", "iifname", '"eth0"', "tcp", "sport", "==", "1024"],
  ]) {
    assert.equal(
      toHex(encode(expressions, parseConditions(4, words))),
      toHex(encode(expressions, wanted)),
    );
  }
  assert.deepEqual(parseConditions(4), []);
});

const badConditions: [string, string][] = [
  ["ip saddr 10.0.0.0/8 accept", '"accept"'],
  ["ip saddr 10.0.0.0/8; flush ruleset", '"10.0.0.0/8;"'],
  ["ip saddr { 10.0.0.1 }", '"{"'],
  ["ip6 saddr fd00::/8", '"ip6"'],
  ["ip saddr fd00::/8", '"fd00::/8"'],
  ['iifname a";drop', '"a\\";drop"'],
  ["iifname abcdefghijklmnop", '"abcdefghijklmnop"'],
  ["tcp dport 65536", '"65536"'],
  ["tcp flags syn", '"flags"'],
  ["meta mark 1", '"mark"'],
];

for (const [text, word] of badConditions) {
  test(`the condition ${JSON.stringify(text)} is refused`, () => {
    assert.equal(
      refusal(() => parseConditions(4, [text])),
      `7: cannot read the condition at ${word}`,
    );
  });
}

test("a condition that ends too early is refused", () => {
  assert.equal(
    refusal(() => parseConditions(4, ["ip", "saddr"])),
    "7: a condition ends too early",
  );
});

for (const [family, hostIP, target] of [
  [4, undefined, "10.1.0.2"],
  [4, "192.0.2.1", "10.1.0.2"],
  [6, undefined, "fd00::2"],
  [6, "2001:db8::1", "fd00::2"],
] as const) {
  test(`a map's elements tell where they lead: ${hostIP ?? "any"} to ${target}`, () => {
    const place = { hostIP: hostIP ?? "" };
    const list = publications([
      ...mapping({ ...place, protocol: "udp", range: 3 }),
      ...mapping({ ...place, hostPort: 443, containerPort: 0x1234 }),
    ]);
    const address = parseAddress(target);
    assert.ok(address);
    const wanted = list.map(({ protocol, hostIP, ports }) => ({
      protocol,
      hostIP,
      target: address,
      ports,
    }));
    const runs = wanted.map((forward) => runOf(elementsOf(forward)));
    assert.deepEqual(forwardsIn(runs, family), wanted);
    assert.deepEqual(forwardsIn(runs, family === 4 ? 6 : 4), []);
  });
}

/** Elements as the kernel gives them back, with something between key and value. */
function runOf({ model, ends }: Alike): Run {
  const keyLength = model.key.length / 4;
  const both = [...model.key, 0, 0, 0, 0, ...(model.data?.value ?? [])];
  const step = both.length / 4;
  const words = new Int32Array((ends.length / 2) * step);
  for (let row = 0; row < ends.length / 2; row++) {
    words.set(new Int32Array(Uint8Array.from(both).buffer), row * step);
    words[row * step + keyLength - 1] = ends[2 * row] ?? 0;
    words[row * step + step - 1] = ends[2 * row + 1] ?? 0;
  }
  const value = keyLength + 1;
  return { words, step, key: 0, keyLength, value, valueLength: step - value };
}

test("elements of another map tell nothing", () => {
  const tells = (keyLength: number, valueLength: number) => {
    const step = keyLength + valueLength;
    const words = new Int32Array(step);
    const run = { words, step, key: 0, keyLength, value: keyLength, valueLength };
    return forwardsIn([run], 4).length;
  };
  assert.deepEqual([tells(2, 2), tells(3, 2)], [1, 1]);
  assert.deepEqual([tells(2, 1), tells(1, 2), tells(0, 2), tells(4, 2)], [0, 0, 0, 0]);
});
