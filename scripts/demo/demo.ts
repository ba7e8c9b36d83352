/** Two containers, attached, talking, checked and detached; every claim is looked at with iproute2 and ping. */

import { draw } from "./drawing.ts";
import {
  type Attached,
  type Attachment,
  attach,
  bridgeName,
  type Container,
  check,
  cleanUp,
  containers,
  detach,
  executables,
  json,
  ping,
  reservations,
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

function talk(attached: ReadonlyMap<Container, Attached>): void {
  const target = attached.get("db")?.bridge;
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

function attachBoth(): Map<Container, Attached> {
  heading("1. ADD: attach two containers, by loopback and by bridge with host-local");
  const attached = new Map<Container, Attached>();
  for (const container of containers) {
    const made = attach(container);
    attached.set(container, made);
    step(`${container}: loopback`, ms(made.ms.loopback));
    const note = attached.size === 1 ? "  (the first one makes the bridge, too)" : "";
    step(`${container}: bridge + host-local`, ms(made.ms.bridge) + note);
  }
  return attached;
}

function checkBoth(attached: ReadonlyMap<Container, Attached>): void {
  heading("4. CHECK: compare what is there with what ADD said");
  for (const [container, made] of attached) {
    const took = check(container, made);
    step(`${container}: loopback, bridge, host-local`, `as it should be, ${ms(took)}`);
  }
}

function detachBoth(): void {
  heading("5. DEL: detach them");
  for (const container of containers) step(container, ms(detach(container)));
  proveNothingIsLeft();
  step("links, addresses and reservations", "none left");
  step(`the bridge ${bridgeName}`, "stays for the next container");
}

function main(): void {
  console.log(
    "tscni: CNI plugins in TypeScript. Times are of whole processes, from start to exit.",
  );
  for (const { name, bytes } of executables()) {
    console.log(`  ${name.padEnd(44)} ${(bytes / 1e6).toFixed(1)} MB, static, needs nothing else`);
  }
  const attached = attachBoth();
  heading("2. What was made");
  for (const line of draw()) console.log(`  ${line}`);
  heading("3. They talk, in both families");
  talk(attached);
  checkBoth(attached);
  detachBoth();
  cleanUp();
  console.log("\nAll of it happened in namespaces of its own, which are gone now.");
}

try {
  main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
