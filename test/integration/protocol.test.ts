/** What every plugin does alike: variables, stdin, versions, and the order in which they are looked at. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, type Verb, withHost } from "./harness/host.ts";
import {
  bridgeConfig,
  type Config,
  gatewayConfig,
  hostLocalConfig,
  loopbackConfig,
} from "./harness/networks.ts";

const plugins: Record<string, Config> = {
  bridge: bridgeConfig(),
  "host-local": hostLocalConfig(),
  loopback: loopbackConfig(),
};
const everyVersion = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** Runs the call of every plugin in a world with the namespace c1, and proves that it changed nothing. */
async function forEachPlugin(
  steps: (host: Host, call: { plugin: string; config: Config }) => Promise<void>,
): Promise<void> {
  await withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      for (const [plugin, config] of Object.entries(plugins)) await steps(host, { plugin, config });
    });
  });
}

test("a plugin run by hand says what it is and which versions it speaks", () =>
  forEachPlugin(async (host, call) => {
    const reply = await host.cni("ADD", { ...call, env: { CNI_COMMAND: undefined } });
    assert.equal(reply.status, 0, describe(reply));
    assert.equal(reply.stdout, "");
    const [about, versions, ...rest] = reply.stderr.split("\n");
    assert.match(about ?? "", new RegExp(`^CNI ${call.plugin} plugin \\S+`));
    assert.equal(versions, `CNI protocol versions supported: ${everyVersion.join(", ")}`);
    assert.deepEqual(rest, [""]);
  }));

test("VERSION answers in one line, whatever the other variables and stdin are", () =>
  forEachPlugin(async (host, { plugin }) => {
    const env = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };
    for (const config of ["", "garbage", '{"cniVersion": "0.3.1"}']) {
      const reply = await host.cni("VERSION", { plugin, config, env });
      assert.equal(reply.status, 0, describe(reply));
      const expected = { cniVersion: "1.1.0", supportedVersions: everyVersion };
      assert.equal(reply.stdout, `${JSON.stringify(expected)}\n`);
    }
  }));

const required: [Verb, string[]][] = [
  ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
  ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
  ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"]],
  ["GC", ["CNI_PATH"]],
  ["STATUS", ["CNI_PATH"]],
];

for (const [verb, names] of required) {
  test(`${verb} names every variable that it misses, in order`, () =>
    forEachPlugin(async (host, call) => {
      const missing = async (...absent: string[]) => {
        for (const value of [undefined, ""]) {
          const env = Object.fromEntries(absent.map((name) => [name, value]));
          assertError(await host.cni(verb, { ...call, env }), {
            code: 4,
            msg: `required env variables [${absent.join(",")}] missing`,
          });
        }
      };
      await missing(...names);
      await missing(names[0] ?? "", ...names.slice(-1).filter((name) => name !== names[0]));
      for (const name of names) await missing(name);
    }));
}

test("an invalid variable is told before a missing one behind it", () =>
  forEachPlugin(async (host, call) => {
    const env = { CNI_CONTAINERID: "a/b", CNI_IFNAME: undefined };
    assertError(await host.cni("ADD", { ...call, env }), {
      code: 4,
      msg: "invalid characters in containerID",
      details: "a/b",
    });
  }));

test("a missing variable is told before stdin is looked at", () =>
  forEachPlugin(async (host, { plugin }) => {
    const env = { CNI_PATH: undefined };
    assertError(await host.cni("ADD", { plugin, config: "", env }), {
      code: 4,
      msg: "required env variables [CNI_PATH] missing",
    });
  }));

for (const containerId of ["a/b", "..", "../../etc", ".hidden", "-a", "_a", "a b", "a\n", "é"]) {
  test(`the container id ${JSON.stringify(containerId)} is refused`, () =>
    forEachPlugin(async (host, call) => {
      for (const verb of ["ADD", "CHECK", "DEL"] as const) {
        assertError(await host.cni(verb, { ...call, containerId }), {
          code: 4,
          msg: "invalid characters in containerID",
          details: containerId,
        });
      }
    }));
}

for (const name of ["a/b", "..", "../../etc", ".hidden", "-a", "a b", "a\n", "a;b", "é"]) {
  test(`the network name ${JSON.stringify(name)} is refused`, () =>
    forEachPlugin(async (host, { plugin, config }) => {
      for (const verb of ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const) {
        assertError(await host.cni(verb, { plugin, config: { ...config, name } }), {
          code: 7,
          msg: "invalid characters found in network name",
          details: name,
        });
      }
    }));
}

for (const name of [undefined, "", null]) {
  test(`a network name that is ${JSON.stringify(name)} is missing`, () =>
    forEachPlugin(async (host, { plugin, config }) => {
      assertError(await host.cni("ADD", { plugin, config: { ...config, name } }), {
        code: 7,
        msg: "missing network name",
      });
    }));
}

const badInterfaceNames: [name: string, msg: string, details?: string][] = [
  [
    "abcdefghijklmnop",
    "interface name is too long",
    "interface name should be less than 16 characters",
  ],
  ["éééééééé", "interface name is too long", "interface name should be less than 16 characters"],
  [".", "interface name is . or .."],
  ["..", "interface name is . or .."],
  ["a/b", "interface name contains / or : or whitespace characters"],
  ["../eth0", "interface name contains / or : or whitespace characters"],
  ["eth0:1", "interface name contains / or : or whitespace characters"],
  ["eth 0", "interface name contains / or : or whitespace characters"],
  ["eth0\n", "interface name contains / or : or whitespace characters"],
  ["eth\u00a00", "interface name contains / or : or whitespace characters"],
  ["eth\u20280", "interface name contains / or : or whitespace characters"],
];

for (const [ifName, msg, details] of badInterfaceNames) {
  test(`the interface name ${JSON.stringify(ifName)} is refused`, () =>
    forEachPlugin(async (host, call) => {
      for (const verb of ["ADD", "CHECK", "DEL"] as const) {
        const expected = details === undefined ? { code: 4, msg } : { code: 4, msg, details };
        assertError(await host.cni(verb, { ...call, ifName }), expected);
      }
    }));
}

test("an interface name of 15 bytes is taken", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const call = { config: bridgeConfig(), ifName: "abcdefghijklmno" };
    const { interfaces } = resultOf(await host.cni("ADD", call));
    assert.equal(interfaces?.[2]?.name, "abcdefghijklmno");
    assertSuccess(await host.cni("DEL", call));
  }));

const deep = 200_000;
const badStdin: [name: string, text: string, msg: string | RegExp][] = [
  ["nothing", "", "error unmarshall network config: unexpected end of JSON input"],
  ["blanks", " \n\t ", "error unmarshall network config: unexpected end of JSON input"],
  [
    "a word",
    "hello",
    "error unmarshall network config: invalid character 'h' looking for beginning of value",
  ],
  ["a torn object", '{"name": "net1", "cniVer', /^error unmarshall network config: unexpected end/],
  [
    "two objects",
    "{}{}",
    /^error unmarshall network config: invalid character '\{' after top-level/,
  ],
  ["a list", "[]", /^error unmarshall network config: ./],
  ["a number", "17", /^error unmarshall network config: ./],
  ["a name that is a number", '{"name": 17}', /^error unmarshall network config: .*name/],
  ["binary", "\u0000\u0001\u0002", /^error unmarshall network config: invalid character '\\x00'/],
  ["lists nested deeply", "[".repeat(deep), /^error unmarshall network config: /],
  ["objects nested deeply", '{"a":'.repeat(deep), /^error unmarshall network config: /],
  ["10 MB of blanks", " ".repeat(10_000_000), /^error unmarshall network config: unexpected end/],
  ["10 MB of rubbish", "x".repeat(10_000_000), /^error unmarshall network config: invalid charac/],
];

for (const [name, config, msg] of badStdin) {
  test(`stdin with ${name} is refused`, () =>
    forEachPlugin(async (host, { plugin }) => {
      for (const verb of ["ADD", "DEL", "STATUS"] as const) {
        assertError(await host.cni(verb, { plugin, config }), { code: 6, msg });
      }
    }));
}

test("a well-formed key nested 200,000 deep is refused as Go does, not by a crash", () =>
  forEachPlugin(async (host, { plugin, config }) => {
    const nest = "[".repeat(deep) + "]".repeat(deep);
    const text = `{"extra": ${nest}, ${JSON.stringify(config).slice(1)}`;
    assertError(await host.cni("ADD", { plugin, config: text }), {
      code: 6,
      msg: /^error unmarshall network config: invalid character '\[' exceeded max depth$/,
    });
  }));

test("10 MB of configuration are read when they make sense", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      const config = bridgeConfig({ "x-padding": "é<>".repeat(2_500_000) });
      resultOf(await host.cni("ADD", { config }));
      assertSuccess(await host.cni("DEL", { config }));
      await host.run("ip", "link", "del", "cni0");
    });
  }));

test("a stdin that cannot be read is told", () =>
  forEachPlugin(async (host, call) => {
    const wrap = ["sh", "-c", 'exec "$@" <&-', "sh"];
    assertError(await host.cni("ADD", { ...call, wrap }), {
      code: 5,
      msg: /^error reading from stdin: .*bad file descriptor/,
    });
  }));

test("an unknown command is told after stdin has been looked at", () =>
  forEachPlugin(async (host, call) => {
    for (const CNI_COMMAND of ["add", "UPDATE", "ADD "]) {
      const reply = await host.cni("ADD", { ...call, env: { CNI_COMMAND } });
      assertError(reply, { code: 4, msg: `unknown CNI_COMMAND: ${CNI_COMMAND}` });
      const empty = await host.cni("ADD", { ...call, config: "", env: { CNI_COMMAND } });
      assertError(empty, { code: 6 });
    }
  }));

const supported = everyVersion.map((version) => `"${version}"`).join(" ");

for (const cniVersion of ["9.9.9", "1.1", "1.2.0", "0.5.0", "one", "1.1.0 "]) {
  test(`ADD and DEL refuse the version ${JSON.stringify(cniVersion)}`, () =>
    forEachPlugin(async (host, { plugin, config }) => {
      for (const verb of ["ADD", "DEL"] as const) {
        assertError(await host.cni(verb, { plugin, config: { ...config, cniVersion } }), {
          code: 1,
          msg: "incompatible CNI versions",
          details: `config is "${cniVersion}", plugin supports [${supported}]`,
        });
      }
    }));
}

const gates: [Verb, string, { code: number; msg: string | RegExp }][] = [
  ["CHECK", "0.3.1", { code: 1, msg: "config version does not allow CHECK" }],
  ["CHECK", "", { code: 1, msg: "config version does not allow CHECK" }],
  ["CHECK", "1.2.0", { code: 1, msg: "plugin version does not allow CHECK" }],
  ["CHECK", "0.4.1", { code: 1, msg: "incompatible CNI versions" }],
  ["CHECK", "one", { code: 6, msg: /./ }],
  ["GC", "1.0.0", { code: 1, msg: "config version does not allow GC" }],
  ["GC", "9.9.9", { code: 1, msg: "plugin version does not allow GC" }],
  ["STATUS", "1.0.0", { code: 1, msg: "config version does not allow STATUS" }],
  ["STATUS", "2.0.0", { code: 1, msg: "plugin version does not allow STATUS" }],
];

for (const [verb, cniVersion, expected] of gates) {
  test(`${verb} at version "${cniVersion}" ends with code ${expected.code}`, () =>
    forEachPlugin(async (host, { plugin, config }) => {
      assertError(await host.cni(verb, { plugin, config: { ...config, cniVersion } }), expected);
    }));
}

const badPrevResults: [name: string, prevResult: unknown][] = [
  ["a text", "hello"],
  ["of another shape than the configuration's version", { cniVersion: "0.2.0", ip4: {} }],
  ["with an address that is none", { cniVersion: "1.1.0", ips: [{ address: "10.1.0.300/24" }] }],
  ["with a version nobody knows", { cniVersion: "7.7.7" }],
];

for (const [name, prevResult] of badPrevResults) {
  test(`a prevResult ${name} is refused on CHECK`, () =>
    forEachPlugin(async (host, { plugin, config }) => {
      const reply = await host.cni("CHECK", { plugin, config: { ...config, prevResult } });
      assert.equal(reply.status, 1, describe(reply));
      if (plugin !== "host-local") assert.match(reply.stdout, /prevResult/, describe(reply));
    }));
}

const badNetns: [name: string, path: string, msg: string | RegExp][] = [
  [
    "leads nowhere",
    "/run/netns/gone",
    'failed to open netns "/run/netns/gone": failed to Statfs "/run/netns/gone": no such file or directory',
  ],
  [
    "is a plain file",
    "/run/work/file",
    /^failed to open netns "\/run\/work\/file": unknown FS magic on "\/run\/work\/file": [0-9a-f]+$/,
  ],
  [
    "is a directory",
    "/run/work",
    /^failed to open netns "\/run\/work": unknown FS magic on "\/run\/work": [0-9a-f]+$/,
  ],
  [
    "goes through a plain file",
    "/run/work/file/c1",
    /^failed to open netns "\/run\/work\/file\/c1": /,
  ],
];

for (const [name, netns, msg] of badNetns) {
  test(`ADD refuses a namespace path that ${name}, before it touches anything`, () =>
    withHost(async (host) => {
      host.write("/run/work/file", "");
      await host.unchangedBy(async () => {
        const call: Call = { config: gatewayConfig(), netns, containerId: "one" };
        assertError(await host.cni("ADD", call), { code: 8, msg });
        assertError(
          await host.cni("ADD", { ...call, plugin: "loopback", config: loopbackConfig() }),
          { code: 8, msg },
        );
      });
    }));
}

test("ADD fails for a namespace of another kind, and leaves nothing", () =>
  withHost(async (host) => {
    await host.unchangedBy(async () => {
      const reply = await host.cni("ADD", { config: gatewayConfig(), netns: "/proc/self/ns/uts" });
      assert.equal(reply.status, 1, describe(reply));
    });
  }));

const ownNetns = {
  code: 8,
  msg: "plugin's netns and netns from CNI_NETNS should not be the same",
};

test("ADD and DEL refuse the plugin's own namespace, before they touch anything", () =>
  withHost(async (host) => {
    host.write("/run/netns/host", "");
    await host.run("mount", "--bind", "/proc/self/ns/net", "/run/netns/host");
    await host.unchangedBy(async () => {
      for (const netns of ["/proc/self/ns/net", "/run/netns/host"]) {
        for (const [plugin, config] of [
          ["bridge", gatewayConfig()],
          ["loopback", loopbackConfig()],
        ] as const) {
          for (const verb of ["ADD", "DEL"] as const) {
            const call = { plugin, config, netns, containerId: "one" };
            assertError(await host.cni(verb, call), ownNetns);
          }
        }
      }
    });
  }));

test("CNI_NETNS_OVERRIDE allows the plugin's own namespace", () =>
  withHost(async (host) => {
    const call = { netns: "/proc/self/ns/net", containerId: "one" };
    for (const CNI_NETNS_OVERRIDE of ["1", "true", "TRUE", "True"]) {
      const env = { CNI_NETNS_OVERRIDE };
      const config = bridgeConfig();
      resultOf(await host.cni("ADD", { ...call, config, env }));
      assertSuccess(await host.cni("DEL", { ...call, config, env }));
    }
    for (const CNI_NETNS_OVERRIDE of ["0", "yes", ""]) {
      const env = { CNI_NETNS_OVERRIDE };
      assertError(await host.cni("ADD", { ...call, config: bridgeConfig(), env }), ownNetns);
    }
  }));

const badArgs: [args: string, msg: string][] = [
  ["novalue", 'ARGS: invalid pair "novalue"'],
  ["A=B=C", 'ARGS: invalid pair "A=B=C"'],
  ["IgnoreUnknown=1;", 'ARGS: invalid pair ""'],
  ["K8S_POD_NAME=a;X=1", 'ARGS: unknown args ["K8S_POD_NAME=a" "X=1"]'],
  ["ip=10.1.0.7", 'ARGS: unknown args ["ip=10.1.0.7"]'],
  [
    "IgnoreUnknown=maybe",
    'ARGS: error parsing value of pair "IgnoreUnknown=maybe": boolean unmarshal error: invalid input maybe',
  ],
];

for (const [args, msg] of badArgs) {
  test(`CNI_ARGS ${JSON.stringify(args)} is refused by those that read it`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await host.unchangedBy(async () => {
        for (const plugin of ["bridge", "host-local"]) {
          const reply = await host.cni("ADD", { plugin, config: bridgeConfig(), args });
          assert.equal(reply.status, 1, describe(reply));
          assert.ok((reply.json as { msg: string }).msg.endsWith(msg), describe(reply));
        }
      });
      const lo = { plugin: "loopback", ifName: "lo", config: loopbackConfig(), args };
      resultOf(await host.cni("ADD", lo));
    }));
}

test("an ADD whose result nobody takes is taken back", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    await host.unchangedBy(async () => {
      for (const redirection of [">/dev/full", ">&-"]) {
        const wrap = ["sh", "-c", `exec "$@" ${redirection}`, "sh"];
        const reply = await host.cni("ADD", { config: gatewayConfig(), wrap });
        assert.equal(reply.status, 1, describe(reply));
        assert.notEqual(reply.stderr, "");
      }
    });
  }));

test("a line that stderr does not take fails no verb", () =>
  withHost(async (host) => {
    for (const redirection of ["2>/dev/full", "2>&-"]) {
      const wrap = ["sh", "-c", `exec "$@" ${redirection}`, "sh"];
      const config = gatewayConfig({ prevResult: "unreadable" });
      assertSuccess(await host.cni("DEL", { config, netns: "", wrap }));
    }
  }));

test("SIGTERM ends a plugin that waits for the end of its stdin", () =>
  withHost(async (host) => {
    const waiting = `mkfifo /run/work/open; exec timeout -k 5 0.3 "$@" <>/run/work/open`;
    const wrap = ["sh", "-c", waiting, "sh"];
    const reply = await host.cni("DEL", { config: "", netns: "", wrap });
    assert.equal(reply.status, 124, describe(reply)); // 137 where it takes SIGKILL
    assert.equal(reply.stdout, "");
  }));

test("keys are found whatever their case, and unknown ones are passed over", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const { bridge, ...config }: Config = bridgeConfig({ BRIDGE: "br7", future: { key: [1] } });
    assert.equal(bridge, undefined);
    const { interfaces } = resultOf(await host.cni("ADD", { config }));
    assert.equal(interfaces?.[0]?.name, "br7");
  }));
