/** Mistakes in what a plugin's keys say together: what ADD would refuse, in its words, and what cannot be meant. */

import type { JsonNode } from "../../libcni/json-tree.ts";
import { checkAddresses } from "./addresses.ts";
import { ipamTypeOf, type Link, toValueAt } from "./chain.ts";
import { type Finding, memberOf, type Severity, textOf } from "./finding.ts";

type Check = (link: Link, cniVersion: string) => Finding[];

/** IFNAMSIZ less its NUL, linux/if.h */
const longestName = 15;

/** By the type of the plugin. */
const checks: Readonly<Record<string, Check>> = {
  bridge: checkBridge,
  ptp: checkPair,
  veth: checkPair,
  vlan: checkVlan,
  "host-device": checkDevice,
  tuning: checkTuning,
};

/** What is wrong within one plugin's configuration. `cniVersion` is the list's. */
export function checkValues(link: Link, cniVersion: string): Finding[] {
  return [...(checks[link.type]?.(link, cniVersion) ?? []), ...checkAddresses(link, cniVersion)];
}

function checkBridge(link: Link): Finding[] {
  const is = (key: string) => toValueAt(link.node, key) === true;
  const hasIpam = ipamTypeOf(link) !== "";
  const found: Finding[] = [];
  if (is("hairpinMode") && is("promiscMode")) {
    const what = "cannot set hairpin mode and promiscuous mode at the same time";
    found.push(at(link, "promiscMode", "error", what));
  }
  if (is("disableContainerInterface") && hasIpam) {
    const what = "cannot use IPAM when DisableContainerInterface flag is set";
    found.push(at(link, "disableContainerInterface", "error", what));
  }
  for (const key of ["isGateway", "isDefaultGateway", "ipMasq"]) {
    if (!is(key) || hasIpam) continue;
    const what = `"${key}" does nothing for a container without addresses: there is no "ipam"`;
    found.push(at(link, key, "warning", what));
  }
  return [...found, ...checkTrunk(link), ...checkVlanGateway(link)];
}

function checkTrunk(link: Link): Finding[] {
  const trunk = memberOf(link.node, "vlanTrunk");
  const entries = trunk?.kind === "list" ? trunk.items : [];
  return entries.flatMap((entry): Finding[] => {
    const [least, most] = ["minID", "maxID"].map((key) => toValueAt(entry, key));
    if ((least === undefined) !== (most === undefined)) {
      const missing = least === undefined ? "minID" : "maxID";
      const what = `minID and maxID should be configured simultaneously, ${missing} is missing`;
      return [finding(entry, "error", what)];
    }
    if (typeof least !== "number" || typeof most !== "number" || least <= most) return [];
    return [finding(entry, "error", "minID is greater than maxID in trunk parameter")];
  });
}

function checkVlanGateway(link: Link): Finding[] {
  const vlan = toValueAt(link.node, "vlan");
  const isGateway = ["isGateway", "isDefaultGateway"].some(
    (key) => toValueAt(link.node, key) === true,
  );
  if (typeof vlan !== "number" || vlan === 0 || !isGateway) return [];
  const name = `${textOf(memberOf(link.node, "bridge")) ?? "cni0"}.${vlan}`;
  if (name.length <= longestName) return [];
  const what = `the name of the VLAN's gateway interface is too long: "${name}"`;
  return [at(link, "vlan", "error", what)];
}

function checkPair(link: Link): Finding[] {
  if (ipamTypeOf(link) !== "static") return [];
  const addresses = memberOf(memberOf(link.node, "ipam"), "addresses");
  const entries = addresses?.kind === "list" ? addresses.items : [];
  return entries.flatMap((entry) => {
    const address = textOf(memberOf(entry, "address"));
    if (address === undefined || textOf(memberOf(entry, "gateway"))) return [];
    const what = `IPAM plugin returned no gateway for ${address}: a point-to-point link needs one`;
    return [finding(entry, "error", what)];
  });
}

function checkVlan(link: Link): Finding[] {
  const found: Finding[] = [];
  if (!textOf(memberOf(link.node, "master"))) {
    const what = `"master" field is required. It specifies the host interface name to create the VLAN for`;
    found.push(at(link, "type", "error", what));
  }
  if ((toValueAt(link.node, "vlanId") ?? 0) === 0) {
    const what = `VLAN 0 carries a priority only: "vlanId" is missing`;
    found.push(at(link, "vlanId", "warning", what));
  }
  return found;
}

const deviceKeys = ["device", "hwaddr", "kernelpath", "pciBusID"];

function checkDevice(link: Link): Finding[] {
  const given = deviceKeys.filter((key) => textOf(memberOf(link.node, key)));
  if (given.length > 1) {
    const what = `only "${given[0]}" counts: the others do not narrow it down`;
    return [at(link, given[1] ?? "", "warning", what)];
  }
  const isLeftToRuntime = toValueAt(link.node, "capabilities", "deviceID") === true;
  if (given.length === 1 || isLeftToRuntime) return [];
  const what = 'specify either "device", "hwaddr", "kernelpath" or "pciBusID"';
  return [at(link, "type", "error", what)];
}

/** All of a network namespace's own parameters, and nothing else, lies in net/. */
function checkTuning(link: Link): Finding[] {
  const sysctl = memberOf(link.node, "sysctl");
  if (sysctl?.kind !== "object") return [];
  return sysctl.members.flatMap(({ key, keyStart }): Finding[] => {
    const parts = key.replaceAll(".", "/").split("/");
    if (parts[0] === "net" && parts.length > 1 && !parts.includes("")) return [];
    const message = `invalid net sysctl key: "${parts.join("/")}"`;
    return [{ severity: "error", offset: keyStart, message }];
  });
}

function at(link: Link, key: string, severity: Severity, message: string): Finding {
  return finding(memberOf(link.node, key) ?? link.node, severity, message);
}

function finding(node: JsonNode, severity: Severity, message: string): Finding {
  return { severity, offset: node.start, message };
}
