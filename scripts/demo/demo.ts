/** Two containers, attached, talking, checked and detached; every claim is looked at with iproute2 and ping. */

import { draw } from "./drawing.ts";
import {
  type Attachment,
  attach,
  bridgeName,
  type Container,
  check,
  containers,
  detach,
  json,
  ping,
  reservations,
  run,
} from "./world.ts";

const colours = process.stdout.isTTY;

function bold(text: string): string {
  return colours ? `\x1b[1m${text}\x1b[0m` : text;
}

function good(text: string): string {
  return colours ? `\x1b[32m${text}\x1b[0m` : text;
}

function heading(text: string): void {
  console.log(`\n${bold(text)}`);
}

function step(what: string, outcome: string): void {
  console.log(`  ${what.padEnd(44)} ${good(outcome)}`);
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

function addressOf({ ips }: Attachment, family: 4 | 6): string {
  const found = ips.find(({ address }) => address.includes(":") === (family === 6));
  if (found === undefined) throw new Error(`the result has no IPv${family} address`);
  return found.address.replace(/\/.*/, "");
}

function talk(results: ReadonlyMap<Container, Attachment>): void {
  const target = results.get("db");
  if (target === undefined) throw new Error("db is not attached");
  for (const family of [4, 6] as const) {
    const other = addressOf(target, family);
    step(`web pings db ${other}`, `answered in ${ms(ping("web", other))}`);
    const gateway = target.ips.find(({ address }) => address.includes(":") === (family === 6));
    const via = gateway?.gateway ?? "";
    step(`db pings its gateway ${via}`, `answered in ${ms(ping("db", via))}`);
  }
}

/** Throws, naming what is left of the attachments. */
function proveNothingIsLeft(): void {
  const links = json<{ ifname: string }[]>("ip", "-j", "link").map(({ ifname }) => ifname);
  const left = links.filter((name) => name !== "lo" && name !== bridgeName);
  for (const container of containers) {
    const inside = json<{ ifname: string }[]>("ip", "-j", "-n", container, "link");
    left.push(...inside.map(({ ifname }) => ifname).filter((name) => name !== "lo"));
  }
  left.push(...reservations());
  if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
}

heading("1. attach two containers: loopback, then bridge with host-local");
const results = new Map<Container, Attachment>();
for (const container of containers) {
  const { result, times } = attach(container);
  results.set(container, result);
  step(`ADD ${container}`, `loopback ${ms(times[0])}, bridge + host-local ${ms(times[1])}`);
}

heading("2. what was made");
for (const line of draw()) console.log(`  ${line}`);

heading("3. they talk, in both families");
talk(results);

heading("4. CHECK compares it with the results");
for (const [container, result] of results) {
  check(container, result);
  step(`CHECK ${container}`, "as ADD left it");
}

heading("5. detach them");
for (const container of containers) step(`DEL ${container}`, ms(detach(container)));
proveNothingIsLeft();
step("links, addresses and reservations", "none left");
step(`the bridge ${bridgeName}`, "stays for the next container");

for (const container of containers) run("ip", "netns", "delete", container);
run("ip", "link", "delete", bridgeName);
console.log(`\nAll of it happened in namespaces of its own, which are gone now.`);
