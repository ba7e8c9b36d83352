import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { CniError } from "./error.ts";
import { decodeJson, goJson } from "./json.ts";
import { checkSyntax } from "./json-syntax.ts";
import { printResult, readResult } from "./result.ts";
import { supportedVersions } from "./version.ts";

/** A well-formed text with some of its characters replaced, doubled or gone. */
const nearlyJson = fc
  .tuple(
    fc.json(),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[],:"\\ 01-+.etfn\n\u00e9', ""))),
  )
  .map(([text, edits]) =>
    edits.slice(0, 3).reduce((before, [at, insert]) => {
      const place = at % (before.length + 1);
      return before.slice(0, place) + insert + before.slice(place + (at % 2));
    }, text),
  );

test("decodeJson() accepts what JSON.parse accepts, and its scanner agrees", () => {
  fc.assert(
    fc.property(nearlyJson, (text) => {
      const accepted = !throwsSyntaxError(() => JSON.parse(text));
      assert.equal(!throwsSyntaxError(() => decodeJson(text)), accepted);
      assert.equal(!throwsSyntaxError(() => checkSyntax(text)), accepted);
    }),
    { numRuns: 3000 },
  );
});

test("goJson() says nothing else than JSON.stringify", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      assert.deepEqual(JSON.parse(goJson(value, 4)), JSON.parse(JSON.stringify(value)));
      assert.ok(!/[<>&\u2028\u2029]/.test(goJson(value)));
    }),
  );
});

const version = fc.constantFrom(...supportedVersions);
const optional = { requiredKeys: [] };
const address = fc.oneof(fc.ipV4(), fc.ipV6());
const cidr = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, length]) => `${ip}/${length}`),
  fc.tuple(fc.ipV6(), fc.nat(128)).map(([ip, length]) => `${ip}/${length}`),
);
const dns = fc.record(
  { nameservers: fc.array(fc.string()), domain: fc.string(), search: fc.array(fc.string()) },
  optional,
);
const route = fc.record(
  {
    dst: cidr,
    gw: address,
    mtu: fc.nat(),
    priority: fc.nat(),
    table: fc.nat(),
    scope: fc.nat(255),
  },
  { requiredKeys: ["dst"] },
);
const link = fc.record(
  { name: fc.string(), mac: fc.string(), mtu: fc.nat(), sandbox: fc.string(), pciID: fc.string() },
  { requiredKeys: ["name"] },
);
const ip = fc.record(
  { address: cidr, gateway: address, interface: fc.nat(9) },
  { requiredKeys: ["address"] },
);
const newest = fc.record(
  { interfaces: fc.array(link), ips: fc.array(ip), routes: fc.array(route), dns },
  optional,
);

test("a result of the newest shape is the same after printing and reading it", () => {
  fc.assert(
    fc.property(newest, (body) => {
      const result = readResult(decodeJson(JSON.stringify(body)), "1.1.0");
      assert.deepEqual(readResult(decodeJson(printResult(result, "1.1.0"))), result);
    }),
  );
});

test("a result that was printed for a version loses nothing more there", () => {
  fc.assert(
    fc.property(newest, version, (body, to) => {
      const result = readResult(decodeJson(JSON.stringify(body)), "1.1.0");
      if (to < "0.3" && !result.ips) return;
      const once = printResult(result, to);
      assert.equal(printResult(readResult(decodeJson(once)), to), once);
    }),
  );
});

test("readResult() reads any JSON or refuses it with a code", () => {
  const key = fc.constantFrom(
    "cniVersion",
    "ips",
    "ip4",
    "routes",
    "dns",
    "DNS",
    "interfaces",
    "x",
  );
  const value = fc.oneof(
    fc.jsonValue(),
    version,
    fc.array(fc.oneof(ip, route, link, fc.jsonValue())),
  );
  fc.assert(
    fc.property(fc.dictionary(key, value), version, (body, fallback) => {
      try {
        readResult(body, fallback);
      } catch (error) {
        assert.ok(error instanceof CniError);
      }
    }),
    { numRuns: 1000 },
  );
});

function throwsSyntaxError(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return true;
  }
}
