/** The portmap plugin's configuration: its table, and what the keys mean together. */

import * as v from "valibot";
import { isChainName } from "../../pkg/iptables/rule.ts";
import { integer } from "../../pkg/skel/field.ts";
import { saysAddressOrNothing, saysOneOf, saysWithin } from "../../pkg/skel/json-schema.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { parseConditions } from "./conditions.ts";
import { parseIptablesConditions } from "./iptables-conditions.ts";

/** The highest port number. */
export const lastPort = 65535;

const port = v.pipe(integer(), saysWithin(1, lastPort));
/** What publishes ports in whatever letters. */
const saysProtocol = v.metadata<string, { title: string; pattern: string }>({
  title: "tcp, udp or sctp",
  pattern: "^([tT][cC][pP]|[uU][dD][pP]|[sS][cC][tT][pP])$",
});

/** The largest bit of a packet's mark. */
const mostBit = 31;

/** No defaults here: of a thousand entries each would have to be copied to put them in. */
const portMapping = v.object({
  hostPort: v.optional(port),
  containerPort: v.optional(port),
  protocol: v.optional(v.pipe(v.string(), saysProtocol)),
  hostIP: v.optional(v.pipe(v.string(), saysAddressOrNothing)),
  range: v.optional(v.pipe(integer(), saysWithin(1, lastPort))),
});

/** Keys besides the common ones; README.md says what each does. */
export const portmapEntries = {
  backend: v.optional(v.pipe(v.string(), saysOneOf("nftables", "iptables"))),
  snat: v.optional(v.boolean(), true),
  masqAll: v.optional(v.boolean(), false),
  markMasqBit: v.optional(v.pipe(integer(), saysWithin(0, mostBit))),
  externalSetMarkChain: v.optional(v.string()),
  conditionsV4: v.optional(v.array(v.string())),
  conditionsV6: v.optional(v.array(v.string())),
  runtimeConfig: v.optional(v.object({ portMappings: v.optional(v.array(portMapping)) })),
};

/** The configuration as the plugin's verbs see it. */
export type PortmapConfig = v.InferOutput<v.ObjectSchema<typeof portmapEntries, undefined>>;

/** One entry of `portMappings`, as the runtime gave it. */
export type PortMapping = v.InferOutput<typeof portMapping>;

/** Who publishes ports; options of the first decide where there are some of both. */
const backends = ["iptables", "nftables"] as const;
export type BackendName = (typeof backends)[number];

/** Refuses keys that do not go together: code 7. */
export function checkConfig(config: PortmapConfig): void {
  const { externalSetMarkChain, markMasqBit } = config;
  if (externalSetMarkChain !== undefined && markMasqBit !== undefined) {
    refuse("Cannot specify externalSetMarkChain and markMasqBit");
  }
  if (markMasqBit !== undefined && (markMasqBit < 0 || markMasqBit > mostBit)) {
    refuse("MasqMarkBit must be between 0 and 31");
  }
  if (externalSetMarkChain !== undefined && !isChainName(externalSetMarkChain)) {
    refuse(`invalid externalSetMarkChain ${JSON.stringify(externalSetMarkChain)}`);
  }
  const backend = backendFor(config);
  for (const family of [4, 6] as const) {
    const conditions = config[`conditionsV${family}`];
    if (backend === "iptables") parseIptablesConditions(family, conditions);
    else parseConditions(family, conditions);
  }
}

/** The backend that the configuration asks for, by name or by what only one of them knows. Refuses what the other is meant by. */
export function backendFor(config: PortmapConfig): BackendName | undefined {
  const { backend = "" } = config;
  const named = backends.find((name) => name === backend);
  if (named === undefined && backend !== "") refuse(`unrecognized backend "${backend}"`);
  const chosen = named ?? backends.find((name) => optionsOf(name, config).length > 0);
  if (chosen !== undefined) requireWords(chosen, config);
  return chosen;
}

/** Refuses options that mean something to the other backend only: code 7. */
export function requireWords(backend: BackendName, config: PortmapConfig): void {
  const other = backend === "iptables" ? "nftables" : "iptables";
  const names = optionsOf(other, config);
  if (names.length === 0) return;
  refuse(
    `${backend} backend was requested but configuration contains ${other}-specific options [${names.join(" ")}]`,
  );
}

type Option = "markMasqBit" | "externalSetMarkChain" | "conditionsV4" | "conditionsV6";

/** The options that mean something to this backend only. */
function optionsOf(backend: BackendName, config: PortmapConfig): Option[] {
  const has = (list: readonly string[] = []) =>
    list.length > 0 && isForIptables(list) === (backend === "iptables");
  const isGiven = {
    markMasqBit: backend === "iptables" && config.markMasqBit !== undefined,
    externalSetMarkChain: backend === "iptables" && config.externalSetMarkChain !== undefined,
    conditionsV4: has(config.conditionsV4),
    conditionsV6: has(config.conditionsV6),
  };
  return (Object.keys(isGiven) as Option[]).filter((key) => isGiven[key]);
}

/** Words of iptables begin with a dash, or with `!` before one. */
function isForIptables([first = ""]: readonly string[]): boolean {
  return first.startsWith("-") || first.startsWith("!");
}
