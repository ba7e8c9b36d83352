/** Limits how fast a container receives and sends. */

import type { Result } from "../../pkg/cni/result.ts";
import { findLink, removeLink } from "../../pkg/link/find.ts";
import { findStale } from "../../pkg/link/remove.ts";
import { containerInterface } from "../../pkg/link/verify.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import type { Link } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { compareBucket, putBucket, refuseOccupied, takeBucket } from "./bucket.ts";
import {
  type BandwidthConfig,
  bandwidthEntries,
  directions,
  type Limits,
  limitsOf,
} from "./limits.ts";
import { type Ends, endsOf, type Plan, planFor, type Root } from "./plan.ts";
import { findIfb, readHook, redirect, redirectsTo, removeRedirect } from "./redirect.ts";

type Call = Context<BandwidthConfig>;

export const bandwidth = definePlugin({
  name: "bandwidth",
  versions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
  config: bandwidthEntries,

  add(context) {
    const limits = limitsOf(context.config);
    const prevResult = requireResult(context);
    if (!limits.ingress && !limits.egress) return prevResult;
    const link = requireLink(context, prevResult);
    warn(context, limits, link);
    return carryOut(context, planFor(context, link, limits), prevResult);
  },

  check(context) {
    const limits = limitsOf(context.config);
    const prevResult = requireResult(context);
    if (!limits.ingress && !limits.egress) return;
    const link = requireLink(context, prevResult);
    const found = differences(context, endsOf(context.host, context.container, link), limits);
    if (found.length > 0) throw new Error(found.join("; "));
  },

  del(context) {
    const { host, attempt } = context;
    attempt(() => {
      const container = context.findContainer();
      const link = container && findLink(container, { name: context.ifName });
      const ends = container && link && endsOf(host, container, link);
      for (const namespace of container ? [host, container] : [host]) {
        const place = namespace === host ? ends?.outside : ends?.inside;
        const ifb = findIfb(namespace, context);
        if (place !== undefined) takeBucket(place);
        if (place !== undefined && ifb !== undefined) removeRedirect(place, ifb);
        if (ifb !== undefined) removeLink(namespace, { index: ifb.index });
      }
    });
  },

  gc({ host, network, validAttachments, attempt }) {
    attempt(() => {
      for (const { index } of findStale(host, "ifb", { network, attachments: validAttachments })) {
        attempt(() => removeLink(host, { index }));
      }
    });
  },

  status({ config }) {
    limitsOf(config);
  },
});

function requireResult({ prevResult }: Call): Result {
  if (prevResult === undefined) throw new Error("must be called as chained plugin");
  return prevResult;
}

/** The container's interface, which the plugins before must have told of. */
function requireLink({ container, ifName: name }: Call, prevResult: Result): Link {
  if (!prevResult.interfaces?.length) throw new Error("no interfaces provided");
  containerInterface(prevResult, name);
  const link = findLink(container, { name });
  if (link === undefined) throw new Error(`cannot find network interface "${name}"`);
  return link;
}

/** What the kernel does not mind, and nobody means. */
function warn({ log }: Call, limits: Limits, { mtu }: Link): void {
  for (const name of directions) {
    const limit = limits[name];
    if (limit === undefined || limit.burst >= mtu) continue;
    log(`${name}Burst of ${limit.burst} bytes: packets that are larger are dropped`);
  }
}

function carryOut(context: Call, { roots, detour }: Plan, prevResult: Result): Result {
  const { undo, container } = context;
  const rollback = (step: () => void) => undo.push(step);
  const put = ({ place, limit, present }: Root) => {
    refuseOccupied(place.link, present);
    undo.push(() => takeBucket(place));
    return putBucket(place.link, limit);
  };
  const before: Request[] = [];
  for (const root of roots) {
    const { namespace } = root.place;
    if (namespace === detour?.place.namespace) before.push(put(root));
    else namespace.send(put(root));
  }
  if (detour === undefined) return prevResult;
  const ifb = redirect({ ...detour, attachment: context, rollback, before });
  const sandbox = detour.place.namespace === container ? container.path : undefined;
  const { interfaces = [] } = prevResult;
  return { ...prevResult, interfaces: interfaces.concat({ ...ifb, sandbox }) };
}

/** Each direction is limited where it leaves the one end, or by a detour where it arrives at the other. */
function differences(context: Call, { inside, outside }: Ends, limits: Limits): string[] {
  const found: string[] = [];
  for (const [direction, leaves, arrives] of [
    ["ingress", outside, inside],
    ["egress", inside, outside],
  ] as const) {
    const limit = limits[direction];
    if (limit === undefined) continue;
    const ifb = arrives && findIfb(arrives.namespace, context);
    if (arrives && ifb) {
      const { namespace, link } = arrives;
      found.push(...compareBucket({ namespace, link: ifb }, limit));
      const isLed = redirectsTo(readHook(arrives), ifb).length > 0;
      if (!isLed) found.push(`what arrives on ${link.name} is not redirected to ${ifb.name}`);
    } else if (leaves) {
      found.push(...compareBucket(leaves, limit));
    } else {
      found.push(`get ifb device: the container's ${direction} has none`);
    }
  }
  return found;
}
