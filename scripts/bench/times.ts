/** Wall times, from before a process starts to after its end; the suites take turns within each measurement. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { measure } from "./launch.ts";
import type { Step } from "./plan.ts";
import { type Budget, type Effort, median, type Row, shareOf, timeRow } from "./rows.ts";
import {
  bridgeConfig,
  callOf,
  ipamConfig,
  loopbackConfig,
  memory,
  multicall,
  ours,
  plain,
  reference,
  type Suite,
  suites,
  type Variant,
} from "./suites.ts";

/** The namespace that everything but the crowd is done in. */
const container = "one";

/** Starts: VERSION of loopback alone, and of the file that holds the whole suite. */
export function starts({ rounds, limitMs }: Effort): Row[] {
  const [alone, whole, theirs] = [ours, multicall, reference].map((suite) =>
    callOf(suite, "VERSION", { plugin: "loopback", container }),
  ) as [Step, Step, Step];
  const { times } = measure({
    kind: "rounds",
    alternatives: [[alone], [whole], [theirs]],
    warmUp: 5,
    rounds: 4 * rounds,
    limitMs,
  });
  const flat = { text: "4/3 of loopback alone", most: (median(times[alone.label]) * 4) / 3 };
  return [
    timeRow(
      "VERSION, loopback",
      times[alone.label],
      times[theirs.label],
      shareOf(times[theirs.label], 4),
    ),
    timeRow("VERSION, whole suite in one file", times[whole.label], times[theirs.label], flat),
  ];
}

/** A container's life on a bridge: the verbs of loopback and bridge. */
export function verbs({ rounds, limitMs }: Effort): Row[] {
  const all = [ours, multicall, reference];
  const loopback = { plugin: "loopback", container, config: loopbackConfig };
  const { times, processor } = measure({
    kind: "rounds",
    alternatives: all.map((suite) => [
      callOf(suite, "ADD", loopback),
      ...lifeOf(suite, plain),
      callOf(suite, "DEL", loopback),
    ]),
    warmUp: 3,
    rounds,
    limitMs,
  });
  const row = (what: string, call: string, budget?: Budget) =>
    timeRow(what, times[`ours ${call}`], times[`reference ${call}`], budget);
  const processorRow = (what: string, call: string) =>
    timeRow(`processor: ${what}`, processor[`ours ${call}`], processor[`reference ${call}`]);
  const theirs = times["reference bridge ADD"];
  return [
    row("ADD, loopback", "loopback ADD"),
    row("DEL, loopback", "loopback DEL"),
    row("ADD, bridge + host-local", "bridge ADD", shareOf(theirs, 3)),
    timeRow("ADD, bridge + host-local, suite in one file", times["multicall bridge ADD"], theirs),
    row("CHECK, bridge + host-local", "bridge CHECK"),
    row("DEL, bridge + host-local", "bridge DEL"),
    processorRow("ADD, loopback", "loopback ADD"),
    processorRow("ADD, bridge + host-local", "bridge ADD"),
    processorRow("CHECK, bridge + host-local", "bridge CHECK"),
    processorRow("DEL, bridge + host-local", "bridge DEL"),
  ];
}

/** ADD, CHECK and DEL of bridge. */
function lifeOf(suite: Suite, variant: Variant): Step[] {
  const bridge = { plugin: "bridge", container, config: bridgeConfig(suite, variant) };
  const add = callOf(suite, "ADD", bridge);
  return [
    add,
    { ...callOf(suite, "CHECK", bridge), prevResultOf: add.label },
    callOf(suite, "DEL", bridge),
  ];
}

/** ADD of bridge on networks that ask for more, or keep their state elsewhere. */
export function variants(effort: Effort): Row[] {
  // What the checkout lies on stands for the disk that /var/lib lies on.
  const disk = mkdtempSync(join(resolve(import.meta.dirname, "../../dist/bench"), "state-"));
  try {
    return [
      variant("ADD, bridge + host-local, IPv4 and IPv6", effort, {
        digit: 1,
        bothFamilies: true,
      }),
      variant("ADD, bridge + host-local, state on disk", effort, { digit: 2, dataDir: disk }),
      variant("ADD, bridge with ipMasq + host-local", effort, { digit: 3, ipMasq: true }, 6),
    ];
  } finally {
    rmSync(disk, { recursive: true });
  }
}

function variant(what: string, { rounds, limitMs }: Effort, how: Variant, divisor = 3): Row {
  const { times } = measure({
    kind: "rounds",
    alternatives: suites.map((suite) => lifeOf(suite, how)),
    warmUp: 3,
    rounds,
    limitMs: limitMs / 3,
  });
  const theirs = times["reference bridge ADD"];
  return timeRow(what, times["ours bridge ADD"], theirs, shareOf(theirs, divisor));
}

/** host-local with few and with many reservations: ours must not depend on how many there are. */
export function reservations({ rounds, limitMs }: Effort): Row[] {
  const [few, many] = [10, 10_000] as const;
  const stepsOf = (suite: Suite, count: number): Step[] => {
    const network = `full${count}-${suite.number}`;
    fill(suite, network, count);
    const call = { plugin: "host-local", container, config: ipamConfig(suite, network) };
    return ["ADD", "DEL"].map((verb) => ({
      ...callOf(suite, verb, call),
      label: `${suite.name} ${verb} ${count}`,
    }));
  };
  const { times } = measure({
    kind: "rounds",
    alternatives: suites.flatMap((suite) => [stepsOf(suite, few), stepsOf(suite, many)]),
    warmUp: 3,
    rounds,
    limitMs,
  });
  const flat = { text: "1.5 x with 10", most: 1.5 * median(times[`ours ADD ${few}`]) };
  return [few, many].flatMap((count) =>
    ["ADD", "DEL"].map((verb) =>
      timeRow(
        `${verb}, host-local with ${count.toLocaleString("en")} reservations`,
        times[`ours ${verb} ${count}`],
        times[`reference ${verb} ${count}`],
        verb === "ADD" && count === many ? flat : undefined,
      ),
    ),
  );
}

/** Reservations as either suite writes them, of containers that are not there. */
function fill(suite: Suite, network: string, count: number): void {
  const folder = join(memory, network);
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < count; n++) {
    const address = `10.10${suite.number}.${100 + (n >> 8)}.${n & 255}`;
    writeFileSync(join(folder, address), `gone${n}\r\neth0`);
  }
}
