/** A hundred containers at once on one network of an interface plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { assertSuccess, resultOf } from "./expect.ts";
import { assertSame, type Host, withHost } from "./host.ts";
import { addWire, networkOf } from "./interface-plugin.ts";
import type { Config } from "./networks.ts";
import { readReservations } from "./snapshot.ts";
import { assertPing } from "./traffic.ts";

const many = 100;
const places = Array.from({ length: many }, (_, index) => index + 1);

/** The plugin, and how its containers are made. */
export interface Crowd {
  readonly plugin: string;
  /** Keys for the container of that number, from 1. */
  readonly keys: (place: number) => Config;
  /** Makes what the containers need on the host, besides "wire0". */
  readonly prepare?: (host: Host, places: readonly number[]) => Promise<unknown>;
  /** Whether the gateway and each other can be reached. */
  readonly reaches?: boolean;
  /** Whether each has a MAC address of its own. */
  readonly ownMac?: boolean;
}

/** Makes the test: all ADDs at once, then all DELs at once, and nothing is left. */
export function testCrowd({ plugin, keys, prepare, reaches, ownMac = true }: Crowd): void {
  test(`${plugin}: ${many} ADDs at once, then ${many} DELs at once`, () =>
    withHost(async (host) => {
      await addWire(host);
      await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
      await prepare?.(host, places);
      const before = await host.snapshot();
      const names = places.map((place) => `c${place}`);
      await host.addNetns(...names);
      const all = (verb: "ADD" | "DEL") =>
        Promise.all(
          places.map((place) => {
            const config = networkOf(plugin, keys(place));
            return host.cni(verb, { plugin, config, netns: `c${place}`, deadlineMs: 240_000 });
          }),
        );
      const results = (await all("ADD")).map(resultOf);
      const addresses = results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));
      assert.equal(new Set(addresses).size, 2 * many);
      const macs = results.map(({ interfaces }) => interfaces?.at(-1)?.mac);
      if (ownMac) assert.equal(new Set(macs).size, many);
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
