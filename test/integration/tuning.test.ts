/** The tuning plugin, on an interface that ptp made. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import test from "node:test";
import { chained, type OnInterface, onInterfaceOf } from "./harness/chain.ts";
import { reference, withoutNewReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { type Config, dualStack, withResult } from "./harness/networks.ts";

const mac = "02:11:22:33:44:55";
const backups = "/run/cni/tuning";
const ptp = { type: "ptp", cniVersion: "1.1.0", ipam: dualStack };
/** Whose results do not tell the MTU, which the reference leaves as it was. */
const older = { ...ptp, cniVersion: "1.0.0" };
const { member: tuned, call } = chained("tuning");

/** A container with ptp's interface; the steps must leave it as it was. */
const onInterface = (steps: OnInterface, member: Config = ptp) =>
  onInterfaceOf({ member: { type: "ptp", ...member } }, async (host, prevResult, chain) => {
    await host.unchangedBy(() => steps(host, prevResult, chain));
    assert.deepEqual(filesOf(host), []);
  });

/** The backups' files that are there. */
function filesOf(host: Host, directory = backups): string[] {
  const path = host.outside(directory);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .sort();
}

interface LinkJson {
  ifname: string;
  address: string;
  mtu: number;
  flags: string[];
  txqlen: number;
}

async function linkOf(host: Host, netns: string, name: string): Promise<LinkJson> {
  const [link] = await host.ip<LinkJson>(netns, "link", "show", "dev", name);
  assert.ok(link);
  return link;
}

async function sysctl(host: Host, name: string): Promise<string> {
  return (await host.runIn("c1", "cat", `/proc/sys/${name}`)).trim();
}

const all: Config = {
  mac,
  mtu: 1400,
  promisc: true,
  allmulti: true,
  txQLen: 77,
  sysctl: {
    "net.core.somaxconn": "500",
    "net.ipv4.conf.IFNAME.arp_filter": "1",
    "net/ipv4/ping_group_range": "10 20",
  },
};

for (const cniVersion of ["0.3.0", "0.4.0", "1.0.0", "1.1.0"]) {
  test(`tuning ${cniVersion}: every key takes effect, and DEL takes all of it back`, () =>
    onInterface(
      async (host, prevResult) => {
        const config = withResult(tuned({ ...all, cniVersion }), prevResult);
        const result = resultOf(await host.cni("ADD", call(config)));
        const link = await linkOf(host, "c1", "eth0");
        assert.equal(link.address, mac);
        assert.equal(link.mtu, 1400);
        assert.equal(link.txqlen, 77);
        assert.ok(link.flags.includes("PROMISC") && link.flags.includes("ALLMULTI"));
        const hostEnd = prevResult.interfaces?.find(({ sandbox }) => !sandbox)?.name ?? "";
        assert.equal((await linkOf(host, "", hostEnd)).mtu, 1400);
        assert.equal(await sysctl(host, "net/core/somaxconn"), "500");
        assert.equal(await sysctl(host, "net/ipv4/conf/eth0/arp_filter"), "1");
        assert.equal(await sysctl(host, "net/ipv4/ping_group_range"), "10\t20");

        const told = prevResult.interfaces?.map((it) => {
          const mtu = cniVersion === "1.1.0" ? { mtu: 1400 } : {};
          return it.sandbox ? { ...it, mac, ...mtu } : { ...it, ...mtu };
        });
        assert.deepEqual(result, { ...prevResult, interfaces: told });

        const again = call(withResult(config, result));
        if (cniVersion >= "0.4.0") assertSuccess(await host.cni("CHECK", again));
        assertSuccess(await host.cni("DEL", again));
        assertSuccess(await host.cni("DEL", again));
        assert.equal(await sysctl(host, "net/core/somaxconn"), "4096");
        assert.equal(await sysctl(host, "net/ipv4/conf/eth0/arp_filter"), "0");
        assert.equal(await sysctl(host, "net/ipv4/ping_group_range"), "1\t0");
        assert.equal((await linkOf(host, "c1", "eth0")).txqlen, 1000);
      },
      { ...ptp, cniVersion },
    ));
}

test("tuning without a key returns prevResult as it is, and keeps no backup", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(tuned({}), prevResult);
    assert.deepEqual(resultOf(await host.cni("ADD", call(config))), prevResult);
    assert.deepEqual(filesOf(host), []);
    const empty = { cniVersion: "1.1.0", dns: { domain: "x" } };
    const missing = call(withResult(tuned({}), empty), { ifName: "none" });
    assert.deepEqual(resultOf(await host.cni("ADD", missing)), empty);
  }));

test("the MAC address comes from args, runtimeConfig or CNI_ARGS", () =>
  onInterface(async (host, prevResult) => {
    const macs = ["a", "b", "c", "d"].map((digit) => `02:00:00:00:00:0${digit}`);
    const sources: [Config, string?][] = [
      [{ mac: macs[0] }],
      [{ mac: macs[0] }, `IgnoreUnknown=1;MAC=${macs[1]}`],
      [{ mac: macs[0], runtimeConfig: { mac: macs[2] } }, `MAC=${macs[1]}`],
      [{ runtimeConfig: { mac: macs[2] }, args: { cni: { mac: macs[3] } } }, `MAC=${macs[1]}`],
    ];
    for (const [place, [keys, args]] of sources.entries()) {
      const it = call(withResult(tuned(keys), prevResult), { args });
      const result = resultOf(await host.cni("ADD", it));
      assert.equal((await linkOf(host, "c1", "eth0")).address, macs[place]);
      assert.equal(result.interfaces?.find(({ sandbox }) => sandbox)?.mac, macs[place]);
      assertSuccess(await host.cni("DEL", it));
    }
  }));

test("what is right already needs no right to write, also with /proc/sys read-only", () =>
  onInterface(async (host, prevResult) => {
    const link = await linkOf(host, "c1", "eth0");
    const right = {
      sysctl: { "net.core.somaxconn": "4096", "net.ipv4.ping_group_range": "1 0" },
      mac: link.address,
      mtu: link.mtu,
    };
    const wrap = [
      "sh",
      "-ec",
      'mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys; exec "$@"',
      "x",
    ];
    const readOnly = ["unshare", "-m", ...wrap];
    const config = withResult(tuned(right), prevResult);
    resultOf(await host.cni("ADD", call(config, { wrap: readOnly })));
    assertSuccess(await host.cni("DEL", call(config, { wrap: readOnly })));
    const wrong = withResult(tuned({ sysctl: { "net.core.somaxconn": "1" } }), prevResult);
    assertError(await host.cni("ADD", call(wrong, { wrap: readOnly })), {
      msg: /somaxconn: read-only file system/,
    });
    // Nobody could remove the container if DEL failed where the kernel refuses.
    resultOf(await host.cni("ADD", call(wrong)));
    const reply = await host.cni("DEL", call(wrong, { wrap: readOnly }));
    assertSuccess(reply);
    assert.match(reply.stderr, /not restored: .*somaxconn: read-only file system/);
    await host.runIn("c1", "sh", "-c", "echo 4096 >/proc/sys/net/core/somaxconn");
  }));

const usualList = "/etc/cni/tuning/allowlist.conf";

test("both allowlists must have a kernel parameter", () =>
  onInterface(async (host, prevResult) => {
    const keys = (allowlist?: string) =>
      withResult(tuned({ sysctl: { "net.core.somaxconn": "4096" }, allowlist }), prevResult);
    await host.run("mkdir", "-p", "/etc/cni/tuning");
    await host.run("mount", "-t", "tmpfs", "none", "/etc/cni/tuning");
    const list = (path: string, text: string) =>
      host.run("sh", "-c", 'printf %s "$2" >"$1"', "list", path, text);
    const told = /^Sysctl net.core.somaxconn is not allowed\. Only the following .*\[\^net\.ipv4/;
    await list(usualList, "^net.ipv4.\n");
    for (const verb of ["ADD", "CHECK", "STATUS"] as const) {
      assertError(await host.cni(verb, call(keys())), { code: 7, msg: told });
    }
    await list(usualList, "\n ^net.core.somaxconn$ \n");
    resultOf(await host.cni("ADD", call(keys())));
    await list("/run/work/list", "^net.ipv4");
    assertError(await host.cni("ADD", call(keys("/run/work/list"))), { code: 7, msg: told });
    await list("/run/work/list", "somaxconn");
    resultOf(await host.cni("ADD", call(keys("/run/work/list"))));
    assertError(await host.cni("ADD", call(keys("/run/work/none"))), { msg: /no such file/ });
    assertSuccess(await host.cni("DEL", call(keys("/run/work/none"))));
    await host.run("umount", "/etc/cni/tuning");
  }));

const bad: readonly [what: string, keys: Config, error: { code?: number; msg: RegExp }][] = [
  [
    "a sysctl of the host",
    { sysctl: { "kernel.pid_max": "9" } },
    { code: 7, msg: /^invalid net sysctl key: "kernel\/pid_max"$/ },
  ],
  [
    "a sysctl with ..",
    { sysctl: { "net/../kernel/pid_max": "9" } },
    { code: 7, msg: /^invalid net sysctl key/ },
  ],
  [
    "an absolute sysctl",
    { sysctl: { "/net/core/somaxconn": "9" } },
    { code: 7, msg: /^invalid net sysctl key/ },
  ],
  [
    "an unknown sysctl",
    { sysctl: { "net.core.none": "9" } },
    { msg: /net\/core\/none: no such file or directory$/ },
  ],
  ["a directory", { sysctl: { "net.core": "9" } }, { msg: /net\/core: is a directory$/ }],
  [
    "a read-only sysctl",
    { sysctl: { "net.ipv4.tcp_available_congestion_control": "reno" } },
    { msg: /tcp_available_congestion_control: permission denied$/ },
  ],
  [
    "a value that the kernel refuses",
    { sysctl: { "net.core.somaxconn": "many" } },
    { msg: /somaxconn: invalid argument$/ },
  ],
  ["a number as a value", { sysctl: { "net.core.somaxconn": 9 } }, { code: 7, msg: /sysctl/ }],
  ["a multicast MAC address", { mac: "01:00:00:00:00:01" }, { code: 7, msg: /multicast/ }],
  ["no MAC address", { mac: "x" }, { code: 7, msg: /invalid MAC address/ }],
  ["a negative MTU", { mtu: -1 }, { code: 7, msg: /"mtu"/ }],
  [
    "an MTU that no link has",
    { mtu: 70_000 },
    { msg: /(tune|change) link .*: (invalid argument|numerical).*/ },
  ],
];

for (const [what, keys, error] of bad) {
  test(`tuning refuses ${what}, and nothing has changed`, () =>
    onInterface(async (host, prevResult) => {
      const config = withResult(tuned({ txQLen: 5, ...keys }), prevResult);
      assertError(await host.cni("ADD", call(config)), error);
      assert.equal((await linkOf(host, "c1", "eth0")).txqlen, 1000);
      assert.deepEqual(filesOf(host), []);
      assertSuccess(await host.cni("DEL", call({ ...config, mtu: undefined, sysctl: {} })));
    }));
}

test("tuning refuses a sysctl key twice, a missing prevResult and a missing interface", () =>
  onInterface(async (host, prevResult) => {
    const twice = `{"cniVersion":"1.1.0","name":"n","type":"tuning","sysctl":{"net.a":"1","net.a":"2"},"prevResult":${JSON.stringify(prevResult)}}`;
    assertError(await host.cni("ADD", { plugin: "tuning", config: twice }), {
      code: 7,
      msg: "duplicated sysctl keys are not allowed",
    });
    for (const verb of ["ADD", "CHECK"] as const) {
      assertError(await host.cni(verb, call(tuned({ mtu: 1400 }))), {
        msg: "Required prevResult missing",
      });
      const config = withResult(tuned({ mtu: 1400 }), prevResult);
      assertError(await host.cni(verb, call(config, { ifName: "eth9" })), {
        msg: "Cannot find container link eth9",
      });
    }
  }));

test("CHECK names every difference", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(tuned(all), prevResult);
    const added = withResult(config, resultOf(await host.cni("ADD", call(config))));
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "mtu", "1300", "promisc", "off");
    await host.runIn("c1", "sh", "-c", "echo 7 >/proc/sys/net/core/somaxconn");
    assertError(await host.cni("CHECK", call(added)), {
      msg:
        "Error: Tuning configured value of net/core/somaxconn is 500, current value is 7; " +
        "Error: Tuning configured promisc of eth0 is true, current value is false; " +
        "Error: Tuning configured mtu of eth0 is 1400, current value is 1300",
    });
    assertSuccess(await host.cni("DEL", call(added)));
  }));

test("two members of a chain: DEL restores how it was before the first", () =>
  onInterface(async (host, prevResult) => {
    const first = withResult(
      tuned({ mtu: 1400, sysctl: { "net.core.somaxconn": "1" } }),
      prevResult,
    );
    const second = withResult(
      tuned({ mtu: 1300, mac, sysctl: { "net.core.somaxconn": "2" } }),
      resultOf(await host.cni("ADD", call(first))),
    );
    resultOf(await host.cni("ADD", call(second)));
    const third = withResult(tuned({ mtu: 1200, sysctl: { "net.core.none": "2" } }), prevResult);
    assertError(await host.cni("ADD", call(third)), {});
    assert.equal((await linkOf(host, "c1", "eth0")).mtu, 1300);
    assertSuccess(await host.cni("DEL", call(second)));
    assertSuccess(await host.cni("DEL", call(first)));
  }));

test("DEL without a namespace, or with one that is gone, removes the backup", () =>
  withHost(async (host) => {
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "lo", sandbox: "x" }] };
    const config = withResult(
      tuned({ txQLen: 5, sysctl: { "net.core.somaxconn": "5" } }),
      prevResult,
    );
    for (const netns of ["", "c1"]) {
      await host.addNetns("c1");
      resultOf(await host.cni("ADD", call(config, { ifName: "lo" })));
      assert.equal(filesOf(host).length, 2);
      await host.deleteNetns("c1");
      assertSuccess(
        await host.cni("DEL", call(config, { ifName: "lo", netns, containerId: "container-c1" })),
      );
      assert.deepEqual(filesOf(host), []);
    }
  }));

test("DEL restores the namespace's parameters where the interface is gone", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      await host.run("ip", "-n", "c1", "link", "add", "eth0", "type", "veth");
      const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "x" }] };
      const config = withResult(tuned(all), prevResult);
      resultOf(await host.cni("ADD", call(config)));
      await host.run("ip", "-n", "c1", "link", "del", "eth0");
      assertSuccess(await host.cni("DEL", call(config)));
      assert.equal(await sysctl(host, "net/core/somaxconn"), "4096");
      assert.deepEqual(filesOf(host), []);
    });
  }));

test("a value that cannot be restored keeps no other from being", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.run("ip", "link", "add", "wire0", "up", "type", "veth");
    const macvlan = ["link", "wire0", "netns", "c1", "type", "macvlan", "mode", "bridge"];
    await host.run("ip", "link", "add", "eth0", ...macvlan);
    const { address, txqlen } = await linkOf(host, "c1", "eth0");
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "x" }] };
    const config = withResult(tuned({ mac, mtu: 1400, promisc: true, txQLen: 77 }), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    // Meanwhile its address is another's.
    await host.run("ip", "link", "add", "eth1", "address", address, ...macvlan);
    await host.run("ip", "-n", "c1", "link", "set", "eth1", "up");
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "up");
    const reply = await host.cni("DEL", call(config));
    assertSuccess(reply);
    assert.match(reply.stderr, /not restored: tune link eth0: address already in use/);
    const after = await linkOf(host, "c1", "eth0");
    assert.deepEqual([after.address, after.mtu, after.txqlen], [mac, 1500, txqlen]);
    assert.ok(!after.flags.includes("PROMISC"));
    assert.deepEqual(filesOf(host), []);
  }));

test("backups are private, in the configured directory; torn ones are passed over", () =>
  onInterface(async (host, prevResult) => {
    const dataDir = "/run/work/deep/backups";
    const config = withResult(tuned({ txQLen: 5, dataDir }), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    assert.deepEqual(filesOf(host, dataDir), [
      ".tscni/container-c1_eth0.json",
      "container-c1_eth0.json",
    ]);
    const mode = (path: string) => statSync(host.outside(path)).mode & 0o777;
    assert.equal(mode(dataDir), 0o700);
    assert.equal(mode(`${dataDir}/container-c1_eth0.json`), 0o600);
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "txqueuelen", "1000");
    host.write(`${dataDir}/container-c1_eth0.json`, '{"txQ');
    const reply = await host.cni("DEL", call(config));
    assertSuccess(reply);
    assert.match(reply.stderr, /passing over a backup that cannot be read/);
    assert.deepEqual(filesOf(host, dataDir), []);
  }));

test("GC removes the backups of its network's attachments that are no longer valid", () =>
  onInterface(async (host, prevResult) => {
    const config = withResult(tuned({ txQLen: 5 }), prevResult);
    resultOf(await host.cni("ADD", call(config)));
    const gc = (attachments: object[], name = "net1") =>
      host.cni("GC", call(tuned({ name, "cni.dev/valid-attachments": attachments })));
    assertSuccess(await gc([], "net2"));
    assertSuccess(await gc([{ containerID: "container-c1", ifname: "eth0" }]));
    assert.equal(filesOf(host).length, 2);
    assertSuccess(await gc([]));
    assert.deepEqual(filesOf(host), []);
    await host.run("ip", "-n", "c1", "link", "set", "eth0", "txqueuelen", "1000");
    assertSuccess(await host.cni("STATUS", call(tuned(all))));
  }));

for (const [what, keys] of Object.entries<Config>({
  "every key": all,
  "only a MAC address": { mac },
  "allmulti off": { allmulti: false, txQLen: 0 },
  "a value that is there already": { promisc: false, mtu: 1500 },
})) {
  test(
    `beside the reference, ${what}: link, kernel parameters and backup are alike`,
    { skip: withoutNewReference },
    () =>
      onInterface(async (host, prevResult) => {
        const config = withResult(
          tuned({ cniVersion: "1.0.0", ...keys, sysctl: tabbed(keys.sysctl) }),
          prevResult,
        );
        const [theirs, their] = await outcome(host, config, `${reference}`);
        const [our, ours] = await outcome(host, config);
        assert.deepEqual(our, theirs);
        assert.deepEqual(ours, their);
      }, older),
  );
}

/** As the kernel writes it, which the reference needs. */
function tabbed(sysctl: unknown): unknown {
  return sysctl && { ...sysctl, "net/ipv4/ping_group_range": "10\t20" };
}

/** What an ADD makes of the interface, and of the backup; then DEL. */
async function outcome(host: Host, config: Config, from?: string): Promise<[unknown, unknown]> {
  const it = call(config, from === undefined ? {} : { from });
  const { interfaces, ...result } = resultOf(await host.cni("ADD", it));
  const link = await linkOf(host, "c1", "eth0");
  const values = await host.runIn(
    "c1",
    "sh",
    "-c",
    "cd /proc/sys/net; cat core/somaxconn ipv4/ping_group_range ipv4/conf/eth0/arp_filter",
  );
  const file = host.outside(`${backups}/container-c1_eth0.json`);
  const backup = existsSync(file) ? readFileSync(file, "utf8") : "none";
  assertSuccess(
    await host.cni(
      "CHECK",
      call({ ...config, prevResult: { ...result, interfaces } }, from ? { from } : {}),
    ),
  );
  assertSuccess(await host.cni("DEL", it));
  // Theirs forgets these.
  await host.runIn(
    "c1",
    "sh",
    "-c",
    "cd /proc/sys/net; echo 4096 >core/somaxconn; echo 1 0 >ipv4/ping_group_range; echo 0 >ipv4/conf/eth0/arp_filter",
  );
  const hostEnd = interfaces?.find(({ sandbox }) => !sandbox)?.name ?? "";
  if (from) await host.run("ip", "link", "set", hostEnd, "mtu", "1500");
  return [{ ...link, values, result, interfaces }, backup];
}

for (const [what, adder, deleter] of [
  ["the reference's ADD, our DEL", `${reference}`, undefined],
  ["our ADD, the reference's DEL", undefined, `${reference}`],
] as const) {
  test(`${what}: the interface is restored`, { skip: withoutNewReference }, () =>
    onInterface(async (host, prevResult) => {
      const keys = { mac, promisc: true, allmulti: true, txQLen: 7 };
      const config = withResult(tuned({ cniVersion: "1.0.0", ...keys }), prevResult);
      const from = (path: string | undefined) => (path === undefined ? {} : { from: path });
      resultOf(await host.cni("ADD", call(config, from(adder))));
      assertSuccess(await host.cni("DEL", call(config, from(deleter))));
      assert.equal((await linkOf(host, "c1", "eth0")).txqlen, 1000);
      // What the reference's DEL leaves of ours, GC takes.
      const gc = tuned({ "cni.dev/valid-attachments": [] });
      assertSuccess(await host.cni("GC", call(gc)));
    }, older),
  );
}
