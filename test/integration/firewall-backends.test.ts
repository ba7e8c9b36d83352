/** firewall: which backend, both flavours of iptables, the reference's executable beside ours, and what is refused. */

import assert from "node:assert/strict";
import test from "node:test";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, type Reply, type Verb, withHost } from "./harness/host.ts";
import { type Flavour, flavourScript } from "./harness/iptables.ts";
import type { Config } from "./harness/networks.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

/** What a bridge plugin would have told. */
function resultWith(bridge: string, ...addresses: string[]): Config {
  return {
    cniVersion: "1.0.0",
    interfaces: [{ name: bridge }, { name: "eth0", sandbox: "/run/netns/c1" }],
    ips: addresses.map((address) => ({ address, interface: 1 })),
  };
}

const usual = resultWith("cni0", "10.1.0.2/24", "fd00:1::2/64");

function callWith(changes: Config, more: Partial<Call> = {}): Call {
  const config = { cniVersion: "1.0.0", name: "net1", type: "firewall", prevResult: usual };
  return { plugin: "firewall", ...more, config: { ...config, ...changes } };
}

async function withContainer(steps: (host: Host) => Promise<void>): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    await steps(host);
  });
}

async function useFlavour(host: Host, flavour: Flavour): Promise<void> {
  await host.run("sh", "-ec", flavourScript(flavour).join("\n"));
}

/** Both families' rules as iptables shows them, without what only ours have. */
async function saved(host: Host, flavour = ""): Promise<string> {
  const save = ["iptables", "ip6tables"].map((name) => `${name}${flavour}-save -t filter`);
  const text = await host.run("sh", "-ec", save.join("\n"));
  const isShared = (line: string) => !line.startsWith("#") && !line.includes("CNI-FIREWALL-OWNERS");
  return text.split("\n").filter(isShared).join("\n");
}

/** Three containers of two networks, one of them attached twice. */
const attachments: [containerId: string, changes: Config][] = [
  ["a", { ingressPolicy: "open" }],
  [
    "b",
    { ingressPolicy: "same-bridge", prevResult: resultWith("cni0", "10.1.0.3/24", "fd00:1::3/64") },
  ],
  ["c", { ingressPolicy: "isolated", prevResult: resultWith("cni1", "10.2.0.2/24") }],
  ["c", { ingressPolicy: "isolated", prevResult: resultWith("cni1", "10.2.0.2/24") }],
  ["d", { iptablesAdminChainName: "MINE", prevResult: resultWith("cni1", "10.2.0.3/24") }],
];

async function callAll(host: Host, verb: Verb, from: string): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const [containerId, changes] of attachments) {
    const call = callWith({ backend: "iptables", ...changes }, { containerId, from });
    replies.push(await host.cni(verb, call));
  }
  return replies;
}

test("firewall makes the reference's rules, in its order and words, itself or by programs", {
  skip: withoutReference,
}, async () => {
  const texts: string[] = [];
  for (const [from, flavour] of [
    [oursInWorld, "nft"],
    [oursInWorld, "scripts"],
    [referenceInWorld, "nft"],
  ] as const) {
    await withContainer(async (host) => {
      await useFlavour(host, flavour);
      for (const reply of await callAll(host, "ADD", from)) resultOf(reply);
      texts.push(await saved(host));
      for (const reply of await callAll(host, "CHECK", from)) assertSuccess(reply);
    });
  }
  assert.equal(texts[0], texts[2]);
  assert.equal(texts[1], texts[2]);
  assert.match(texts[0] ?? "", /-A CNI-ISOLATION-STAGE-1 -i cni1 -o cni1 .* -j DROP/);
});

/** One adds, another removes: ourselves in either way, and the reference. */
const pairs: [title: string, adder: [string, Flavour], remover: [string, Flavour]][] = [
  ["we check and remove what the reference made", [referenceInWorld, "nft"], [oursInWorld, "nft"]],
  ["so do we by programs", [referenceInWorld, "nft"], [oursInWorld, "scripts"]],
  [
    "the reference checks and removes what we made",
    [oursInWorld, "nft"],
    [referenceInWorld, "nft"],
  ],
  ["and what we made by programs", [oursInWorld, "scripts"], [referenceInWorld, "nft"]],
  ["what we made we check and remove by programs", [oursInWorld, "nft"], [oursInWorld, "scripts"]],
];

for (const [title, [adder, before], [remover, after]] of pairs) {
  test(`firewall: ${title}`, { skip: withoutReference }, () =>
    withContainer(async (host) => {
      await useFlavour(host, before);
      for (const reply of await callAll(host, "ADD", adder)) resultOf(reply);
      await useFlavour(host, after);
      const rules = await saved(host);
      for (const reply of await callAll(host, "CHECK", remover)) assertSuccess(reply);
      for (const reply of await callAll(host, "ADD", remover)) resultOf(reply);
      assert.equal(await saved(host), rules);
      for (const reply of await callAll(host, "DEL", remover)) assertSuccess(reply);
      assert.doesNotMatch(await saved(host), /10\.[12]\.0|fd00:1/);
    }),
  );
}

test("where iptables is the flavour of nf_tables, nothing is run, and `iptables -C` finds each rule", () =>
  withContainer(async (host) => {
    const wrap = ["strace", "-f", "-e", "trace=execve", "-o", "/run/trace"];
    const call = callWith({ backend: "iptables", ingressPolicy: "isolated" }, { wrap });
    for (const verb of ["ADD", "CHECK", "DEL"] as const) {
      const reply = await host.cni(verb, call);
      assert.equal(reply.status, 0, reply.stdout);
      assert.equal((await host.run("grep", "-c", "execve", "/run/trace")).trim(), "1");
      if (verb !== "ADD") continue;
      for (const line of (await saved(host)).split("\n")) {
        if (!line.startsWith("-A ")) continue;
        const family = line.includes("fd00:") ? "ip6tables" : "iptables";
        await host.run("sh", "-c", `${family} ${line.replace("-A", "-C")}`);
      }
    }
  }));

/** Has the programs be none. */
const useNone = `
  : > /run/work/nothing
  for name in nft legacy; do mount --bind /run/work/nothing /usr/sbin/xtables-$name-multi; done
`;

test("iptables-legacy works like the other flavour", () =>
  withContainer(async (host) => {
    await useFlavour(host, "legacy");
    for (const reply of await callAll(host, "ADD", oursInWorld)) resultOf(reply);
    assert.match(await saved(host, "-legacy"), /-A CNI-FORWARD -s 10\.1\.0\.2\/32 -j ACCEPT/);
    assert.equal(await host.run("nft", "list", "ruleset"), "");
    for (const reply of await callAll(host, "CHECK", oursInWorld)) assertSuccess(reply);
    for (const reply of await callAll(host, "DEL", oursInWorld)) assertSuccess(reply);
    assert.doesNotMatch(await saved(host, "-legacy"), /10\.[12]\.0|fd00:1/);
  }));

test("without iptables on the host the default is nftables", () =>
  withContainer(async (host) => {
    await host.run("sh", "-ec", useNone);
    const call = callWith({});
    resultOf(await host.cni("ADD", call));
    assertSuccess(await host.cni("CHECK", call));
    assert.match(
      await host.run("nft", "list", "table", "inet", "cni_firewall"),
      /ip saddr 10\.1\.0\.2 accept/,
    );
    assertSuccess(await host.cni("DEL", call));
    const asked = callWith({ backend: "iptables" });
    const msg =
      /^cannot set up the firewall: neither iptables-save nor iptables-restore is on this host$/;
    assertError(await host.cni("ADD", asked), { code: 999, msg });
    assertSuccess(await host.cni("DEL", asked));
    const status = { ...asked, config: { ...(asked.config as Config), cniVersion: "1.1.0" } };
    assertError(await host.cni("STATUS", status), { code: 50, msg: /this host has no iptables/ });
  }));

test("STATUS wants the programs of both families", () =>
  withContainer(async (host) => {
    const status = callWith({ backend: "iptables", cniVersion: "1.1.0", prevResult: undefined });
    assertSuccess(await host.cni("STATUS", status));
    const onlyIPv4 = [
      "mkdir /run/work/sbin",
      "cp -a /usr/sbin/iptables* /usr/sbin/xtables-* /run/work/sbin",
      "mount --bind /run/work/sbin /usr/sbin",
    ];
    await host.run("sh", "-ec", onlyIPv4.join("\n"));
    assertError(await host.cni("STATUS", status), { code: 50, msg: /this host has no iptables/ });
  }));

test("with iptables on the host it is the default, and DEL finds it whatever has come since", () =>
  withContainer(async (host) => {
    resultOf(await host.cni("ADD", callWith({})));
    assert.match(await saved(host), /-A CNI-FORWARD -s 10\.1\.0\.2\/32 -j ACCEPT/);
    resultOf(await host.cni("ADD", callWith({ backend: "nftables" }, { containerId: "other" })));
    const bare = { prevResult: undefined };
    assertSuccess(
      await host.cni("DEL", callWith(bare, { netns: "", containerId: "container-c1" })),
    );
    assertSuccess(await host.cni("DEL", callWith(bare, { netns: "", containerId: "other" })));
    assert.doesNotMatch(await host.run("nft", "list", "ruleset"), /10\.1\.0\.2|fd00:1::2/);
  }));

/** What packets come to in a table of that name, and what iptables says of it. */
const foreign = {
  "a chain": {
    flavour: "nft",
    script: `
      nft 'add table ip filter'
      nft 'add chain ip filter forward { type filter hook forward priority filter; policy drop; }'
    `,
    msg: /^table "filter" holds chains that nft made$/,
  },
  "a chain for IPv6": {
    flavour: "nft",
    script: `
      nft 'add table ip6 filter'
      nft 'add chain ip6 filter forward { type filter hook forward priority filter; policy drop; }'
    `,
    msg: /^table "filter" holds chains that nft made$/,
  },
  "what the programs cannot read": {
    flavour: "scripts",
    script: `
      nft 'add table ip filter'
      nft 'add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }'
      nft 'add rule ip filter FORWARD ct state established accept'
    `,
    msg: /^table "filter" holds rules that iptables cannot read, made by nft$/,
  },
} as const;

for (const [what, { flavour, script, msg }] of Object.entries(foreign)) {
  test(`a table of that name with ${what}, by nft, is left to nftables, unless iptables was asked for`, () =>
    withContainer(async (host) => {
      await useFlavour(host, flavour);
      await host.run("sh", "-ec", script);
      const asked = callWith({ backend: "iptables" });
      assertError(await host.cni("ADD", asked), { code: 999, msg });
      const reply = await host.cni("ADD", callWith({}));
      resultOf(reply);
      assert.match(reply.stderr, /going on with nftables: table "filter" holds/);
      assertSuccess(await host.cni("CHECK", callWith({})));
      assertSuccess(await host.cni("DEL", callWith({})));
      assert.doesNotMatch(await host.run("nft", "list", "ruleset"), /10\.1\.0\.2|fd00:1::2/);
    }));
}

/** One that iptables' programs refuse the whole table for. */
const ruleOfNft = "add rule ip filter FORWARD ct state established accept";

test("rules of nft's own among those of iptables are left alone, and in nobody's way", () =>
  withContainer(async (host) => {
    resultOf(await host.cni("ADD", callWith({})));
    await host.run("nft", ruleOfNft);
    await host.run("nft", "insert rule ip filter CNI-FORWARD tcp dport 1-5 accept");
    assertSuccess(await host.cni("CHECK", callWith({})));
    const other = { prevResult: resultWith("cni0", "10.1.0.3/24") };
    resultOf(await host.cni("ADD", callWith(other, { containerId: "other" })));
    assertSuccess(await host.cni("DEL", callWith({ prevResult: undefined })));
    const rules = await host.run("nft", "list", "ruleset");
    assert.doesNotMatch(rules, /10\.1\.0\.2|fd00:1::2/);
    assert.match(rules, /ip saddr 10\.1\.0\.3 .*accept/);
    assert.match(rules, /tcp dport 1-5 accept/);
    assert.match(rules, /ct state established accept/);
  }));

test("rules of nft that come into table filter later: DEL by programs does not say that its own are gone", () =>
  withContainer(async (host) => {
    await useFlavour(host, "scripts");
    const call = callWith({ prevResult: undefined });
    resultOf(await host.cni("ADD", callWith({})));
    await host.run("nft", ruleOfNft);
    const msg = /^table "filter" holds rules that iptables cannot read/;
    assertError(await host.cni("DEL", callWith({})), { code: 999, msg });
    assertError(await host.cni("DEL", call), { code: 999, msg });
    assertSuccess(await host.cni("DEL", { ...call, containerId: "other" }));
    await host.run("nft", "flush chain ip filter FORWARD");
    assertSuccess(await host.cni("DEL", call));
    assert.doesNotMatch(await host.run("nft", "list", "ruleset"), /10\.1\.0\.2|fd00:1::2/);
  }));

test("nftables starts no program", () =>
  withContainer(async (host) => {
    const wrap = ["strace", "-f", "-e", "trace=execve", "-o", "/run/trace"];
    for (const verb of ["ADD", "DEL"] as const) {
      const reply = await host.cni(verb, callWith({ backend: "nftables" }, { wrap }));
      assert.equal(reply.status, 0, reply.stdout);
      assert.equal((await host.run("grep", "-c", "execve", "/run/trace")).trim(), "1");
    }
  }));

test("the lock of xtables is waited for, and not for ever", () =>
  withContainer(async (host) => {
    await useFlavour(host, "legacy");
    const holder = host.start(["flock", "/run/xtables.lock", "sh", "-c", "echo held; sleep 20"]);
    await holder.printed("held");
    const call = callWith({ backend: "iptables" });
    assertError(await host.cni("ADD", call), {
      code: 11,
      msg: /did not get the xtables lock within 10 s/,
    });
    const interrupted = host.startCni("ADD", call);
    setTimeout(() => interrupted.kill("SIGTERM"), 500);
    const { ms, stdout } = await interrupted.outcome;
    assert.match(stdout, /interrupted while .*iptables-restore was running/);
    assert.ok(ms < 5000, `it took ${ms} ms`);
    holder.kill("SIGKILL");
    assert.doesNotMatch(await saved(host, "-legacy"), /10\.1\.0\.2/);
  }));

const refused: [title: string, changes: Config, code: number, msg: RegExp][] = [
  ["an unknown backend", { backend: "ipfw" }, 7, /^unrecognized backend "ipfw"$/],
  ["an unknown policy", { ingressPolicy: "x" }, 7, /^unknown ingress policy: "x"$/],
  [
    "a chain's name that would be more than one",
    { iptablesAdminChainName: "X\n-F INPUT" },
    7,
    /^invalid iptablesAdminChainName/,
  ],
  ["no result", { prevResult: undefined }, 999, /^missing prevResult from earlier plugin$/],
  [
    "a policy without a bridge",
    {
      ingressPolicy: "isolated",
      prevResult: { ...usual, interfaces: undefined, ips: [{ address: "10.1.0.2/24" }] },
    },
    999,
    /^interface needs to be set for ingress policy "isolated"/,
  ],
  [
    "a bridge whose name would stand for others",
    { ingressPolicy: "isolated", prevResult: resultWith("cni+", "10.1.0.2/24") },
    999,
    /^iptables cannot match the interface "cni\+"$/,
  ],
];

test("what cannot be done is refused, and leaves nothing; DEL succeeds all the same", () =>
  withContainer(async (host) => {
    await host.run("nft", "list", "ruleset");
    for (const [title, changes, code, msg] of refused) {
      const call = callWith({ backend: "iptables", ...changes });
      assertError(await host.cni("ADD", call), { code, msg });
      const rules = await host.run("nft", "list", "ruleset");
      assert.doesNotMatch(rules, /10\.1\.0\.2|CNI/, title);
      assertSuccess(await host.cni("DEL", call));
    }
  }));
