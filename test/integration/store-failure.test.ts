/** A store that is full, damaged, read-only or busy: host-local says so, and bridge leaves nothing behind. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import test from "node:test";
import { attach } from "./harness/attachment.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { bridgeConfig, type Config, gatewayConfig, subnet4 } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";

const store = "/var/lib/cni/networks/net1";
const ipam4 = { type: "host-local", subnet: subnet4 };

/** A world with one namespace. */
function withContainer(steps: (host: Host) => Promise<void>): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await steps(host);
  });
}

test("an exhausted range fails the ADD, and leaves nothing", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const config = gatewayConfig({ ipam: { type: "host-local", subnet: "10.1.0.0/30" } });
    await attach(host, { config, netns: "c2" });
    await host.unchangedBy(async () => {
      assertError(await host.cni("ADD", { config }), {
        code: 999,
        msg: "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.2",
      });
    });
  }));

test("an exhausted second range fails the ADD, and leaves nothing of the first", () =>
  withContainer(async (host) => {
    const ranges = [[{ subnet: subnet4 }], [{ subnet: "fd00:1::/126", rangeEnd: "fd00:1::1" }]];
    const config = gatewayConfig({ ipam: { type: "host-local", ranges } });
    await host.unchangedBy(async () => {
      assertError(await host.cni("ADD", { config }), {
        code: 999,
        msg: /^failed to allocate for range 1: no IP addresses available/,
      });
    });
  }));

const torn: [what: string, content: string][] = [
  ["empty", ""],
  ["blank", " \r\n"],
  ["full of zeros", "\0".repeat(30)],
];

for (const [what, content] of torn) {
  test(`a reservation file that is ${what} counts as free, and is reported`, () =>
    withContainer(async (host) => {
      host.write(`${store}/10.1.0.2`, content);
      const reply = await host.cni("ADD", { config: gatewayConfig({ ipam: ipam4 }) });
      assert.equal(resultOf(reply).ips?.[0]?.address, "10.1.0.2/24");
      assert.match(reply.stderr, /10\.1\.0\.2/);
      assert.equal(readFileSync(host.outside(`${store}/10.1.0.2`), "utf8"), "container-c1\r\neth0");
    }));
}

test("a reservation file that broke off within its owner's name is somebody's until GC", () =>
  withContainer(async (host) => {
    const config = gatewayConfig({ ipam: ipam4 });
    // Nothing tells it from a file of an old version, which named the container only.
    host.write(`${store}/10.1.0.2`, "contain");
    const { result } = await attach(host, { config });
    assert.equal(result.ips?.[0]?.address, "10.1.0.3/24");
    const valid = [{ containerID: "container-c1", ifname: "eth0" }];
    assertSuccess(
      await host.cni("GC", { config: { ...config, "cni.dev/valid-attachments": valid } }),
    );
    assert.deepEqual(readReservations(host), ["net1/10.1.0.3 container-c1 eth0"]);
  }));

for (const content of ["", "nonsense", "10.1.0", "192.168.0.1", "10.1.0.200xxx", "\0\0\0\0"]) {
  test(`a last-reserved file that holds ${JSON.stringify(content)} is no obstacle`, () =>
    withContainer(async (host) => {
      host.write(`${store}/last_reserved_ip.0`, content);
      const { result } = await attach(host, { config: gatewayConfig({ ipam: ipam4 }) });
      assert.equal(result.ips?.[0]?.address, "10.1.0.2/24");
      const file = host.outside(`${store}/last_reserved_ip.0`);
      assert.equal(readFileSync(file, "utf8"), "10.1.0.2");
    }));
}

test("files of others in the store are left alone and harm nothing", () =>
  withContainer(async (host) => {
    for (const name of ["README", "10.1.0", "fd00:1:", "x.10.1.0.2", ".hidden", "10.1.0.2~"]) {
      host.write(`${store}/${name}`, "container-c1\r\neth0");
    }
    await host.run("mkdir", `${store}/10.1.0.3`);
    const config = gatewayConfig({ ipam: ipam4 });
    const attachment = await attach(host, { config });
    assert.equal(attachment.result.ips?.[0]?.address, "10.1.0.2/24");
    assertSuccess(await attachment.check());
    assertSuccess(await attachment.del());
    assert.ok(existsSync(host.outside(`${store}/README`)));
    assert.ok(existsSync(host.outside(`${store}/10.1.0.3`)));
  }));

test("a reservation that is a symbolic link is not followed", () =>
  withContainer(async (host) => {
    const victim = host.write("/run/work/victim", "precious");
    host.write(`${store}/lock`, "");
    symlinkSync(victim, host.outside(`${store}/10.1.0.2`));
    symlinkSync(victim, host.outside(`${store}/last_reserved_ip.0`));
    const reply = await host.cni("ADD", { config: gatewayConfig({ ipam: ipam4 }) });
    if (reply.status === 0) assert.notEqual(resultOf(reply).ips?.[0]?.address, "10.1.0.2/24");
    assert.equal(readFileSync(host.outside(victim), "utf8"), "precious");
  }));

test("a reservation that could not be read once is its owner's all the same", () =>
  withHost(async (host) => {
    const given = (containerId: string, dataDir: string) => ({
      plugin: "host-local",
      config: gatewayConfig({ ipam: { ...ipam4, dataDir } }),
      netns: "/run/netns/none",
      containerId,
    });
    const failing = ({ call, error, when }: Fault) => {
      const inject = `inject=${call}:error=${error}:when=${when}`;
      return { wrap: ["strace", "-o", "/run/trace", "-e", `trace=${call}`, "-e", inject] };
    };
    const isHit = () => {
      const lines = readFileSync(host.outside("/run/trace"), "utf8").split("\n");
      return lines.some((line) => /^openat\(\d+, "10\.1\.0\.99".*INJECTED/.test(line));
    };
    let hits = 0;
    for (const fault of readingFaults()) {
      const name = Object.values(fault).join("-");
      const dataDir = `/run/work/${name}`;
      const path = host.write(`${dataDir}/net1/10.1.0.99`, "owner\r\neth0");
      const isThere = () => existsSync(host.outside(path));
      // Somebody else comes by, and then the one whose it is.
      await host.cni("ADD", { ...given("other", dataDir), ...failing(fault) });
      if (isHit()) hits++;
      assertSuccess(await host.cni("DEL", given("owner", dataDir)));
      assert.ok(!isThere(), `left after an ADD with ${name}`);
      // A change by somebody else, and a DEL that has to find it.
      host.write(path, "owner\r\neth0");
      const { status } = await host.cni("DEL", { ...given("owner", dataDir), ...failing(fault) });
      // Where the disk fails for good, nobody else can have the address, either.
      const isLost = fault.error === "EIO" && fault.when.endsWith("+");
      assert.ok(isLost || status !== 0 || !isThere(), `left by a DEL with ${name}`);
    }
    assert.ok(hits > 4, `${hits} hits`);
  }));

interface Fault {
  readonly call: string;
  readonly error: string;
  /** Which of the calls, with a plus for all that come after it, too. */
  readonly when: string;
}

/** A broken disk, and a machine that has no room. */
const readingErrors = { openat: ["EIO", "ENOMEM"], read: ["EIO", "ENOBUFS"] };

function readingFaults(): Fault[] {
  const places = Array.from({ length: 12 }, (_, at) => at + 1);
  return Object.entries(readingErrors).flatMap(([call, errors]) =>
    errors.flatMap((error) =>
      places.flatMap((at) => [`${at}`, `${at}+`].map((when) => ({ call, error, when }))),
    ),
  );
}

interface Broken {
  readonly what: string;
  readonly prepare: (host: Host) => Promise<unknown> | unknown;
  readonly config?: Config;
  readonly msg: RegExp;
}

const mount = (...options: string[]) => {
  return (host: Host) =>
    host.run("mount", "-t", "tmpfs", "-o", options.join(","), "store", "/var/lib/cni");
};

const broken: Broken[] = [
  { what: "a read-only file system", prepare: mount("ro"), msg: /read-only file system/ },
  {
    what: "a store that has become read-only",
    prepare: async (host) => {
      await mount("size=1m")(host);
      host.write(`${store}/lock`, "");
      await host.run("mount", "-o", "remount,ro", "/var/lib/cni");
    },
    msg: /read-only file system/,
  },
  {
    what: "a file system without inodes left for a folder",
    prepare: mount("nr_inodes=2"),
    msg: /no space left on device/,
  },
  {
    what: "a file system without inodes left for a reservation",
    prepare: async (host) => {
      await mount("nr_inodes=4")(host);
      host.write(`${store}/lock`, "");
    },
    msg: /no space left on device/,
  },
  {
    what: "a data directory that is a file",
    prepare: (host) => host.write("/var/lib/cni/networks", ""),
    msg: /not a directory|file exists/,
  },
  {
    what: "a network directory that is a file",
    prepare: (host) => host.write(store, ""),
    msg: /not a directory|file exists/,
  },
  {
    what: "a lock that is a directory",
    prepare: (host) => host.run("mkdir", "-p", `${store}/lock`),
    msg: /lock.*is a directory/,
  },
  {
    what: "a last-reserved file that is a directory",
    prepare: (host) => host.run("mkdir", "-p", `${store}/last_reserved_ip.0`),
    msg: /last_reserved_ip\.0.*is a directory/,
  },
];

for (const { what, prepare, config = gatewayConfig(), msg } of broken) {
  test(`${what} fails the ADD with a reason, and leaves nothing`, () =>
    withContainer(async (host) => {
      await prepare(host);
      await host.unchangedBy(async () => {
        assertError(await host.cni("ADD", { config }), { code: 999, msg });
        assertError(await host.cni("ADD", { config, plugin: "host-local" }), { code: 999, msg });
      });
    }));
}

test("a file system that fills up at any point of an ADD fails it, and leaves nothing", () =>
  withHost(async (host) => {
    let succeeded = 0;
    await host.addNetns("c1");
    for (let inodes = 2; inodes < 16; inodes++) {
      await mount(`nr_inodes=${inodes}`, "size=1m")(host);
      await host.unchangedBy(async () => {
        const config = bridgeConfig();
        const reply = await host.cni("ADD", { config });
        if (reply.status === 0) succeeded++;
        else assertError(reply, { code: 999, msg: /no space left on device/ });
        assertSuccess(await host.cni("DEL", { config }));
        if (reply.status === 0) await host.run("ip", "link", "del", "cni0");
      });
      await host.run("umount", "/var/lib/cni");
    }
    assert.ok(succeeded > 0 && succeeded < 14, `${succeeded} of 14 found room`);
  }));

test("a file system without a free block fails the ADD, and leaves nothing", () =>
  withContainer(async (host) => {
    await mount("size=16k")(host);
    host.write(`${store}/lock`, "");
    await host.run("sh", "-c", "cat /dev/zero >/var/lib/cni/ballast || true");
    const config = gatewayConfig();
    assertError(await host.cni("STATUS", { config, plugin: "host-local" }), {
      code: 50,
      msg: `cannot reserve addresses in "${store}": no space left on device`,
    });
    await host.unchangedBy(async () => {
      const reply = await host.cni("ADD", { config });
      assertError(reply, { code: 999, msg: /no space left on device/ });
      assertSuccess(await host.cni("DEL", { config }));
    });
    await host.run("rm", "/var/lib/cni/ballast");
    assertSuccess(await host.cni("STATUS", { config, plugin: "host-local" }));
    resultOf(await host.cni("ADD", { config: gatewayConfig() }));
  }));

test("STATUS tells that a file system has no inode left for a reservation", () =>
  withHost(async (host) => {
    await mount("nr_inodes=3")(host);
    await host.run("mkdir", "/var/lib/cni/networks");
    const status = () => host.cni("STATUS", { config: gatewayConfig(), plugin: "host-local" });
    assertSuccess(await status());
    host.write("/var/lib/cni/last", "");
    assertError(await status(), { code: 50, msg: /no space left on device/ });
  }));

test("DEL reports a reservation that it could not remove, once it has removed the rest", () =>
  withContainer(async (host) => {
    await mount("size=1m")(host);
    const config = gatewayConfig({ ipam: ipam4 });
    const attachment = await attach(host, { config });
    await host.run("mount", "-o", "remount,ro", "/var/lib/cni");
    assertError(await attachment.del(), { code: 999, msg: /read-only file system/ });
    const links = await host.ip<{ ifname: string }>("c1", "link");
    assert.deepEqual(
      links.map(({ ifname }) => ifname),
      ["lo"],
    );
    await host.run("mount", "-o", "remount,rw", "/var/lib/cni");
    assertSuccess(await attachment.del());
    assert.deepEqual(readReservations(host), []);
  }));

test("an ADD waits for the lock of another process", () =>
  withContainer(async (host) => {
    host.write(`${store}/lock`, "");
    const holder = host.start(["flock", `${store}/lock`, "sh", "-c", "echo held; sleep 1"]);
    await holder.printed("held");
    const reply = await host.cni("ADD", { config: gatewayConfig() });
    resultOf(reply);
    assert.ok(reply.ms > 500, `it took ${reply.ms} ms`);
  }));

test("an ADD that waits for a lock ends at once on SIGTERM, and leaves nothing", () =>
  withContainer(async (host) => {
    host.write(`${store}/lock`, "");
    const holder = host.start(["flock", `${store}/lock`, "sh", "-c", "echo held; sleep 20"]);
    await holder.printed("held");
    await host.unchangedBy(async () => {
      const adding = host.startCni("ADD", { config: gatewayConfig() });
      setTimeout(() => adding.kill("SIGTERM"), 300);
      const outcome = await adding.outcome;
      assert.equal(outcome.status, 1);
      assert.equal(JSON.parse(outcome.stdout).code, 11);
      assert.ok(outcome.ms < 3000, `it took ${outcome.ms} ms`);
    });
  }));
