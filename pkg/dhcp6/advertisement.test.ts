import assert from "node:assert/strict";
import test from "node:test";
import { parseAddress } from "../ip/address.ts";
import { decodeAdvertisement, encodeSolicitation } from "./advertisement.ts";
import { encodeProbe, showsConflict } from "./neighbor.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import {
  autonomousPrefixes,
  forgetEnded,
  hearRouter,
  newDiscovery,
  routesOf,
  settingsFrom,
  solicitRouters,
} from "./routers.ts";
import { stableAddress } from "./stable-address.ts";

const hex = (text: string) =>
  Uint8Array.from((text.match(/[0-9a-f]{2}/g) ?? []).map((it) => Number.parseInt(it, 16)));
const at = (text: string) => parseAddress(text) ?? assert.fail(text);

// As dnsmasq sends it: fd00:9::/64 on link, MTU 1500, source link-layer address.
const head = "86 00 0000 40 c0 0708 00000000 00000000";
const prefix = "03 04 40 80 00000708 00000708 00000000 fd000009000000000000000000000000";
const mtu = "05 01 0000 000005dc";
const source = "01 01 ea cf 58 14 bb 3a";

function heard(message: string, from = "fe80::1") {
  const destination = at("ff02::1");
  const bytes = encodePacket({ source: at(from), destination, message: hex(message) });
  const packet = decodePacket(bytes, true);
  return packet && decodeAdvertisement(packet);
}

test("an advertisement of dnsmasq", () => {
  assert.deepEqual(heard(`${head} ${prefix} ${mtu} ${source}`), {
    router: "fe80::1",
    lifetime: 1800,
    preference: 0,
    managed: true,
    other: true,
    prefixes: [
      { prefix: "fd00:9::/64", onLink: true, autonomous: false, valid: 1800, preferred: 1800 },
    ],
    routes: [],
    dns: [],
    search: [],
    mtu: 1500,
  });
});

test("routes of RFC 4191 in each length, and settings of RFC 8106", () => {
  const routes = "18 01 00 08 00000064  18 02 20 18 00000064 fd00000a00000000";
  const dns = "19 03 0000 00000064 fd000009000000000000000000000053";
  const search = "1f 02 0000 00000064 0161 0474657374 00";
  const told = heard(`${head} ${routes} ${dns} ${search.padEnd(search.length)}`);
  assert.deepEqual(told?.routes, [
    { prefix: "::/0", preference: 1, lifetime: 100 },
    { prefix: "fd00:a::/32", preference: -1, lifetime: 100 },
  ]);
  assert.deepEqual(told?.dns, [{ server: "fd00:9::53", lifetime: 100 }]);
  assert.deepEqual(told?.search, [{ name: "a.test", lifetime: 100 }]);
});

test("what is no advertisement, or none that makes sense", () => {
  assert.equal(heard(`${head} 03 00`), undefined, "an option of length 0");
  assert.equal(heard(`${head} 03 05 40 80 00000708`), undefined, "one that reaches past the end");
  assert.equal(heard(head, "fd00::1"), undefined, "from beyond the link");
  assert.equal(heard("86 01 0000 40 c0 0708 00000000 00000000"), undefined, "code 1");
  assert.deepEqual(heard(`${head} ${prefix.replace("fd000009", "fe800000")}`)?.prefixes, []);
  assert.deepEqual(heard(`${head} ${mtu.replace("05dc", "00ff")}`)?.mtu, undefined);
});

test("packets: a damaged one, one from a router away, one cut short are none", () => {
  const { bytes } = encodeSolicitation();
  assert.ok(decodePacket(bytes, true));
  for (const [index, value] of [
    [7, 64],
    [6, 17],
    [0, 0x45],
    [45, 1],
  ] as const) {
    const damaged = bytes.slice();
    damaged[index] = value;
    assert.equal(decodePacket(damaged, true), undefined, `byte ${index}`);
  }
  assert.equal(decodePacket(bytes.subarray(0, 47), true), undefined);
});

test("a probe goes to the solicited node's group; who has the address, or asks for it too, shows it", () => {
  const target = at("fd00:9::1:2345");
  const { bytes, to } = encodeProbe(target);
  assert.deepEqual(to, hex("3333ff012345"));
  const packet = decodePacket(bytes, true) ?? assert.fail();
  assert.equal(showsConflict(packet, target), true, "somebody else probes for it");
  assert.equal(showsConflict(packet, at("fd00:9::1:2346")), false);
  assert.equal(
    showsConflict({ ...packet, source: at("fd00:9::7") }, target),
    false,
    "a mere question",
  );
  const message = packet.message.slice();
  message[0] = 136;
  assert.equal(showsConflict({ ...packet, source: at("fd00:9::7"), message }, target), true);
});

test("routers: the best one of each destination, until its time ends", () => {
  const told = heard(`${head} ${prefix}`) ?? assert.fail();
  let discovery = solicitRouters(newDiscovery(), { now: 1000, random: 1 });
  assert.ok((discovery.wakeAt ?? 0) - 1000 >= 3_600 && (discovery.wakeAt ?? 0) - 1000 <= 4_400);
  discovery = hearRouter(discovery, told, 1000);
  discovery = hearRouter(
    discovery,
    { ...told, router: "fe80::2", preference: 1, lifetime: 10 },
    1000,
  );
  assert.deepEqual(routesOf(discovery, 1000), [
    { prefix: "::/0", gateway: "fe80::2" },
    { prefix: "fd00:9::/64", gateway: undefined },
  ]);
  assert.equal(discovery.wakeAt, 11_000);
  discovery = forgetEnded(discovery, 11_000);
  assert.equal(routesOf(discovery, 11_000)[0]?.gateway, "fe80::1");
  discovery = hearRouter(discovery, { ...told, lifetime: 0, prefixes: [] }, 12_000);
  discovery = forgetEnded(discovery, 1_801_000);
  assert.deepEqual(discovery.routers, []);
  assert.equal(discovery.wakeAt, null);
});

test("routers: what an advertisement leaves out stays until its time ends (RFC 4861, 6.3.4)", () => {
  const told = heard(`${head} ${prefix}`) ?? assert.fail();
  const [one] = told.prefixes;
  assert.ok(one);
  let discovery = hearRouter(newDiscovery(), { ...told, mtu: 1400 }, 0);
  const second = { ...told, mtu: undefined, prefixes: [{ ...one, prefix: "fd00:8::/64" }] };
  discovery = hearRouter(discovery, second, 1000);
  assert.deepEqual(
    discovery.routers[0]?.prefixes.map((it) => it.prefix),
    ["fd00:9::/64", "fd00:8::/64"],
  );
  assert.equal(discovery.routers[0]?.mtu, 1400);
  for (let count = 0; count < 500; count++) {
    const prefixes = [{ ...one, prefix: `fd00:${count.toString(16)}::/64` }];
    discovery = hearRouter(discovery, { ...told, prefixes }, 2000);
  }
  assert.equal(discovery.routers[0]?.prefixes.length, 32);
});

test("a prefix of hosts' own addresses has two hours at least, or what it had (RFC 4862, 5.5.3 e)", () => {
  const told = heard(`${head} ${prefix.replace("40 80", "40 c0")}`) ?? assert.fail();
  const hour = 3_600_000;
  const hear = (before: number, valid: number, router = told.router) => {
    const prefixes = (seconds: number) => told.prefixes.map((it) => ({ ...it, valid: seconds }));
    const known = hearRouter(newDiscovery(), { ...told, prefixes: prefixes(before) }, 0);
    const heard = hearRouter(known, { ...told, router, prefixes: prefixes(valid) }, 0);
    return heard.routers.at(-1)?.prefixes.map((it) => it.until);
  };
  assert.deepEqual(hear(24 * 3600, 0), [2 * hour]);
  assert.deepEqual(hear(24 * 3600, 0, "fe80::bad"), [2 * hour]);
  assert.deepEqual(hear(0xffff_ffff, 60), [2 * hour]);
  assert.deepEqual(hear(3600, 60), [hour]);
  assert.deepEqual(hear(3600, 3 * 3600), [3 * hour]);
  assert.deepEqual(hear(3600, 0xffff_ffff), [null]);
});

test("autonomous prefixes and settings, each once", () => {
  const told = heard(
    `${head} ${prefix.replace("40 80", "40 c0")} 19 03 0000 ffffffff fd000009000000000000000000000053`,
  );
  assert.ok(told);
  let discovery = hearRouter(newDiscovery(), told, 0);
  discovery = hearRouter(discovery, { ...told, router: "fe80::2" }, 0);
  assert.deepEqual(autonomousPrefixes(discovery), ["fd00:9::/64"]);
  assert.deepEqual(settingsFrom(discovery), { dns: ["fd00:9::53"], search: [] });
});

test("an address of one's own: stable, another for another, in 64 bits only", () => {
  const first = stableAddress("fd00:9::/64", "a", 0);
  assert.deepEqual(stableAddress("fd00:9::/64", "a", 0), first);
  assert.equal((first?.value ?? 0n) >> 64n, 0xfd00_0009_0000_0000n);
  assert.notDeepEqual(stableAddress("fd00:9::/64", "b", 0), first);
  assert.notDeepEqual(stableAddress("fd00:9::/64", "a", 1), first);
  assert.equal(stableAddress("fd00:9::/48", "a", 0), undefined);
});
