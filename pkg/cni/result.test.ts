import assert from "node:assert/strict";
import test from "node:test";
import { CniError } from "./error.ts";
import { createResult, printResult, type Result, readPrevResult, readResult } from "./result.ts";
import { resultCases } from "./testing/result-cases.ts";
import { supportedVersions } from "./version.ts";

for (const { name, from, body, ...printed } of resultCases) {
  for (const own of from) {
    for (const to of supportedVersions) {
      test(`${name}: from ${own} to ${to}`, () => {
        const expected = to < "0.3" ? printed.legacy : to < "1" ? printed.middle : printed.newest;
        const result = (): string => printResult(readResult({ cniVersion: own, ...body }), to);
        assert.equal(textOf(result), expected.replace("VERSION", to));
      });
    }
  }
}

test("readResult() turns the oldest shape into the newest", () => {
  const result = readResult({
    ip4: { ip: "10.0.0.5/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
    ip6: { ip: "fd00:0::5/64", routes: [{ dst: "::/0", gw: "fd00::01" }] },
    dns: {},
  });
  assert.deepEqual(result, {
    cniVersion: "0.1.0",
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }, { address: "fd00::5/64" }],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0", gw: "fd00::1" }],
  });
});

test("readResult() takes a result that does not say for the fallback's version", () => {
  const ips = [{ address: "10.0.0.5/24" }];
  assert.deepEqual(readResult({ ips }, "1.0.0"), { cniVersion: "1.0.0", ips });
  assert.deepEqual(readResult({ cniVersion: "", ips }, "0.4.0"), { cniVersion: "0.4.0", ips });
  assert.deepEqual(readResult({ cniVersion: "1.1.0", ips }, "0.4.0"), { cniVersion: "1.1.0", ips });
  assert.deepEqual(readResult(null, "0.4.0"), { cniVersion: "0.4.0" });
  assert.deepEqual(readResult(null), { cniVersion: "0.1.0" });
});

test("readResult() takes null and undefined for absent", () => {
  const ips = [{ address: "10.0.0.5/24", gateway: undefined, interface: null }];
  const read = readResult({ cniVersion: "0.4.0", interfaces: undefined, ips, routes: null });
  assert.deepEqual(read, { cniVersion: "0.4.0", ips: [{ address: "10.0.0.5/24" }] });
});

test("readResult() lets the last of several spellings win", () => {
  const result = readResult({
    cniVersion: "1.1.0",
    ips: [{ address: "1.1.1.1/8", ADDRESS: "2.2.2.2/8" }],
    "dn\u017f": { domain: "x" },
  });
  assert.deepEqual(result.ips, [{ address: "2.2.2.2/8" }]);
  assert.deepEqual(result.dns, { domain: "x" });
});

/** Codes: 6 undecodable, 1 a matter of versions. */
const refused: readonly [body: unknown, failure: string][] = [
  [[], "6|cannot read result: expected an object, got a list|"],
  ["x", '6|cannot read result: expected an object, got "x"|'],
  [{ cniVersion: 1 }, "6|cannot read cniVersion: expected a string, got 1|"],
  [{ cniVersion: "0.5.0" }, '1|unsupported CNI result version "0.5.0"|'],
  [newest({ ips: {} }), "6|cannot read ips: expected a list, got an object|"],
  [newest({ ips: [null] }), "6|cannot read ips[0]: expected an object, got null|"],
  [newest({ ips: [{}] }), "6|cannot read ips[0].address: it is missing|"],
  [
    newest({ ips: [{ address: "10.0.0.1/33" }] }),
    "6|invalid CIDR address: 10.0.0.1/33|ips[0].address",
  ],
  [
    newest({ ips: [{ address: "10.0.0.1/8", gateway: "10.0.0" }] }),
    "6|invalid IP address: 10.0.0|ips[0].gateway",
  ],
  [
    newest({ ips: [{ address: "10.0.0.1/8", interface: 1.5 }] }),
    "6|cannot read ips[0].interface: expected an integer, got 1.5|",
  ],
  [newest({ routes: [{ dst: "::/0" }, { dst: "x" }] }), "6|invalid CIDR address: x|routes[1].dst"],
  [newest({ dns: { search: "x" } }), '6|cannot read dns.search: expected a list, got "x"|'],
  [
    newest({ interfaces: [{ name: true }] }),
    "6|cannot read interfaces[0].name: expected a string, got true|",
  ],
  [{ ip4: { ip: "" } }, "6|invalid CIDR address: |ip4.ip"],
];
for (const [body, failure] of refused) {
  test(`readResult() refuses ${JSON.stringify(body)}`, () => {
    assert.equal(
      failureOf(() => readResult(body)),
      failure,
    );
  });
}

test("createResult() refuses a body of another shape than the version's", () => {
  const message = (listed: string, own: string): string =>
    `1|result type supports ${listed} but unmarshalled CNIVersion is "${own}"|`;
  const cases: [own: string, version: string, failure: string][] = [
    ["0.4.0", "1.0.0", message("[1.0.0 1.1.0]", "0.4.0")],
    ["1.0.0", "0.4.0", message("[0.3.0 0.3.1 0.4.0]", "1.0.0")],
    ["1.0.0", "0.2.0", message("[ 0.1.0 0.2.0]", "1.0.0")],
    ["", "1.0.0", message("[1.0.0 1.1.0]", "")],
    ["1.0.0", "x", '1|unsupported CNI result version "x"|'],
  ];
  for (const [cniVersion, version, failure] of cases) {
    assert.equal(
      failureOf(() => createResult({ cniVersion }, version)),
      failure,
    );
  }
  assert.deepEqual(createResult({ cniVersion: "1.0.0" }, "1.1.0"), { cniVersion: "1.0.0" });
  assert.deepEqual(createResult({}, ""), { cniVersion: "0.1.0" });
});

test("readPrevResult() fills in the configuration's version, and only there", () => {
  assert.deepEqual(readPrevResult({ cniVersion: "1.0.0" }, "1.1.0"), { cniVersion: "1.0.0" });
  assert.deepEqual(readPrevResult({ dns: { domain: "d" } }, "0.4.0"), {
    cniVersion: "0.4.0",
    dns: { domain: "d" },
  });
  assert.deepEqual(readPrevResult({}, ""), { cniVersion: "0.1.0" });
  assert.equal(readPrevResult(undefined, "1.0.0"), undefined);
  assert.equal(readPrevResult(null, "1.0.0"), undefined);
});

test("readPrevResult() refuses another shape and says whose fault it is", () => {
  const failures = [
    failureOf(() => readPrevResult({ cniVersion: "0.4.0" }, "1.1.0")),
    failureOf(() => readPrevResult({ routes: [{ dst: "x" }] }, "1.1.0")),
    failureOf(() => readPrevResult({}, "7.7")),
  ];
  assert.deepEqual(failures, [
    '7|could not parse prevResult: result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"|',
    "7|could not parse prevResult: invalid CIDR address: x|routes[0].dst",
    '7|could not parse prevResult: unsupported CNI result version "7.7"|',
  ]);
});

test("printResult() takes a result without a version for one of the newest", () => {
  assert.equal(printResult({}, "1.0.0"), '{\n    "cniVersion": "1.0.0"\n}');
  assert.throws(
    () => printResult({}, "0.2.0"),
    /^CniError: cannot convert: no valid IP addresses$/,
  );
  assert.equal(
    printResult({ ips: [{ address: "10.0.0.1/8" }] }, ""),
    '{\n    "cniVersion": "0.1.0",\n    "ip4": {\n        "ip": "10.0.0.1/8"\n    },\n    "dns": {}\n}',
  );
});

test("printResult() has no converter from or to unknown versions", () => {
  const result: Result = { cniVersion: "9.9.9" };
  assert.throws(
    () => printResult(result, "1.0.0"),
    /no converter for CNI result version 9.9.9 to 1.0.0/,
  );
  assert.throws(
    () => printResult({}, "9.9.9"),
    /no converter for CNI result version 1.1.0 to 9.9.9/,
  );
});

function newest(body: object): object {
  return { cniVersion: "1.1.0", ...body };
}

function textOf(act: () => string): string {
  try {
    return act();
  } catch (error) {
    assert.ok(error instanceof CniError);
    return `error: ${error.message}`;
  }
}

function failureOf(act: () => unknown): string {
  try {
    act();
    return "no failure";
  } catch (error) {
    assert.ok(error instanceof CniError);
    return `${error.code}|${error.message}|${error.details ?? ""}`;
  }
}
