/** Against the kernel, in a network namespace made for it, as Debian's nft shows it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { Namespace } from "../ns/namespace.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import { observe } from "../sys/trace.ts";
import {
  addSpoofCheck,
  collectSpoofChecks,
  removeSpoofCheck,
  verifySpoofCheck,
} from "./mac-spoof.ts";
import { ownersOf } from "./owner.ts";

function nft(...args: string[]): string {
  return execFileSync("nft", args, { encoding: "utf8" });
}

const owner = { network: "net1", containerId: "c1", ifName: "eth0" };
const check = { port: "veth12345678", mac: "02:00:00:00:00:01" };

test("the spoof check makes exactly the reference's chains, once", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  addSpoofCheck(host, owner, { ...check, port: "veth0" });
  addSpoofCheck(host, owner, check);
  verifySpoofCheck(host, owner, check);
  assert.equal(
    nft("list", "ruleset"),
    `table bridge nat {
	chain PREROUTING {
		type filter hook prerouting priority dstnat; policy accept;
		iifname "veth12345678" jump cni-br-iface-c1-eth0 comment "macspoofchk-c1-eth0"
	}

	chain cni-br-iface-c1-eth0 {
		jump cni-br-iface-c1-eth0-mac comment "macspoofchk-c1-eth0"
	}

	chain cni-br-iface-c1-eth0-mac {
		ether saddr 02:00:00:00:00:01 return comment "macspoofchk-c1-eth0"
		drop comment "macspoofchk-c1-eth0"
	}
}
`,
  );
});

test("what other containers' checks have made already is not named again", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  addSpoofCheck(host, owner, check);
  const made: string[] = [];
  const before = observe(({ purpose }) => made.push(purpose));
  try {
    addSpoofCheck(host, { ...owner, containerId: "c2" }, check);
  } finally {
    observe(before);
  }
  assert.deepEqual(
    made.filter((it) => /^add (table|chain) /.test(it)),
    ["add chain nat cni-br-iface-c2-eth0", "add chain nat cni-br-iface-c2-eth0-mac"],
  );
});

test("CHECK sees a rule that is missing", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  assert.throws(() => verifySpoofCheck(host, owner, check), /is missing in chain "PREROUTING"/);
  addSpoofCheck(host, owner, check);
  nft("flush", "chain", "bridge", "nat", "cni-br-iface-c1-eth0-mac");
  assert.throws(
    () => verifySpoofCheck(host, owner, check),
    /missing in chain "cni-br-iface-c1-eth0-mac"/,
  );
});

test("DEL removes its own chains, also where half of them is gone", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  removeSpoofCheck(host, owner);
  assert.equal(nft("list", "ruleset"), "");
  const other = { ...owner, containerId: `${"x".repeat(300)}` };
  addSpoofCheck(host, owner, check);
  addSpoofCheck(host, other, check);
  nft("flush", "chain", "bridge", "nat", "cni-br-iface-c1-eth0");
  nft("delete", "chain", "bridge", "nat", "cni-br-iface-c1-eth0-mac");
  removeSpoofCheck(host, owner);
  removeSpoofCheck(host, owner);
  assert.ok(!nft("list", "ruleset").includes("c1-eth0"));
  verifySpoofCheck(host, other, check);
  removeSpoofCheck(host, other);
  assert.ok(!nft("list", "ruleset").includes("br-iface"));
});

test("GC removes the chains of attachments that are gone, and nobody else's", { skip }, () => {
  enterNewNetwork();
  using host = Namespace.own();
  const gone = { ...owner, containerId: "gone" };
  const foreign = { ...owner, network: "net2", containerId: "c2" };
  for (const each of [owner, gone, foreign]) addSpoofCheck(host, each, check);
  nft("add rule bridge nat PREROUTING counter");
  collectSpoofChecks(host, "net1", ownersOf("net1", [{ containerID: "c1", ifname: "eth0" }]));
  assert.ok(!nft("list", "ruleset").includes("gone"));
  verifySpoofCheck(host, owner, check);
  verifySpoofCheck(host, foreign, check);
});
