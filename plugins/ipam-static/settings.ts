/** Which addresses a call asks for: from four sources, in the reference's order and words. */

import { canonicalRoute } from "../../pkg/cni/addresses.ts";
import { parseCniArgs } from "../../pkg/cni/args.ts";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import type { Dns, Route } from "../../pkg/cni/result.ts";
import { atLeast } from "../../pkg/cni/version.ts";
import { type Address, parseAddress, sameAddress } from "../../pkg/ip/address.ts";
import { contains, type Prefix, parsePrefix, samePrefix } from "../../pkg/ip/prefix.ts";

/** An address to be given, with its network and perhaps a gateway. */
export interface StaticAddress {
  readonly prefix: Prefix;
  readonly gateway: Address | undefined;
}

/** A call, as far as it matters here. */
export interface SettingsSource {
  readonly config: {
    readonly ipam?: {
      addresses?: { address: string; gateway?: string }[];
      routes?: Route[];
      dns?: Dns;
    };
    readonly runtimeConfig?: { ips?: string[] };
    readonly args?: { cni?: { ips?: string[] } };
  };
  readonly cniVersion: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Settings {
  readonly addresses: readonly StaticAddress[];
  readonly routes: Route[] | undefined;
  readonly dns: Dns | undefined;
  /** Gateways of CNI_ARGS that no address could take. */
  readonly unusedGateways: readonly Address[];
}

/** The version from which a result may hold several addresses of a family. */
const severalPerFamily = "0.3.0";

/** Reads what a call asks for. Throws code 7, or 4 for what CNI_ARGS says. */
export function readSettings({ config, cniVersion, env }: SettingsSource): Settings {
  const { ipam, runtimeConfig, args } = config;
  if (!ipam) throw badConfig("IPAM config missing 'ipam' key");
  const gatewaysOfConfig = (ipam.addresses ?? []).map(({ gateway }) => readGateway(gateway));
  const named = parseCniArgs(env.CNI_ARGS ?? "", ["IP", "GATEWAY"]);
  const ofArgs = list(named.IP).map(readArgument);
  const gateways = list(named.GATEWAY).map(readGatewayArgument);
  const ofMetadata = (args?.cni?.ips ?? []).map(readListed);
  const ofRuntime = (runtimeConfig?.ips ?? []).map(readListed);

  const replaced = [ofRuntime, ofMetadata].find(({ length }) => length > 0);
  // Texts of addresses that are replaced do not matter.
  const configured = replaced
    ? []
    : (ipam.addresses ?? []).map(({ address }) => readConfigured(address));
  const given = replaced
    ? replaced.map((prefix) => ({ prefix, gateway: undefined }))
    : [...configured, ...ofArgs].map((prefix, at) => ({
        prefix,
        gateway: gatewaysOfConfig[at] ?? gatewayFor(prefix, gateways),
      }));
  const addresses = given.filter(isFirst);
  if (!atLeast(cniVersion, severalPerFamily)) refuseSeveralPerFamily(addresses, cniVersion);
  return {
    addresses,
    routes: ipam.routes?.map(canonicalRoute),
    dns: ipam.dns,
    unusedGateways: gateways.filter((gateway) => !addresses.some(uses(gateway))),
  };
}

/** `a,b`, blanks around them not counting. */
function list(text: string | undefined): string[] {
  return text ? text.split(",").map((entry) => entry.trim()) : [];
}

function readArgument(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `the 'ip' field is expected to be in CIDR notation, got: '${text}'`,
  );
}

function readGatewayArgument(text: string): Address {
  const gateway = parseAddress(text);
  if (gateway) return gateway;
  throw new CniError(ErrorCode.invalidEnvironment, `invalid gateway address: ${text}`);
}

function readListed(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  throw badConfig(`an entry in the 'ips' field is NOT in CIDR notation, got: '${text}'`);
}

function readConfigured(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  throw badConfig(`the 'address' field is expected to be in CIDR notation, got: '${text}'`);
}

function readGateway(text: string | undefined): Address | undefined {
  if (!text) return undefined;
  const gateway = parseAddress(text);
  if (gateway) return gateway;
  throw badConfig(`invalid IP address: ${text}`);
}

/** The last one in the network, as the reference has it. */
function gatewayFor(prefix: Prefix, gateways: readonly Address[]): Address | undefined {
  return gateways.findLast((gateway) => contains(prefix, gateway));
}

/** No interface can have an address twice: the first stays. */
function isFirst({ prefix }: StaticAddress, at: number, all: readonly StaticAddress[]): boolean {
  return all.findIndex((other) => samePrefix(other.prefix, prefix)) === at;
}

function uses(gateway: Address): (address: StaticAddress) => boolean {
  return (address) => address.gateway !== undefined && sameAddress(address.gateway, gateway);
}

function refuseSeveralPerFamily(addresses: readonly StaticAddress[], version: string): void {
  const ofFamily4 = addresses.filter(({ prefix }) => prefix.address.family === 4).length;
  if (ofFamily4 < 2 && addresses.length - ofFamily4 < 2) return;
  throw badConfig(`CNI version ${version} does not support more than 1 address per family`);
}

function badConfig(message: string): CniError {
  return new CniError(ErrorCode.invalidConfig, message);
}
