/** The keys of `ipam` and what they ask of the daemon. */

import * as v from "valibot";
import { findCniArg } from "../../pkg/cni/args.ts";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import {
  containerClientId,
  duidClientId,
  duidOf,
  fqdnOption,
  fqdnOption6,
  iaidOf,
  textClientId,
} from "../../pkg/dhcp/client-id.ts";
import { Option, ownOptions, parseOption } from "../../pkg/dhcp/option.ts";
import { Option as Option6 } from "../../pkg/dhcp6/option.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { integer } from "../../pkg/skel/field.ts";
import type { ConfigOf } from "../../pkg/skel/plugin.ts";
import { randomBytes } from "../../pkg/sys/random.ts";
import { encode } from "../../pkg/sys/text.ts";
import { type Order, toHex, type Wanted4, type Wanted6 } from "./order.ts";

export const defaultSocket = "/run/cni/dhcp.sock";

/** What leaves room for DHCP's own in a message that every network carries. */
const mostProvided = 800;

const provided = v.object({
  option: v.string(),
  value: v.optional(v.string(), ""),
  hex: v.optional(v.string()),
  fromArg: v.optional(v.string(), ""),
});

const requested = v.object({
  option: v.optional(v.string(), ""),
  skipDefault: v.optional(v.boolean(), false),
});

const ipam = v.object({
  type: v.optional(v.string(), ""),
  daemonSocketPath: v.optional(v.string(), defaultSocket),
  provide: v.optional(v.array(provided), []),
  request: v.optional(v.array(requested), []),
  priority: v.optional(integer(0, 0xffff_ffff), 0),
  hostname: v.optional(v.string()),
  fqdn: v.optional(v.string()),
  clientID: v.optional(v.string(), "containerID"),
  broadcast: v.optional(v.boolean()),
  rapidCommit: v.optional(v.boolean(), false),
  probe: v.optional(integer(0, 10_000), 100),
  family: v.optional(v.picklist(["4", "6", "dual"]), "4"),
  slaac: v.optional(v.boolean(), false),
});

export const configEntries = { ipam: v.optional(ipam) };

/** What DEL and GC go by: where the daemon is. */
export const releaseEntries = {
  ipam: v.optional(
    v.object({
      type: v.optional(v.string(), ""),
      daemonSocketPath: v.optional(v.string(), defaultSocket),
    }),
  ),
};

/** A call of the plugin. */
export type Call = Context<ConfigOf<typeof configEntries>>;
type Ipam = v.InferOutput<typeof ipam>;

/** The part of the configuration that is this plugin's. Throws code 7 where there is none. */
export function ipamOf({ config }: Call): Ipam {
  if (config.ipam === undefined) throw invalid("IPAM config missing 'ipam' key");
  return config.ipam;
}

/** Where the daemon is to be found; empty or left out means the usual place. */
export function socketOf({ config }: Context<ConfigOf<typeof releaseEntries>>): string {
  return config.ipam?.daemonSocketPath || defaultSocket;
}

/** What an ADD asks the daemon for. */
export function orderOf(call: Call): Order {
  const ipam = ipamOf(call);
  const { network, containerId, ifName, netns } = call;
  const { family, slaac, priority } = ipam;
  if (family === "4" && slaac) throw invalid('cannot use slaac: "family" is "4"');
  if (family === "6") refuseKeysOf4(ipam);
  return {
    ...{ network, containerId, ifName, netns: absolute(netns), priority },
    add: toHex(randomBytes(8)),
    v4: family === "6" ? undefined : wanted4(call, ipam),
    v6: family === "4" ? undefined : wanted6(call, ipam),
  };
}

/** What says nothing to DHCPv6 is not wanted by whoever knows it. */
function refuseKeysOf4({ clientID, request, provide, broadcast }: Ipam): void {
  const given = {
    clientID: clientID !== "containerID" && clientID !== "",
    request: request.length > 0,
    provide: provide.length > 0,
    broadcast: broadcast !== undefined,
  };
  for (const [key, isGiven] of Object.entries(given)) {
    if (isGiven) throw invalid(`cannot use ${key}: "family" is "6", and it is DHCPv4's`);
  }
}

function wanted6(call: Call, ipam: Ipam): Wanted6 {
  const { slaac, rapidCommit, probe } = ipam;
  const name = ipam.fqdn || hostnameOf(call, ipam);
  const fqdn = name === "" ? undefined : fqdnOption6(name);
  if (name !== "" && fqdn === undefined) throw invalid(`invalid fqdn "${name}": no domain name`);
  return {
    ...{ slaac, rapidCommit, probe },
    duid: toHex(duidOf(call)),
    iaid: toHex(iaidOf(call)),
    provide: fqdn === undefined ? [] : [[Option6.clientFqdn, toHex(fqdn)]],
  };
}

/** The daemon has a working directory of its own. */
function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  throw new CniError(ErrorCode.invalidNetns, `cannot use netns "${path}": it is no absolute path`);
}

function wanted4(call: Call, ipam: Ipam): Wanted4 {
  const provide = providedBy(call, ipam);
  const id = provide.get(Option.clientId);
  provide.delete(Option.clientId);
  const length = Array.from(provide.values()).reduce((sum, value) => sum + value.length, 0);
  if (length > mostProvided) {
    throw invalid(`cannot provide options of ${length} bytes: ${mostProvided} are the most`);
  }
  return {
    clientId: id === undefined ? clientIdOf(call, ipam) : toHex(Uint8Array.of(0, ...id)),
    request: requestedBy(ipam),
    provide: Array.from(provide, ([code, value]) => [code, toHex(value)]),
    broadcast: ipam.broadcast ?? null,
    rapidCommit: ipam.rapidCommit,
    probe: ipam.probe,
  };
}

/** Option 61 in hex; empty for the interface's hardware address, which the daemon knows. */
function clientIdOf(call: Call, { clientID }: Ipam): string {
  if (clientID === "mac") return "";
  if (clientID === "containerID" || clientID === "") return toHex(containerClientId(call));
  if (clientID === "duid") return toHex(duidClientId(call));
  if (clientID.startsWith("text:") && clientID.length > "text:".length) {
    return toHex(checkedLength("dhcp-client-identifier", textClientId(clientID.slice(5))));
  }
  throw invalid(`unknown clientID "${clientID}": expected mac, duid, containerID or text:...`);
}

function hostnameOf(call: Call, { hostname }: Ipam): string {
  return hostname ?? findCniArg(call.env.CNI_ARGS ?? "", "K8S_POD_NAME");
}

/** The configured options, names before the explicit ones, of which the later count. */
function providedBy(call: Call, ipam: Ipam): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const hostname = hostnameOf(call, ipam);
  if (hostname !== "") found.set(Option.hostName, checkedLength("host-name", encode(hostname)));
  if (ipam.fqdn !== undefined && ipam.fqdn !== "") {
    const value = fqdnOption(ipam.fqdn);
    if (value === undefined) throw invalid(`invalid fqdn "${ipam.fqdn}": no domain name`);
    found.set(Option.clientFqdn, value);
  }
  for (const { option, value, hex, fromArg } of ipam.provide) {
    const code = codeOf(option);
    if (ownOptions.includes(code))
      throw invalid(`cannot provide option "${option}": it is DHCP's own`);
    if (value !== "") found.set(code, checkedLength(option, encode(value)));
    if (hex !== undefined) found.set(code, checkedLength(option, bytesOf(hex, option)));
    const argument = fromArg === "" ? "" : findCniArg(call.env.CNI_ARGS ?? "", fromArg);
    if (argument !== "") found.set(code, checkedLength(option, encode(argument)));
  }
  return found;
}

function bytesOf(hex: string, option: string): Uint8Array {
  const digits = hex.replace(/^0x/i, "").replaceAll(/[:\s]/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw invalid(`invalid hex of option "${option}": ${hex}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16),
  );
}

/** The codes of option 55 as the reference orders them. */
function requestedBy({ request }: Ipam): number[] {
  const codes = new Set<number>();
  for (const { option } of request) if (option !== "") codes.add(codeOf(option));
  if (!request.some(({ skipDefault }) => skipDefault)) {
    codes.add(Option.routers);
    codes.add(Option.subnetMask);
  }
  if (codes.size > 0) return [...codes];
  return [Option.subnetMask, Option.routers, Option.domainName, Option.domainNameServers];
}

function codeOf(option: string): number {
  const code = parseOption(option);
  if (code === undefined) throw invalid(`Can not parse option "${option}": unknown name or number`);
  return code;
}

function checkedLength(option: string, value: Uint8Array): Uint8Array {
  if (value.length > 255)
    throw invalid(`value too long for option ${option}: ${value.length} bytes`);
  return value;
}

function invalid(message: string): CniError {
  return new CniError(ErrorCode.invalidConfig, message);
}
