/** What the plugins change that stand behind another one in a chain: tuning, sbr, vrf, debug. */

import type { JsonObject } from "../../libcni/config.ts";
import {
  type AddressPlan,
  familyOf,
  objectOf,
  type Planned,
  type PlannedRoute,
} from "./addresses.ts";
import {
  asHost,
  type Explanation,
  inside,
  macWords,
  sysctlInside,
  textOr,
  withoutLength,
} from "./lines.ts";

export function explainTuning({ config, ifName }: Explanation): string[] {
  const args = objectOf(objectOf(config.args).cni);
  const merged: JsonObject = { ...config, ...args };
  const mac = macWords(config);
  const settings = Object.entries({ ...objectOf(config.sysctl), ...objectOf(args.sysctl) });
  const { mtu, promisc, allmulti, txQLen } = merged;
  const words = [
    ...(typeof mtu === "number" && mtu > 0 ? [`mtu ${mtu}`] : []),
    ...(mac === "" ? [] : [mac.trim()]),
    ...(promisc === true ? ["promisc on"] : []),
    ...(typeof allmulti === "boolean" ? [`allmulticast ${allmulti ? "on" : "off"}`] : []),
    ...(typeof txQLen === "number" ? [`txqueuelen ${txQLen}`] : []),
  ];
  return [
    ...settings.map(([key, value]) =>
      sysctlInside(`${key.replaceAll("IFNAME", ifName)}=${String(value)}`),
    ),
    // An MTU is that of both ends of a pair.
    ...(typeof mtu === "number" && mtu > 0 ? [`ip link set VETH mtu ${mtu}`] : []),
    ...words.map((word) => inside(`link set ${ifName} ${word}`)),
  ];
}

/** TABLE stands for the first routing table from 100 on that nothing in the container uses. */
export function explainSbr({ config, ifName, given }: Explanation): string[] {
  const table = typeof config.table === "number" ? String(config.table) : "TABLE";
  const { rulePriority } = config;
  const priority = typeof rulePriority === "number" ? ` priority ${rulePriority}` : "";
  const rules = given.addresses.map(
    ({ address, family }) =>
      // Without a word about the family, ip takes a rule for one of IPv4.
      `ip -n NETNS${family === 6 ? " -6" : ""} rule add from ${asHost(address, family)} lookup ${table}${priority}`,
  );
  if (table !== "TABLE") return rules;
  return [
    "# TABLE: the first free routing table from 100 on",
    ...rules,
    ...given.addresses.flatMap((it) => tableLines(config, ifName, it)),
    ...given.routes.flatMap((it) => moveLines(ifName, given, it)),
  ];
}

/** An address's routes: that to its network goes to the table, which gets a default route by the gateway. */
function tableLines(config: JsonObject, ifName: string, planned: Planned): string[] {
  const { address, subnet, family } = planned;
  const fixed = Array.isArray(config.gateways)
    ? config.gateways.find((it) => typeof it === "string" && familyOf(it) === family)
    : undefined;
  const gateway = fixed ?? planned.gateway;
  // As the kernel made it with the address.
  const words = family === 4 ? `src ${withoutLength(address)}` : "metric 256";
  const hint = inside(`route replace ${subnet} dev ${ifName} src ${withoutLength(address)}`);
  return [
    inside(`route add ${subnet} dev ${ifName} ${words} table TABLE`),
    ...(gateway === undefined
      ? []
      : [inside(`route add default via ${gateway} dev ${ifName} table TABLE`)]),
    config.addSourceHints === true ? hint : inside(`route del ${subnet} dev ${ifName}`),
  ];
}

/** A route of the interface goes to the table; a default one is there already. */
function moveLines(
  ifName: string,
  given: AddressPlan,
  { dst, gw, further }: PlannedRoute,
): string[] {
  const family = familyOf(dst);
  const gateway = gw ?? given.addresses.find((it) => it.family === family)?.gateway;
  const route = `${dst}${gateway === undefined ? "" : ` via ${gateway}`} dev ${ifName}`;
  const isDefault = dst === "0.0.0.0/0" || dst === "::/0";
  return [
    ...(isDefault ? [] : [inside(`route add ${route}${further ?? ""} table TABLE`)]),
    inside(`route del ${route}`),
  ];
}

/** TABLE stands for the first routing table from 1 on that nothing in the container uses. */
export function explainVrf({ config, ifName, given }: Explanation): string[] {
  const vrf = textOr(config.vrfname, "VRF");
  const { table } = config;
  const number = typeof table === "number" && table > 0 ? String(table) : "TABLE";
  return [
    ...(number === "TABLE" ? ["# TABLE: the first free routing table from 1 on"] : []),
    inside(`link add ${vrf} type vrf table ${number}    # if it is missing`),
    inside(`link set ${vrf} up`),
    inside(`link set ${ifName} master ${vrf}`),
    // The kernel takes the interface down and up, which loses these.
    ...given.addresses
      .filter(({ family }) => family === 6)
      .map(({ address }) => inside(`address replace ${address} dev ${ifName} nodad`)),
    ...given.routes.map(({ dst, gw, further = "" }) => {
      const family = familyOf(dst);
      const gateway = gw ?? given.addresses.find((it) => it.family === family)?.gateway;
      const by = gateway === undefined ? "" : ` via ${gateway}`;
      return inside(`route replace ${dst}${by} dev ${ifName}${further} table ${number}`);
    }),
  ];
}

export function explainDebug({ config }: Explanation): string[] {
  const files = [config.record, config.cniOutput].map((it) => textOr(it, "")).filter(Boolean);
  const hooks = Array.isArray(config.addHooks) ? config.addHooks : [];
  const { delay, failOn } = config;
  const wait = typeof delay === "number" ? delay : objectOf(delay).ADD;
  return [
    ...files.map((file) => `# appends what it is given to ${file}`),
    ...hooks.map((argv) => `ip netns exec NETNS ${Array.isArray(argv) ? argv.join(" ") : argv}`),
    ...(typeof wait === "number" && wait > 0 ? [`sleep ${wait / 1000}`] : []),
    ...(failOn === undefined ? [] : [`# fails on ${[failOn].flat().join(", ")}`]),
  ];
}
