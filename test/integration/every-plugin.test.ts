/** What the specification asks of every plugin, asked of every executable there is, with the example of its page. */

import assert from "node:assert/strict";
import { resolve } from "node:path";
import test from "node:test";
import { findSuite } from "../../scripts/suite.ts";
import { describe } from "./harness/command.ts";
import { examplesOfEveryKind } from "./harness/examples.ts";
import { assertError, type ExpectedError } from "./harness/expect.ts";
import { type Call, type Host, type Verb, withHost } from "./harness/host.ts";
import type { Config } from "./harness/networks.ts";

const everyVersion = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/** Plugins for which the reference leaves out the oldest versions. */
const firstVersion: Readonly<Record<string, string>> = {
  bandwidth: "0.3.0",
  firewall: "0.4.0",
  vrf: "0.3.1",
};
const suite = findSuite(resolve(import.meta.dirname, "../.."));

/** The plugin's own configuration, or for an IPAM plugin that of the plugin which names it; from its own page. */
function configOf(name: string): Config {
  const page = name === "ptp" ? "veth" : name; // one plugin, two names, one page
  const plugins = examplesOfEveryKind()
    .filter(({ place }) => place.startsWith(`plugins/${page}/`) || place.includes(`-${page}/`))
    .flatMap((example) => example.plugins);
  const isNamed = ({ ipam }: Config) => (ipam as Config | undefined)?.type === name;
  const found =
    plugins.find(({ type }) => type === name || page === "veth") ?? plugins.find(isNamed);
  assert.ok(found, `no page has an example of ${name}`);
  // debug's shows how it fails on DEL.
  return { ...found, failOn: undefined, cniVersion: "1.1.0", name: "net1" };
}

type Case = [what: string, verb: Verb | "NONSENSE", call: Partial<Call>, expected: ExpectedError];

/** Calls that must fail alike, whatever the plugin. */
function casesFor(config: Config): Case[] {
  const at = (cniVersion: string) => ({ config: { ...config, cniVersion } });
  const without = (...names: string[]) => ({
    env: Object.fromEntries(names.map((name) => [name, undefined])),
  });
  const missing = (names: string) => ({
    code: 4,
    msg: `required env variables [${names}] missing`,
  });
  const all = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"];
  const valid = { "cni.dev/valid-attachments": [] };
  return [
    ["ADD without variables", "ADD", without(...all), missing(all.join())],
    ["CHECK without variables", "CHECK", without(...all), missing(all.join())],
    [
      "DEL without variables",
      "DEL",
      without(...all),
      missing("CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"),
    ],
    ["GC without CNI_PATH", "GC", without("CNI_PATH"), missing("CNI_PATH")],
    ["STATUS without CNI_PATH", "STATUS", without("CNI_PATH"), missing("CNI_PATH")],
    ["a bad container id", "ADD", { containerId: "../x" }, { code: 4 }],
    ["a bad interface name", "ADD", { ifName: "a/b" }, { code: 4 }],
    ["an unknown verb", "NONSENSE", {}, { code: 4, msg: "unknown CNI_COMMAND: NONSENSE" }],
    ["no JSON", "ADD", { config: "{" }, { code: 6 }],
    [
      "no name",
      "ADD",
      { config: { ...config, name: "" } },
      { code: 7, msg: "missing network name" },
    ],
    ["a name that is a path", "DEL", { config: { ...config, name: "../x" } }, { code: 7 }],
    ["ADD in an unknown version", "ADD", at("9.9.9"), { code: 1 }],
    ["DEL in an unknown version", "DEL", at("9.9.9"), { code: 1 }],
    ["CHECK before 0.4.0", "CHECK", at("0.3.1"), { code: 1 }],
    [
      "GC before 1.1.0",
      "GC",
      { config: { ...config, ...valid, cniVersion: "1.0.0" } },
      { code: 1 },
    ],
    ["STATUS before 1.1.0", "STATUS", at("1.0.0"), { code: 1 }],
    ["a section that is a number", "ADD", { config: { ...config, dns: 5 } }, { code: 7 }],
  ];
}

for (const { name: plugin } of suite) {
  test(`${plugin}: gates, codes, and one JSON document on stdout`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const config = configOf(plugin);
      await host.unchangedBy(async () => {
        await checkVersion(host, plugin);
        for (const [what, verb, call, expected] of casesFor(config)) {
          const env = verb === "NONSENSE" ? { CNI_COMMAND: verb } : {};
          const asked = verb === "NONSENSE" ? "ADD" : verb;
          const reply = await host.cni(asked, {
            plugin,
            config,
            ...call,
            env: { ...call.env, ...env },
          });
          try {
            assertError(reply, expected);
          } catch (error) {
            throw new Error(`${what}: ${error instanceof Error ? error.message : error}`);
          }
        }
      });
    }));

  test(`${plugin}: DEL of what is not there, twice, without namespace and result; GC; STATUS`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const config = configOf(plugin);
      await host.unchangedBy(async () => {
        for (const netns of ["", "/run/netns/gone", "c1"]) {
          for (let round = 0; round < 2; round++)
            await expectSilence(host, "DEL", { plugin, config, netns });
        }
        const valid = { "cni.dev/valid-attachments": [] };
        const collecting = { plugin, config: { ...config, ...valid } };
        // What it would collect, its daemon has.
        if (plugin === "dhcp") assertError(await host.cni("GC", collecting), { code: 50 });
        else await expectSilence(host, "GC", collecting);
        const status = await host.cni("STATUS", { plugin, config });
        if (status.status === 0) assert.equal(status.stdout, "");
        else {
          assertError(status, {});
          assert.ok([50, 51].includes((status.json as { code: number }).code), describe(status));
        }
      });
    }));
}

async function checkVersion(host: Host, plugin: string): Promise<void> {
  const reply = await host.cni("VERSION", { plugin, config: "" });
  const from = everyVersion.indexOf(firstVersion[plugin] ?? "0.1.0");
  assert.deepEqual(reply.json, {
    cniVersion: "1.1.0",
    supportedVersions: everyVersion.slice(from),
  });
}

async function expectSilence(host: Host, verb: Verb, call: Call): Promise<void> {
  const reply = await host.cni(verb, call);
  assert.equal(reply.status, 0, describe(reply));
  assert.equal(reply.stdout, "", `${verb} has no output`);
}
