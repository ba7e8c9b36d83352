/** Against the kernel, in a network namespace made for it, as Debian's nft shows it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { attempt, call } from "../sys/syscall.ts";
import {
  addSpoofCheck,
  collectSpoofChecks,
  removeSpoofCheck,
  verifySpoofCheck,
} from "./mac-spoof.ts";
import { ownersOf } from "./owner.ts";

const skip = attempt("geteuid") === 0 ? false : "needs root, to make network namespaces";
const cloneNewNet = 0x40000000;

function nft(...args: string[]): string {
  return execFileSync("nft", args, { encoding: "utf8" });
}

const owner = { network: "net1", containerId: "c1", ifName: "eth0" };
const check = { port: "veth12345678", mac: "02:00:00:00:00:01" };

test("the spoof check makes exactly the reference's chains, once", { skip }, () => {
  call("unshare", cloneNewNet);
  addSpoofCheck(owner, { ...check, port: "veth0" });
  addSpoofCheck(owner, check);
  verifySpoofCheck(owner, check);
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

test("CHECK sees a rule that is missing", { skip }, () => {
  call("unshare", cloneNewNet);
  assert.throws(() => verifySpoofCheck(owner, check), /is missing in chain "PREROUTING"/);
  addSpoofCheck(owner, check);
  nft("flush", "chain", "bridge", "nat", "cni-br-iface-c1-eth0-mac");
  assert.throws(
    () => verifySpoofCheck(owner, check),
    /missing in chain "cni-br-iface-c1-eth0-mac"/,
  );
});

test("DEL removes its own chains, also where half of them is gone", { skip }, () => {
  call("unshare", cloneNewNet);
  removeSpoofCheck(owner);
  assert.equal(nft("list", "ruleset"), "");
  const other = { ...owner, containerId: `${"x".repeat(300)}` };
  addSpoofCheck(owner, check);
  addSpoofCheck(other, check);
  nft("flush", "chain", "bridge", "nat", "cni-br-iface-c1-eth0");
  nft("delete", "chain", "bridge", "nat", "cni-br-iface-c1-eth0-mac");
  removeSpoofCheck(owner);
  removeSpoofCheck(owner);
  assert.ok(!nft("list", "ruleset").includes("c1-eth0"));
  verifySpoofCheck(other, check);
  removeSpoofCheck(other);
  assert.ok(!nft("list", "ruleset").includes("br-iface"));
});

test("GC removes the chains of attachments that are gone, and nobody else's", { skip }, () => {
  call("unshare", cloneNewNet);
  const gone = { ...owner, containerId: "gone" };
  const foreign = { ...owner, network: "net2", containerId: "c2" };
  for (const each of [owner, gone, foreign]) addSpoofCheck(each, check);
  nft("add rule bridge nat PREROUTING counter");
  collectSpoofChecks("net1", ownersOf("net1", [{ containerID: "c1", ifname: "eth0" }]));
  assert.ok(!nft("list", "ruleset").includes("gone"));
  verifySpoofCheck(owner, check);
  verifySpoofCheck(foreign, check);
});
