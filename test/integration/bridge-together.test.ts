/** Two runtimes that create the same bridge at once, again and again. */

import assert from "node:assert/strict";
import test from "node:test";
import { withoutNewReference } from "./harness/executables.ts";
import { assertSuccess, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { gatewayConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { assertPing } from "./harness/traffic.ts";

const rounds = 50;

/** Both ADDs at once, agreement, both DELs at once, and the bridge removed for the next round. */
async function race(host: Host, others: string): Promise<void> {
  const calls = [
    { config: gatewayConfig(), netns: "c1", from: "/run/ours", path: "/run/ours" },
    { config: gatewayConfig(), netns: "c2", from: others, path: others },
  ];
  const replies = await Promise.all(calls.map((call) => host.cni("ADD", call)));
  const results = replies.map(resultOf);
  const [bridge] = await host.ip<{ address: string }>("", "link", "show", "dev", "cni0");
  for (const { interfaces } of results) assert.equal(interfaces?.[0]?.mac, bridge?.address);
  const ports = await host.ip<{ ifname: string }>("", "link", "show", "master", "cni0");
  assert.deepEqual(
    ports.map(({ ifname }) => ifname).sort(),
    results.map(({ interfaces }) => interfaces?.[1]?.name).sort(),
  );
  const [second] = results[1]?.ips ?? [];
  await assertPing(host, "c1", "10.1.0.1");
  await assertPing(host, "c1", second?.address.replace(/\/.*/, "") ?? "");
  const removed = await Promise.all(calls.map((call) => host.cni("DEL", call)));
  for (const reply of removed) assertSuccess(reply);
  assert.deepEqual(readReservations(host), []);
  await host.run("ip", "link", "del", "cni0");
}

for (const [others, what, skip] of [
  ["/run/ours", "two of our runtimes", false],
  ["/run/reference", "one of ours and one of the reference", withoutNewReference],
] as const) {
  test(`${what} create the same bridge at once, ${rounds} times over`, { skip }, () =>
    withHost(async (host) => {
      await host.addNetns("c1", "c2");
      for (let round = 0; round < rounds; round++) await race(host, others);
    }),
  );
}
