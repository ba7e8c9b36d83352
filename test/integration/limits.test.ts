/** Too little of what a process needs: ADD fails in a word, not by a signal, and leaves nothing. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, withHost } from "./harness/host.ts";
import { bridgeConfig, type Config } from "./harness/networks.ts";

/** ADDs under ever wider limits; the value is how many of them succeeded. */
async function addUnder(limits: readonly string[], config: Config): Promise<number> {
  let succeeded = 0;
  await withHost(async (host) => {
    await host.addNetns("c1");
    const call: Call = { config };
    const before = await host.snapshot();
    for (const limit of limits) {
      const wrap = ["sh", "-c", `ulimit ${limit}; exec "$@"`, "sh"];
      const reply = await host.cni("ADD", { ...call, wrap });
      if (reply.status === 0) {
        succeeded++;
        resultOf(reply);
        assertSuccess(await host.cni("DEL", call));
        await host.run("ip", "link", "del", "cni0");
      } else {
        assert.equal(reply.signal, null, `${limit}: ${describe(reply)}`);
        if (reply.stdout === "") assert.match(reply.stderr, /^[^\n]+\n$/, describe(reply));
        else assertError(reply, {});
      }
      assert.deepEqual(await host.snapshot(), before, limit);
    }
  });
  return succeeded;
}

test("an ADD needs less than 4 MB of address space", async () => {
  assert.equal(await addUnder(["-v 4096"], bridgeConfig()), 1);
});

test("an ADD that runs out of memory says so and leaves nothing", async () => {
  const megabytes = [4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 128];
  const limits = megabytes.map((size) => `-v ${size * 1024}`);
  const succeeded = await addUnder(limits, bridgeConfig({ padding: "x".repeat(8_000_000) }));
  assert.ok(succeeded > 0 && succeeded < limits.length, `${succeeded} of ${limits.length}`);
});

test("an ADD that runs out of descriptors says so and leaves nothing", async () => {
  const limits = Array.from({ length: 16 }, (_, index) => `-n ${index + 3}`);
  const succeeded = await addUnder(limits, bridgeConfig());
  assert.ok(succeeded > 0 && succeeded < limits.length, `${succeeded} of ${limits.length}`);
});
