/** Draws what was made, from what the kernel says of it. */

import { bridgeName, type Container, containers, json } from "./world.ts";

interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly link_index?: number;
  readonly address: string;
  readonly ifalias?: string;
  readonly master?: string;
}

interface Addresses {
  readonly ifname: string;
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

interface Route {
  readonly dst: string;
  readonly gateway?: string;
}

/** Lines of a drawing: the bridge, its ports, and each container with its addresses and routes. */
export function draw(): string[] {
  const links = json<Link[]>("ip", "-j", "link");
  const lines = [`host    ${bridgeName}  ${addressesOf([], bridgeName).join("  ")}`];
  containers.forEach((container, index) => {
    const isLast = index === containers.length - 1;
    const [first = "", ...rest] = drawContainer(container, links);
    lines.push("        |", `        +-- ${first}`);
    lines.push(...rest.map((line) => `        ${isLast ? " " : "|"}   ${line}`));
  });
  return lines;
}

function drawContainer(container: Container, links: readonly Link[]): string[] {
  const inside = ["-n", container];
  const [eth0] = json<Link[]>("ip", "-j", ...inside, "link", "show", "eth0");
  const port = links.find(({ ifindex }) => ifindex === eth0?.link_index);
  if (port?.master !== bridgeName) throw new Error(`${container} is not on ${bridgeName}`);
  const routes = ["-4", "-6"]
    .flatMap((family) =>
      json<Route[]>("ip", "-j", ...inside, family, "route", "show", "dev", "eth0"),
    )
    .filter(({ dst }) => !dst.startsWith("fe80:"))
    .map(({ dst, gateway }) =>
      gateway === undefined ? `${dst} on link` : `${dst} via ${gateway}`,
    );
  return [
    `${port.ifname} ===== eth0 in ${container}   (${eth0?.address})`,
    `alias      ${port.ifalias}`,
    ...labelled("addresses", addressesOf(inside, "eth0")),
    ...labelled("routes", routes),
  ];
}

/** A label, and its values below each other. */
function labelled(label: string, values: readonly string[]): string[] {
  return values.map((value, index) => `${(index === 0 ? label : "").padEnd(11)}${value}`);
}

function addressesOf(inside: readonly string[], link: string): string[] {
  const [found] = json<Addresses[]>("ip", "-j", ...inside, "address", "show", link);
  return (found?.addr_info ?? [])
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}
