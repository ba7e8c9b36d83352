/** What the plugins make that put an interface on another one's wire, or on none: macvlan, ipvlan, vlan, dummy. */

import {
  autoMtu,
  configured,
  type Explanation,
  inside,
  macWords,
  mtuWords,
  textOr,
} from "./lines.ts";

export function explainMacvlan(it: Explanation): string[] {
  const { bcqueuelen } = it.config;
  const queue = typeof bcqueuelen === "number" && bcqueuelen > 0 ? ` bcqueuelen ${bcqueuelen}` : "";
  return onMaster(it, `type macvlan mode ${textOr(it.config.mode, "bridge")}${queue}`);
}

/** Without an `ipam` of its own it takes the addresses of the plugin before it. */
export function explainIpvlan(it: Explanation): string[] {
  return onMaster({ ...it, plan: it.given }, `type ipvlan mode ${textOr(it.config.mode, "l2")}`);
}

export function explainVlan(it: Explanation): string[] {
  return onMaster(it, `type vlan id ${it.config.vlanId ?? "ID"}`);
}

export function explainDummy({ config, ifName, plan }: Explanation): string[] {
  return [
    inside(`link add ${ifName} type dummy`),
    ...configured(ifName, plan, { examined: config.enabledad !== false }),
  ];
}

function onMaster({ config, ifName, plan }: Explanation, kind: string): string[] {
  const { text, remark } = masterOf(config.master);
  const words = `${macWords(config)}${mtuWords(config)}`;
  const added =
    config.linkInContainer === true
      ? inside(`link add ${ifName} link ${text}${words} ${kind}`)
      : `ip link add ${ifName} link ${text}${words} netns NETNS ${kind}`;
  const lines = configured(ifName, plan, { examined: config.enabledad !== false });
  return [...autoMtu(config), ...remark, added, ...lines];
}

function masterOf(master: unknown): { text: string; remark: string[] } {
  if (master === "prevResult") {
    return { text: "MASTER", remark: ["# MASTER: the interface of the plugin before it"] };
  }
  if (typeof master === "string" && master !== "") return { text: master, remark: [] };
  return { text: "MASTER", remark: ["# MASTER: the interface of the host's default route"] };
}
