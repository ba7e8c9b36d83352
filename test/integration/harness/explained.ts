/** Compares what `cnitool explain` says with what ADD does: the lines, run by a shell, must come to the same. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Result } from "./expect.ts";
import { type Host, withHost } from "./host.ts";
import type { Config } from "./networks.ts";
import { containerId, type Runtime, runTool, succeed, writeNetwork } from "./runtime.ts";
import { changes, type Snapshot } from "./snapshot.ts";
import { oursInWorld } from "./world.ts";

/** A network, and what it needs on the host. */
export interface ExplainedCase {
  readonly what: string;
  readonly plugins: readonly Config[];
  readonly capabilities?: Config;
  readonly prepare?: (host: Host) => Promise<void>;
  /** What the capital letters stand for that are this case's own. */
  readonly names?: Readonly<Record<string, string>>;
}

/** A test for each case. */
export function testExplained(cases: readonly ExplainedCase[]): void {
  for (const it of cases) {
    test(`the lines that explain ${it.what} make what ADD makes`, async () => {
      const added = await inWorld(it, async (host, runtime) => {
        const result: Result = JSON.parse(await succeed(host, runtime, "add"));
        return { result, state: await readState(host, hostEndOf(result)) };
      });
      const typed = await inWorld(it, async (host, runtime) => {
        const explained = await runTool(host, runtime, "explain", "net1");
        assert.equal(explained.status, 0, explained.stderr);
        const names = { ...namesFor(added.result), ...it.names };
        const lines = named(withLinkLocal(explained.stdout), names);
        await host.run("sh", "-ec", lines);
        return readState(host, "veth0");
      });
      assert.deepEqual(changes(added.state.snapshot, typed.snapshot), []);
      assert.deepEqual(typed.rules, added.state.rules);
      assert.deepEqual(typed.ports, added.state.ports);
      assert.equal(typed.parameters, added.state.parameters);
      assert.equal(typed.shaping, added.state.shaping);
      assert.deepEqual(typed.linkLocal, added.state.linkLocal);
    });
  }
}

async function inWorld<T>(
  { plugins, capabilities, prepare }: ExplainedCase,
  steps: (host: Host, runtime: Runtime) => Promise<T>,
): Promise<T> {
  let value: T | undefined;
  await withHost(async (host) => {
    await host.addNetns("c1");
    await prepare?.(host);
    writeNetwork(host, plugins);
    const env: Record<string, string> = {};
    if (capabilities !== undefined) env.CAP_ARGS = JSON.stringify(capabilities);
    value = await steps(host, { tool: "ours", path: oursInWorld, env });
  });
  return value as T;
}

function hostEndOf({ interfaces = [] }: Result): string {
  return interfaces.find(({ name }) => /^veth[0-9a-f]{8}$/.test(name))?.name ?? "";
}

/** What the capital letters stand for. */
function namesFor({ ips = [] }: Result): Record<string, string> {
  const addressOf = (isWanted: (address: string) => boolean) =>
    ips.find(({ address }) => isWanted(address))?.address.replace(/\/.*/, "") ?? "";
  return {
    NETNS: "c1",
    VETH: "veth0",
    VLANPORT: "vlanport",
    CONTAINERID: containerId,
    MAC: "02:00:00:00:00:01",
    IFB: "bwp000000000000",
    ADDRESS4: addressOf((address) => address.includes(".")),
    ADDRESS6: addressOf((address) => address.includes(":")),
  };
}

/** Has the shell work out the address: the MAC address that it follows from is known only once the link is there. */
function withLinkLocal(text: string): string {
  const parts = "s/.*link.ether (..):(..):(..):(..):(..):(..) .*/0x\\1\\2 \\3ff:fe\\4:\\5\\6/";
  return text.replace(/LINKLOCAL(?=\/64 dev (\S+))/g, (_, link: string) => {
    const read = `ip -o link show dev ${link} | sed -E "${parts}"`;
    return `$(${read} | { read a b; printf fe80::%x:%s $((a ^ 0x200)) $b; })`;
  });
}

function named(text: string, names: Readonly<Record<string, string>>): string {
  return text.replace(/\b[A-Z][A-Z0-9]+\b/g, (word) => names[word] ?? word);
}

/** What is there, without what is chosen at random or for the attachment alone. */
interface State {
  readonly snapshot: Snapshot;
  readonly rules: Readonly<Record<string, readonly string[]>>;
  readonly ports: unknown;
  readonly parameters: string;
  readonly shaping: string;
  /** Which links have a link-local address that was not looked for on the wire. */
  readonly linkLocal: readonly string[];
}

async function readState(host: Host, hostEnd: string): Promise<State> {
  const general = (text: string) =>
    (hostEnd === "" ? text : text.replaceAll(hostEnd, "veth0"))
      .replace(/\bveth[0-9a-f]{8}\b/g, "vlanport")
      .replace(/\bbwp[0-9a-f]{12}\b/g, "bwp000000000000")
      .replace(/ alias .*?(?= mac|$)/gm, "")
      .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC");
  const snapshot = await host.snapshot();
  const rules = await host.run("nft", "list", "ruleset");
  return {
    snapshot: {
      host: snapshot.host.map(general).sort(),
      containers: { c1: (snapshot.containers.c1 ?? []).map(general).sort() },
      reservations: [],
    },
    rules: rulesByChain(general(rules)),
    ports: await readPorts(host, general),
    parameters: general(await readParameters(host))
      .split("\n")
      .sort()
      .join("\n"),
    shaping: general(await readShaping(host)),
    linkLocal: (await readLinkLocal(host)).map(general).sort(),
  };
}

/** The ruleset without comments, whatever the order of its chains. */
function rulesByChain(text: string): Record<string, string[]> {
  const chains: Record<string, string[]> = {};
  let table = "";
  let chain: string[] = [];
  for (const line of text.replace(/ ?comment ".*?"/g, "").split("\n")) {
    const [word = "", ...name] = line.trim().split(/\s+/);
    if (word === "table") table = name.join(" ");
    else if (word === "chain") chain = chains[`${table} ${name.join(" ")}`] = [];
    else if (word !== "" && word !== "}" && !word.startsWith("#"))
      chain.push([word, ...name].join(" "));
  }
  return chains;
}

async function readPorts(host: Host, general: (text: string) => string): Promise<unknown> {
  const vlans = JSON.parse((await host.run("bridge", "-j", "vlan")) || "[]");
  const links: Record<string, unknown>[] = JSON.parse(
    (await host.run("bridge", "-j", "-d", "link")) || "[]",
  );
  const ports = links.map(({ ifname, master, hairpin, isolated }) => ({
    ifname,
    master,
    hairpin,
    isolated,
  }));
  const sorted = (rows: { ifname: string }[]) =>
    rows.sort((a, b) => (a.ifname < b.ifname ? -1 : 1));
  const [a, b] = JSON.parse(general(JSON.stringify([vlans, ports])));
  return [sorted(a), sorted(b)];
}

/** Only what was asked for: the kernel adds such addresses itself when a carrier comes. */
async function readLinkLocal(host: Host): Promise<string[]> {
  const links = await host.ip<{ ifname: string; addr_info: { scope: string; nodad?: boolean }[] }>(
    "",
    "-6",
    "address",
  );
  const isAsked = ({ scope, nodad }: { scope: string; nodad?: boolean }) =>
    scope === "link" && nodad === true;
  return links.filter((it) => it.addr_info.some(isAsked)).map(({ ifname }) => ifname);
}

/** Queues and filters of every link. */
async function readShaping(host: Host): Promise<string> {
  let text = "";
  for (const netns of ["", "c1"]) {
    const where = netns === "" ? [] : ["-n", netns];
    const show = (...what: string[]) => host.run("tc", ...where, ...what);
    text += await show("qdisc", "show");
    for (const { ifname } of await host.ip<{ ifname: string }>(netns, "link")) {
      text += await show("filter", "show", "dev", ifname, "ingress");
    }
  }
  // Some numbers are the kernel's own choice.
  return text.replace(/ (index|refcnt) \d+/g, "");
}

async function readParameters(host: Host): Promise<string> {
  const onHost = await host.run(
    "sh",
    "-c",
    "grep -r . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/*/accept_ra /proc/sys/net/ipv6/conf/all/forwarding",
  );
  const settings = ["accept_ra", "autoconf"].map((key) => `/proc/sys/net/ipv6/conf/eth0/${key}`);
  const { outcome } = host.start(["grep", "-s", ".", ...settings], { netns: "c1" });
  return onHost + (await outcome).stdout;
}
