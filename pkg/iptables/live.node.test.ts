/** Against Debian's iptables, both flavours, in network namespaces made for it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import test from "node:test";
import { type Family, parseAddress } from "../ip/address.ts";
import { hostPrefix, parsePrefix } from "../ip/prefix.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import { openPrograms, type Programs, readTable, updateTable } from "./program.ts";
import {
  comment,
  connectionState,
  destinationNat,
  destinationPort,
  destinationPorts,
  destinationType,
  marked,
  programFor,
  type Rule,
  setMark,
  wordsOf,
} from "./rule.ts";
import { ensureChain, ensureRule, fillChain, removeChainFrom, type TableName } from "./table.ts";

const flavours = ["nft", "legacy"] as const;

/** In a namespace of its own, with a lock file of its own. */
async function withPrograms(
  [family, flavour]: readonly [Family, (typeof flavours)[number]],
  work: (programs: Programs, lockFile: string) => void | Promise<void>,
): Promise<void> {
  enterNewNetwork();
  const directory = mkdtempSync("/tmp/xtables-");
  const lockFile = `${directory}/lock`;
  try {
    const env = { PATH: "/usr/sbin:/usr/bin:/bin", XTABLES_LOCKFILE: lockFile };
    const found = openPrograms(family, { env }, "cannot test");
    const path = `/usr/sbin/${programFor(family)}-${flavour}`;
    await work({ ...found, save: `${path}-save`, restore: `${path}-restore` }, lockFile);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const samples = {
  4: { host: "10.1.0.2", net: "10.1.3.4/16", multicast: "224.0.0.0/4" },
  6: { host: "fd00:1::2", net: "fd00:1::2/64", multicast: "ff00::/8" },
};

function rulesOf(family: Family): [TableName, Rule[]][] {
  const address = parseAddress(samples[family].host);
  const net = parsePrefix(samples[family].net);
  const multicast = parsePrefix(samples[family].multicast);
  assert.ok(address && net && multicast);
  const host = hostPrefix(address);
  const filter: Rule[] = [
    { source: host, target: ["ACCEPT"] },
    { destination: host, matches: [connectionState("RELATED,ESTABLISHED")], target: ["ACCEPT"] },
    { in: "br0", out: { not: "br0" }, matches: [comment("a b")], target: ["RETURN"] },
    { matches: [comment(`it's "x" \\ $(id) \`id\` ; *filter ü`)], target: ["DROP"] },
    { matches: [comment("y".repeat(300))], target: ["DROP"] },
    { matches: [marked(0x2000)], target: ["RETURN"] },
  ];
  const nat: Rule[] = [
    { source: net, destination: { not: multicast }, target: ["MASQUERADE"] },
    {
      protocol: "udp",
      matches: [destinationPort("udp", 53)],
      target: destinationNat(address, 5353),
    },
    {
      protocol: "tcp",
      matches: [destinationPorts([1, 2, 65535]), destinationType("LOCAL"), comment("c")],
      target: ["RETURN"],
    },
    { target: setMark(0x80000000) },
  ];
  return [
    ["filter", filter],
    ["nat", nat.filter(({ target }) => target[0] !== "MARK")],
    ["mangle", nat.filter(({ target }) => target[0] === "MARK")],
  ];
}

for (const flavour of flavours) {
  for (const family of [4, 6] as const) {
    test(
      `iptables ${flavour}, IPv${family}: what was written is read back word by word`,
      { skip },
      () =>
        withPrograms([family, flavour], (programs) => {
          for (const [name, rules] of rulesOf(family)) {
            updateTable(programs, name, (table) => fillChain(table, "TSCNI", rules));
            const table = readTable(programs, name);
            assert.deepEqual(table.rules("TSCNI"), rules.map(wordsOf));
            updateTable(programs, name, (again) => {
              const steps = [
                ...fillChain(again, "TSCNI", rules),
                ...ensureChain(again, "TSCNI"),
                ...rules.flatMap((rule) => ensureRule(again, "TSCNI", rule)),
              ];
              assert.deepEqual(steps, []);
              return steps;
            });
          }
        }),
    );
  }

  test(`iptables ${flavour}: a chain comes and goes with what leads to it`, { skip }, () =>
    withPrograms([4, flavour], (programs) => {
      const jump: Rule = { matches: [comment("to it")], target: ["TSCNI"] };
      updateTable(programs, "filter", (table) => [
        ...ensureChain(table, "TSCNI"),
        ...ensureRule(table, "FORWARD", { target: ["ACCEPT"] }),
        ...ensureRule(table, "FORWARD", jump, "first"),
        ...ensureRule(table, "TSCNI", { in: "lo", target: ["DROP"] }),
      ]);
      const made = readTable(programs, "filter");
      assert.deepEqual(made.rules("FORWARD"), [wordsOf(jump), ["-j", "ACCEPT"]]);
      updateTable(programs, "filter", (table) => removeChainFrom(table, "FORWARD", "TSCNI"));
      const left = readTable(programs, "filter");
      assert.ok(!left.hasChain("TSCNI") && left.hasChain("FORWARD"));
      assert.deepEqual(left.rules("FORWARD"), [["-j", "ACCEPT"]]);
    }),
  );

  test(`iptables ${flavour}: a change is made as a whole or not at all`, { skip }, () =>
    withPrograms([4, flavour], (programs) => {
      const plan = () => [
        ["-N", "TSCNI"],
        ["-A", "TSCNI", "-j", "ACCEPT"],
        ["-D", "INPUT", "-j", "DROP"],
      ];
      assert.throws(
        () => updateTable(programs, "filter", plan),
        /cannot change table "filter": .*-restore: line 4 failed.*: -D INPUT -j DROP$/,
      );
      assert.ok(!readTable(programs, "filter").hasChain("TSCNI"));
    }),
  );

  test(`iptables ${flavour}: a change planned on what is gone is planned anew`, { skip }, () =>
    withPrograms([4, flavour], (programs) => {
      let plans = 0;
      updateTable(programs, "filter", (table) => {
        plans++;
        const steps = ensureChain(table, "TSCNI");
        // Between the look and the change somebody makes the chain.
        if (plans === 1) updateTable(programs, "filter", (other) => ensureChain(other, "TSCNI"));
        return steps;
      });
      assert.equal(plans, 2);
    }),
  );
}

test("iptables legacy: a lock that is held by others is waited for, not for ever", { skip }, () =>
  withPrograms([4, "legacy"], async (programs, lockFile) => {
    const holder = spawn("flock", [lockFile, "sh", "-c", "echo held; exec cat"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    const plan = (table: Parameters<typeof ensureChain>[0]) => ensureChain(table, "TSCNI");
    assert.throws(() => updateTable({ ...programs, lockSeconds: 1 }, "filter", plan), {
      code: 11,
      message: `cannot change table "filter": ${programs.restore} did not get the xtables lock within 1 s`,
    });
    const ended = once(holder, "close");
    holder.stdin.end();
    await ended;
    updateTable(programs, "filter", plan);
    assert.ok(readTable(programs, "filter").hasChain("TSCNI"));
  }),
);

test("iptables nft: a table with rules it cannot show is refused", { skip }, () =>
  withPrograms([4, "nft"], async (programs) => {
    const script = `
      table ip filter {
        chain FORWARD {
          type filter hook forward priority filter
          ct state established accept
        }
      }`;
    const nft = spawn("nft", ["-f", "-"], { stdio: ["pipe", "inherit", "inherit"] });
    nft.stdin.end(script);
    const [status] = await once(nft, "close");
    assert.equal(status, 0);
    assert.throws(() => readTable(programs, "filter"), /iptables cannot read, made by nft/);
  }),
);
