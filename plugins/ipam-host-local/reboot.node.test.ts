import assert from "node:assert/strict";
import test from "node:test";
import { ifPresent, listDirectory, rename, symlink, unlink } from "../../pkg/sys/file.ts";
import { stat } from "../../pkg/sys/statx.ts";
import { call } from "../../pkg/sys/syscall.ts";
import { Boots } from "./testing/boots.ts";
import { Machine } from "./testing/machine.ts";

const dualStack = { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00::/64" }]] };
const skip =
  (call("geteuid") !== 0 && "needs root for a mount namespace") ||
  (ifPresent(() => stat("/etc/machine-id")) === undefined && "needs /etc/machine-id to mount on");

function bootTest(name: string, run: (machine: Machine, boots: Boots) => void): void {
  test(name, { skip }, () => {
    using boots = new Boots();
    using machine = new Machine(dualStack);
    run(machine, boots);
  });
}

bootTest("the first lock after a boot takes back what was reserved before", (machine, boots) => {
  for (const id of ["a", "b", "c"]) machine.add(id);
  machine.check("a");
  boots.reboot();
  machine.add("d");
  assert.deepEqual(machine.reserved(), ["10.1.0.5", "fd00::5"]);
  assert.match(machine.lines.join("\n"), /took back 6 addresses reserved before the latest boot/);
  assert.deepEqual(listDirectory(`${machine.sidePath}/files`).length, 1);
  machine.lines.length = 0;
  machine.check("d");
  machine.del("d");
  assert.deepEqual(machine.reserved(), []);
  assert.deepEqual(machine.lines, []);
});

bootTest("a container that comes back after a boot gets its address back", (machine, boots) => {
  const before = ["a", "b", "c"].map((id) => machine.add(id));
  boots.reboot();
  // Others come first, and wrap around.
  machine.ipam = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/64" }]] };
  assert.deepEqual(machine.add("new"), ["10.1.0.5/29", "fd00::5/64"]);
  assert.deepEqual(machine.add("newer"), ["10.1.0.6/29", "fd00::6/64"]);
  machine.ipam = dualStack;
  assert.deepEqual(machine.add("b"), before[1]);
  assert.deepEqual(machine.add("a"), before[0]);
  machine.ipam = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/64" }]] };
  // The one that is left goes to whoever needs it.
  assert.deepEqual(machine.add("last"), ["10.1.0.4/29", "fd00::7/64"]);
  assert.match(machine.failure(() => machine.add("none")).message, /no IP addresses available/);
});

bootTest("an address that a container came back to is not kept any more", (machine, boots) => {
  machine.add("a");
  boots.reboot();
  machine.add("a");
  machine.del("a");
  assert.deepEqual(listDirectory(`${machine.sidePath}/claims/addresses`), []);
  assert.deepEqual(listDirectory(`${machine.sidePath}/claims/names`), []);
});

bootTest("what somebody else wrote is never taken back", (machine, boots) => {
  machine.add("a");
  machine.write("10.1.0.7", "reference\r\neth0");
  machine.write("10.1.0.8", "old");
  machine.check("a");
  // Ours, released by somebody else and reserved again under the same name.
  machine.add("b");
  machine.remove("10.1.0.3");
  machine.write("10.1.0.3", "b\r\neth0");
  boots.reboot();
  machine.check("b");
  assert.deepEqual(machine.reserved(), ["10.1.0.3", "10.1.0.7", "10.1.0.8"]);
});

bootTest("what another machine reserved is never taken back", (machine, boots) => {
  machine.add("a");
  boots.setMachine("2");
  boots.reboot();
  machine.add("b");
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "10.1.0.3", "fd00::2", "fd00::3"]);
  boots.reboot();
  machine.status();
  machine.add("c");
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "10.1.0.4", "fd00::2", "fd00::4"]);
  // Nor does its garbage collection.
  machine.gc([]);
  assert.deepEqual(machine.reserved(), ["10.1.0.2", "fd00::2"]);
  boots.setMachine("1");
  boots.reboot();
  machine.del("x");
  assert.deepEqual(machine.reserved(), []);
});

bootTest("a machine without an identity takes nothing back", (machine, boots) => {
  boots.setMachine("");
  machine.add("a");
  boots.reboot();
  machine.check("a");
  boots.setMachine("1");
  boots.reboot();
  machine.check("a");
  boots.setBoot("");
  machine.check("a");
  machine.add("b");
  machine.del("a");
  boots.reboot();
  machine.check("b");
});

bootTest("what is reserved before the machine has its identity is taken back", (machine, boots) => {
  boots.setMachine("");
  machine.add("a");
  boots.setMachine("1");
  machine.add("b");
  machine.add("c");
  machine.del("c");
  machine.del("a");
  machine.add("a");
  boots.reboot();
  machine.add("d");
  assert.deepEqual(machine.reserved(), ["10.1.0.6", "fd00::6"]);
  assert.deepEqual(listDirectory(`${machine.sidePath}/files`).length, 1);
});

bootTest(
  "a machine that gets another identity keeps what it reserved in this boot",
  (machine, boots) => {
    machine.add("a");
    boots.setMachine("2");
    machine.add("b");
    const valid = { containerID: "a", ifname: "eth0" };
    machine.gc([valid]);
    assert.deepEqual(machine.reserved(), ["10.1.0.2", "fd00::2"]);
    boots.reboot();
    machine.add("c");
    assert.deepEqual(machine.reserved(), ["10.1.0.4", "fd00::4"]);
  },
);

bootTest("GC releases what was reserved in this boot under another identity", (machine, boots) => {
  machine.add("a");
  boots.setMachine("2");
  machine.gc([]);
  assert.deepEqual(machine.reserved(), []);
});

bootTest(
  "GC knows another machine's reservations although the index is of no use",
  (machine, boots) => {
    machine.add("a");
    boots.setMachine("2");
    boots.reboot();
    machine.add("b");
    rename(machine.indexRoot, `${machine.scratchPath}/lost`);
    machine.write("../.tscni/net/owners", "");
    machine.gc([]);
    assert.deepEqual(machine.reserved(), ["10.1.0.2", "fd00::2"]);
    assert.match(machine.lines.join(), /cannot use ".*": .*not a directory/);
  },
);

bootTest(`"reclaim": "off" leaves everything as the reference does`, (machine, boots) => {
  machine.ipam.reclaim = "off";
  machine.add("a");
  boots.reboot();
  assert.match(machine.failure(() => machine.add("a")).message, /has been allocated to a/);
  machine.check("a");
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
});

bootTest("a full node is not unavailable if a boot has freed it", (machine, boots) => {
  machine.ipam = { subnet: "10.1.0.0/30" };
  machine.add("a");
  assert.equal(machine.failure(() => machine.status()).code, 50);
  boots.reboot();
  machine.status();
  machine.ipam.reclaim = "off";
  machine.add("b");
  boots.reboot();
  assert.equal(machine.failure(() => machine.status()).code, 50);
});

bootTest("a torn file of an earlier boot does not stay", (machine, boots) => {
  machine.add("a");
  machine.write("10.1.0.2", "");
  boots.reboot();
  machine.del("x");
  assert.deepEqual(machine.reserved(), []);
});

for (const part of ["", "/owners", "/files"]) {
  bootTest(
    `a lost side folder${part} costs no more than knowing whose it was`,
    (machine, boots) => {
      machine.add("a");
      rename(`${machine.sidePath}${part}`, `${machine.scratchPath}/lost`);
      machine.check("a");
      machine.add("b");
      assert.match(machine.failure(() => machine.add("a")).message, /has been allocated to a/);
      boots.reboot();
      // Only the hard links prove that this suite made the file.
      if (part !== "/owners") machine.check("a");
      machine.del("a");
      assert.deepEqual(machine.reserved(), []);
    },
  );
}

const netns = (machine: Machine) => `${machine.scratchPath}/netns`;

bootTest("an attachment whose namespace is gone may go on with its addresses", (machine) => {
  const path = netns(machine);
  symlink("/proc/self/ns/net", path);
  const first = machine.add("a", { netns: path });
  assert.match(
    machine.failure(() => machine.add("a", { netns: path })).message,
    /duplicate allocation is not allowed/,
  );
  unlink(path);
  assert.deepEqual(machine.add("a", { netns: "/proc/self/ns/net" }), first);
  // The namespace it has now is there.
  assert.equal(machine.failure(() => machine.add("a", { netns: path })).code, 999);
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
});

bootTest("a namespace is gone, too, where its path leads to another", (machine) => {
  const path = netns(machine);
  symlink("/proc/self/ns/net", path);
  const first = machine.add("a", { netns: path });
  unlink(path);
  symlink("/proc/self/ns/mnt", path);
  assert.deepEqual(machine.add("a", { netns: path }), first);
  machine.ipam.reclaim = "off";
  unlink(path);
  assert.equal(machine.failure(() => machine.add("a", { netns: path })).code, 999);
});

bootTest("an attachment whose namespace is gone may ask for the address that it has", (machine) => {
  const path = netns(machine);
  symlink("/proc/self/ns/net", path);
  const asking = { netns: path, more: { runtimeConfig: { ips: ["10.1.0.9"] } } };
  const first = machine.add("a", asking);
  const { message } = machine.failure(() => machine.add("a", asking));
  assert.match(message, /requested IP address 10\.1\.0\.9 is not available/);
  unlink(path);
  assert.match(machine.failure(() => machine.add("b", asking)).message, /is not available/);
  assert.deepEqual(machine.add("a", asking), first);
  machine.del("a");
  assert.deepEqual(machine.reserved(), []);
});
