/** Which clients an order makes. */

import type { Order } from "../order.ts";
import { Client4, type Saved4 } from "./client4.ts";
import { Client6, type Saved6 } from "./client6.ts";
import type { LeaseClient, Surroundings } from "./lease-client.ts";

/** A client for each family that is wanted. Of what was saved each goes on with its part, or looks for ever for a lost one. */
export function clientsOf(
  { v4, v6, priority }: Order,
  around: Surroundings,
  saved?: Readonly<Record<string, unknown>>,
): LeaseClient[] {
  const persistent = saved !== undefined;
  const clients: LeaseClient[] = [];
  if (v4 !== undefined) {
    const order = { wanted: v4, priority, persistent };
    clients.push(new Client4(around, order, saved?.[4] as Saved4 | undefined));
  }
  if (v6 !== undefined) {
    const order = { wanted: v6, priority, persistent };
    clients.push(new Client6(around, order, saved?.[6] as Saved6 | undefined));
  }
  return clients;
}
