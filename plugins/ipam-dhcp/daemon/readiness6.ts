/** When an IPv6 client has enough for a first answer, and when it is to look at things again. */

import type { Discovery } from "../../../pkg/dhcp6/routers.ts";
import type { Client } from "../../../pkg/dhcp6/state.ts";

/** How matters stand with a client. Times are those of bootMs. */
export interface Standing {
  readonly client: Client;
  readonly discovery: Discovery;
  /** Whether routers give the addresses, and how many addresses were made of that. */
  readonly slaac: boolean;
  readonly own: number;
  /** When it began, and how long it may take. */
  readonly began: number;
  readonly giveUp: number;
  /** When the first answer waits no longer for settings; null as long as nobody has any. */
  readonly settingsBy: number | null;
  readonly hasAnswered: boolean;
}

/** How long a first answer waits for a router that is asked twice: after that it goes without. */
const routersPatience = 5_000;

/** Whether there is enough for an answer. */
export function isReady(standing: Standing, now: number): boolean {
  const { client, discovery, slaac, own, began, settingsBy } = standing;
  const { lease, phase } = client;
  if (slaac) {
    if (own === 0) return false;
    return lease !== undefined || settingsBy === null || now >= settingsBy;
  }
  if (lease === undefined || phase === "probing") return false;
  return discovery.routers.length > 0 || now >= began + routersPatience;
}

/** When to look again: now for what is due; null for never. */
export function nextLook(standing: Standing, now: number): number | null {
  const { client, discovery, began, giveUp, settingsBy, hasAnswered } = standing;
  const own = [client.wakeAt, discovery.wakeAt];
  if (own.some((at) => at !== null && at <= now)) return now;
  const isFirst = !hasAnswered && client.phase !== "stopped";
  const first = isFirst ? [began + routersPatience, settingsBy, began + giveUp] : [];
  const later = [...own, ...first].filter((at): at is number => at !== null && at > now);
  return later.length > 0 ? Math.min(...later) : null;
}
