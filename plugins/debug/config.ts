/** The debug plugin's configuration: what to record, what to run, when to wait and when to fail. */

import * as v from "valibot";
import type { Verb } from "../../pkg/skel/environment.ts";
import { integer } from "../../pkg/skel/field.ts";

const verb = v.picklist(["ADD", "CHECK", "DEL", "GC", "STATUS"]);

/** Milliseconds; an hour is longer than any runtime waits. */
const pause = integer(0, 3_600_000);

/** Programs with their arguments. */
const hooks = v.optional(v.array(v.pipe(v.array(v.string()), v.minLength(1))), []);

/** Keys besides the common ones; README.md says what each does. */
export const debugEntries = {
  cniOutput: v.optional(v.string(), ""),
  record: v.optional(v.string(), ""),
  addHooks: hooks,
  checkHooks: hooks,
  delHooks: hooks,
  gcHooks: hooks,
  statusHooks: hooks,
  delay: v.optional(
    v.union([
      pause,
      v.object({
        ADD: v.optional(pause),
        CHECK: v.optional(pause),
        DEL: v.optional(pause),
        GC: v.optional(pause),
        STATUS: v.optional(pause),
      }),
    ]),
    0,
  ),
  failOn: v.optional(v.union([verb, v.array(verb)]), []),
  errorCode: v.optional(integer(1, 0xffffffff), 999),
  errorMessage: v.optional(v.string(), ""),
  errorDetails: v.optional(v.string()),
};

/** The configuration as the plugin's verbs see it. */
export type DebugConfig = v.InferOutput<v.ObjectSchema<typeof debugEntries, undefined>>;

/** The programs to run on a verb. */
export function hooksFor(config: DebugConfig, verb: Verb): readonly (readonly string[])[] {
  return {
    ADD: config.addHooks,
    CHECK: config.checkHooks,
    DEL: config.delHooks,
    GC: config.gcHooks,
    STATUS: config.statusHooks,
  }[verb];
}

/** How long a verb is to take, in milliseconds. */
export function delayOf({ delay }: DebugConfig, verb: Verb): number {
  return typeof delay === "number" ? delay : (delay[verb] ?? 0);
}

/** Whether a verb is to fail. */
export function failsOn({ failOn }: DebugConfig, verb: Verb): boolean {
  return failOn === verb || (Array.isArray(failOn) && failOn.includes(verb));
}
