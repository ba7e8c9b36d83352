/** A thousand ports in one ADD cost hardly more than one: system calls, bytes and elements are counted. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Chain, type Member } from "./harness/chain.ts";
import { describe } from "./harness/command.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, type Verb, withHost } from "./harness/host.ts";
import { dualStack } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, withServers } from "./harness/probe.ts";

const bridge: Member = { type: "bridge", bridge: "cni0", isDefaultGateway: true, ipam: dualStack };

interface Mapping {
  readonly protocol: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly range?: number;
}

function portmap(portMappings: readonly Mapping[]): Member {
  return { type: "portmap", runtimeConfig: { portMappings } };
}

const one: Mapping = { protocol: "tcp", hostPort: 80, containerPort: 8080 };
const asRange: Mapping[] = [{ ...one, hostPort: 10_000, containerPort: 20_000, range: 1000 }];
const oneByOne: Mapping[] = Array.from({ length: 1000 }, (_, at) => ({
  ...one,
  hostPort: 10_000 + at,
  containerPort: 20_000 + at,
}));

/** Ports all over the place, each once: 7919 is a prime, and so is 60 013. */
function scattered(first: number, protocol: string): Mapping[] {
  return Array.from({ length: 1000 }, (_, at) => ({
    protocol,
    hostPort: 2000 + ((7919 * (first + at)) % 60_013),
    containerPort: 1 + ((104_729 * at) % 60_013),
  }));
}

/** What a call cost: system calls, and bytes sent to the kernel. */
interface Cost {
  readonly calls: number;
  readonly bytes: number;
}

async function costOf(host: Host, verb: Verb, chain: Chain, member: Member): Promise<Cost> {
  const reply = await chain.call(verb, member, { wrap: ["strace", "-o", "/run/trace"] });
  assert.equal(reply.status, 0, describe(reply));
  const lines = readFileSync(host.outside("/run/trace"), "utf8").trim().split("\n");
  const sent = lines.flatMap((line) => /^sendto\(.* = (\d+)$/.exec(line)?.[1] ?? []);
  return { calls: lines.length, bytes: sent.reduce((sum, bytes) => sum + Number(bytes), 0) };
}

/** Anything that nft tells. */
type Told = { readonly [key: string]: Told } | readonly Told[] | string | number | null;

/** How many elements each map of the ruleset has, which its rule contains. */
async function mapSizes(host: Host): Promise<number[]> {
  const sizesIn = (told: Told): number[] => {
    if (typeof told !== "object" || told === null) return [];
    if (!Array.isArray(told) && "map" in told) {
      const { data } = (told as { map: { data: { set: unknown[] } } }).map;
      return [data.set.length];
    }
    return Object.values(told).flatMap(sizesIn);
  };
  return sizesIn(JSON.parse(await host.run("nft", "-j", "list", "ruleset")));
}

/** What an element of each family takes: headers, protocol and port, address and port. */
const elementBytes = 36 + 48;

test("a thousand ports take the system calls of one, and the bytes of their elements", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [bridge], { netns: "c1" });
    await chain.add();
    const measure = async (mappings: readonly Mapping[]) => {
      const member = portmap(mappings);
      const add = await costOf(host, "ADD", chain, member);
      const check = await costOf(host, "CHECK", chain, member);
      const sizes = await mapSizes(host);
      return { add, check, sizes, del: await costOf(host, "DEL", chain, member) };
    };
    await measure([one]); // makes the table and its chains
    const few = await measure([one]);
    assert.deepEqual(few.sizes, [1, 1]);
    for (const mappings of [asRange, oneByOne, scattered(0, "tcp")]) {
      const many = await measure(mappings);
      assert.deepEqual(many.sizes, [1000, 1000]);
      assert.equal(many.add.bytes, few.add.bytes + 999 * elementBytes);
      assert.equal(many.check.bytes, few.check.bytes);
      assert.equal(many.del.bytes, few.del.bytes);
      for (const verb of ["add", "check", "del"] as const) {
        // A longer configuration to read, and memory for it; elements come in a datagram more.
        const more = many[verb].calls - few[verb].calls;
        assert.ok(more <= 8, `${verb}: ${more} system calls more`);
      }
    }
  }));

test("two containers with a thousand scattered ports each, one after the other", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    await addOutside(host);
    const list = { c1: scattered(0, "tcp"), c2: scattered(1000, "tcp") };
    const chains = (["c1", "c2"] as const).map(
      (netns) => new Chain(host, [bridge, portmap(list[netns])], { netns }),
    );
    for (const chain of chains) await chain.add();
    for (const chain of chains) await chain.check();
    assert.deepEqual(await mapSizes(host), [1000, 1000, 1000, 1000]);
    const to = (port: number): Endpoint => ({
      transport: "tcp",
      address: outside[4].host,
      port,
    });
    const last = { c1: list.c1.at(-1), c2: list.c2.at(-1) };
    assert.ok(last.c1 && last.c2);
    const both = [to(last.c1.hostPort), to(last.c2.hostPort)];
    const served = {
      transport: "tcp",
      address: "::",
      port: last.c1.containerPort,
      v6: true,
    } as const;
    await withServers(host, { netns: "c1", endpoints: [served] }, () =>
      withServers(host, { netns: "c2", endpoints: [served] }, async () => {
        const ports = `c1 ${outside[4].peer}`;
        assert.deepEqual(await ask(host, "out", both), [ports, `c2 ${outside[4].peer}`]);
        await chains[1]?.del();
        assert.deepEqual(await ask(host, "out", both), [ports, "nobody"]);
      }),
    );
    await chains[0]?.check();
    await chains[0]?.del();
    assert.deepEqual(await mapSizes(host), []);
  }));

test("CHECK finds the one port of two thousand that leads elsewhere, is missing or is one too many", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const chain = new Chain(host, [bridge], { netns: "c1" });
    await chain.add();
    const list = [...scattered(0, "tcp"), ...scattered(0, "udp")];
    const check = (mappings: readonly Mapping[]) => chain.call("CHECK", portmap(mappings));
    assert.equal((await chain.call("ADD", portmap(list))).status, 0);
    assertSuccess(await check(list));
    assertSuccess(await check([...list].reverse()));
    const [first, ...others] = list;
    assert.ok(first);
    for (const wrong of [
      [...others, { ...first, containerPort: 2 }],
      [...others, { ...first, protocol: "udp" }],
      [...list, { ...one, hostPort: 1999 }],
      others,
    ]) {
      assertError(await check(wrong), { msg: /missing hostport rules in "hostports" chain/ });
    }
    // Another list in place of the first.
    assert.equal((await chain.call("ADD", portmap(others))).status, 0);
    assertSuccess(await check(others));
    assert.deepEqual(await mapSizes(host), [1999, 1999]);
  }));
