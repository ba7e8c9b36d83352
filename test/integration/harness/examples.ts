/**
 * The configurations in the documentation, as tests run them: which blocks are configurations, what each needs on the
 * host, and what a runtime gives it. A new plugin's example is found by itself; what it needs beyond its master goes
 * into `preparations`, what its capabilities need into `capabilityArgs`.
 */

import { symlinkSync } from "node:fs";
import { otherwise, readJsonExamples } from "../../../scripts/examples.ts";
import type { Member } from "./chain.ts";
import { makeServerBridge, network, startDaemon, startDnsmasq } from "./dhcp.ts";
import type { Host } from "./host.ts";
import { batch } from "./interface-plugin.ts";
import { configDirectory } from "./runtime.ts";

/** A configuration as a page has it. */
export interface RunnableExample {
  readonly place: string;
  readonly name: string;
  readonly plugins: readonly Member[];
  /** The file's text and its extension. */
  readonly text: string;
  readonly extension: "conf" | "conflist";
}

/** Kinds of links that plugins need and that few kernels have all of (scripts/lacking-kinds.sh). */
const kindsOf: Readonly<Record<string, string>> = {
  dummy: "dummy",
  ipvlan: "ipvlan",
  vlan: "vlan",
  vrf: "vrf",
};

/** What a plugin needs on the host besides its master and a default route. */
const preparations: Readonly<Record<string, (host: Host, plugin: Member) => Promise<void>>> = {
  "host-device": addDevice,
};

/** The same for what an IPAM plugin needs. */
const ipamPreparations: typeof preparations = {
  dhcp: addServer,
};

/** What a runtime passes for each capability that an example declares. */
const capabilityArgs: Readonly<Record<string, unknown>> = {
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  mac: "0a:00:00:00:00:07",
  bandwidth: {
    ingressRate: 1_000_000,
    egressRate: 1_000_000,
    ingressBurst: 80_000,
    egressBurst: 80_000,
  },
};

/** A plugin without a network around it stands behind this one. */
const usual = { type: "bridge", ipam: { type: "host-local", subnet: "10.22.0.0/16" } };

/** Every example there is. */
export function examplesOfEveryKind(): RunnableExample[] {
  return readJsonExamples()
    .filter(({ page }) => otherwise[page] === undefined)
    .map(({ place, json }) => runnable(place, json));
}

/** The examples that need none of these kinds, or those that need one. */
export function runnableExamples(needing: "usual kinds" | "special kinds"): RunnableExample[] {
  return examplesOfEveryKind().filter(({ plugins }) => {
    const isSpecial = plugins.some(({ type }) => kindsOf[type] !== undefined);
    return isSpecial === (needing === "special kinds");
  });
}

function runnable(place: string, json: Readonly<Record<string, unknown>>): RunnableExample {
  const isPiece = json.name === undefined;
  const file = isPiece ? { cniVersion: "1.1.0", name: "example", plugins: [usual, json] } : json;
  const isList = "plugins" in file;
  return {
    place,
    name: String(file.name),
    plugins: (isList ? file.plugins : [file]) as Member[],
    text: JSON.stringify(file),
    extension: isList ? "conflist" : "conf",
  };
}

/** Writes the example where runtimes look; the value is the file. */
export function writeExample(host: Host, { name, text, extension }: RunnableExample): string {
  return host.write(`${configDirectory}/${name}.${extension}`, text);
}

/** CAP_ARGS for the capabilities that the example declares. */
export function capabilityArgsOf({ plugins }: RunnableExample): Record<string, string> {
  const names = plugins.flatMap(({ capabilities = {} }) => Object.keys(capabilities as object));
  if (names.length === 0) return {};
  return {
    CAP_ARGS: JSON.stringify(
      Object.fromEntries(
        names.map((name) => {
          const value = capabilityArgs[name];
          if (value === undefined) throw new Error(`no value for the capability "${name}"`);
          return [name, value];
        }),
      ),
    ),
  };
}

/** Makes a machine on which the example can run: an uplink with default routes, masters, devices. */
export async function prepareFor(host: Host, { plugins }: RunnableExample): Promise<void> {
  await host.addNetns("lan");
  const masters = plugins.map(({ master }) => master).filter((it) => typeof it === "string");
  for (const name of new Set([...masters, "uplink0"])) await addWire(host, String(name));
  await batch(host, "", [
    "address add 203.0.113.2/24 dev uplink0",
    "address add 2001:db8:113::2/64 dev uplink0 nodad",
    "route add default via 203.0.113.1",
    "route add default via 2001:db8:113::1",
  ]);
  for (const plugin of plugins) {
    await preparations[plugin.type]?.(host, plugin);
    const { type = "" } = (plugin.ipam ?? {}) as { type?: string };
    await ipamPreparations[type]?.(host, plugin);
  }
}

async function addWire(host: Host, name: string): Promise<void> {
  await batch(host, "", [
    `link add ${name} type veth peer ${name} netns lan`,
    `link set ${name} up`,
  ]);
  await host.run("ip", "-n", "lan", "link", "set", name, "up");
}

/** A wire that sysfs says is on a PCI bus. */
async function addDevice(host: Host, { pciBusID }: Member): Promise<void> {
  await addWire(host, "wire0");
  if (typeof pciBusID !== "string") throw new Error("an example of host-device by something else");
  await host.run("mount", "-t", "tmpfs", "none", "/sys/bus");
  host.write(`/sys/bus/pci/devices/${pciBusID}/net/wire0/ifindex`, "");
  host.write("/sys/bus/pci/drivers/e1000/module", "");
  const driver = `/sys/bus/pci/devices/${pciBusID}/driver`;
  symlinkSync("../../drivers/e1000", host.outside(driver));
}

/** A server of addresses behind the master, and the daemon that asks it. */
async function addServer(host: Host, { master }: Member): Promise<void> {
  await makeServerBridge(host);
  await batch(host, "", [
    `link delete ${master}`,
    `link add ${master} type veth peer port0`,
    `link set port0 master ${network.bridge} up`,
    `link set ${master} up`,
  ]);
  await startDnsmasq(host);
  await startDaemon(host);
}
