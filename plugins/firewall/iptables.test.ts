import assert from "node:assert/strict";
import test from "node:test";
import { hostPrefix, parsePrefix } from "../../pkg/ip/prefix.ts";
import type { Programs } from "../../pkg/iptables/program.ts";
import { decode, encode } from "../../pkg/sys/text.ts";
import { allow, forbid, verify } from "./iptables.ts";
import type { Wish } from "./wish.ts";

/** A table that the programs read and change: enough of iptables for the steps that there are. */
function fakeTable(...rules: string[]) {
  const chains = new Map<string, string[]>(
    ["INPUT", "FORWARD", "OUTPUT"].map((name) => [name, []]),
  );
  const scripts: string[][] = [];
  const step = (line: string) => {
    const [, verb, chain = "", rest = ""] = /^-(\w) (\S+) ?(.*)$/.exec(line) ?? [];
    const list = chains.get(chain) ?? [];
    if (verb === "N") chains.set(chain, []);
    else if (verb === "X") chains.delete(chain);
    else if (verb === "F") list.length = 0;
    else if (verb === "I") list.unshift(rest.replace(/^1 /, ""));
    else if (verb === "A") list.push(rest);
    else if (verb === "D") list.splice(list.indexOf(rest), 1);
  };
  for (const rule of rules) step(rule);
  const lines = () => [
    ...[...chains.keys()].map((name) => `:${name} - [0:0]`),
    ...[...chains].flatMap(([name, list]) => list.map((rule) => `-A ${name} ${rule}`)),
  ];
  const programs: Programs = {
    family: 4,
    env: {},
    save: "iptables-save",
    restore: "iptables-restore",
    run({ path, stdin }) {
      const script = decode(stdin).split("\n").slice(1, -2);
      if (path === "iptables-restore") {
        scripts.push(script);
        for (const line of script) step(line);
      }
      const stdout = encode(`*filter\n${lines().join("\n")}\nCOMMIT\n`);
      const ended = { error: 0, status: 0, signal: 0, timedOut: false, cancelled: false };
      return { ...ended, stdout, stderr: new Uint8Array() };
    },
  };
  return { programs, scripts, lines };
}

function wish(changes: Partial<Wish> & { ip?: string } = {}): Wish {
  const { ip = "10.1.0.2/24", ...rest } = changes;
  const prefix = parsePrefix(ip);
  assert.ok(prefix);
  return {
    owner: "net-one",
    comment: "",
    addresses: [hostPrefix(prefix.address)],
    accept: true,
    adminChain: "CNI-ADMIN",
    policy: "open",
    bridge: undefined,
    ...rest,
  };
}

const isolated = { policy: "isolated", bridge: "cni0" } as const;
const sameBridge = { policy: "same-bridge", bridge: "cni0" } as const;
const is = (owner: string) => ({ isGone: (other: string) => other === owner, part: owner });

test("ADD again changes nothing", () => {
  const { programs, scripts } = fakeTable();
  allow([programs], wish(isolated));
  allow([programs], wish(isolated));
  verify([programs], wish(isolated));
  assert.equal(scripts.length, 1);
});

test("ADD of the same attachment with another address replaces", () => {
  const { programs, lines } = fakeTable();
  allow([programs], wish());
  allow([programs], wish({ ip: "10.1.0.9/24" }));
  assert.ok(!lines().some((line) => line.includes("10.1.0.2")));
  assert.equal(lines().filter((line) => line.includes("10.1.0.9")).length, 3);
});

test("an address that another attachment has by now keeps its rules", () => {
  const { programs, lines } = fakeTable();
  allow([programs], wish());
  allow([programs], wish({ owner: "net-two" }));
  forbid([programs], is("net-one"));
  assert.equal(lines().filter((line) => line.includes("10.1.0.2")).length, 3);
  forbid([programs], is("net-two"));
  assert.ok(!lines().some((line) => line.includes("10.1.0.2") || line.includes("OWNERS")));
});

test("the reference's rules go by their addresses", () => {
  const { programs, lines } = fakeTable(
    "-N CNI-FORWARD",
    "-A CNI-FORWARD -d 10.1.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT",
    "-A CNI-FORWARD -s 10.1.0.3/32 -j ACCEPT",
  );
  forbid([programs], { ...is("net-one"), addresses: wish().addresses });
  assert.deepEqual(
    lines().filter((line) => line.startsWith("-A")),
    ["-A CNI-FORWARD -s 10.1.0.3/32 -j ACCEPT"],
  );
});

test("a bridge keeps its policy while others, or the reference's containers, are on it", () => {
  const { programs, lines } = fakeTable();
  const onBridge = () => lines().filter((line) => line.includes("-o cni0")).length;
  allow([programs], wish(isolated));
  allow([programs], wish({ ...isolated, owner: "net-two", ip: "10.1.0.3/24" }));
  assert.equal(onBridge(), 3);
  forbid([programs], is("net-one"));
  assert.equal(onBridge(), 3);
  forbid([programs], is("net-two"));
  assert.equal(onBridge(), 0);
  allow([programs], wish(isolated));
  programs.run?.({
    path: "iptables-restore",
    stdin: encode("*filter\n-A CNI-FORWARD -s 10.1.0.7/32 -j ACCEPT\nCOMMIT\n"),
    argv: [],
    env: {},
    deadlineMs: 0,
    cancelFd: -1,
  });
  forbid([programs], is("net-one"));
  assert.equal(onBridge(), 3);
});

test("a bridge that is isolated for one stays so for another that asks for less", () => {
  const { programs, lines } = fakeTable();
  const within = () => lines().filter((line) => line.includes("-i cni0 -o cni0")).length;
  allow([programs], wish(isolated));
  allow([programs], wish({ ...sameBridge, owner: "net-two", ip: "10.1.0.3/24" }));
  assert.equal(within(), 1);
  forbid([programs], is("net-one"));
  assert.equal(within(), 0);
  verify([programs], wish({ ...sameBridge, owner: "net-two", ip: "10.1.0.3/24" }));
});

test("with firewalld only the policy is here", () => {
  const { programs, lines } = fakeTable();
  allow([programs], wish({ ...sameBridge, accept: false }));
  assert.ok(!lines().some((line) => line.includes("ACCEPT")));
  assert.ok(lines().some((line) => line.includes("-i cni0 ! -o cni0")));
  forbid([programs], is("net-one"));
  assert.ok(!lines().some((line) => line.includes("cni0")));
});
