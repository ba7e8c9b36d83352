/** A hundred containers at once on one network of each interface plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { assertSuccess, resultOf } from "./harness/expect.ts";
import { assertSame, withHost } from "./harness/host.ts";
import { addWire, networkOf } from "./harness/interface-plugin.ts";
import { readReservations } from "./harness/snapshot.ts";
import { assertPing } from "./harness/traffic.ts";

const many = 100;
const names = Array.from({ length: many }, (_, index) => `c${index + 1}`);

for (const [plugin, keys, reaches] of [
  ["veth", {}, true],
  ["macvlan", { master: "wire0", enabledad: false }, true],
  ["tap", {}, false],
] as const) {
  test(`${plugin}: ${many} ADDs at once, then ${many} DELs at once`, () =>
    withHost(async (host) => {
      await addWire(host);
      await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
      const before = await host.snapshot();
      await host.addNetns(...names);
      const config = networkOf(plugin, keys);
      const all = (verb: "ADD" | "DEL") =>
        Promise.all(
          names.map((netns) => host.cni(verb, { plugin, config, netns, deadlineMs: 120_000 })),
        );
      const results = (await all("ADD")).map(resultOf);
      const addresses = results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));
      const macs = results.map(({ interfaces }) => interfaces?.at(-1)?.mac);
      assert.equal(new Set(addresses).size, 2 * many);
      assert.equal(new Set(macs).size, many);
      assert.equal(readReservations(host).length, 2 * many);
      if (reaches) {
        await assertPing(host, "c1", "10.1.0.1");
        await assertPing(host, "c50", addresses.at(-1)?.split("/")[0] ?? "");
      }
      for (const reply of await all("DEL")) assertSuccess(reply);
      for (const name of names) await host.deleteNetns(name);
      assertSame(before, await host.snapshot());
    }));
}
