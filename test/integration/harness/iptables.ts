/** Which iptables a host has: Debian's alternatives lead elsewhere, as an administrator would have them. */

/** What Debian has by default; that in scripts, as some images have it, so that it must be run; the older flavour. */
export type Flavour = "nft" | "scripts" | "legacy";

const names = ["iptables", "ip6tables"].flatMap((name) => [
  name,
  `${name}-save`,
  `${name}-restore`,
]);

/** In a directory that stands in for the alternatives. */
const places: Readonly<Record<Exclude<Flavour, "nft">, (name: string) => string>> = {
  scripts: (name) => {
    const program = name.replace("tables", "tables-nft");
    return `rm ${name}; printf '#!/bin/sh\\nexec /usr/sbin/${program} "$@"\\n' >${name}; chmod +x ${name}`;
  },
  legacy: (name) => `ln -sf /usr/sbin/xtables-legacy-multi ${name}`,
};

/** Lines for `sh -e` that make this the host's iptables. */
export function flavourScript(flavour: Flavour): string[] {
  const before = "if mountpoint -q /etc/alternatives; then umount /etc/alternatives; fi";
  if (flavour === "nft") return [before];
  return [
    before,
    "rm -rf /run/work/alternatives",
    "cp -a /etc/alternatives /run/work/alternatives",
    "cd /run/work/alternatives",
    ...names.map(places[flavour]),
    "cd /",
    "mount --bind /run/work/alternatives /etc/alternatives",
  ];
}
