/** Table "filter" without programs, against Debian's iptables of the newer flavour, in network namespaces made for it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import type { Family } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { NetlinkSocket, Protocol } from "../netlink/socket.ts";
import { dumpRules } from "../nftables/rule.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import { openPrograms } from "./program.ts";
import {
  comment,
  connectionState,
  longestComment,
  programFor,
  type Rule,
  wordsOf,
} from "./rule.ts";
import {
  ensureChain,
  ensureRule,
  fillChain,
  hasRule,
  removeChain,
  removeRule,
  type Table,
} from "./table.ts";
import { changeFilter, type Kernel, readFilters, useNft, type Way } from "./way.ts";

const families = [4, 6] as const;
const env = { PATH: "/usr/sbin:/usr/bin:/bin" };

function withKernels(work: (kernels: readonly Kernel[], socket: NetlinkSocket) => void): void {
  enterNewNetwork();
  using socket = NetlinkSocket.open(Protocol.netfilter);
  work(
    families.map((family) => ({ family, socket })),
    socket,
  );
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] });
}

function rulesOf(family: Family): Rule[] {
  const host = parsePrefix(family === 4 ? "10.1.0.2/32" : "fd00:1::2/128");
  const net = parsePrefix(family === 4 ? "10.1.0.0/16" : "fd00:1::/64");
  assert.ok(host && net);
  return [
    { source: host, target: ["ACCEPT"] },
    { destination: host, matches: [connectionState("RELATED,ESTABLISHED")], target: ["ACCEPT"] },
    { in: "br0", out: { not: "br0" }, matches: [comment("a b")], target: ["RETURN"] },
    { in: "abcdefghijklmno", source: { not: net }, matches: [comment("both")], target: ["DROP"] },
    { matches: [comment(`it's "x" \\ $(id) \`id\` ; *filter ü`)], target: ["DROP"] },
    { matches: [comment("y".repeat(longestComment))], target: ["OTHER"] },
  ];
}

function readFilter(way: Way): Table {
  const [[, table] = []] = readFilters([way]);
  assert.ok(table);
  return table;
}

test("what is written is what iptables writes, to the byte as the kernel keeps it", { skip }, () =>
  withKernels((kernels, socket) => {
    const plan = (table: Table, family: Family) => [
      ...ensureChain(table, "OTHER"),
      ...fillChain(table, "OURS", rulesOf(family)),
    ];
    changeFilter(kernels, plan);
    for (const family of families) {
      const programs = openPrograms(family, { env }, "cannot test");
      assert.ok(useNft(programs));
      changeFilter([programs], (table) => fillChain(table, "THEIRS", rulesOf(family)));
      const [ours, theirs] = ["OURS", "THEIRS"].map((chain) =>
        socket
          .dump(dumpRules({ family: `ipv${family}`, table: "filter", chain }))
          .map(({ expressions, comment: note }) => ({ expressions, note })),
      );
      assert.deepEqual(ours, theirs);
      const words = rulesOf(family).map(wordsOf);
      for (const way of [programs, { family, socket }]) {
        const table = readFilter(way);
        assert.deepEqual(table.rules("OURS"), words);
        assert.deepEqual(table.rules("THEIRS"), words);
      }
    }
    changeFilter(kernels, (table, family) => {
      const steps = plan(table, family);
      assert.deepEqual(steps, []);
      return steps;
    });
  }),
);

test(
  "rules are found by what they hold, be it an address, a name or a part of a comment",
  { skip },
  () =>
    withKernels((kernels) => {
      changeFilter(kernels, (table, family) => [
        ...ensureChain(table, "OTHER"),
        ...fillChain(table, "OURS", rulesOf(family)),
      ]);
      for (const kernel of kernels) {
        const table = readFilter(kernel);
        const all = table.rules("OURS");
        assert.equal(table.count("OURS"), all.length);
        const host = all[0]?.[1] ?? "";
        assert.deepEqual(table.rulesAbout("OURS", host), all.slice(0, 2));
        assert.deepEqual(table.rulesAbout("OURS", "br0"), all.slice(2, 3));
        assert.deepEqual(table.rulesAbout("OURS", "bot"), all.slice(3, 4));
        assert.deepEqual(table.rulesAbout("OURS", "$(id)"), all.slice(4, 5));
        assert.deepEqual(table.rulesAbout("OURS", "10.9.9.9/32"), []);
        assert.deepEqual(table.rulesAbout("OURS", ""), all);
      }
    }),
);

test("a comment that looks like an address is found as well", { skip }, () =>
  withKernels((kernels) => {
    const rule: Rule = { matches: [comment("10.1.0.0/16")], target: ["DROP"] };
    changeFilter(kernels, (table) => fillChain(table, "OURS", [rule]));
    for (const kernel of kernels) assert.ok(hasRule(readFilter(kernel), "OURS", rule));
  }),
);

test("table and chain are made as iptables makes them", { skip }, () => {
  const texts = ["kernel", "program"].map((way) => {
    let text = "";
    withKernels((kernels) => {
      if (way === "kernel") {
        changeFilter(kernels, (table) => ensureRule(table, "FORWARD", { target: ["ACCEPT"] }));
      } else {
        for (const family of families) run(programFor(family), "-A", "FORWARD", "-j", "ACCEPT");
      }
      text = run("nft", "list", "ruleset");
    });
    return text;
  });
  assert.match(texts[0] ?? "", /table ip filter \{\n\tchain FORWARD \{\n\t\ttype filter hook/);
  assert.equal(texts[0], texts[1]);
});

test(
  "rules go to either end, and go as often as they are there; a chain goes with them",
  { skip },
  () =>
    withKernels((kernels) => {
      const drop: Rule = { in: "x", target: ["DROP"] };
      const jump: Rule = { matches: [comment("to it")], target: ["TSCNI"] };
      changeFilter(kernels, (table) => [
        ...ensureChain(table, "TSCNI"),
        ...ensureRule(table, "FORWARD", drop),
        ["-A", "FORWARD", ...wordsOf(drop)],
        ...ensureRule(table, "FORWARD", jump, "first"),
      ]);
      const [four] = kernels;
      assert.ok(four);
      run("nft", "add rule ip filter FORWARD tcp dport 1-5 accept");
      const made = readFilter(four);
      assert.deepEqual(made.rules("FORWARD").slice(0, 3), [jump, drop, drop].map(wordsOf));
      assert.equal(made.rules("FORWARD").length, 4);
      assert.ok(hasRule(made, "FORWARD", drop) && !hasRule(made, "TSCNI", drop));
      changeFilter(kernels, (table) => [
        ...removeRule(table, "FORWARD", drop),
        ...removeRule(table, "FORWARD", jump),
        ...removeChain(table, "TSCNI"),
      ]);
      const left = readFilter(four);
      assert.ok(!left.hasChain("TSCNI"));
      assert.equal(left.rules("FORWARD").length, 1, "nft's own rule is left alone");
    }),
);

test("families change together or not at all", { skip }, () =>
  withKernels((kernels) => {
    const tooLong: Rule = {
      matches: [["comment", "--comment", "y".repeat(300)]],
      target: ["DROP"],
    };
    assert.throws(() =>
      changeFilter(kernels, (table, family) => [
        ...ensureChain(table, "TSCNI"),
        ...(family === 6 ? ensureRule(table, "TSCNI", tooLong) : []),
      ]),
    );
    assert.equal(run("nft", "list", "ruleset"), "");
  }),
);

test("a change planned on what is gone is planned anew", { skip }, () =>
  withKernels((kernels) => {
    let plans = 0;
    changeFilter(kernels.slice(0, 1), (table) => {
      plans++;
      if (plans === 1) run("iptables", "-N", "TSCNI");
      return ensureChain(table, "TSCNI");
    });
    assert.equal(plans, 2);
  }),
);

for (const [title, chain] of [
  ["another name", "forward { type filter hook forward priority filter; }"],
  ["another priority", "FORWARD { type filter hook forward priority 5; }"],
  ["another hook", "FORWARD { type filter hook input priority filter; }"],
  ["no hook", "FORWARD"],
]) {
  test(
    `a table where packets come to a chain of nft's with ${title} is not written to`,
    { skip },
    () =>
      withKernels(([kernel]) => {
        assert.ok(kernel);
        run("nft", `add table ip filter; add chain ip filter ${chain}`);
        const error = { name: "UnreadableTableError", message: /chains that nft made$/ };
        assert.throws(() => readFilter(kernel), error);
        const add = (table: Table) => ensureRule(table, "FORWARD", { target: ["ACCEPT"] });
        assert.throws(() => changeFilter([kernel], add), error);
        changeFilter([kernel], (table) => removeRule(table, "FORWARD", { target: ["ACCEPT"] }));
      }),
  );
}

test("a script or the older flavour is run", { skip }, () => {
  const found = openPrograms(4, { env }, "cannot test");
  assert.ok(!useNft({ ...found, restore: "/usr/sbin/iptables-legacy-restore" }));
  assert.ok(!useNft({ ...found, restore: "/bin/sh" }));
});
