/** The portmap plugin's configuration: its table, and what the keys mean together. */

import * as v from "valibot";
import { CniError, ErrorCode } from "../../pkg/cni/error.ts";
import { integer } from "../../pkg/skel/field.ts";
import { saysAddressOrNothing, saysOneOf, saysWithin } from "../../pkg/skel/json-schema.ts";

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

const portMapping = v.object({
  hostPort: v.optional(port, 0),
  containerPort: v.optional(port, 0),
  protocol: v.optional(v.pipe(v.string(), saysProtocol), ""),
  hostIP: v.optional(v.pipe(v.string(), saysAddressOrNothing), ""),
  range: v.optional(v.pipe(integer(), saysWithin(1, lastPort)), 1),
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

/** Refuses keys that do not go together (code 7), and what this version cannot honour (code 2). */
export function checkConfig(config: PortmapConfig): void {
  const { backend, externalSetMarkChain, markMasqBit } = config;
  if (externalSetMarkChain !== undefined && markMasqBit !== undefined) {
    throw invalid("Cannot specify externalSetMarkChain and markMasqBit");
  }
  if (markMasqBit !== undefined && (markMasqBit < 0 || markMasqBit > mostBit)) {
    throw invalid("MasqMarkBit must be between 0 and 31");
  }
  if (backend === "nftables") {
    const [first, ...others] = iptablesOptions(config);
    if (first !== undefined) {
      const names = [first, ...others].join(" ");
      throw invalid(
        `nftables backend was requested but configuration contains iptables-specific options [${names}]`,
      );
    }
  } else if (backend === "iptables") {
    throw unsupported("backend", backend);
  } else if (backend !== undefined) {
    throw invalid(`unrecognized backend "${backend}"`);
  }
  const [option] = iptablesOptions(config);
  if (option !== undefined) throw unsupported(option, config[option]);
}

type Option = "markMasqBit" | "externalSetMarkChain" | "conditionsV4" | "conditionsV6";

/** The options that mean something to iptables only. */
function iptablesOptions(config: PortmapConfig): Option[] {
  const isFor = {
    markMasqBit: config.markMasqBit !== undefined,
    externalSetMarkChain: config.externalSetMarkChain !== undefined,
    conditionsV4: isForIptables(config.conditionsV4),
    conditionsV6: isForIptables(config.conditionsV6),
  };
  return (Object.keys(isFor) as Option[]).filter((key) => isFor[key]);
}

/** Words of iptables begin with a dash, or with `!` before one. */
function isForIptables([first = ""]: readonly string[] = []): boolean {
  return first.startsWith("-") || first.startsWith("!");
}

export function invalid(message: string): CniError {
  return new CniError(ErrorCode.invalidConfig, message);
}

function unsupported(key: string, value: unknown): CniError {
  const message = `unsupported field "${key}" with value ${JSON.stringify(value)}`;
  return new CniError(ErrorCode.unsupportedField, message);
}
