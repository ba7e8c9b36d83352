/** What every plugin that gives a container one interface must do, whatever kind of link it makes. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./attachment.ts";
import { assertError, assertSuccess, resultOf } from "./expect.ts";
import { assertSame, type Host, withHost } from "./host.ts";
import { testInterfaceNetwork } from "./interface-network.ts";
import { type Config, dualStack, subnet4, withResult } from "./networks.ts";
import { readReservations } from "./snapshot.ts";

/** The plugin under test, on the network these tests give it. */
export interface Subject {
  readonly plugin: string;
  /** With addresses of both families from host-local. */
  readonly config: Config;
  /** Makes what the plugin needs on the host: its master, its device. */
  readonly prepare: (host: Host) => Promise<void>;
  /** How many interfaces the result has; the container's is the last. */
  readonly interfaces?: number;
  /** False for one that cannot do without addresses. */
  readonly layer2?: boolean;
  /** What `ip -d link` says it is; undefined for hardware. */
  readonly kind?: string;
  /** The message where the container has the interface already. */
  readonly existing: RegExp;
  /** The namespace where its announcements are heard, "" for the host's; undefined where nobody listens. */
  readonly neighbours?: string;
  /** False where the link does not end with the container: host-device. */
  readonly diesWithNamespace?: boolean;
}

/** Default routes of both families, by the gateways that host-local derives from the subnets. */
export const routedIpam: Config = {
  ...dualStack,
  routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
};

/** A network of the plugin with addresses of both families. */
export function networkOf(plugin: string, changes: Config = {}): Config {
  return { cniVersion: "1.1.0", name: "net1", type: plugin, ipam: routedIpam, ...changes };
}

/** A wire on the host: "wire0", whose other end is in the namespace "lan" with the gateways' addresses. */
export async function addWire(host: Host): Promise<void> {
  await host.addNetns("lan");
  await batch(host, "", ["link add wire0 type veth peer eth0 netns lan", "link set wire0 up"]);
  await batch(host, "lan", [
    "address add 10.1.0.1/24 dev eth0",
    "address add fd00:1::1/64 dev eth0 nodad",
    "link set eth0 up",
  ]);
}

/** Runs several commands of `ip` in a namespace ("" for the host's), in one process: some kernels start them slowly. */
export async function batch(host: Host, netns: string, commands: readonly string[]): Promise<void> {
  const where = netns === "" ? [] : ["-n", netns];
  const list = commands.map((command) => `${command}\n`).join("");
  await host.run(
    "sh",
    "-ec",
    'printf %s "$1" | { shift; ip "$@" -batch -; }',
    "batch",
    list,
    ...where,
  );
}

/** Moves a link of a namespace to the host's. */
export async function moveToHost(
  host: Host,
  netns: string,
  link: string,
  name = link,
): Promise<void> {
  host.write("/run/netns/HOST", "");
  await host.run("mount", "--bind", "/proc/self/ns/net", "/run/netns/HOST");
  try {
    await host.run("ip", "-n", netns, "link", "set", link, "netns", "HOST", "name", name);
  } finally {
    await host.run("umount", "/run/netns/HOST");
  }
}

interface LinkJson {
  ifname: string;
  ifalias?: string;
  mtu: number;
  address: string;
  flags: string[];
  linkinfo?: { info_kind?: string };
}

/** Runs the tests that all have in common. */
export function testInterfacePlugin(subject: Subject): void {
  const { plugin, config, prepare } = subject;
  const call = { plugin, config };
  const inWorld = worldOf(prepare, "c1");
  testVerbs(subject, inWorld);
  testDel(subject, inWorld);
  testFailures(subject, inWorld);
  testInterfaceNetwork(subject, inWorld);

  test(`${plugin}: addresses and routes are those of the result`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, call);
      const [link] = await host.ip<LinkJson>("c1", "-d", "address", "show", "dev", "eth0");
      const addresses = (link as unknown as { addr_info: { local: string; prefixlen: number }[] })
        .addr_info;
      for (const { address } of attachment.result.ips ?? []) {
        const found = addresses.some((it) => `${it.local}/${it.prefixlen}` === address);
        assert.ok(found, `${address} is not on eth0`);
      }
      assert.ok(link?.flags.includes("UP"));
      for (const family of ["-4", "-6"]) {
        const [route] = await host.ip<{ gateway: string }>(
          "c1",
          family,
          "route",
          "show",
          "default",
        );
        assert.equal(route?.gateway, family === "-4" ? "10.1.0.1" : "fd00:1::1");
      }
      const ra = await host.runIn("c1", "cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra");
      assert.equal(ra.trim(), "0", "router advertisements must not add to what IPAM says");
      await detach(attachment);
    }));
}

/** Gives steps a world with containers and what the plugin needs, and proves that they left it so. */
export type InWorld = (steps: (host: Host) => Promise<void>) => Promise<void>;

/** Worlds with these containers, "c1" and "c2" unless given. */
export function worldOf(prepare: Subject["prepare"], ...containers: readonly string[]): InWorld {
  return (steps) =>
    withHost(async (host) => {
      await host.addNetns(...(containers.length > 0 ? containers : ["c1", "c2"]));
      await prepare(host);
      await host.unchangedBy(() => steps(host));
    });
}

function testVerbs({ plugin, config, layer2 = true, ...subject }: Subject, inWorld: InWorld): void {
  const place = (subject.interfaces ?? 1) - 1;

  test(`${plugin}: ADD, CHECK and DEL of version 1.1.0 tell and keep what they made`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config });
      const { interfaces = [], ips = [] } = attachment.result;
      assert.equal(interfaces.length, place + 1);
      const [link] = await host.ip<LinkJson>("c1", "-d", "link", "show", "dev", "eth0");
      assert.deepEqual(interfaces[place], {
        name: "eth0",
        mac: link?.address,
        mtu: link?.mtu,
        sandbox: "/run/netns/c1",
      });
      assert.equal(link?.linkinfo?.info_kind, subject.kind);
      assert.deepEqual(
        ips.map((ip) => ip.interface),
        [place, place],
      );
      assertSuccess(await attachment.check());
      await detach(attachment);
    }));

  test(`${plugin}: ADD and DEL of every older version`, () =>
    inWorld(async (host) => {
      for (const cniVersion of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"]) {
        const older = { ...config, cniVersion };
        const reply = await host.cni("ADD", { plugin, config: older });
        const result = resultOf(reply);
        assert.equal(result.cniVersion, cniVersion);
        assert.doesNotMatch(reply.stdout, /"mtu"/, "only 1.1.0 knows an interface's MTU");
        const del = { plugin, config: withResult(older, result) };
        if (cniVersion >= "0.4.0") assertSuccess(await host.cni("CHECK", del));
        assertSuccess(await host.cni("DEL", del));
      }
    }));

  if (layer2) {
    test(`${plugin}: without IPAM the interface is up and has no address`, () =>
      inWorld(async (host) => {
        const { ipam, ...bare } = config;
        assert.ok(ipam);
        const attachment = await attach(host, { plugin, config: bare });
        assert.equal(attachment.result.ips, undefined);
        const [link] = await host.ip<LinkJson>("c1", "link", "show", "dev", "eth0");
        assert.ok(link?.flags.includes("UP"));
        assert.deepEqual(await host.ip("c1", "-4", "address", "show", "dev", "eth0"), []);
        assertSuccess(await attachment.check());
        await detach(attachment);
      }));
  }

  test(`${plugin}: CHECK tells what is not as ADD left it`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config });
      const ip = (...argv: string[]) => host.run("ip", "-n", "c1", ...argv);
      const told = async (msg: RegExp) => assertError(await attachment.check(), { code: 999, msg });
      await ip("address", "del", attachment.result.ips?.[0]?.address ?? "", "dev", "eth0");
      await told(/Failed to match addr|Expected Route/);
      await ip("link", "set", "eth0", "down");
      await told(/eth0/);
      await ip("link", "set", "eth0", "name", "eth9");
      await told(/eth0/);
      assertError(await host.cni("CHECK", { plugin, config }), { msg: /prevResult missing/ });
      await detach(attachment);
      await told(/./);
    }));

  test(`${plugin}: GC spares what is valid and releases what is not; STATUS is content`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config });
      const valid = [{ containerID: "container-c1", ifname: "eth0" }];
      const gc = (attachments: unknown) =>
        host.cni("GC", { plugin, config: { ...config, "cni.dev/valid-attachments": attachments } });
      assertSuccess(await host.cni("STATUS", { plugin, config }));
      assertSuccess(await gc(valid));
      assertSuccess(await attachment.check());
      assertSuccess(await gc([]));
      assert.deepEqual(readReservations(host), []);
      await detach(attachment);
    }));
}

function testDel({ plugin, config, ...subject }: Subject, inWorld: InWorld): void {
  test(`${plugin}: DEL a second time succeeds, and without having read the result`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config });
      await detach(attachment);
      await detach(attachment);
      assertSuccess(await host.cni("DEL", { plugin, config }));
    }));

  const byHand: [what: string, act: (host: Host) => Promise<unknown>][] = [
    [
      "renamed",
      async (host) => {
        await host.run("ip", "-n", "c1", "link", "set", "eth0", "down");
        await host.run("ip", "-n", "c1", "link", "set", "eth0", "name", "lost");
      },
    ],
    [
      "given another MTU and taken down",
      (host) => host.run("ip", "-n", "c1", "link", "set", "eth0", "mtu", "1300", "down"),
    ],
    ["moved to the host and renamed", (host) => moveToHost(host, "c1", "eth0", "lost")],
  ];
  for (const [what, act] of byHand) {
    test(`${plugin}: DEL finds the interface that was ${what}`, () =>
      inWorld(async (host) => {
        const attachment = await attach(host, { plugin, config });
        await act(host);
        await detach(attachment);
        await detach(attachment);
      }));
  }

  if (subject.diesWithNamespace === false) return;
  for (const [what, netns] of [
    ["without a namespace", ""],
    ["with one that is gone", "c1"],
  ] as const) {
    test(`${plugin}: DEL ${what} releases the addresses`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        await subject.prepare(host);
        await host.deleteNetns("c1");
        const before = await host.snapshot();
        await host.addNetns("c1");
        await attach(host, { plugin, config });
        await host.deleteNetns("c1");
        const del = { plugin, config, netns, containerId: "container-c1" };
        assertSuccess(await host.cni("DEL", del));
        assertSuccess(await host.cni("DEL", del));
        // The kernel removes a namespace's links a moment after it.
        for (let tries = 0; tries < 20; tries++) {
          if ((await host.ip("", "link")).length === before.host.length) break;
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        assertSame(before, await host.snapshot());
      }));
  }

  test(`${plugin}: DEL succeeds where the interface was deleted by hand`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config });
      await host.run("ip", "-n", "c1", "link", "del", "eth0");
      await detach(attachment);
    }));

  test(`${plugin}: GC removes an interface that was moved to the host, once it is not valid`, () =>
    inWorld(async (host) => {
      await attach(host, { plugin, config });
      await moveToHost(host, "c1", "eth0", "lost");
      const gc = { ...config, "cni.dev/valid-attachments": [] };
      assertSuccess(await host.cni("GC", { plugin, config: gc }));
    }));
}

function testFailures(subject: Subject, inWorld: InWorld): void {
  const { plugin, config } = subject;

  test(`${plugin}: an interface that exists is refused and stays as it was`, () =>
    inWorld(async (host) => {
      await host.run("ip", "-n", "c1", "link", "add", "eth0", "type", "bridge");
      await host.unchangedBy(async () => {
        assertError(await host.cni("ADD", { plugin, config }), {
          code: 999,
          msg: subject.existing,
        });
      });
      await host.run("ip", "-n", "c1", "link", "del", "eth0");
    }));

  test(`${plugin}: an attachment made twice fails, and the first one stays`, () =>
    inWorld(async (host) => {
      const attachment = await attach(host, { plugin, config });
      await host.unchangedBy(async () => {
        const second = { plugin, config, containerId: "second" };
        assertError(await host.cni("ADD", second), {});
        // What runtimes do then must not hit the first one.
        assertSuccess(await host.cni("DEL", second));
      });
      assertSuccess(await attachment.check());
      await detach(attachment);
    }));

  const replies: [what: string, reply: string, msg: RegExp][] = [
    ["fails", `echo '{"code": 57, "msg": "no room"}'; exit 1`, /no room/],
    [
      "has no addresses",
      `echo '{"cniVersion": "1.1.0"}'`,
      /IPAM plugin returned missing IP config/,
    ],
    [
      "gives an address twice",
      `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]}'`,
      /10\.1\.0\.5\/24.*file exists/,
    ],
    [
      "gives a route that leads nowhere",
      `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}], "routes": [{"dst": "0.0.0.0/0", "gw": "192.168.77.1"}]}'`,
      /0\.0\.0\.0\/0 via 192\.168\.77\.1/,
    ],
    ["prints rubbish", "echo rubbish", /failed to unmarshal raw result|invalid character/],
  ];
  test(`${plugin}: whatever IPAM does wrong, nothing is left; asked to release is who did not refuse`, () =>
    inWorld(async (host) => {
      for (const [what, reply, msg] of replies) {
        const path = host.script(
          "flaky",
          `echo "$CNI_COMMAND" >> /run/work/verbs\nif [ "$CNI_COMMAND" = ADD ]; then ${reply}; fi`,
        );
        const failing = { ...config, ipam: { type: "flaky" } };
        await host.unchangedBy(async () => {
          const call = { plugin, config: failing, path: `${path}:/run/ours` };
          assertError(await host.cni("ADD", call), { msg });
        });
        const verbs = what === "fails" ? "ADD\n" : "ADD\nDEL\n";
        assert.equal(await host.run("cat", "/run/work/verbs"), verbs, what);
        await host.run("rm", "/run/work/verbs");
      }
    }));

  test(`${plugin}: an exhausted range leaves nothing`, () =>
    inWorld(async (host) => {
      const ranges = [[{ subnet: subnet4, rangeStart: "10.1.0.9", rangeEnd: "10.1.0.9" }]];
      const small = { ...config, ipam: { type: "host-local", ranges } };
      const other = { plugin: "host-local", config: small, containerId: "other" };
      resultOf(await host.cni("ADD", other));
      await host.unchangedBy(async () =>
        assertError(await host.cni("ADD", { plugin, config: small }), { msg: /no IP addresses/ }),
      );
      assertSuccess(await host.cni("DEL", other));
    }));
}
