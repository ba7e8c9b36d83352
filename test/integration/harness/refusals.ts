/** Configurations that ADD does not take. */

import test from "node:test";
import { assertError, type ExpectedError } from "./expect.ts";
import type { InWorld } from "./interface-plugin.ts";
import type { Config } from "./networks.ts";

/** What about a configuration is refused, and how. */
export type Refusal = readonly [
  what: string,
  changes: Config,
  error: ExpectedError,
  args?: string | undefined,
];

/** A test for each refusal: nothing is left. */
export function testRefusals(
  { plugin, config, inWorld }: { plugin: string; config: Config; inWorld: InWorld },
  refusals: readonly Refusal[],
): void {
  for (const [what, changes, error, args] of refusals) {
    test(`${plugin}: ADD refuses ${what}, and leaves nothing`, () =>
      inWorld(async (host) => {
        const call = { plugin, config: { ...config, ...changes }, ...(args ? { args } : {}) };
        assertError(await host.cni("ADD", call), error);
      }));
  }
}
