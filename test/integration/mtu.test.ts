// kernel: dummy
/** `"mtu": "auto"` of the plugins without a master: what the host's default route passes, less an overhead. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { withHost } from "./harness/host.ts";
import { addWire, batch, networkOf } from "./harness/interface-plugin.ts";
import type { Config } from "./harness/networks.ts";

const plugins: [plugin: string, keys: Config][] = [
  ["bridge", {}],
  ["ptp", {}],
  ["tap", {}],
  ["host-device", { device: "wire0", enabledad: false }],
  ["dummy", {}],
];
for (const [plugin, keys] of plugins) {
  test(`${plugin}: "mtu": "auto" and a number are what the container's interface has, and the result says`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await addWire(host);
      await batch(host, "", [
        "link add up0 mtu 1450 up type bridge",
        "address add 192.0.2.1/24 dev up0",
        "route add default via 192.0.2.2",
      ]);
      for (const [mtu, expected] of [
        ["auto", 1400],
        [1380, 1380],
      ] as const) {
        const config = networkOf(plugin, { ...keys, mtu, mtuOverhead: 50 });
        const attachment = await attach(host, { plugin, config });
        const [link] = await host.ip<{ mtu: number }>("c1", "link", "show", "dev", "eth0");
        assert.equal(link?.mtu, expected);
        assert.equal(attachment.result.interfaces?.at(-1)?.mtu, expected);
        assertSuccess(await attachment.check());
        await detach(attachment);
      }
      const [wire] = await host.ip<{ mtu: number }>("", "link", "show", "dev", "wire0");
      assert.equal(wire?.mtu, 1500);
      await host.run("ip", "route", "del", "default");
      const config = networkOf(plugin, { ...keys, mtu: "auto" });
      await host.unchangedBy(async () =>
        assertError(await host.cni("ADD", { plugin, config }), {
          msg: "no default route interface found",
        }),
      );
    }));
}
