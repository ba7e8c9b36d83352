/** Against the kernel, in a network namespace made for it, as Debian's nft shows it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { prefix } from "../ip/testing/values.ts";
import { Namespace } from "../ns/namespace.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import {
  addMasquerade,
  checkMasquerade,
  collectMasquerade,
  masqueradeBackend,
  removeMasquerade,
} from "./masquerade.ts";

function nft(...args: string[]): string {
  return execFileSync("nft", args, { encoding: "utf8" });
}

const owner = { network: "nftnet", containerId: "cnitool-458ee3745730d9600685", ifName: "eth0" };
function from(host: Namespace, attachment: typeof owner) {
  const env = { PATH: "/usr/sbin:/usr/bin" };
  return { ...attachment, host, env, cancelFd: -1, log: assert.fail };
}

const addresses = [prefix("10.1.0.2/24"), prefix("fd00:1::2/64")];

const ruleset = `table inet cni_plugins_masquerade {
	comment "Masquerading for plugins from github.com/containernetworking/plugins"
	chain masq_checks {
		comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
		ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade comment "e47d63df51ce7720-dc3bd8e4efb06479, net: nftnet, if: eth0, id: cnitool-458ee3745730d9600685"
		ip6 saddr fd00:1::2 ip6 daddr != fd00:1::/64 masquerade comment "e47d63df51ce7720-dc3bd8e4efb06479, net: nftnet, if: eth0, id: cnitool-458ee3745730d9600685"
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return
		ip6 daddr ff00::/8 return
		goto masq_checks
	}
}
`;

test("masquerading makes exactly the reference's ruleset, once", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  addMasquerade(from(host, owner), undefined, [prefix("10.9.9.9/24")]);
  addMasquerade(from(host, owner), undefined, addresses);
  assert.equal(nft("list", "ruleset"), ruleset);
  checkMasquerade(from(host, owner), undefined, addresses);
});

test("CHECK sees a rule that is missing and an entry that is cut off", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  addMasquerade(from(host, owner), undefined, addresses);
  nft("flush", "chain", "inet", "cni_plugins_masquerade", "postrouting");
  assert.throws(
    () => checkMasquerade(from(host, owner), undefined, addresses),
    /is not as ADD made it/,
  );
  addMasquerade(from(host, owner), undefined, [prefix("10.1.0.2/24")]);
  assert.throws(
    () => checkMasquerade(from(host, owner), undefined, addresses),
    /masquerade rule of fd00:1::2 is missing/,
  );
  assert.throws(
    () => checkMasquerade(from(host, owner), undefined, [prefix("10.1.0.2/16")]),
    /rule of 10.1.0.2 is missing/,
  );
});

test("DEL and GC remove their own rules only, and by names alone", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  removeMasquerade(from(host, owner));
  collectMasquerade(from(host, owner), []);
  assert.equal(nft("list", "ruleset"), "");
  const second = { ...owner, ifName: "eth1" };
  const third = { ...owner, containerId: "other" };
  const foreign = { ...owner, network: "foreign" };
  for (const each of [owner, second, third, foreign])
    addMasquerade(from(host, each), undefined, addresses);
  const count = () => nft("list", "ruleset").match(/comment "[0-9a-f]{16}-/g)?.length ?? 0;
  assert.equal(count(), 8);
  removeMasquerade(from(host, owner));
  removeMasquerade(from(host, owner));
  assert.equal(count(), 6);
  collectMasquerade(from(host, owner), [{ containerID: "other", ifname: "eth0" }]);
  assert.equal(count(), 4);
  checkMasquerade(from(host, third), undefined, addresses);
  checkMasquerade(from(host, foreign), undefined, addresses);
});

test("names of any length and kind find their rules again", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  const strange = {
    network: `"n\n${"x".repeat(300)}`,
    containerId: `"${"y".repeat(300)}`,
    ifName: "e",
  };
  addMasquerade(from(host, strange), undefined, addresses);
  checkMasquerade(from(host, strange), undefined, addresses);
  nft("-j", "list", "ruleset");
  removeMasquerade(from(host, strange));
  assert.ok(!nft("list", "ruleset").includes("10.1.0.2"));
});

test("a table of that name that is not like ours is told, and left as it is", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  nft(
    "add table inet cni_plugins_masquerade; add chain inet cni_plugins_masquerade postrouting { type filter hook input priority 0; }",
  );
  const before = nft("list", "ruleset");
  assert.throws(
    () => addMasquerade(from(host, owner), undefined, addresses),
    /add chain cni_plugins_masquerade postrouting/,
  );
  assert.equal(nft("list", "ruleset"), before);
});

test("DEL does not say that rules of iptables are gone that it could not read", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  const log: string[] = [];
  const from4 = (attachment: typeof owner) => ({
    ...from(host, attachment),
    log: (line: string) => log.push(line),
  });
  const own = addresses.slice(0, 1);
  addMasquerade(from4(owner), "iptables", own);
  nft("add rule ip nat POSTROUTING masquerade");
  const message = /table "nat" holds rules that iptables cannot read/;
  assert.throws(() => removeMasquerade(from4(owner)), message);
  removeMasquerade(from4({ ...owner, containerId: "other" }));
  assert.deepEqual(log, []);
  nft("flush chain ip nat POSTROUTING");
  removeMasquerade(from4(owner));
  assert.ok(!nft("list", "ruleset").includes("10.1.0"));
});

test("backends by their names", () => {
  assert.equal(masqueradeBackend(undefined), undefined);
  assert.equal(masqueradeBackend(""), undefined);
  assert.equal(masqueradeBackend("iptables"), "iptables");
  assert.throws(() => masqueradeBackend("ebpf"), { code: 7, message: /backend "ebpf"/ });
});
