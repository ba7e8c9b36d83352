/** firewall with firewalld, over the message bus; with both of them missing, mute, or gone in the middle. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { Chain, type Member } from "./harness/chain.ts";
import { reference, withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { sourcesOf, startBus, startFirewalld, withoutFirewalld } from "./harness/firewalld.ts";
import { type Call, type Host, withHost } from "./harness/host.ts";
import { type Config, dualStack } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { ask, type Endpoint, withServers } from "./harness/probe.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

const skip = withoutFirewalld;
const addresses = ["10.1.0.2/32", "fd00:1::2/128"];

function callWith(changes: Config = {}, more: Partial<Call> = {}): Call {
  const prevResult = {
    cniVersion: "1.0.0",
    interfaces: [{ name: "cni0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
    ips: [{ address: "10.1.0.2/24" }, { address: "fd00:1::2/64" }],
  };
  const config = { cniVersion: "1.0.0", name: "net1", type: "firewall", prevResult, ...changes };
  return { plugin: "firewall", ...more, config };
}

function filesOf(host: Host): string[] {
  const names = readdirSync(host.outside("/run/cni/firewall"));
  return names.filter((name) => name.endsWith(".json"));
}

/** Gives a source to a zone, as an administrator does. */
async function bind(host: Host, zone: string, source = ""): Promise<void> {
  const service = "org.fedoraproject.FirewallD1";
  const to = ["--system", "--print-reply", `--dest=${service}`, "/org/fedoraproject/FirewallD1"];
  await host.run(
    "dbus-send",
    ...to,
    `${service}.zone.addSource`,
    `string:${zone}`,
    `string:${source}`,
  );
}

async function withFirewalld(steps: (host: Host) => Promise<void>): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    await startBus(host);
    await startFirewalld(host);
    await steps(host);
  });
}

test(
  "where firewalld runs it is asked, and what it was told is found again by name",
  { skip },
  () =>
    withFirewalld(async (host) => {
      const call = callWith();
      resultOf(await host.cni("ADD", call));
      assert.deepEqual(await sourcesOf(host, "trusted"), addresses);
      assertSuccess(await host.cni("CHECK", call));
      resultOf(await host.cni("ADD", call));
      const bare = callWith({ prevResult: undefined }, { netns: "", containerId: "container-c1" });
      assertSuccess(await host.cni("DEL", bare));
      assert.deepEqual(await sourcesOf(host, "trusted"), []);
      assert.deepEqual(filesOf(host), []);
      assertSuccess(await host.cni("DEL", call));
      assertError(await host.cni("CHECK", call), {
        code: 999,
        msg: "failed to find the address 10.1.0.2/32 in trusted zone",
      });
      const zoned = callWith({ firewalldZone: "nozone" });
      const msg = /^failed to add the address 10.1.0.2\/32 to nozone zone: INVALID_ZONE: nozone$/;
      assertError(await host.cni("ADD", zoned), { code: 999, msg });
      assert.deepEqual(filesOf(host), []);
      await bind(host, "dmz", addresses[1]);
      const taken = /^failed to add the address fd00:1::2\/128 to trusted zone: ZONE_CONFLICT/;
      assertError(await host.cni("ADD", call), { code: 999, msg: taken });
      assert.deepEqual(filesOf(host), []);
      assert.deepEqual(await sourcesOf(host, "trusted"), []);
      assertSuccess(await host.cni("DEL", call));
      assertSuccess(await host.cni("DEL", zoned));
      assert.deepEqual(await sourcesOf(host, "dmz"), [addresses[1]]);
    }),
);

test("GC removes sources of what is not valid, and none that another holds", { skip }, () =>
  withFirewalld(async (host) => {
    resultOf(await host.cni("ADD", callWith()));
    resultOf(await host.cni("ADD", callWith({}, { containerId: "other" })));
    const gc = (attachments: Config[]) =>
      host.cni("GC", callWith({ cniVersion: "1.1.0", "cni.dev/valid-attachments": attachments }));
    assertSuccess(await gc([{ containerID: "other", ifname: "eth0" }]));
    assert.deepEqual(await sourcesOf(host, "trusted"), addresses);
    assert.equal(filesOf(host).length, 1);
    assertSuccess(await gc([]));
    assert.deepEqual(await sourcesOf(host, "trusted"), []);
    assert.deepEqual(filesOf(host), []);
  }),
);

for (const [title, adder, remover] of [
  ["we remove what the reference told firewalld", referenceInWorld, oursInWorld],
  ["the reference removes what we told firewalld", oursInWorld, referenceInWorld],
] as const) {
  test(title, { skip: withoutFirewalld || (reference === undefined && withoutReference) }, () =>
    withFirewalld(async (host) => {
      resultOf(await host.cni("ADD", callWith({}, { from: adder })));
      assert.deepEqual(await sourcesOf(host, "trusted"), addresses);
      assertSuccess(await host.cni("DEL", callWith({}, { from: remover })));
      assert.deepEqual(await sourcesOf(host, "trusted"), []);
    }),
  );
}

test("a policy that the configuration has no more goes with the container", { skip }, () =>
  withFirewalld(async (host) => {
    const backend = { backend: "firewalld" };
    resultOf(await host.cni("ADD", callWith({ ...backend, ingressPolicy: "isolated" })));
    assert.match(await host.run("nft", "list", "ruleset"), /iifname "cni0" oifname "cni0"/);
    assertSuccess(await host.cni("DEL", callWith(backend)));
    assert.doesNotMatch(await host.run("nft", "list", "ruleset"), /"cni0"|10\.1\.0\.2/);
    assert.deepEqual(await sourcesOf(host, "trusted"), []);
  }),
);

test("by packets: firewalld lets the container out; policies hold beside it", { skip }, () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c3");
    await addOutside(host);
    await startBus(host);
    await startFirewalld(host);
    const chainOn = (bridge: string, name: string, ipam: Config, netns: string) => {
      const firewall: Member = { type: "firewall", name, ingressPolicy: "same-bridge" };
      const first: Member = {
        type: "bridge",
        name,
        bridge,
        isDefaultGateway: true,
        ipMasq: true,
        ipam,
      };
      return new Chain(host, [first, firewall], { netns });
    };
    const other: Config = {
      type: "host-local",
      ranges: [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]],
    };
    const chain = chainOn("cni0", "net1", dualStack, "c1");
    await chain.add();
    await chainOn("cni1", "net2", other, "c3").add();
    const at = (address: string): Endpoint[] =>
      (["tcp", "udp"] as const).map((transport) => ({ transport, address, port: 80 }));
    const peers = [...at(outside[4].peer), ...at(outside[6].peer)];
    await withServers(host, { netns: "out", endpoints: at("::") }, async () => {
      const masked = [outside[4].host, outside[6].host].flatMap((address) => [
        `out ${address}`,
        `out ${address}`,
      ]);
      assert.deepEqual(await ask(host, "c1", peers), masked);
      await chain.check();
    });
    await withServers(host, { netns: "c1", endpoints: at("::") }, async () => {
      const own = [...at("10.1.0.2"), ...at("fd00:1::2")];
      assert.deepEqual(await ask(host, "c3", own), Array(4).fill("nobody"));
    });
    await chain.del();
    assert.deepEqual(await sourcesOf(host, "trusted"), ["10.2.0.2/32", "fd00:2::2/128"]);
  }),
);

test("without firewalld, or without a bus, asking for it is an error and DEL is none", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const call = callWith({ backend: "firewalld" });
    const status = callWith({ backend: "firewalld", cniVersion: "1.1.0" });
    const gone = async () => {
      assertError(await host.cni("ADD", call), { code: 999, msg: "firewalld is not running" });
      assertError(await host.cni("CHECK", call), { code: 999, msg: "firewalld is not running" });
      assertError(await host.cni("STATUS", status), { code: 50, msg: /has no firewalld$/ });
      assertSuccess(await host.cni("DEL", call));
    };
    await gone();
    const bus = await startBus(host);
    await gone();
    bus.kill("SIGKILL");
    await bus.outcome;
    await gone();
  }));

test("firewalld that dies between two addresses: a clear error, and nothing left", { skip }, () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await startBus(host);
    const firewalld = await startFirewalld(host);
    const call = callWith({ backend: "firewalld" });
    // The plugin waits before its second question long enough for firewalld to end.
    const send = ["-e", "trace=sendto", "-e", "inject=sendto:delay_enter=3000000:when=6"];
    const running = host.startCni("ADD", {
      ...call,
      wrap: ["strace", "-qq", "-o", "/dev/null", ...send],
    });
    for (let tries = 0; (await sourcesOf(host, "trusted"))?.length !== 1; tries++) {
      assert.ok(tries < 50, "the first address never came");
    }
    firewalld.kill("SIGKILL");
    await firewalld.outcome;
    const { stdout, status } = await running.outcome;
    assert.equal(status, 1, stdout);
    assert.match(stdout, /failed to add the address fd00:1::2\/128 to trusted zone: .*FirewallD1/);
    assert.deepEqual(filesOf(host), []);
    assertSuccess(await host.cni("DEL", call));
  }),
);

/** In firewalld's place: takes its name, and never answers. */
const mute = `
import dbus, dbus.service, dbus.mainloop.glib, time
bus = dbus.SystemBus()
bus.request_name("org.fedoraproject.FirewallD1")
print("ready", flush=True)
time.sleep(60)
`;

test(
  "firewalld that does not answer: the runtime's signal ends the wait, with code 11",
  { skip },
  () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await startBus(host);
      const service = host.start(["/usr/bin/python3", "-c", mute], { deadlineMs: 60_000 });
      await service.printed("ready");
      const running = host.startCni("ADD", callWith({ backend: "firewalld" }));
      setTimeout(() => running.kill("SIGTERM"), 1000);
      // What was asked for may yet come about, so the file stays for DEL while nobody answers.
      setTimeout(() => service.kill("SIGKILL"), 3000);
      const { stdout, ms } = await running.outcome;
      assert.equal(JSON.parse(stdout).code, 11, stdout);
      assert.match(stdout, /failed to add the address 10.1.0.2\/32 to trusted zone: /);
      assert.ok(ms < 8000, `it took ${ms} ms`);
      assertSuccess(await host.cni("DEL", callWith({ backend: "firewalld" })));
      assert.deepEqual(filesOf(host), []);
    }),
);

test("a bus that speaks nonsense is an error, not a hang", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.run("mkdir", "-p", "/run/dbus");
    const server = `
      const answers = ["REJECTED EXTERNAL\\r\\n", "x".repeat(10000), "OK 1\\r\\n" + "n".repeat(64), ""];
      let count = 0;
      require("node:net").createServer((socket) => {
        const answer = answers[count++];
        socket.on("error", () => {});
        socket.on("data", () => answer === "" ? socket.end() : socket.write(answer));
      }).listen("/run/dbus/system_bus_socket", () => console.log("listening"));
    `;
    const bus = host.start([process.execPath, "-e", server], { deadlineMs: 60_000 });
    await bus.printed("listening");
    for (const msg of [
      /refuses us: "REJECTED/,
      /babbles/,
      /no message of D-Bus/,
      /connection reset/,
    ]) {
      const reply = await host.cni("ADD", callWith({ backend: "firewalld" }));
      assertError(reply, { code: 999, msg });
      assert.match(reply.stdout, /failed to reach the system's message bus/);
    }
  }));

test("a bus that refuses us is no firewalld, unless that was asked for", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    // As the host's bus does to whoever is root of a user namespace only.
    const bus = await startBus(host, "ANONYMOUS");
    const asked = callWith({ backend: "firewalld" });
    assertError(await host.cni("ADD", asked), { code: 999, msg: /refuses us: "REJECTED/ });
    const call = callWith();
    const reply = await host.cni("ADD", call);
    resultOf(reply);
    assert.match(reply.stderr, /going on without firewalld: .*refuses us: "REJECTED/);
    assert.match(await host.run("iptables-save"), /-A CNI-FORWARD -s 10\.1\.0\.2\/32 -j ACCEPT/);
    assertSuccess(await host.cni("CHECK", call));
    assertSuccess(await host.cni("DEL", call));
    assert.doesNotMatch(await host.run("iptables-save"), /10\.1\.0\.2/);
    bus.kill("SIGKILL");
    await bus.outcome;
  }));
