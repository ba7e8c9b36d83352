/** Every way in which ADD of the bridge plugin can fail: it says why, and nothing is left behind. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { describe } from "./harness/command.ts";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, type ExpectedError, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import {
  bridgeConfig,
  type Config,
  gatewayConfig,
  layer2Config,
  subnet4,
} from "./harness/networks.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

/** An ADD that must fail, in a world prepared for it. */
interface Failure {
  readonly what: string;
  readonly config: Config;
  readonly args?: string;
  readonly path?: string;
  readonly prepare?: (host: Host) => Promise<unknown>;
  readonly error: ExpectedError;
}

function testFailure({ what, config, args, path, prepare, error }: Failure): void {
  test(`ADD fails for ${what}, and leaves nothing`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await prepare?.(host);
      const call = {
        config,
        ...(args === undefined ? {} : { args }),
        ...(path === undefined ? {} : { path }),
      };
      await host.unchangedBy(async () => assertError(await host.cni("ADD", call), error));
    }));
}

const badVlans: [what: string, keys: Config, msg: string][] = [
  ["VLAN 4095", { vlan: 4095 }, "invalid VLAN ID 4095 (must be between 0 and 4094)"],
  ["a negative VLAN", { vlan: -1 }, "invalid VLAN ID -1 (must be between 0 and 4094)"],
  ["VLAN 0 in a trunk", { vlanTrunk: [{ id: 0 }] }, "incorrect trunk id parameter"],
  [
    "half a range in a trunk",
    { vlanTrunk: [{ minID: 5 }] },
    "minID and maxID should be configured simultaneously, maxID is missing",
  ],
];

for (const [what, keys, msg] of badVlans) {
  testFailure({ what, config: gatewayConfig(keys), error: { code: 7, msg } });
}

test("ADD fails for VLANs that the kernel cannot keep apart, and leaves nothing", (t) =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.run("ip", "link", "add", "old", "up", "type", "bridge");
    const filtering = "ip link add can type bridge vlan_filtering 1 2>/dev/null && echo yes; true";
    if ((await host.run("sh", "-c", filtering)) !== "") {
      t.skip("this kernel can: bridge-vlan.test.ts has the other side");
      return;
    }
    for (const bridge of ["cni0", "old"]) {
      await host.unchangedBy(async () => {
        const reply = await host.cni("ADD", { config: gatewayConfig({ bridge, vlan: 7 }) });
        assertError(reply, { code: 999, msg: /the kernel has no VLAN filtering for bridges/ });
      });
    }
  }));

const wrongTypes: [key: string, config: Config, value: RegExp, expected: RegExp][] = [
  ["bridge", gatewayConfig({ bridge: 7 }), /7/, /string/],
  ["mtu", gatewayConfig({ mtu: "9000" }), /"9000"/, /number/],
  ["mtu", gatewayConfig({ mtu: 1400.5 }), /1400\.5/, /integer/i],
  ["mtu", gatewayConfig({ mtu: -1 }), /-1/, /0/],
  ["isGateway", gatewayConfig({ isGateway: "true" }), /"true"/, /boolean/],
  ["hairpinMode", gatewayConfig({ hairpinMode: 1 }), /1/, /boolean/],
  ["vlan", gatewayConfig({ vlan: [] }), /\[\]/, /number/],
  ["dns", gatewayConfig({ dns: ["1.1.1.1"] }), /1\.1\.1\.1/, /object/],
  ["dns.nameservers", gatewayConfig({ dns: { nameservers: "1.1.1.1" } }), /1\.1\.1\.1/, /list/],
  ["ipam", gatewayConfig({ ipam: "host-local" }), /"host-local"/, /object/],
  ["ipam.type", gatewayConfig({ ipam: { type: 5 } }), /5/, /string/],
  ["runtimeConfig", gatewayConfig({ runtimeConfig: 5 }), /5/, /object/],
];

for (const [key, config, value, expected] of wrongTypes) {
  testFailure({
    what: `${key} of a wrong type (${value.source})`,
    config,
    error: {
      code: 7,
      msg: new RegExp(`(?=.*${key})(?=.*${value.source})(?=.*${expected.source})`, "s"),
    },
  });
}

const contradictions: Failure[] = [
  {
    what: "hairpin and promiscuous mode together",
    config: gatewayConfig({ hairpinMode: true, promiscMode: true }),
    error: { code: 7, msg: "cannot set hairpin mode and promiscuous mode at the same time" },
  },
  {
    what: "addresses on an interface that stays down",
    config: gatewayConfig({ disableContainerInterface: true }),
    error: { code: 7, msg: "cannot use IPAM when DisableContainerInterface flag is set" },
  },
  {
    what: "a MAC that is none",
    config: gatewayConfig({ runtimeConfig: { mac: "02:00:00:00:00" } }),
    error: { code: 7, msg: /02:00:00:00:00: invalid MAC address/ },
  },
  {
    what: "a MAC in CNI_ARGS that is none",
    config: layer2Config(),
    args: "MAC=nonsense",
    error: { msg: /nonsense/ },
  },
  {
    what: "a multicast MAC",
    config: gatewayConfig({ runtimeConfig: { mac: "01:00:5e:00:00:01" } }),
    error: { code: 7, msg: /01:00:5e:00:00:01: a multicast address cannot be an interface's$/ },
  },
  {
    what: "a bridge name that is too long",
    config: gatewayConfig({ bridge: "abcdefghijklmnop" }),
    error: { code: 999, msg: /abcdefghijklmnop|numerical result out of range|bridge/ },
  },
  {
    what: "a bridge name with a slash",
    config: gatewayConfig({ bridge: "a/b" }),
    error: { code: 999 },
  },
  {
    what: "an MTU that the kernel refuses",
    config: gatewayConfig({ mtu: 70_000 }),
    error: { code: 999, msg: /./ },
  },
];

for (const failure of contradictions) testFailure(failure);

const hosts: Failure[] = [
  {
    what: "a bridge name that another kind of link has",
    config: gatewayConfig(),
    prepare: (host) =>
      host.run("ip", "link", "add", "cni0", "type", "veth", "peer", "name", "other"),
    error: {
      code: 999,
      msg: 'failed to create bridge "cni0": "cni0" already exists but is not a bridge',
    },
  },
  {
    what: "an interface that exists already",
    config: gatewayConfig(),
    prepare: (host) => host.run("ip", "-n", "c1", "link", "add", "eth0", "type", "bridge"),
    error: {
      code: 999,
      msg: /^container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists$/,
    },
  },
  {
    what: "another IPv4 address on the bridge",
    config: gatewayConfig(),
    prepare: async (host) => {
      await host.run("ip", "link", "add", "cni0", "up", "type", "bridge");
      await host.run("ip", "address", "add", "192.168.7.1/24", "dev", "cni0");
    },
    error: {
      code: 999,
      msg: 'failed to set bridge addr: "cni0" already has an IP address different from 10.1.0.1/24',
    },
  },
  {
    what: "an overlapping IPv6 address on the bridge",
    config: gatewayConfig(),
    prepare: async (host) => {
      await host.run("ip", "link", "add", "cni0", "up", "type", "bridge");
      await host.run("ip", "address", "add", "fd00:1::ff/48", "nodad", "dev", "cni0");
    },
    error: {
      code: 999,
      msg: 'failed to set bridge addr: "cni0" already has an IP address different from fd00:1::1/64',
    },
  },
  {
    what: "a route to a gateway that cannot be reached",
    config: gatewayConfig({
      ipam: {
        type: "host-local",
        subnet: subnet4,
        routes: [{ dst: "172.16.0.0/12", gw: "192.168.99.1" }],
      },
    }),
    error: { code: 999, msg: /172\.16\.0\.0\/12.*[Nn]exthop has invalid gateway|unreachable/ },
  },
  {
    what: "a route that is there twice",
    config: gatewayConfig({
      ipam: {
        type: "host-local",
        subnet: subnet4,
        routes: [{ dst: "172.16.0.0/12" }, { dst: "172.16.0.0/12" }],
      },
    }),
    error: { code: 999, msg: /172\.16\.0\.0\/12.*file exists/i },
  },
];

for (const failure of hosts) testFailure(failure);

test("ADD fails for the interface name lo, and leaves nothing", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      const reply = await host.cni("ADD", { config: gatewayConfig(), ifName: "lo" });
      assertError(reply, { code: 999, msg: /already exists/ });
    });
  }));

test("ADD a second time fails, and leaves the first as it is", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    for (const config of [gatewayConfig(), layer2Config({ name: "net2" })]) {
      const attachment = await attach(host, { config });
      await host.unchangedBy(async () => {
        const reply = await host.cni("ADD", { config });
        assertError(reply, { code: 999, msg: /already exists|duplicate allocation/ });
      });
      await detach(attachment);
    }
  }));

for (const suite of ["ours", "the reference's"] as const) {
  const title = `an ADD that host-local refuses (${suite}) leaves the living attachment's address`;
  test(title, { skip: suite === "ours" ? false : withoutReference }, () =>
    withHost(async (host) => {
      for (const name of ["c1", "c2"]) await host.addNetns(name);
      const path = suite === "ours" ? oursInWorld : `${referenceInWorld}:${oursInWorld}`;
      const call = { config: gatewayConfig(), path, from: oursInWorld, containerId: "one" };
      resultOf(await host.cni("ADD", { ...call, netns: "c1" }));
      await host.unchangedBy(async () => {
        const reply = await host.cni("ADD", { ...call, netns: "c2" });
        assertError(reply, { code: 999, msg: /duplicate allocation/ });
      });
      assertSuccess(await host.cni("DEL", { ...call, netns: "c1" }));
    }),
  );
}

test("a failed ADD leaves a bridge that others use as it was", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2", "c3");
    const config = gatewayConfig();
    await attach(host, { config, netns: "c2" });
    await host.run("ip", "-n", "c1", "link", "add", "eth0", "type", "bridge");
    const path = `${host.script("failing", "exit 3")}:/run/ours`;
    await host.unchangedBy(async () => {
      assertError(await host.cni("ADD", { config }), { code: 999 });
      const broken = gatewayConfig({ ipam: { type: "failing" } });
      assertError(await host.cni("ADD", { config: broken, netns: "c3", path }), { code: 999 });
    });
  }));

test("a failed ADD takes the gateway's address back only when no other ADD is joining the bridge", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.run("ip", "link", "add", "cni0", "address", "02:00:00:00:00:01", "type", "bridge");
    await host.run("ip", "link", "set", "cni0", "up");
    const routes = [{ dst: "10.9.0.0/16", gw: "172.31.0.9" }];
    const config = gatewayConfig({ ipam: { ...(gatewayConfig().ipam as object), routes } });
    await host.unchangedBy(async () => {
      const joining = ["flock", "-s", "/proc/self/ns/net", "sh", "-c", "echo joining; sleep 1"];
      const other = host.start(joining);
      await other.printed("joining");
      const failing = host.cni("ADD", { config });
      const [{ ms }, reply] = await Promise.all([other.outcome, failing]);
      assertError(reply, { code: 999, msg: /unreachable/ });
      assert.ok(reply.ms > ms / 2, `it was through in ${reply.ms} ms`);
    });
  }));

/** An IPAM plugin as a shell script. */
interface Ipam {
  readonly what: string;
  readonly script: string;
  readonly error: ExpectedError;
}

const result = (ips: string) => `echo '{"cniVersion": "1.1.0", "ips": ${ips}}'`;

const ipams: Ipam[] = [
  {
    what: "prints garbage",
    script: "echo hello",
    error: { code: 999, msg: /invalid character 'h'/ },
  },
  { what: "prints nothing", script: "exit 0", error: { code: 999, msg: /unexpected end of JSON/ } },
  {
    what: "prints two objects",
    script: `${result('[{"address": "10.1.0.2/24"}]')}; echo '{}'`,
    error: { code: 999, msg: /invalid character '\{' after top-level value/ },
  },
  { what: "prints a list", script: "echo '[]'", error: { code: 6, msg: /list|array/ } },
  {
    what: "crashes",
    script: "kill -9 $$",
    error: { code: 999, msg: "netplugin failed with no error message: signal: killed" },
  },
  {
    what: "hangs up without a word",
    script: "exec >&- 2>&-; exit 4",
    error: { code: 999, msg: "netplugin failed with no error message: exit status 4" },
  },
  {
    what: "fails with words on stderr",
    script: "echo boom >&2; exit 3",
    error: { code: 999, msg: 'netplugin failed: "boom\\n": exit status 3' },
  },
  {
    what: "fails with garbage",
    script: "echo hello; exit 1",
    error: {
      code: 999,
      msg: `netplugin failed but error parsing its diagnostic message "hello\\n": invalid character 'h' looking for beginning of value`,
    },
  },
  {
    what: "fails with an error object",
    script: `echo '{"cniVersion": "1.0.0", "code": 117, "msg": "no more", "details": "none"}'; exit 1`,
    error: { code: 117, msg: "no more", details: "none" },
  },
  {
    what: "is told to be tried later",
    script: `echo '{"code": 11, "msg": "later"}'; exit 1`,
    error: { code: 11, msg: "later" },
  },
  {
    what: "gives no addresses",
    script: result("[]"),
    error: { code: 999, msg: "IPAM plugin returned missing IP config" },
  },
  {
    what: "prints null",
    script: "echo null",
    error: { code: 999, msg: "IPAM plugin returned missing IP config" },
  },
  {
    what: "gives an address without prefix length",
    script: result('[{"address": "10.1.0.2"}]'),
    error: { code: 6, msg: /invalid CIDR address: 10\.1\.0\.2/ },
  },
  {
    what: "gives a gateway that is none",
    script: result('[{"address": "10.1.0.2/24", "gateway": "here"}]'),
    error: { code: 6, msg: /invalid IP address: here/ },
  },
  {
    what: "speaks a version that nobody knows",
    script: `echo '{"cniVersion": "7.7.7", "ips": []}'`,
    error: { code: 1, msg: /unsupported CNI result version "7\.7\.7"/ },
  },
  {
    what: "gives one address twice",
    script: result('[{"address": "10.1.0.2/24"}, {"address": "10.1.0.2/24"}]'),
    error: { code: 999, msg: /10\.1\.0\.2\/24.*"eth0".*file exists|already assigned/i },
  },
  {
    what: "gives an address that no interface can have",
    script: result('[{"address": "::/64"}]'),
    error: { code: 999 },
  },
];

for (const { what, script, error } of ipams) {
  test(`ADD fails when the IPAM plugin ${what}, and leaves nothing`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const directory = host.script(
        "ipam",
        `[ $CNI_COMMAND = ADD ] || exit 0\ncat >/dev/null\n${script}`,
      );
      const config = gatewayConfig({ ipam: { type: "ipam" } });
      await host.unchangedBy(async () => {
        assertError(await host.cni("ADD", { config, path: directory }), error);
      });
    }));
}

const badTypes: [type: string, path: string | undefined, msg: string][] = [
  ["../ours/host-local", undefined, "invalid plugin name: ../ours/host-local"],
  ["/run/ours/host-local", undefined, "invalid plugin name: /run/ours/host-local"],
  ["sub/host-local", undefined, "invalid plugin name: sub/host-local"],
  ["nobody", undefined, 'failed to find plugin "nobody" in path [/run/ours]'],
  ["nobody", "/run/work:/run/ours", 'failed to find plugin "nobody" in path [/run/work /run/ours]'],
  ["host-local", "/nowhere", 'failed to find plugin "host-local" in path [/nowhere]'],
];

for (const [type, path, msg] of badTypes) {
  testFailure({
    what: `the IPAM type ${type} with CNI_PATH ${path ?? "as usual"}`,
    config: gatewayConfig({ ipam: { type, subnet: subnet4 } }),
    ...(path === undefined ? {} : { path }),
    error: { code: 999, msg },
  });
}

test("ADD fails when the IPAM plugin cannot be executed, and leaves nothing", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.write("/run/scripts/ipam", "#!/bin/sh\n", 0o644);
    host.write("/run/scripts/strange", "neither script nor program", 0o755);
    for (const [type, reason] of [
      ["ipam", "permission denied"],
      ["strange", "exec format error"],
    ]) {
      const config = gatewayConfig({ ipam: { type } });
      await host.unchangedBy(async () => {
        const reply = await host.cni("ADD", { config, path: "/run/scripts" });
        assertError(reply, { code: 999, msg: new RegExp(`${type}.*${reason}`) });
      });
    }
  }));

test("the IPAM plugin gets stdin byte for byte and the environment with its own command", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = host.script(
      "ipam",
      `cat >/run/work/$CNI_COMMAND.stdin; env | grep ^CNI | sort >/run/work/$CNI_COMMAND.env; ${result('[{"address": "10.1.0.2/24"}]')}`,
    );
    const config = `{ "name":"net1",  "cniVersion":"1.1.0", "type" : "bridge","ipam":{"type":"ipam"}, "cni.dev/valid-attachments":[], "é":"\\u00e9 \u2028" }\n`;
    const env = { CNI_EXTRA: "yes" };
    const args = "IgnoreUnknown=1;IP=10.1.0.2";
    const reply = await host.cni("ADD", { config, path, env, args });
    assert.equal(reply.status, 0, describe(reply));
    for (const verb of ["STATUS", "GC", "DEL"] as const) {
      const other = await host.cni(verb, { config, path, env, args });
      assert.equal(other.status, 0, describe(other));
    }
    const prevResult = reply.stdout;
    const withPrev = `${config.trimEnd().slice(0, -1)}, "prevResult": ${prevResult}}`;
    await host.cni("CHECK", { config: withPrev, path, env, args });
    for (const verb of ["ADD", "DEL", "STATUS", "GC", "CHECK"]) {
      const stdin = await host.run("cat", `/run/work/${verb}.stdin`);
      assert.equal(stdin, verb === "CHECK" ? withPrev : config);
      assert.deepEqual((await host.run("cat", `/run/work/${verb}.env`)).trim().split("\n"), [
        `CNI_ARGS=${args}`,
        `CNI_COMMAND=${verb}`,
        "CNI_CONTAINERID=container-c1",
        "CNI_EXTRA=yes",
        "CNI_IFNAME=eth0",
        "CNI_NETNS=/run/netns/c1",
        "CNI_PATH=/run/scripts",
      ]);
    }
  }));

test("what the IPAM plugin says on stderr reaches the runtime", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = host.script(
      "ipam",
      `echo 'a remark' >&2; ${result('[{"address": "10.1.0.2/24"}]')}`,
    );
    const config = bridgeConfig({ ipam: { type: "ipam" } });
    const reply = await host.cni("ADD", { config, path });
    resultOf(reply);
    assert.match(reply.stderr, /a remark/);
  }));

test("an IPAM plugin that prints 3 MB to both ends is read to its end", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const noise = "head -c 3000000 /dev/zero | tr '\\0' ' '";
    const script = `${noise} >&2; ${noise}; ${result('[{"address": "10.1.0.2/24"}]')}`;
    const path = host.script("ipam", `cat >/dev/null; ${script}`);
    const config = bridgeConfig({ ipam: { type: "ipam" } });
    resultOf(await host.cni("ADD", { config, path }));
  }));

test("an IPAM plugin that does not read its stdin is none the worse", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = host.script("ipam", result('[{"address": "10.1.0.2/24"}]'));
    const config = bridgeConfig({ ipam: { type: "ipam" }, padding: "x".repeat(1_000_000) });
    resultOf(await host.cni("ADD", { config, path }));
  }));

test("results of older versions from an IPAM plugin are understood", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const answers = [
      '{"cniVersion": "0.2.0", "ip4": {"ip": "10.1.0.2/24", "gateway": "10.1.0.1"}}',
      '{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.1.0.2/24", "gateway": "10.1.0.1"}]}',
      '{"ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}]}',
    ];
    for (const answer of answers) {
      const path = host.script("ipam", `echo '${answer}'`);
      const config = bridgeConfig({ ipam: { type: "ipam" } });
      const { ips } = resultOf(await host.cni("ADD", { config, path }));
      assert.deepEqual(ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 }]);
      await host.cni("DEL", { config, path });
    }
  }));

test("an ADD that fails late asks the IPAM plugin to release", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = host.script(
      "ipam",
      `echo $CNI_COMMAND >>/run/work/log; ${result('[{"address": "10.1.0.2/24"}]')}`,
    );
    await host.run("ip", "link", "add", "cni0", "type", "bridge");
    await host.run("ip", "address", "add", "192.168.7.1/24", "dev", "cni0");
    const config = gatewayConfig({ ipam: { type: "ipam" } });
    assertError(await host.cni("ADD", { config, path }), { code: 999, msg: /different from/ });
    assert.equal(await host.run("cat", "/run/work/log"), "ADD\nDEL\n");
  }));

test("an IPAM plugin that fails to release does not hide why ADD failed", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const path = host.script(
      "ipam",
      `[ $CNI_COMMAND = ADD ] || { echo '{"code": 118, "msg": "never"}'; exit 1; }; ${result("[]")}`,
    );
    await host.unchangedBy(async () => {
      const config = gatewayConfig({ ipam: { type: "ipam" } });
      const reply = await host.cni("ADD", { config, path });
      assertError(reply, { code: 999, msg: "IPAM plugin returned missing IP config" });
      assert.match(reply.stderr, /never/);
    });
  }));
