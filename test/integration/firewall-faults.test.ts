/** Errors of the kernel, and SIGKILL, at every system call of firewall, and of the programs it runs: all rules or none. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { assertSuccess } from "./harness/expect.ts";
import { sourcesOf, startBus, startFirewalld, withoutFirewalld } from "./harness/firewalld.ts";
import { type Call, type Host, type Reply, type Verb, withHost } from "./harness/host.ts";
import { canFail, errorAt, type Point, pointsOf, withFault } from "./harness/inject.ts";
import { flavourScript } from "./harness/iptables.ts";

const prevResult = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "cni0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [{ address: "10.1.0.2/24" }, { address: "fd00:1::2/64" }],
};

/** A way to keep rules, how they are seen there, and what is there after an ADD. */
interface Place {
  readonly backend: string;
  readonly prepare?: (host: Host) => Promise<unknown>;
  readonly look: (host: Host) => Promise<string[]>;
  readonly policy?: string;
  readonly skip?: string | false;
  /** How many lines there are after an ADD. */
  readonly whole: number;
  /** Only each of so many points, since programs take their time; TSCNI_EVERY_CALL=1 in the environment makes it all. */
  readonly stride?: number;
}

/** Lines about the container or its bridge, wherever they are. */
async function filterLines(host: Host): Promise<string[]> {
  const lines = (await host.run("nft", "list", "ruleset")).split("\n");
  return lines.filter((line) => /10\.1\.0\.2|fd00:1::2|"cni0"/.test(line));
}

/** firewalld's sources, and the files that say whose they are. */
async function sourceLines(host: Host): Promise<string[]> {
  const files = await host.run("sh", "-c", "ls /run/cni/firewall 2>/dev/null || true");
  const named = files.split("\n").filter((name) => name.endsWith(".json"));
  return [...((await sourcesOf(host, "trusted")) ?? []), ...named];
}

const places: Record<string, Place> = {
  // Per family two rules, three for the policy, and the owner's.
  iptables: { backend: "iptables", policy: "isolated", look: filterLines, whole: 12 },
  "iptables by programs": {
    backend: "iptables",
    policy: "isolated",
    prepare: (host) => host.run("sh", "-ec", flavourScript("scripts").join("\n")),
    look: filterLines,
    whole: 12,
    stride: 4,
  },
  // Two rules per family in our table and two in the host's, three for the policy.
  nftables: {
    backend: "nftables",
    policy: "isolated",
    prepare: (host) => host.run("sh", "-ec", "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP"),
    look: filterLines,
    whole: 11,
  },
  firewalld: {
    backend: "firewalld",
    prepare: async (host) => {
      await startBus(host);
      await startFirewalld(host);
    },
    look: sourceLines,
    skip: withoutFirewalld,
    whole: 3,
  },
};

type Step = (host: Host, call: Call, point: Point) => Promise<Reply>;

async function sweep(place: Place, verb: Verb, step: Step): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    host.stay();
    await place.prepare?.(host);
    const { backend, policy: ingressPolicy } = place;
    const config = { cniVersion: "1.0.0", name: "net1", type: "firewall", backend, ingressPolicy };
    const call: Call = { plugin: "firewall", config: { ...config, prevResult } };
    // DEL as after a reboot of the runtime: without the result.
    const remove: Call = { ...call, config };
    // Once before, so that shared chains are there.
    assert.equal((await host.cni("ADD", call)).status, 0);
    assert.equal((await place.look(host)).length, place.whole);
    if (verb === "ADD") assertSuccess(await host.cni("DEL", remove));
    const points = await pointsOf(host, verb, verb === "ADD" ? call : remove);
    assert.ok(points.length > 20, `only ${points.length} system calls`);
    const faults: string[] = [];
    const stride = process.env.TSCNI_EVERY_CALL === "1" ? 1 : (place.stride ?? 1);
    for (const [at, point] of points.entries()) {
      if (at % stride !== 0) continue;
      if (verb === "DEL") assert.equal((await host.cni("ADD", call)).status, 0);
      const reply = await step(host, verb === "ADD" ? call : remove, point);
      const found = await place.look(host);
      assertSuccess(await host.cni("DEL", remove));
      const after = await place.look(host);
      if (after.length === 0 && isRight(reply, verb, found.length, place.whole)) continue;
      const shown = ["there was:", ...found, "after DEL:", ...after, describe(reply)].join("\n");
      faults.push(`at the ${point.ordinal}. such call, ${point.text}\n${shown}`);
    }
    const shown = faults.slice(0, 6).join("\n\n");
    assert.equal(faults.length, 0, `${faults.length} of ${points.length} points:\n${shown}`);
  });
}

/** Success means all, or after DEL nothing. Failure of ADD means nothing; killed, or a failure of DEL, may mean a part. */
function isRight({ status }: Reply, verb: Verb, found: number, whole: number): boolean {
  if (status === 0) return found === (verb === "ADD" ? whole : 0);
  return verb === "DEL" || status !== 1 || found === 0;
}

for (const [name, place] of Object.entries(places)) {
  const options = { skip: place.skip ?? false };

  /** Nothing but SIGKILL can happen to a call that cannot fail. */
  const fail =
    (verb: Verb): Step =>
    (host, call, point) =>
      host.cni(verb, canFail(point) ? withFault(call, point, errorAt(point)) : call);

  test(`${name}: an error of any system call of ADD leaves all or nothing`, options, () =>
    sweep(place, "ADD", fail("ADD")),
  );

  test(`${name}: after SIGKILL at any system call of ADD, DEL removes everything`, options, () =>
    sweep(place, "ADD", (host, call, point) =>
      host.cni("ADD", withFault(call, point, "signal=SIGKILL")),
    ),
  );

  test(
    `${name}: after an error of any system call of DEL, another DEL removes everything`,
    options,
    () => sweep(place, "DEL", fail("DEL")),
  );
}
