/** Which clients an order makes. */

import type { Order } from "../order.ts";
import { Client4, type Saved4 } from "./client4.ts";
import { Client6, type Saved6 } from "./client6.ts";
import type { LeaseClient, Surroundings } from "./lease-client.ts";

/** A client for each family that is wanted, which goes on with what it saved. */
export function clientsOf(
  { v4, v6, priority }: Order,
  around: Surroundings,
  saved: Readonly<Record<string, unknown>> = {},
): LeaseClient[] {
  const clients: LeaseClient[] = [];
  if (v4 !== undefined) {
    clients.push(new Client4(around, { wanted: v4, priority }, saved[4] as Saved4 | undefined));
  }
  if (v6 !== undefined) {
    clients.push(new Client6(around, { wanted: v6, priority }, saved[6] as Saved6 | undefined));
  }
  return clients;
}
