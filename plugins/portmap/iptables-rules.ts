/** Which rules publish a container's ports by iptables: the reference's chains and words, in its order. */

import { containerChain, containerComment } from "../../pkg/filter/container-chain.ts";
import { type Family, parseAddress } from "../../pkg/ip/address.ts";
import { defaultPrefix, hostPrefix, type Prefix, samePrefix } from "../../pkg/ip/prefix.ts";
import {
  comment,
  destinationNat,
  destinationPort,
  destinationPorts,
  destinationType,
  marked,
  type Rule,
  setMark,
} from "../../pkg/iptables/rule.ts";
import type { Words } from "../../pkg/iptables/words.ts";
import type { Attachment } from "../../pkg/link/attachment.ts";
import type { PortmapConfig } from "./config.ts";
import { parseIptablesConditions } from "./iptables-conditions.ts";
import {
  concerns,
  inOrder,
  type Publication,
  type PublishedPort,
  protocolName,
  type Targets,
} from "./mapping.ts";

/** The reference's chains in table "nat". The last two hold what old versions of it made. */
export const Chain = {
  entry: "CNI-HOSTPORT-DNAT",
  mark: "CNI-HOSTPORT-SETMARK",
  masquerade: "CNI-HOSTPORT-MASQ",
  own: "CNI-DN-",
  oldEntry: "CNI-HOSTPORT-SNAT",
  oldOwn: "CNI-SN-",
} as const;

/** The chain of a container's own rules. */
export function ownChain(network: string, containerId: string): string {
  return containerChain(Chain.own, network, containerId);
}

/** The same of old versions, which masqueraded. */
export function oldChain(network: string, containerId: string): string {
  return containerChain(Chain.oldOwn, network, containerId);
}

/** Where packets to the host come from: outside and containers, and the host itself. */
export const entries = ["PREROUTING", "OUTPUT"] as const;

/** Those lead to the containers' chains. */
export const toEntry: Rule = { matches: [destinationType("LOCAL")], target: [Chain.entry] };

/** What is marked gets the host's address: asked before anything else there. */
export const toMasquerade: Rule = {
  matches: [comment("CNI portfwd requiring masquerade")],
  target: [Chain.masquerade],
};

/** The bit of the mark, if not told otherwise. */
const usualBit = 13;

function markBits({ markMasqBit = usualBit }: PortmapConfig): number {
  return 1 << markMasqBit;
}

/** The rule that marks. */
export function markRule(config: PortmapConfig): Rule {
  return {
    matches: [comment("CNI portfwd masquerade mark")],
    target: setMark(markBits(config)),
  };
}

/** The rule that does what the mark says. */
export function masqueradeRule(config: PortmapConfig): Rule {
  return { matches: [marked(markBits(config))], target: ["MASQUERADE"] };
}

/** Whether the marking chains are this plugin's own. */
export function ownsMark({ snat, externalSetMarkChain }: PortmapConfig): boolean {
  return snat && externalSetMarkChain === undefined;
}

const localhost = hostPrefix(mustParse("127.0.0.1"));
const loopback = { ...hostPrefix(mustParse("127.0.0.0")), length: 8 };

function mustParse(text: string) {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`invalid IP address: ${text}`);
  return address;
}

const martian = comment("CNI portmap: 127.0.0.0/8 from outside");

/**
 * For table "raw": where route_localnet is on, neighbours could reach what listens on 127.0.0.1 only (CVE-2020-8558).
 */
export const guardRules: readonly Rule[] = [
  { destination: loopback, in: { not: "lo" }, matches: [martian], target: ["DROP"] },
  { source: loopback, in: { not: "lo" }, matches: [martian], target: ["DROP"] },
];

/** How comments of the ways in begin. */
export const commentStart = "dnat ";

/** XT_MULTI_PORTS, linux/netfilter/xt_multiport.h */
const mostPorts = 15;

/** What is published of a family. */
export interface FamilyPlan {
  readonly chain: string;
  /** Rules of the chain that leads to the container's. */
  readonly entry: readonly Rule[];
  readonly own: readonly Rule[];
  /** Whether a certain address of the host is meant: then the entry goes before those that mean all. */
  readonly isCertain: boolean;
}

/** The rules of one family; undefined where nothing is published in it. */
export function planFamily(
  family: Family,
  owner: Attachment,
  config: PortmapConfig,
  [list, targets]: readonly [readonly Publication[], Targets],
): FamilyPlan | undefined {
  const target = targets[family];
  const ports = inOrder(list);
  const own = ports.filter((port) => concerns(port, family));
  if (target === undefined || own.length === 0) return undefined;
  const certain = own.filter(({ hostIP }) => hostIP !== undefined);
  const anywhere = own.filter(({ hostIP }) => hostIP === undefined);
  const chain = ownChain(owner.network, owner.containerId);
  return {
    chain,
    entry: entryRules(family, chain, containerComment(commentStart, owner), [config, ports]),
    own: [...certain, ...anywhere].flatMap((port) => rulesFor(port, config, target)),
    isCertain: certain.length > 0,
  };
}

/** As the reference does, for all ports: those of the other family find nothing in the container's chain. */
function entryRules(
  family: Family,
  chain: string,
  note: Words,
  [config, list]: readonly [PortmapConfig, readonly PublishedPort[]],
): Rule[] {
  const { matches = [], ...where } = parseIptablesConditions(
    family,
    config[`conditionsV${family}`],
  );
  const names = [...new Set(list.map(({ protocol }) => protocolName(protocol)))].sort();
  return names.flatMap((protocol) => {
    const ports = list
      .filter((port) => protocolName(port.protocol) === protocol)
      .map(({ hostPort }) => hostPort);
    return inGroups(ports).map((group) => ({
      ...where,
      protocol,
      matches: [note, destinationPorts(group), ...matches],
      target: [chain],
    }));
  });
}

function inGroups(ports: readonly number[]): number[][] {
  const count = Math.ceil(ports.length / mostPorts);
  return Array.from({ length: count }, (_, at) =>
    ports.slice(at * mostPorts, (at + 1) * mostPorts),
  );
}

function rulesFor(
  { protocol: number, hostIP, hostPort, containerPort }: PublishedPort,
  config: PortmapConfig,
  target: Prefix,
): Rule[] {
  const protocol = protocolName(number);
  const port = {
    ...(hostIP === undefined ? {} : { destination: hostPrefix(hostIP) }),
    protocol,
    matches: [destinationPort(protocol, hostPort)],
  };
  return [
    ...sourcesToHide(config, target).map((source) => ({
      ...port,
      ...(isEverything(source) ? {} : { source }),
      target: [config.externalSetMarkChain ?? Chain.mark],
    })),
    { ...port, target: destinationNat(target.address, containerPort) },
  ];
}

/** Answers must come back this way: so must those of the container itself, of its neighbours and of 127.0.0.1. */
function sourcesToHide({ snat, masqAll }: PortmapConfig, target: Prefix): Prefix[] {
  const { family } = target.address;
  if (!snat) return [];
  if (masqAll) return [defaultPrefix(family)];
  return family === 4 ? [target, localhost] : [target];
}

function isEverything(prefix: Prefix): boolean {
  return samePrefix(prefix, defaultPrefix(prefix.address.family));
}
