/** What the plugins make that give the container a device of the host, a tap, or its loopback. */

import type { JsonObject } from "../../libcni/config.ts";
import {
  autoMtu,
  configured,
  type Explanation,
  inside,
  macWords,
  mtuWords,
  textOr,
  up,
} from "./lines.ts";

export function explainLoopback(): string[] {
  return [up("lo")];
}

/** Keys that name a device, in the order in which they count, and what each is. */
const deviceKeys = {
  hwaddr: "with the MAC address",
  kernelpath: "in /sys/devices/",
  pciBusID: "at the PCI address",
} as const;

export function explainHostDevice({ config, ifName, plan }: Explanation): string[] {
  if (config.DPDKMode === true) {
    return ["# nothing is moved: a program in the container drives the device"];
  }
  const { name, remark } = deviceOf(config);
  return [
    ...remark,
    `ip link set ${name} down`,
    `ip link set ${name} netns NETNS name ${ifName}`,
    inside(`link set ${ifName} alias ${name}`),
    ...configured(ifName, plan, { examined: config.enabledad !== false }),
  ];
}

function deviceOf(config: JsonObject): { name: string; remark: string[] } {
  const device = textOr(config.device, "");
  if (device !== "") return { name: device, remark: [] };
  const id = textOr((config.runtimeConfig as JsonObject | undefined)?.deviceID, "");
  if (id !== "") return { name: "DEVICE", remark: [`# DEVICE: the device ${id}`] };
  for (const [key, where] of Object.entries(deviceKeys)) {
    const value = textOr(config[key], "");
    if (value !== "") return { name: "DEVICE", remark: [`# DEVICE: the one ${where} ${value}`] };
  }
  return { name: "DEVICE", remark: ["# DEVICE: the one that the runtime names"] };
}

export function explainTap({ config, ifName, plan }: Explanation): string[] {
  const words = [
    ...(config.multiQueue === true ? [" multi_queue"] : []),
    ...(typeof config.owner === "number" ? [` user ${config.owner}`] : []),
    ...(typeof config.group === "number" ? [` group ${config.group}`] : []),
  ];
  const label = textOr(config.selinuxContext, "");
  const bridge = textOr(config.bridge, "");
  const changes = `${macWords(config)}${mtuWords(config)}${bridge && ` master ${bridge}`}`;
  return [
    ...autoMtu(config),
    ...(label === "" ? [] : [`# by a process with the label ${label}`]),
    inside(`tuntap add ${ifName} mode tap${words.join("")}`),
    ...(changes === "" ? [] : [inside(`link set ${ifName}${changes}`)]),
    ...configured(ifName, plan, { examined: config.enabledad === true }),
  ];
}
