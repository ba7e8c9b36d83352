// kernel: ipvlan
/** dhcp through ipvlan, whose interfaces share one MAC address: the client id and the broadcast flag tell them apart. */

import test from "node:test";
import { plugOnWire } from "./harness/dhcp-wire.ts";

for (const family of [4, 6] as const) {
  test(`IPv${family} leases through ipvlan`, () => plugOnWire("ipvlan", family));
}
