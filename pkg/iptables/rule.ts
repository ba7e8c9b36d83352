/** Rules as values. Their words come in the order and spelling in which `iptables-save` prints them: so they compare. */

import { type Address, type Family, formatAddress } from "../ip/address.ts";
import { formatPrefix, network, type Prefix } from "../ip/prefix.ts";
import { encode } from "../sys/text.ts";
import type { Words } from "./words.ts";

/** What must be so, or must not. */
export type Operand<T> = T | { readonly not: T };

/** One rule. */
export interface Rule {
  readonly source?: Operand<Prefix>;
  readonly destination?: Operand<Prefix>;
  readonly in?: Operand<string>;
  readonly out?: Operand<string>;
  readonly protocol?: Operand<string>;
  /** One after the other, each with the name of its extension: those below, or others in the same form. */
  readonly matches?: readonly Words[];
  /** `ACCEPT`, a chain's name, or a target with its options. */
  readonly target: Words;
}

/** The rule's words, without its chain. */
export function wordsOf({ matches = [], target, ...rule }: Rule): Words {
  return [
    ...operand("-s", rule.source, formatNetwork),
    ...operand("-d", rule.destination, formatNetwork),
    ...operand("-i", rule.in, linkName),
    ...operand("-o", rule.out, linkName),
    ...operand("-p", rule.protocol, String),
    ...matches.flatMap((match) => ["-m", ...match]),
    "-j",
    ...target,
  ];
}

function operand<T extends object | string>(
  option: string,
  value: Operand<T> | undefined,
  print: (value: T) => string,
): string[] {
  if (value === undefined) return [];
  if (typeof value === "object" && "not" in value) return ["!", option, print(value.not)];
  return [option, print(value)];
}

function formatNetwork(prefix: Prefix): string {
  return formatPrefix(network(prefix));
}

/** IFNAMSIZ less its NUL, linux/if.h */
const longestName = 15;

/** `+` at the end would stand for any ending. */
function linkName(name: string): string {
  if (name === "" || name.endsWith("+") || encode(name).length > longestName) {
    throw new Error(`iptables cannot match the interface ${JSON.stringify(name)}`);
  }
  return name;
}

/** Bytes that xt_comment keeps, less the NUL, linux/netfilter/xt_comment.h */
export const longestComment = 255;
const omission = "...";

/** A comment, cut where it is too long. */
export function comment(text: string): Words {
  return ["comment", "--comment", cut(text)];
}

function cut(text: string): string {
  if (encode(text).length <= longestComment) return text;
  let kept = "";
  let length = omission.length;
  for (const character of text) {
    length += encode(character).length;
    if (length > longestComment) break;
    kept += character;
  }
  return kept + omission;
}

/** What connection tracking says of the packet: `RELATED,ESTABLISHED`, in the order of the kernel's bits. */
export function connectionState(states: string): Words {
  return ["conntrack", "--ctstate", states];
}

/** The kind of address the packet goes to. */
export function destinationType(type: "LOCAL" | "MULTICAST"): Words {
  return ["addrtype", "--dst-type", type];
}

/** Up to fifteen ports: XT_MULTI_PORTS, linux/netfilter/xt_multiport.h */
export function destinationPorts(ports: readonly number[]): Words {
  return ["multiport", "--dports", ports.join(",")];
}

/** One port of the protocol that the rule is for. */
export function destinationPort(protocol: "tcp" | "udp" | "sctp", port: number): Words {
  return [protocol, "--dport", `${port}`];
}

/** Whether these bits of the packet's mark are set. */
export function marked(bits: number): Words {
  return ["mark", "--mark", `${hex(bits)}/${hex(bits)}`];
}

/** Sets these bits of the packet's mark. */
export function setMark(bits: number): Words {
  return ["MARK", "--set-xmark", `${hex(bits)}/${hex(bits)}`];
}

/** Sends the connection to this address and port. */
export function destinationNat(address: Address, port: number): Words {
  const host = formatAddress(address);
  return [
    "DNAT",
    "--to-destination",
    address.family === 6 ? `[${host}]:${port}` : `${host}:${port}`,
  ];
}

function hex(bits: number): string {
  return `0x${(bits >>> 0).toString(16)}`;
}

/** XT_EXTENSION_MAXNAMELEN less its NUL, linux/netfilter/x_tables.h */
export const longestChain = 28;
const verdicts: readonly string[] = ["ACCEPT", "DROP", "QUEUE", "RETURN", "NFQUEUE", "REJECT"];

/** Whether a chain can be called so: what iptables allows, less whatever is no plain word. */
export function isChainName(name: string): boolean {
  return (
    /^[\w.:/+=%@][\w.:/+=%@-]*$/.test(name) &&
    name.length <= longestChain &&
    !verdicts.includes(name)
  );
}

/** The programs' name for a family's rules, without their ending. */
export function programFor(family: Family): "iptables" | "ip6tables" {
  return family === 4 ? "iptables" : "ip6tables";
}
