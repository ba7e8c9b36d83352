/** The host-device plugin. */

import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess, type ExpectedError, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import {
  addWire,
  moveToHost,
  networkOf,
  testInterfacePlugin,
  worldOf,
} from "./harness/interface-plugin.ts";
import type { Config } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { assertPing, assertTcp } from "./harness/traffic.ts";

const plugin = "host-device";
const mac = "02:00:00:00:00:77";
// Without the wait for duplicate address detection, which has tests of its own.
const config = networkOf(plugin, { device: "wire0", enabledad: false });

/** The wire, as nobody would have it by default. */
async function addDevice(host: Host): Promise<void> {
  await addWire(host);
  await host.run("ip", "link", "set", "wire0", "address", mac, "mtu", "1450");
}

testInterfacePlugin({
  plugin,
  config,
  prepare: addDevice,
  kind: "veth",
  neighbours: "lan",
  existing: /^failed to move link wire0: file exists: the container has an interface "eth0"$/,
  diesWithNamespace: false,
});

const inWorld = worldOf(addDevice);

interface DeviceLink {
  ifname: string;
  ifalias?: string;
  altnames?: string[];
  operstate: string;
  flags: string[];
}
const links = (host: Host, netns = "") => host.ip<DeviceLink>(netns, "link");

test("host-device: the container has the device and its wire, in both families", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    assert.ok(!(await links(host)).some(({ ifname }) => ifname === "wire0"));
    for (const address of ["10.1.0.1", "fd00:1::1"]) {
      await assertPing(host, "c1", address);
      await assertTcp(host, "c1", "lan", address);
    }
    await detach(attachment);
    const [link] = await host.ip<DeviceLink>("", "link", "show", "dev", "wire0");
    assert.equal(link?.altnames, undefined);
  }));

test("host-device: name, MAC, MTU and state come back, whatever happened inside", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    const inside = (...argv: string[]) => host.run("ip", "-n", "c1", "link", "set", ...argv);
    await inside("eth0", "down");
    await inside("eth0", "address", "02:00:00:00:00:99", "mtu", "1280");
    await inside("eth0", "alias", "mine");
    await inside("eth0", "name", "other");
    await detach(attachment);
  }));

test("host-device: a device whose MAC address nobody can set comes back", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.run("ip", "link", "add", "ifb9", "type", "ifb");
    const refused = host.run("ip", "link", "set", "ifb9", "address", mac);
    await assert.rejects(refused, /Operation not supported/);
    await host.unchangedBy(async () => {
      await detach(await attach(host, { plugin, config: { ...config, device: "ifb9" } }));
    });
  }));

test("host-device: a device that was down stays down", () =>
  inWorld(async (host) => {
    await host.run("ip", "link", "set", "wire0", "down");
    await host.unchangedBy(async () => {
      const attachment = await attach(host, { plugin, config });
      await assertPing(host, "c1", "10.1.0.1");
      await detach(attachment);
    });
    await host.run("ip", "link", "set", "wire0", "up");
  }));

test("host-device: DEL without a namespace releases the addresses, and finds the device at home", () =>
  inWorld(async (host) => {
    await attach(host, { plugin, config });
    await moveToHost(host, "c1", "eth0");
    assertSuccess(
      await host.cni("DEL", { plugin, config, netns: "", containerId: "container-c1" }),
    );
    assertSuccess(
      await host.cni("DEL", { plugin, config, netns: "", containerId: "container-c1" }),
    );
    assert.deepEqual(readReservations(host), []);
  }));

test("host-device: DEL with a namespace or a device that is gone succeeds", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await addDevice(host);
    await attach(host, { plugin, config });
    await host.deleteNetns("c1");
    assertSuccess(
      await host.cni("DEL", {
        plugin,
        config,
        netns: "/run/netns/c1",
        containerId: "container-c1",
      }),
    );
    assert.deepEqual(readReservations(host), []);
  }));

test("host-device: GC brings back what no valid attachment has", () =>
  inWorld(async (host) => {
    await attach(host, { plugin, config });
    await moveToHost(host, "c1", "eth0");
    const gc = (attachments: unknown) =>
      host.cni("GC", { plugin, config: { ...config, "cni.dev/valid-attachments": attachments } });
    assertSuccess(await gc([{ containerID: "container-c1", ifname: "eth0" }]));
    assert.ok((await links(host)).some(({ ifname }) => ifname === "eth0"));
    assertSuccess(await gc([]));
    assert.ok((await links(host)).some(({ ifname }) => ifname === "wire0"));
  }));

test("host-device: a name that another interface took meanwhile is told, and a later DEL mends it", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    await host.run("ip", "link", "add", "wire0", "type", "bridge");
    assertError(await attachment.del(), {
      msg: /^failed to restore "eth0" to original name "wire0": .*another interface/,
    });
    await host.run("ip", "link", "del", "wire0");
    await detach(attachment);
  }));

test("host-device: the host may have an interface of the container's name", () =>
  inWorld(async (host) => {
    await host.run("ip", "link", "add", "eth0", "type", "bridge");
    await host.unchangedBy(async () => {
      const attachment = await attach(host, { plugin, config });
      await detach(attachment);
    });
    await host.run("ip", "link", "del", "eth0");
  }));

test("host-device: the container may have an interface of the device's name", () =>
  inWorld(async (host) => {
    await host.runIn("c1", "ip", "link", "add", "wire0", "type", "bridge");
    const attachment = await attach(host, { plugin, config });
    await detach(attachment);
    await host.runIn("c1", "ip", "link", "del", "wire0");
  }));

test("host-device: the alias is the old name, as the reference suite has it", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    const [link] = await host.ip<DeviceLink>("c1", "link", "show", "dev", "eth0");
    assert.equal(link?.ifalias, "wire0");
    await detach(attachment);
  }));

test("host-device: by MAC address", () =>
  inWorld(async (host) => {
    const byMac = { ...config, device: undefined, hwaddr: mac.toUpperCase() };
    await detach(await attach(host, { plugin, config: byMac }));
  }));

/** Devices on buses, as sysfs shows them: the link's own directory is what counts. */
async function withBuses(steps: (host: Host) => Promise<void>): Promise<void> {
  await inWorld(async (host) => {
    await host.run("mount", "-t", "tmpfs", "none", "/sys/bus");
    const driver = (name: string) => host.write(`/sys/bus/pci/drivers/${name}/module`, "");
    for (const name of ["e1000", "vfio-pci", "virtio-pci"]) driver(name);
    const pci = (id: string, name: string, ...files: string[]) => {
      for (const file of files) host.write(`/sys/bus/pci/devices/${id}/${file}`, "");
      symlinkSync(`../../drivers/${name}`, host.outside(`/sys/bus/pci/devices/${id}/driver`));
    };
    pci("0000:00:19.0", "e1000", "net/wire0/ifindex");
    pci("0000:00:1a.0", "virtio-pci", "virtio3/net/wire0/ifindex");
    pci("0000:00:1b.0", "vfio-pci", "vendor");
    pci("0000:00:1c.0", "e1000", "vendor");
    host.write("/sys/bus/pci/devices/0000:00:1d.0/net/wire0/ifindex", "");
    host.write("/sys/bus/auxiliary/devices/mlx5_core.sf.4/net/wire0/ifindex", "");
    await steps(host);
    await host.run("umount", "/sys/bus");
  });
}

const bare = networkOf(plugin, { enabledad: false });
const places: [what: string, keys: Config][] = [
  ["a PCI address", { pciBusID: "0000:00:19.0" }],
  ["the PCI address of a virtio device", { pciBusID: "0000:00:1a.0" }],
  [
    "the runtime's device id",
    { pciBusID: "0000:00:1c.0", runtimeConfig: { deviceID: "0000:00:19.0" } },
  ],
  ["the runtime's id of an auxiliary device", { runtimeConfig: { deviceID: "mlx5_core.sf.4" } }],
];
for (const [what, keys] of places) {
  test(`host-device: by ${what}`, () =>
    withBuses(async (host) => {
      const attachment = await attach(host, { plugin, config: { ...bare, ...keys } });
      await assertPing(host, "c1", "10.1.0.1");
      assertSuccess(await attachment.check());
      await detach(attachment);
    }));
}

test("host-device: by its place in /sys/devices", () =>
  inWorld(async (host) => {
    await host.run("mount", "-t", "tmpfs", "none", "/sys/devices/virtual");
    host.write("/sys/devices/virtual/net/wire0/ifindex", "");
    const byPath = { ...bare, kernelpath: "/sys/devices/virtual" };
    await detach(await attach(host, { plugin, config: byPath }));
    await host.run("umount", "/sys/devices/virtual");
  }));

test("host-device: a device that a program drives stays where it is, and has addresses all the same", () =>
  withBuses(async (host) => {
    for (const keys of [{ pciBusID: "0000:00:1b.0" }, { device: "wire0", DPDKMode: true }]) {
      const driven: Config = { ...bare, ...keys };
      const attachment = await attach(host, { plugin, config: driven });
      assert.deepEqual(attachment.result.interfaces, [{ name: "eth0", sandbox: "/run/netns/c1" }]);
      assert.deepEqual(
        attachment.result.ips?.map((ip) => ip.interface),
        [0, 0],
      );
      assert.equal((await links(host, "c1")).length, 1);
      assertSuccess(await attachment.check());
      await detach(attachment);
      const { ipam, ...without } = driven;
      assert.ok(ipam);
      const reply = await host.cni("ADD", { plugin, config: without });
      assert.deepEqual(resultOf(reply).interfaces, [{ name: "eth0", sandbox: "/run/netns/c1" }]);
      assertSuccess(await host.cni("DEL", { plugin, config: without }));
    }
  }));

const failures: [what: string, keys: Config, error: ExpectedError][] = [
  [
    "no device",
    {},
    { code: 7, msg: 'specify either "device", "hwaddr", "kernelpath" or "pciBusID"' },
  ],
  ["a missing device", { device: "nope" }, { msg: "failed to find host device: Link not found" }],
  [
    "a MAC that nobody has",
    { hwaddr: "02:00:00:00:00:01" },
    { msg: "failed to find host device: failed to find physical interface" },
  ],
  [
    "a MAC that is none",
    { hwaddr: "nonsense" },
    {
      code: 7,
      msg: 'failed to find host device: failed to parse MAC address "nonsense": address nonsense: invalid MAC address',
    },
  ],
  [
    "a path that is not of a device",
    { kernelpath: "sys/devices/x" },
    {
      code: 7,
      msg: 'failed to find host device: kernel device path "sys/devices/x" must be absolute and begin with /sys/devices/',
    },
  ],
  [
    "a path that leads nowhere",
    { kernelpath: "/sys/devices/nope" },
    { msg: /^failed to find host device: / },
  ],
  [
    "a PCI address that is not there",
    { pciBusID: "0000:00:00.0" },
    { msg: /^error with host device: .*0000:00:00\.0\/driver: no such file or directory$/ },
  ],
  [
    "a PCI device without a driver",
    { pciBusID: "0000:00:1d.0" },
    { msg: /^error with host device: / },
  ],
  [
    "a PCI device without an interface",
    { pciBusID: "0000:00:1c.0" },
    { msg: "failed to find host device: no net directory under pci device 0000:00:1c.0" },
  ],
  [
    "a device id that is not there",
    { runtimeConfig: { deviceID: "0000:99:00.0" } },
    { code: 7, msg: "runtime config DeviceID 0000:99:00.0 not found or unsupported" },
  ],
  ["lo", { device: "lo" }, { msg: /^move link lo: / }],
  [
    "an MTU for a device that a program drives",
    { pciBusID: "0000:00:1b.0", mtu: 1400 },
    { code: 2, msg: 'unsupported field "mtu" with value 1400' },
  ],
  ["an MTU that the device cannot have", { device: "wire0", mtu: 70_000 }, { msg: /wire0|eth0/ }],
];
for (const [what, keys, error] of failures) {
  test(`host-device: ADD refuses ${what}, and leaves nothing`, () =>
    withBuses(async (host) => {
      assertError(await host.cni("ADD", { plugin, config: { ...bare, ...keys } }), error);
      // What cannot be added can still be deleted.
      assertSuccess(await host.cni("DEL", { plugin, config: { ...bare, ...keys } }));
    }));
}
