/**
 * Proves that each layer imports only what lies below it (ARCHITECTURE.md, layers). Reads the import lines
 * themselves: a bundler's graph would not show the ones that import types only.
 */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";

/** Folder by folder, what it may import besides itself. `#port` belongs to pkg/sys. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "pkg/ip": [],
  "pkg/cni": ["pkg/ip"],
  "pkg/sys": [],
  "pkg/netlink": ["pkg/ip", "pkg/sys"],
  "pkg/tc": ["pkg/netlink", "pkg/sys"],
  "pkg/dhcp": ["pkg/ip", "pkg/sys"],
  "pkg/dhcp6": ["pkg/dhcp", "pkg/ip", "pkg/sys"],
  "pkg/nftables": ["pkg/netlink", "pkg/ip", "pkg/sys"],
  "pkg/conntrack": ["pkg/netlink", "pkg/ip", "pkg/sys"],
  "pkg/iptables": ["pkg/nftables", "pkg/netlink", "pkg/cni", "pkg/ip", "pkg/sys"],
  "pkg/dbus": ["pkg/sys"],
  "pkg/sysctl": ["pkg/sys"],
  "pkg/ns": ["pkg/netlink", "pkg/cni", "pkg/sys"],
  "pkg/invoke": ["pkg/cni", "pkg/sys"],
  "pkg/trace": ["pkg/cni", "pkg/sys"],
  "pkg/link": ["pkg/ns", "pkg/sysctl", "pkg/netlink", "pkg/cni", "pkg/ip", "pkg/sys"],
  "pkg/filter": [
    "pkg/link",
    "pkg/ns",
    "pkg/nftables",
    "pkg/conntrack",
    "pkg/iptables",
    "pkg/netlink",
    "pkg/cni",
    "pkg/ip",
    "pkg/sys",
  ],
  "pkg/ipam": ["pkg/invoke", "pkg/cni", "pkg/ip", "pkg/sys"],
  "pkg/skel": [
    "pkg/filter",
    "pkg/link",
    "pkg/ipam",
    "pkg/invoke",
    "pkg/trace",
    "pkg/ns",
    "pkg/netlink",
    "pkg/cni",
    "pkg/ip",
    "pkg/sys",
  ],
  libcni: ["pkg/invoke", "pkg/cni", "pkg/sys"],
  cnitool: ["libcni", "pkg/invoke", "pkg/trace", "pkg/cni", "pkg/ip", "pkg/sys"],
};

/** The only libraries that the executables may hold. */
const libraries: readonly string[] = ["valibot"];

const importLine =
  /^(?:import|export)\s+(?:(?:type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+)\s+from\s+)?"([^"]+)"/gm;

/** The layer of a file: a package, or a plugin, each of which is its own; the runtime's side has a folder each. */
function layerOf(file: string): string {
  const [top = "", folder] = file.split("/");
  return top in allowed ? top : `${top}/${folder}`;
}

function fault(file: string, specifier: string): string | undefined {
  const from = layerOf(file);
  if (specifier === "#port") {
    return from === "pkg/sys" ? undefined : `${file} must reach the kernel through pkg/sys`;
  }
  if (!specifier.startsWith(".")) {
    return libraries.includes(specifier) ? undefined : `${file} must not import "${specifier}"`;
  }
  const target = join(dirname(file), specifier);
  const to = layerOf(target);
  const below = from.startsWith("plugins/") ? Object.keys(allowed) : allowed[from];
  if (below === undefined) return `${file}: no layer is called ${from}`;
  return from === to || below.includes(to) ? undefined : `${file} must not import ${target}`;
}

function isShipped(file: string): boolean {
  const onlyNode = /(^|[/-])node(-\w+)?\.ts$/;
  return file.endsWith(".ts") && !file.endsWith(".test.ts") && !onlyNode.test(file);
}

const files = ["pkg", "plugins", "libcni", "cnitool"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name}`)
    .filter(isShipped),
);
let imports = 0;
const faults: string[] = [];
for (const file of files) {
  for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(importLine)) {
    imports++;
    const found = fault(file, specifier);
    if (found !== undefined) faults.push(found);
  }
}
if (imports === 0) faults.push("no import found: the pattern no longer fits the sources");
for (const text of faults) console.error(text);
if (faults.length > 0) process.exit(1);
console.log(`layers: ${imports} imports in ${files.length} files, all point downwards`);
