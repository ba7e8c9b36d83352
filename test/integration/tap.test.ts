// kernel: tun
/** The tap plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { networkOf, testInterfacePlugin } from "./harness/interface-plugin.ts";
import type { Config } from "./harness/networks.ts";
import { type Refusal, testRefusals } from "./harness/refusals.ts";

const plugin = "tap";
const config = networkOf(plugin, { enabledad: false });

testInterfacePlugin({
  plugin,
  config,
  prepare: async () => {},
  kind: "tun",
  existing: /^failed to create tap: file exists: the container has an interface "eth0"$/,
});

const inWorld = (steps: (host: Host) => Promise<void>) =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(() => steps(host));
  });

interface Tap {
  mtu: number;
  address: string;
  master?: string;
  linkinfo: {
    info_data: Record<string, unknown> & { type: string; persist: boolean; multi_queue: boolean };
  };
}
const show = async (host: Host) =>
  (await host.ip<Tap>("c1", "-d", "link", "show", "dev", "eth0"))[0];

test("tap: it is persistent, without packet info, for root alone unless told otherwise", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    const data: Config = (await show(host))?.linkinfo.info_data ?? {};
    const { type, persist, pi, vnet_hdr, multi_queue, user, group } = data;
    assert.deepEqual(
      { type, persist, pi, vnet_hdr, multi_queue, user, group },
      {
        type: "tap",
        persist: true,
        pi: false,
        vnet_hdr: false,
        multi_queue: false,
        user: undefined,
        group: undefined,
      },
    );
    await detach(attachment);
  }));

for (const changes of [
  { owner: 1000 },
  { group: 1001 },
  { owner: 0, group: 0 },
  { owner: 1000, group: 1001, multiQueue: true },
]) {
  test(`tap: ${JSON.stringify(changes)}, with MAC and MTU all the same`, () =>
    inWorld(async (host) => {
      const mac = "02:00:00:00:00:07";
      const attachment = await attach(host, {
        plugin,
        config: { ...config, mac, mtu: 1400, ...changes },
      });
      const link = await show(host);
      assert.equal(link?.mtu, 1400);
      assert.equal(link?.address, mac);
      const data: Config = link?.linkinfo.info_data ?? {};
      const { multiQueue = false }: Config = changes;
      assert.equal("user" in data, "owner" in changes, JSON.stringify(data));
      assert.equal("group" in data, "group" in changes, JSON.stringify(data));
      assert.equal(link?.linkinfo.info_data.multi_queue, multiQueue);
      assertSuccess(await attachment.check());
      const other = {
        ...config,
        mac,
        mtu: 1400,
        ...changes,
        owner: 77,
        prevResult: attachment.result,
      };
      assertError(await attachment.check({ config: other }), { msg: /another owner/ });
      await detach(attachment);
    }));
}

test("tap: a program can open it and pass packets", () =>
  inWorld(async (host) => {
    const attachment = await attach(host, { plugin, config });
    const program = `
import fcntl, os, struct, subprocess
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"eth0", 0x1002))
subprocess.Popen(["ping", "-c1", "-W2", "10.1.0.1"], stdout=subprocess.DEVNULL)
while True:
    frame = os.read(tap, 2048)
    if frame[12:14] == b"\\x08\\x06" and frame[38:42] == bytes([10, 1, 0, 1]):
        print("asked for the gateway")
        break
`;
    const outcome = await host.start(["python3", "-c", program], { netns: "c1" }).outcome;
    assert.equal(outcome.stdout, "asked for the gateway\n", outcome.stderr);
    await detach(attachment);
  }));

test("tap: bridge is one of the container's", () =>
  inWorld(async (host) => {
    await host.runIn("c1", "ip", "link", "add", "br0", "type", "bridge");
    const attachment = await attach(host, { plugin, config: { ...config, bridge: "br0" } });
    assert.equal((await show(host))?.master, "br0");
    assertSuccess(await attachment.check());
    await host.runIn("c1", "ip", "link", "set", "eth0", "nomaster");
    assertError(await attachment.check(), { msg: 'eth0 is not a port of "br0"' });
    await detach(attachment);
    await host.runIn("c1", "ip", "link", "del", "br0");
  }));

const refusals: readonly Refusal[] = [
  ["a missing bridge", { bridge: "br0" }, { msg: "failed to get bridge br0: Link not found" }],
  [
    "a bridge that is none",
    { bridge: "lo" },
    { msg: "failed to get bridge lo: it is not a bridge" },
  ],
  [
    "a MAC that is none",
    { mac: "nonsense" },
    { code: 7, msg: /^invalid args nonsense for MAC addr/ },
  ],
  ["a multicast MAC", { mac: "01:00:5e:00:00:01" }, { code: 7, msg: /multicast/ }],
  ["a negative owner", { owner: -1 }, { code: 7, msg: /"owner"/ }],
  ["an MTU that the kernel refuses", { mtu: 70_000 }, { msg: /^change link/ }],
  [
    "a label where SELinux is off",
    { selinuxContext: "system_u:system_r:container_t:s0" },
    { msg: /^failed set socket label: write \/proc\/thread-self\/attr\/exec: invalid argument$/ },
  ],
];
testRefusals({ plugin, config, inWorld }, refusals);

test("tap: with a label a child of that label makes it, and the rest is as without", () =>
  inWorld(async (host) => {
    // No SELinux here: strace pretends that the kernel took the label, and took it back after the child (to which
    // the write between the two goes).
    const inject = ["-e", "trace=write", "-e", "inject=write:retval=32:when=1..3+2"];
    const wrap = ["strace", "-o", "/run/work/trace", ...inject];
    const label = "system_u:system_r:container_t:s0";
    const labelled = {
      ...config,
      selinuxContext: label,
      mac: "02:00:00:00:00:07",
      mtu: 1400,
      owner: 1000,
      multiQueue: true,
    };
    const reply = await host.cni("ADD", { plugin, config: labelled, wrap });
    assert.equal(reply.status, 0, reply.stdout + reply.stderr);
    const link = await show(host);
    assert.equal(link?.mtu, 1400);
    assert.equal(link?.address, "02:00:00:00:00:07");
    assert.equal(link?.linkinfo.info_data.multi_queue, true);
    assert.match(
      await host.run("cat", "/run/work/trace"),
      new RegExp(`write\\(\\d+, "${label}", 32\\)`),
    );
    const prevResult = reply.json;
    assertSuccess(await host.cni("CHECK", { plugin, config: { ...labelled, prevResult } }));
    assertSuccess(await host.cni("DEL", { plugin, config: labelled }));
  }));

test("tap: STATUS is 50 where no tap can be made", () =>
  inWorld(async (host) => {
    await host.run("mount", "-t", "tmpfs", "none", "/dev/net");
    assertError(await host.cni("STATUS", { plugin, config }), {
      code: 50,
      msg: "cannot open /dev/net/tun",
    });
    await host.run("umount", "/dev/net");
  }));
