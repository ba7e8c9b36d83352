/** The bandwidth plugin's configuration, and the buckets it comes to. */

import * as v from "valibot";
import { integer } from "../../pkg/skel/field.ts";
import { refuse, refuseUnsupported } from "../../pkg/skel/refuse.ts";
import { type Bucket, ticksFor } from "../../pkg/tc/tbf.ts";

const bits = v.optional(integer(0));

/** Bits a second and bits, each direction as the container sees it. */
const rates = {
  ingressRate: bits,
  ingressBurst: bits,
  egressRate: bits,
  egressBurst: bits,
};

/** Keys that the reference had for three versions (1.6.0 took them out): not to be heeded would shape what must not be. */
const subnets = {
  shapedSubnets: v.optional(v.array(v.string())),
  unshapedSubnets: v.optional(v.array(v.string())),
};

/** Keys besides the common ones; README.md says what each does. */
export const bandwidthEntries = {
  ...rates,
  ...subnets,
  runtimeConfig: v.optional(
    v.object({ bandwidth: v.optional(v.object({ ...rates, ...subnets })) }),
  ),
};

/** The configuration as the plugin's verbs see it. */
export type BandwidthConfig = v.InferOutput<v.ObjectSchema<typeof bandwidthEntries, undefined>>;

type Rates = v.InferOutput<v.ObjectSchema<typeof rates & typeof subnets, undefined>>;

export const directions = ["ingress", "egress"] as const;
export type Direction = (typeof directions)[number];

/** A direction's bucket. */
export interface Limit extends Bucket {
  /** Bytes that may go at once. */
  readonly burst: number;
}

/** What is to be limited: what the container receives, and what it sends. */
export type Limits = { readonly [D in Direction]?: Limit };

/** The reference's latency: a packet that would wait longer is dropped. */
const latencySeconds = 0.025;
/** A bucket without a burst of its own saves up what is sent in this time, */
const burstSeconds = 0.05;
/** but holds some packets, also large ones. */
const leastBurst = 16_384;
/** What runtimes pass where nobody said how large a burst may be: 2^31 - 1 and 2^32 - 1. */
const placeholders: readonly (number | undefined)[] = [undefined, 0, 0x7fffffff, 0xffffffff];

const most32 = 0xffffffff;

/** What is to be limited; throws code 7 for what cannot be, code 2 for what this suite does not do. */
export function limitsOf(config: BandwidthConfig): Limits {
  const { ingressRate, ingressBurst, egressRate, egressBurst } = config;
  // As in the reference: a single key of the network's author puts the runtime's aside.
  const isHere = (ingressRate ?? ingressBurst ?? egressRate ?? egressBurst) !== undefined;
  const asked: Rates = isHere ? config : (config.runtimeConfig?.bandwidth ?? {});
  refuseSubnets(config);
  refuseSubnets(asked);
  return {
    ingress: limitFor("ingress", asked.ingressRate, asked.ingressBurst),
    egress: limitFor("egress", asked.egressRate, asked.egressBurst),
  };
}

function refuseSubnets({ shapedSubnets, unshapedSubnets }: Rates): void {
  if (shapedSubnets !== undefined) refuseUnsupported("shapedSubnets", shapedSubnets);
  if (unshapedSubnets !== undefined) refuseUnsupported("unshapedSubnets", unshapedSubnets);
}

function limitFor(name: Direction, rateBits = 0, burstBits?: number): Limit | undefined {
  if (rateBits === 0) {
    if (burstBits) refuse("if burst is set, rate must also be set");
    return undefined;
  }
  if (rateBits < 8) refuse(`${name}Rate ${rateBits} is less than a byte a second`);
  const rate = Math.trunc(rateBits / 8);
  const burst = burstFor(name, rate, burstBits);
  const limit = Math.trunc(rate * latencySeconds) + burst;
  if (limit > most32) refuse(`${name}Rate ${rateBits} is more than can be limited`);
  const buffer = ticksFor(burst, rate);
  if (buffer === 0) refuse(`${name}Burst ${burstBits} is too little for a rate of ${rateBits}`);
  return { rate, burst, limit, buffer };
}

function burstFor(name: Direction, rate: number, burstBits: number | undefined): number {
  if (placeholders.includes(burstBits)) {
    return Math.min(Math.max(Math.trunc(rate * burstSeconds), leastBurst), most32 - 1);
  }
  const burst = Math.trunc((burstBits ?? 0) / 8);
  if (burst >= most32) refuse("burst cannot be more than 4GB");
  if (burst === 0) refuse(`${name}Burst ${burstBits} is less than a byte`);
  return burst;
}
