/** dhcp's daemon: its socket, its end and its beginning again, and whoever wishes it ill. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attach, detach } from "./harness/attachment.ts";
import { describe } from "./harness/command.ts";
import {
  dhcpConfig,
  dnsmasqLeases,
  fileOf,
  listenAt,
  makeServerBridge,
  network,
  passSocket,
  plugContainer,
  startDaemon,
  startDnsmasq,
  startKea,
  statusOf,
  until,
} from "./harness/dhcp.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

const socket = "/run/cni/dhcp.sock";
/** dhcp called by itself, for a container without an interface. */
const direct = { plugin: "dhcp", config: dhcpConfig() };
const impatient = ["-timeout", "200ms", "-resendmax", "200ms", "-resendtimeout", "1s"];

/** A program that listens on the daemon's socket and answers everything with a text. */
function impostor(host: Host, answer: string) {
  const script = `require("net").createServer((s) => { s.once("data", () => s.end(${JSON.stringify(answer)})); })
    .listen("${socket}", () => console.log("there"))`;
  host.write("/run/cni/.keep", "");
  return host.start([process.execPath, "-e", script]);
}

test("no daemon: ADD, CHECK, GC and STATUS say so, DEL succeeds", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const msg = `error dialing DHCP daemon: dial unix ${socket}: connect: no such file or directory`;
    for (const verb of ["ADD", "STATUS"] as const) {
      assertError(await host.cni(verb, direct), { code: 50, msg });
    }
    const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.9.0.5/24" }] };
    const config = dhcpConfig({}, { prevResult });
    assertError(await host.cni("CHECK", { ...direct, config }), { code: 50, msg });
    assertSuccess(await host.cni("DEL", { ...direct, config }));
    assertError(await host.cni("STATUS", { config: dhcpConfig() }), { code: 50, msg });
  }));

test("a daemon of another version, or of another suite, is told from one of ours", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const answers = {
      "TSCNI-DHCP 9 2\n{}":
        /it speaks version 9 of the protocol, this plugin 1: restart the daemon/,
      "HTTP/1.1 400 Bad Request\r\n\r\n":
        /does not speak the language of this suite's daemon: "HTTP/,
      "": /it hung up/,
      "TSCNI-DHCP 1 3\n{{{": /a message that is no JSON/,
    };
    for (const [answer, expected] of Object.entries(answers)) {
      const other = impostor(host, answer);
      await other.printed("there");
      const { code, msg } = (await host.cni("ADD", direct)).json as { code: number; msg: string };
      assert.equal(code, 50);
      assert.match(msg, expected);
      assertSuccess(await host.cni("DEL", direct));
      other.kill("SIGTERM");
      await other.outcome;
      await host.run("rm", "-f", socket);
    }
  }));

test("the reference's plugin is told whose daemon it talks to", { skip: withoutReference }, () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const daemon = await startDaemon(host);
    const reply = await host.cni("ADD", { ...direct, from: referenceInWorld });
    assert.equal(reply.status, 1);
    assert.match(reply.stdout, /DHCP daemon of another suite/);
    await daemon.stop();
  }),
);

test("a plugin of another version is told so by the daemon", () =>
  withHost(async (host) => {
    const daemon = await startDaemon(host);
    const script = `const s = require("net").connect("${socket}", () => s.write("TSCNI-DHCP 7 2\\n{}"));
      s.on("data", (d) => process.stdout.write(d));`;
    const said = await host.run(process.execPath, "-e", script);
    assert.match(said, /it speaks version 7 of the protocol, the daemon 1/);
    await daemon.stop();
  }));

test("a socket file that nobody listens at is replaced; one that somebody does is not", () =>
  withHost(async (host) => {
    const other = impostor(host, "");
    await other.printed("there");
    const flags = ["daemon", "-leasedir", "/run/elsewhere"];
    const refused = await host.start([`${oursInWorld}/dhcp`, ...flags]).outcome;
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /Error getting listener: .*another daemon answers there/);
    other.kill("SIGKILL");
    await other.outcome;
    assert.ok(existsSync(host.outside(socket)));
    const daemon = await startDaemon(host);
    assert.equal(statSync(host.outside(socket)).mode & 0o777, 0o600);
    await daemon.stop();
    assert.ok(!existsSync(host.outside(socket)));
  }));

test("a second daemon is refused; the first one keeps its socket and its pid file", () =>
  withHost(async (host) => {
    const daemon = await startDaemon(host, ["--pidfile=/run/dhcp.pid"]);
    const { pid } = await statusOf(host);
    assert.equal(fileOf(host, "/run/dhcp.pid"), String(pid));
    const refused = await host.start([`${oursInWorld}/dhcp`, "daemon"]).outcome;
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /another daemon keeps the leases in \/run\/cni\/dhcp-leases/);
    assert.equal((await statusOf(host)).pid, pid);
    await daemon.stop("SIGINT");
    assert.deepEqual((await daemon.running.outcome).status, 0);
    assert.ok(!existsSync(host.outside("/run/dhcp.pid")));
  }));

test("bad flags end with 2 and the usage, a pid file without a root with 1", () =>
  withHost(async (host) => {
    for (const flag of ["-nonsense", "-timeout=never", "word"]) {
      const { status, stderr } = await host.start([`${oursInWorld}/dhcp`, "daemon", flag]).outcome;
      assert.equal(status, 2);
      assert.match(stderr, /Usage of dhcp daemon/);
    }
    const argv = [`${oursInWorld}/dhcp`, "daemon", "-pidfile", "here"];
    const { status, stderr } = await host.start(argv).outcome;
    assert.equal(status, 1);
    assert.match(stderr, /Error writing pidfile "here": path not absolute/);
  }));

test("the daemon gives up capabilities, new privileges and system calls", () =>
  withHost(async (host) => {
    const daemon = await startDaemon(host);
    const { pid } = await statusOf(host);
    const state = readFileSync(`/proc/${pid}/status`, "utf8");
    const kept = [2, 10, 12, 13, 19, 21].reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
      const value = BigInt(`0x${new RegExp(`${set}:\\s*(\\w+)`).exec(state)?.[1]}`);
      assert.equal(value & ~kept, 0n, `${set} has ${value.toString(16)}`);
    }
    assert.match(state, /NoNewPrivs:\s*1/);
    assert.match(state, /Seccomp:\s*2/);
    await daemon.stop();
  }));

test("the daemon takes as many descriptors as it may have", () =>
  withHost(async (host) => {
    const daemon = await startDaemon(host, [], ["prlimit", "--nofile=256:2048"]);
    const { pid } = await statusOf(host);
    const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
    assert.match(limits, /^Max open files +2048 +2048 /m);
    await daemon.stop();
  }));

test("other users cannot connect, nor be served where the socket lets them", () =>
  withHost(async (host) => {
    const script = `const s = require("net").connect("${socket}");
      s.on("data", (d) => process.stdout.write(d)); s.on("error", (e) => process.stdout.write(e.code));`;
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const daemon = await startDaemon(host);
    await host.run("chmod", "755", "/run/cni");
    const ask = () => host.run(...nobody, process.execPath, "-e", script);
    assert.equal(await ask(), "EACCES");
    chmodSync(host.outside(socket), 0o666);
    assert.match(await ask(), /user 65534 may not use the DHCP daemon/);
    assert.match(daemon.said(), /refused process \d+ of user 65534/);
    await daemon.stop();
  }));

test("what is no question, or half of one, does not keep the daemon from the others", () =>
  withHost(async (host) => {
    const daemon = await startDaemon(host);
    const texts = [
      "",
      "TSCNI-DHCP 1 100\n{",
      "TSCNI-DHCP 1 9999999999\n",
      `TSCNI-DHCP 1 ${9_999_999}\n`,
      "x".repeat(100_000),
      "TSCNI-DHCP 1 4\nnull",
      'TSCNI-DHCP 1 21\n{"method":"allocate"}',
      'TSCNI-DHCP 1 20\n{"method":"release"}',
    ];
    const script = `for (const text of ${JSON.stringify(texts)}) {
        const s = require("net").connect("${socket}", () => s.write(text));
        s.on("error", () => {}); s.resume();
      }
      setTimeout(() => console.log("said"), 200);`;
    const stranger = host.start([process.execPath, "-e", script]);
    await stranger.printed("said");
    assert.equal((await statusOf(host)).attachments.length, 0);
    stranger.kill("SIGKILL");
    await stranger.outcome;
    await daemon.stop();
  }));

test("systemd's socket is taken, and left where it is", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await makeServerBridge(host);
    const server = await startDnsmasq(host);
    host.write("/run/cni/.keep", "");
    using listener = listenAt(host.outside(socket));
    const command = `LISTEN_PID=$$ LISTEN_FDS=1 exec ${oursInWorld}/dhcp daemon`;
    const daemon = passSocket(host, listener, ["sh", "-c", command]);
    await detach(await attach(host, { config: dhcpConfig({ probe: 0 }) }));
    daemon.kill("SIGTERM");
    await new Promise((resolve) => daemon.once("exit", resolve));
    assert.equal(daemon.exitCode, 0);
    assert.ok(existsSync(host.outside(socket)));
    const many = `LISTEN_PID=$$ LISTEN_FDS=2 exec ${oursInWorld}/dhcp daemon`;
    const refused = passSocket(host, listener, ["sh", "-c", many]);
    await new Promise((resolve) => refused.once("exit", resolve));
    assert.equal(refused.exitCode, 1);
    await server.stop();
  }));

test("no server: ADD fails in time and leaves nothing behind", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const daemon = await startDaemon(host, impatient);
    await host.unchangedBy(async () => {
      const reply = await host.cni("ADD", { config: dhcpConfig() });
      assertError(reply, { code: 999, msg: "error calling DHCP.Allocate: no more tries" });
      assert.ok(reply.ms < 5_000);
    });
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
  }));

test("an ADD that is interrupted is given up by the daemon, too", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const daemon = await startDaemon(host);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const adding = host.startCni("ADD", { config: dhcpConfig() });
      await until("the search", async () => (await statusOf(host)).attachments.length === 1);
      // The plugin waits below the one that was called.
      const [child] = (await host.run("pgrep", "-P", String(adding.pid))).trim().split("\n");
      if (signal === "SIGKILL") process.kill(Number(child), signal);
      else adding.kill(signal);
      assert.notEqual((await adding.outcome).status, 0);
      await until("the end", async () => (await statusOf(host)).attachments.length === 0);
    }
    await daemon.stop();
  }));

test("two ADDs for one attachment: who gives up does not take the lease from who waits", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    await plugContainer(host);
    const daemon = await startDaemon(host, ["-timeout", "200ms", "-resendmax", "200ms"]);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const before = (await statusOf(host)).counters.adds ?? 0;
      const first = host.startCni("ADD", direct);
      await until("the first", async () => (await statusOf(host)).counters.adds === before + 1);
      const second = host.startCni("ADD", direct);
      await until("the second", async () => (await statusOf(host)).counters.adds === before + 2);
      first.kill(signal);
      assert.notEqual((await first.outcome).status, 0);
      const server = await startDnsmasq(host);
      const outcome = await second.outcome;
      assert.equal(outcome.status, 0, describe(outcome));
      assert.equal((await statusOf(host)).attachments.length, 1);
      assertSuccess(await host.cni("DEL", direct));
      assert.deepEqual((await statusOf(host)).attachments, []);
      await server.stop();
    }
    await daemon.stop();
  }));

test("a daemon that has no descriptors left waits for some, and takes who waits meanwhile", () =>
  withHost(async (host) => {
    const daemon = await startDaemon(host);
    const { pid } = await statusOf(host);
    const limit = (files: number) => host.run("prlimit", `--pid=${pid}`, `--nofile=${files}:4096`);
    const open = () => readdirSync(`/proc/${pid}/fd`).length;
    // The daemon closes the connection of the question above a moment after its answer.
    let files = open();
    for (let seen = 0; seen !== files; ) {
      seen = files;
      await sleep(200);
      files = open();
    }
    await limit(files);
    const used = () => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ");
      return Number(fields[13]) + Number(fields[14]);
    };
    const before = used();
    const asking = statusOf(host);
    await sleep(1_500);
    // Clock ticks, a hundred a second.
    assert.ok(used() - before < 30, `${used() - before} ticks`);
    await limit(1024);
    assert.equal((await asking).pid, pid);
    const complaints = daemon.said().match(/^cannot take connections for now: .*$/gm);
    assert.equal(complaints?.length, 1, daemon.said());
    assert.match(complaints?.[0] ?? "", /too many open files/);
    await daemon.stop();
  }));

test("a repeated ADD gets the same lease, a new container of the same name its own", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1", "c2");
    const server = await startDnsmasq(host);
    const daemon = await startDaemon(host);
    const first = await attach(host, { config: dhcpConfig({ probe: 0 }), containerId: "a" });
    const again = await host.cni("ADD", { ...direct, containerId: "a" });
    assert.deepEqual(
      (again.json as { ips: { address: string }[] }).ips[0]?.address,
      first.result.ips?.[0]?.address,
    );
    await attach(host, { config: dhcpConfig({ probe: 0 }), containerId: "a", netns: "c2" });
    assert.equal((await statusOf(host)).attachments.length, 1);
    await daemon.stop();
    await server.stop();
  }));

test("a daemon killed at any moment: whoever has an address keeps it, and it is renewed", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    const server = await startKea(host, { lease: 20, renew: 1, rebind: 15 });
    let daemon = await startDaemon(host);
    const names = Array.from({ length: 10 }, (_, at) => `c${at}`);
    await host.addNetns(...names);
    const attachments = await Promise.all(
      names.map((netns) => attach(host, { config: dhcpConfig({ probe: 0 }), netns })),
    );
    const addresses = attachments.map(({ result }) => result.ips?.[0]?.address);
    for (let round = 0; round < 20; round++) {
      await sleep(50 + 20 * round);
      await daemon.stop("SIGKILL");
      daemon = await startDaemon(host);
      const { attachments: known } = await statusOf(host);
      const held = names.map(
        (name) =>
          known.find(({ containerId }) => containerId === `container-${name}`)?.leases[0]
            ?.addresses[0],
      );
      assert.deepEqual(held, addresses);
    }
    await until("ten renewals", async () => ((await statusOf(host)).counters.renewals ?? 0) >= 10);
    for (const attachment of attachments) assertSuccess(await attachment.check());
    await Promise.all(attachments.map(detach));
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
    await server.stop();
  }));

test("a lease that ended while no daemon ran is asked for again, with the address it had (INIT-REBOOT)", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const server = await startKea(host, { lease: 3, renew: 1, rebind: 2 });
    let daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig({ probe: 0 }) });
    await daemon.stop("SIGKILL");
    await sleep(3_500);
    daemon = await startDaemon(host);
    const lease = async () => (await statusOf(host)).attachments[0]?.leases[0];
    await until("the lease", async () => (await lease())?.phase === "bound");
    assert.deepEqual((await lease())?.addresses, [attachment.result.ips?.[0]?.address]);
    assert.doesNotMatch(daemon.said(), /lost/);
    assertSuccess(await attachment.check());
    await detach(attachment);
    await daemon.stop();
    await server.stop();
  }));

test("DEL while no daemon runs gives the lease back by itself", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const server = await startDnsmasq(host);
    const daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig({ probe: 0 }) });
    await daemon.stop();
    assert.notEqual(fileOf(host, dnsmasqLeases), "");
    const reply = await attachment.del();
    assert.equal(reply.status, 0, describe(reply));
    assert.match(reply.stderr, /gave the lease back without it/);
    await until("the release", () => fileOf(host, dnsmasqLeases) === "");
    const next = await startDaemon(host);
    assert.deepEqual((await statusOf(host)).attachments, []);
    await next.stop();
    await server.stop();
  }));

test("a namespace that vanishes while its lease is kept, and one while no daemon runs", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1", "c2");
    const server = await startKea(host, { lease: 20, renew: 1, rebind: 15 });
    let daemon = await startDaemon(host);
    const config = dhcpConfig({ probe: 0 });
    await attach(host, { config });
    await attach(host, { config, netns: "c2" });
    await host.deleteNetns("c1");
    await until("its end", async () => (await statusOf(host)).attachments.length === 1);
    assert.match(daemon.said(), /container-c1\/eth0: its leases are left to expire: its network/);
    await daemon.stop();
    await host.deleteNetns("c2");
    daemon = await startDaemon(host);
    assert.deepEqual((await statusOf(host)).attachments, []);
    assertSuccess(await host.cni("DEL", { config, netns: "" }));
    await daemon.stop();
    await server.stop();
  }));

test("an address that somebody on the network has is declined, and another one taken", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1", "squatter");
    const [taken, free] = [`${network.prefix}.10`, `${network.prefix}.11`];
    await host.run(
      "sh",
      "-ec",
      `ip link add s0 type veth peer name s0 netns squatter
       ip link set s0 master ${network.bridge} up
       ip -n squatter addr add ${taken}/24 dev s0
       ip -n squatter link set s0 up`,
    );
    const range = `--dhcp-range=${taken},${free},120`;
    const server = await startDnsmasq(host, ["--dhcp-sequential-ip", range]);
    const daemon = await startDaemon(host);
    const attachment = await attach(host, { config: dhcpConfig() });
    assert.match(daemon.said(), /declined 10\.9\.0\.10: somebody else on the network has it/);
    assert.match(server.said(), /DHCPDECLINE\(br0\) 10\.9\.0\.10/);
    assert.notEqual(attachment.result.ips?.[0]?.address, `${taken}/24`);
    await daemon.stop();
    await server.stop();
  }));

test("GC releases what is not valid any more", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1", "c2");
    const server = await startDnsmasq(host);
    const daemon = await startDaemon(host);
    const config = dhcpConfig({ probe: 0 });
    await attach(host, { config });
    await attach(host, { config, netns: "c2" });
    const valid = [{ containerID: "container-c2", ifname: "eth0" }];
    const call = { ...direct, config: { ...config, "cni.dev/valid-attachments": valid } };
    assertSuccess(await host.cni("GC", { ...call, netns: undefined }));
    const { attachments } = await statusOf(host);
    assert.deepEqual(
      attachments.map(({ containerId }) => containerId),
      ["container-c2"],
    );
    await until("the release", () => fileOf(host, dnsmasqLeases).trim().split("\n").length === 1);
    await daemon.stop();
    await server.stop();
  }));

const wrong = {
  "no ipam": [undefined, "IPAM config missing 'ipam' key"],
  "an unknown option": [
    { request: [{ option: "nonsense" }] },
    'Can not parse option "nonsense": unknown name or number',
  ],
  "an option past 255": [
    { provide: [{ option: "256", value: "x" }] },
    'Can not parse option "256": unknown name or number',
  ],
  "a value too long": [
    { provide: [{ option: "12", value: "x".repeat(256) }] },
    "value too long for option 12: 256 bytes",
  ],
  "an option of DHCP's own": [
    { provide: [{ option: "53", hex: "01" }] },
    `cannot provide option "53": it is DHCP's own`,
  ],
  "an unknown form of client id": [
    { clientID: "Duid" },
    'unknown clientID "Duid": expected mac, duid, containerID or text:...',
  ],
  "a name that is none": [{ fqdn: "a b" }, 'invalid fqdn "a b": no domain name'],
  "hex that is none": [
    { provide: [{ option: "43", hex: "0x123" }] },
    'invalid hex of option "43": 0x123',
  ],
} as const;

test("configurations that cannot be honoured are refused", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    for (const [what, [ipam, msg]] of Object.entries(wrong)) {
      const config = dhcpConfig({}, { ipam: ipam && { type: "dhcp", ...ipam } });
      const reply = await host.cni("ADD", { plugin: "dhcp", config });
      assertError(reply, { code: 7, msg });
      assert.ok(what);
    }
  }));

test("a lease that cannot be kept is given back, and ADD fails with the reason", () =>
  withHost(async (host) => {
    await makeServerBridge(host);
    await host.addNetns("c1");
    const server = await startDnsmasq(host);
    await host.run("sh", "-ec", "mkdir /run/leases; mount -t tmpfs none /run/leases");
    const daemon = await startDaemon(host, ["-leasedir", "/run/leases"]);
    await host.run("mount", "-o", "remount,ro", "/run/leases");
    assertError(await host.cni("ADD", { config: dhcpConfig(), netns: "c1" }), {
      msg: /cannot keep the lease: .*read-only file system/,
    });
    await until("the release", () => server.said().includes("DHCPRELEASE"));
    assert.deepEqual((await statusOf(host)).attachments, []);
    await daemon.stop();
    await host.run("umount", "/run/leases");
  }));
