import assert from "node:assert/strict";
import test from "node:test";
import { sameValue, sysctlFile } from "./sysctl-name.ts";

const names: readonly [key: string, file: string][] = [
  ["net.core.somaxconn", "net/core/somaxconn"],
  ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
  ["net.ipv4.conf.IFNAME.arp_filter", "net/ipv4/conf/eth0.100/arp_filter"],
  ["net/ipv6/conf/IFNAME/mtu", "net/ipv6/conf/eth0.100/mtu"],
];
for (const [key, file] of names) {
  test(`sysctlFile() makes ${file} of ${key}`, () => {
    assert.equal(sysctlFile(key, "eth0.100"), file);
  });
}

for (const key of [
  "kernel.pid_max",
  "net",
  "net.",
  "",
  "/net/ipv4/ip_forward",
  "/proc/sys/net/ipv4/ip_forward",
  "net/../kernel/pid_max",
  "net/ipv4/../../kernel/pid_max",
  "net..ipv4.ip_forward",
  "netfilter.x",
  "net.ipv4\0.x",
]) {
  test(`sysctlFile() refuses ${JSON.stringify(key)}`, () => {
    assert.throws(() => sysctlFile(key, "eth0"), /^CniError: invalid net sysctl key: "/);
  });
}

test("sysctlFile() refuses an interface that leads elsewhere", () => {
  assert.throws(() => sysctlFile("net/IFNAME/x", ".."), /invalid net sysctl key/);
});

test("sameValue() does not tell tabs from blanks", () => {
  assert.ok(sameValue("4096\t131072\t6291456", "4096 131072 6291456"));
  assert.ok(sameValue("1", "1\n"));
  assert.ok(!sameValue("1", "11"));
  assert.ok(!sameValue("1 1", "11"));
});
