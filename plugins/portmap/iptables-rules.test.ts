import assert from "node:assert/strict";
import test from "node:test";
import * as v from "valibot";
import { CniError } from "../../pkg/cni/error.ts";
import { parsePrefix } from "../../pkg/ip/prefix.ts";
import { type Rule, wordsOf } from "../../pkg/iptables/rule.ts";
import { printWords } from "../../pkg/iptables/words.ts";
import { portmapEntries } from "./config.ts";
import { staleRules } from "./iptables.ts";
import { parseIptablesConditions } from "./iptables-conditions.ts";
import { ownChain, planFamily } from "./iptables-rules.ts";
import { publications, type Targets } from "./mapping.ts";

const schema = v.object(portmapEntries);
const owner = { network: "full", containerId: "cnitool-458ee3745730d9600685", ifName: "eth0" };

function plan(keys: Record<string, unknown>, mappings: readonly object[], who = owner) {
  const config = v.parse(schema, { ...keys, runtimeConfig: { portMappings: mappings } });
  const targets: Targets = {};
  for (const text of ["10.1.0.2/24", "fd00:1::2/64"]) {
    const prefix = parsePrefix(text);
    if (prefix) targets[prefix.address.family] = prefix;
  }
  const list = publications(config.runtimeConfig?.portMappings ?? []);
  const text = (rules: readonly Rule[] = []) => rules.map((rule) => printWords(wordsOf(rule)));
  const of = (family: 4 | 6) => planFamily(family, who, config, [list, targets]);
  return { entry: text(of(4)?.entry), own: text(of(4)?.own), own6: text(of(6)?.own), of };
}

const tcp = { protocol: "tcp", hostPort: 8080, containerPort: 80 };

test("a container's chain is called as the reference calls it", () => {
  assert.equal(ownChain(owner.network, owner.containerId), "CNI-DN-c6f27a48e8d48af6da7bf");
});

test("who must be hidden is marked before the address is translated", () => {
  const { entry, own, own6 } = plan({}, [tcp]);
  assert.deepEqual(entry, [
    '-p tcp -m comment --comment "dnat name: \\"full\\" id: \\"cnitool-458ee3745730d9600685\\"" -m multiport --dports 8080 -j CNI-DN-c6f27a48e8d48af6da7bf',
  ]);
  assert.deepEqual(own, [
    "-s 10.1.0.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80",
  ]);
  assert.deepEqual(own6, [
    "-s fd00:1::/64 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    '-p tcp -m tcp --dport 8080 -j DNAT --to-destination "[fd00:1::2]:80"',
  ]);
});

test("masqAll marks everybody, snat off nobody, an external chain is used in place of ours", () => {
  const marks = (keys: object) =>
    plan({ ...keys }, [tcp]).own.filter((rule) => !rule.includes("DNAT"));
  assert.deepEqual(marks({ masqAll: true }), [
    "-p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
  ]);
  assert.deepEqual(marks({ snat: false }), []);
  assert.deepEqual(marks({ masqAll: true, externalSetMarkChain: "KUBE-MARK-MASQ" }), [
    "-p tcp -m tcp --dport 8080 -j KUBE-MARK-MASQ",
  ]);
});

test("a certain address goes before all of them; one of the other family makes no rule", () => {
  const mappings = [tcp, { ...tcp, hostIP: "192.0.2.1", containerPort: 81 }];
  const { own, own6, of } = plan({ snat: false }, mappings);
  assert.deepEqual(own, [
    "-d 192.0.2.1/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:81",
    "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80",
  ]);
  assert.equal(own6.length, 1);
  assert.equal(of(4)?.isCertain, true);
  assert.equal(of(6)?.isCertain, false);
  assert.equal(plan({}, [{ ...tcp, hostIP: "192.0.2.1" }]).of(6), undefined);
});

test("fifteen ports share a rule of the way in, a protocol each", () => {
  const { entry } = plan({}, [
    { ...tcp, range: 16 },
    { ...tcp, protocol: "sctp" },
  ]);
  const ports = entry.map((rule) => /-p (\w+) .* --dports ([\d,]+) /.exec(rule)?.slice(1));
  assert.deepEqual(ports, [
    ["sctp", "8080"],
    ["tcp", Array.from({ length: 15 }, (_, at) => 8080 + at).join()],
    ["tcp", "8095"],
  ]);
});

test("GC knows rules by the network, also where its name is too long for a comment", () => {
  for (const network of ["net", `net${"x".repeat(300)}`, 'q"\\\n']) {
    const who = { ...owner, network };
    const [rule] = plan({}, [tcp], who).of(4)?.entry ?? [];
    assert.ok(rule);
    const words = wordsOf(rule);
    printWords(words);
    const text = words[words.indexOf("--comment") + 1] ?? "";
    const chain = words.at(-1) ?? "";
    const isStaleTo = (name: string, ...valid: { containerID: string }[]) =>
      staleRules(name, valid)(text, chain);
    assert.ok(isStaleTo(network));
    assert.ok(!isStaleTo(`${network}2`));
    assert.ok(!isStaleTo("ne"));
    assert.ok(isStaleTo(network, { containerID: "another" }));
    assert.ok(!isStaleTo(network, { containerID: who.containerId }));
  }
});

const conditions: [string[], string][] = [
  [["!", "-s", "10.1.2.3/8"], "! -s 10.0.0.0/8"],
  [["-d", "10.1.2.3", "-i", "eth0", "!", "-o", "br0"], "-d 10.1.2.3/32 -i eth0 ! -o br0"],
  [["-s", "0.0.0.0/0", "-d", "10.1.2.3"], "-d 10.1.2.3/32"],
  [["-m addrtype --src-type LOCAL"], "-m addrtype --src-type LOCAL"],
  [["-m", "mark", "!", "--mark", "16"], "-m mark ! --mark 0x10"],
  [["-m", "mark", "--mark", "0x10/0xF0"], "-m mark --mark 0x10/0xf0"],
  [["-m", "set", "--match-set", "good", "src,dst"], "-m set --match-set good src,dst"],
];

for (const [words, printed] of conditions) {
  test(`the condition ${JSON.stringify(words)} is read`, () => {
    const rule = { ...parseIptablesConditions(4, words), target: ["X"] };
    assert.equal(printWords(wordsOf(rule)), `${printed} -j X`);
  });
}

const badConditions: [string[], string][] = [
  [["-s", "10.0.0.0/8", "-j", "ACCEPT"], '"-j"'],
  [["-s", "10.0.0.0/8\n-A", "INPUT"], '"-A"'],
  [["-s", "10.0.0.0/8\nCOMMIT"], '"COMMIT"'],
  [["-s", "fd00::/8"], '"fd00::/8"'],
  [["-p", "tcp"], '"-p"'],
  [["!", "-m", "addrtype", "--src-type", "LOCAL"], '"-m"'],
  [["-m", "comment", "--comment", '"x" -j ACCEPT'], '"comment"'],
  [["-m", "addrtype", "--src-type", "EVIL"], '"EVIL"'],
  [["-m", "addrtype", "--limit-iface-in"], '"--limit-iface-in"'],
  [["-m", "mark", "--mark", "0x1ffffffff"], '"0x1ffffffff"'],
  [["-m", "mark", "--mark", "1/2/3"], '"1/2/3"'],
  [["-m", "set", "--match-set", "-j", "src"], '"-j"'],
  [["-m", "set", "--match-set", "good", "up"], '"up"'],
  [["-i", "eth+"], '"eth+"'],
  [["-i", "abcdefghijklmnop"], '"abcdefghijklmnop"'],
  [["-t", "raw"], '"-t"'],
  [["!", "-s", "0.0.0.0/0"], '"0.0.0.0/0"'],
  // What every object of the language has is no option.
  [["constructor", "10.0.0.0/8"], '"constructor"'],
  [["-m", "constructor", "keys", "abc"], '"constructor"'],
  [["-m", "addrtype", "constructor", "XY"], '"constructor"'],
];

for (const [words, word] of badConditions) {
  test(`the condition ${JSON.stringify(words)} is refused`, () => {
    assert.throws(
      () => parseIptablesConditions(4, words),
      (error: unknown) =>
        error instanceof CniError &&
        error.code === 7 &&
        error.message === `cannot read the condition at ${word}`,
    );
  });
}

test("a condition twice, or half of one, is refused", () => {
  const refuses = (words: string[], message: RegExp) =>
    assert.throws(() => parseIptablesConditions(4, words), message);
  refuses(["-s", "10.0.0.0/8", "-s", "10.0.0.0/8"], /conditions say -s twice/);
  refuses(["-i", "eth0", "--in-interface", "eth1"], /say --in-interface twice/);
  refuses(["!", "-s"], /ends too early/);
  refuses(["-m", "set", "--match-set", "good"], /ends too early/);
});
