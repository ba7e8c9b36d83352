/** What the bandwidth plugin makes: token buckets, and a detour by an ifb for the direction that has no queue. */

import type { JsonObject } from "../../libcni/config.ts";
import { objectOf } from "./addresses.ts";
import { type Explanation, hasPair, mtuWords } from "./lines.ts";

/** The reference's latency, and what a bucket saves up without a burst of its own; the plugin has both. */
const latencySeconds = 0.025;
const burstSeconds = 0.05;
const leastBurst = 16_384;
/** What runtimes pass where nobody said how large a burst may be. */
const placeholders: readonly unknown[] = [undefined, 0, 0x7fffffff, 0xffffffff];

/** IFB stands for the name that follows from the network and the container. */
export function explainBandwidth(it: Explanation): string[] {
  const { config, ifName, before } = it;
  const keys = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"];
  const isHere = keys.some((key) => config[key] !== undefined);
  const asked = isHere ? config : objectOf(objectOf(config.runtimeConfig).bandwidth);
  const ingress = bucketOf(asked, "ingress");
  const egress = bucketOf(asked, "egress");
  const mtu = mtuWords(before.at(-1)?.config ?? {});
  // On the host if the container has an end there, where the directions are the other way round.
  const isPair = hasPair(before);
  const run = (program: string, line: string) => `${program}${isPair ? "" : " -n NETNS"} ${line}`;
  const device = isPair ? "VETH" : ifName;
  const [leaving, arriving] = isPair ? [ingress, egress] : [egress, ingress];
  const bucket = (name: string, words: string) =>
    run("tc", `qdisc add dev ${name} root handle 1: tbf ${words}`);
  const lines = [
    ...(leaving === undefined ? [] : [bucket(device, leaving)]),
    ...(arriving === undefined
      ? []
      : [
          run("ip", `link add IFB${mtu} txqueuelen 0 type ifb`),
          run("ip", "link set IFB up"),
          bucket("IFB", arriving),
          run("tc", `qdisc add dev ${device} ingress`),
          run(
            "tc",
            `filter add dev ${device} ingress protocol all prio 65535 u32 match u32 0 0 flowid 1:1 action mirred egress redirect dev IFB`,
          ),
        ]),
  ];
  return lines.length > 0 ? lines : ["# limits that the runtime names: CAP_ARGS shows them"];
}

/** The words of a direction's bucket; undefined without a limit. */
function bucketOf(asked: JsonObject, direction: "ingress" | "egress"): string | undefined {
  const bits = asked[`${direction}Rate`];
  if (typeof bits !== "number" || bits < 8) return undefined;
  const rate = Math.trunc(bits / 8);
  const burstBits = asked[`${direction}Burst`];
  const burst = placeholders.includes(burstBits)
    ? Math.max(Math.trunc(rate * burstSeconds), leastBurst)
    : Math.trunc(Number(burstBits) / 8);
  const limit = Math.trunc(rate * latencySeconds) + burst;
  return `rate ${rate * 8}bit burst ${burst}b limit ${limit}b`;
}
