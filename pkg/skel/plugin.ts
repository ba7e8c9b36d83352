/** What a plugin is: its configuration's table and what it does on each verb. */

import * as v from "valibot";
import type { UnlabelledResult } from "../cni/result.ts";
import { supportedVersions } from "../cni/version.ts";
import type { Context } from "./context.ts";
import { commonEntries } from "./field.ts";
import { prepare } from "./quick-reader.ts";

/** What a plugin's author writes; `definePlugin` makes a Plugin of it. */
export interface PluginDefinition<
  Entries extends v.ObjectEntries,
  ReleaseEntries extends v.ObjectEntries,
> {
  /** The executable's name, as configurations spell it in `type`. */
  readonly name: string;
  /** The spec versions it takes; all of them if not given. */
  readonly versions?: readonly string[];
  /** Keys of its configuration besides `cniVersion`, `name`, `type`, `ipam.type`, `dns` and `prevResult`. */
  readonly config: Entries;
  /**
   * The keys that DEL and GC go by, in place of `config`: so that no mistake in another keeps anything from being
   * released.
   */
  readonly releaseConfig?: ReleaseEntries;
  /** The keys it reads from CNI_ARGS in ADD and CHECK; without the list CNI_ARGS is not looked at. */
  readonly cniArgs?: readonly string[];

  /** What the executable does when its first argument is such a word, instead of a verb. */
  readonly commands?: Readonly<Record<string, Command>>;

  /** Makes the attachment and tells what it made. What it changes it pushes to `context.undo` first. */
  add(context: Context<ConfigOf<Entries>>): UnlabelledResult;
  /** Throws where the attachment is not as ADD left it. */
  check(context: Context<ConfigOf<Entries>>): void;
  /** Removes the attachment; what is gone already is no error. */
  del(context: Context<ConfigOf<ReleaseEntries>>): void;
  /** Removes what belongs to no attachment in `context.validAttachments`. */
  gc?(context: Context<ConfigOf<ReleaseEntries>>): void;
  /** Throws code 50 or 51 where an ADD could not be served. */
  status?(context: Context<ConfigOf<Entries>>): void;
  /**
   * Puts back what the attachment had in the host's packet filter, and touches nothing else: somebody emptied it. As ADD
   * with the attachment's own result.
   */
  reload?(context: Context<ConfigOf<Entries>>): void;
}

/** A further use of a plugin's executable; it is given the arguments behind its name, and ends the process. */
export type Command = (args: readonly string[], version: string) => never;

/** The configuration as a plugin's verbs see it, from its own table and the common one. */
export type ConfigOf<Entries extends v.ObjectEntries> = v.InferOutput<
  v.ObjectSchema<typeof commonEntries & Entries, undefined>
>;

/** A plugin ready to run: a value without side effects, safe to import. */
export interface Plugin {
  readonly name: string;
  readonly versions: readonly string[];
  readonly cniArgs: readonly string[] | undefined;
  readonly commands: Readonly<Record<string, Command>> | undefined;
  /** The whole configuration's schema: validation, and the source of the JSON Schema. */
  readonly schema: ConfigSchema;
  /** What DEL and GC read of it. */
  readonly releaseSchema: ConfigSchema;
  readonly verbs: Readonly<{
    ADD(context: Context<CommonConfig>): UnlabelledResult;
    CHECK(context: Context<CommonConfig>): void;
    DEL(context: Context<CommonConfig>): void;
    GC(context: Context<CommonConfig>): void;
    STATUS(context: Context<CommonConfig>): void;
    RELOAD(context: Context<CommonConfig>): void;
  }>;
}

type ConfigSchema = v.GenericSchema<unknown, CommonConfig>;

/** What every plugin's configuration may hold. */
export type CommonConfig = v.InferOutput<v.ObjectSchema<typeof commonEntries, undefined>>;

/** Makes a plugin of its definition; the types of `config` reach all its verbs. */
export function definePlugin<
  const Entries extends v.ObjectEntries,
  const ReleaseEntries extends v.ObjectEntries = Entries,
>(definition: PluginDefinition<Entries, ReleaseEntries>): Plugin {
  const { name, versions, config, releaseConfig, cniArgs, commands } = definition;
  const { add, check, del, gc, status, reload } = definition;
  const schema = schemaOf(config);
  // The schemas and the verbs come from one definition, which the casts cannot express.
  return {
    name,
    versions: versions ?? supportedVersions,
    cniArgs,
    commands,
    schema,
    releaseSchema: releaseConfig === undefined ? schema : schemaOf(releaseConfig),
    verbs: {
      ADD: add,
      CHECK: check,
      DEL: del,
      GC: gc ?? nothing,
      STATUS: status ?? nothing,
      RELOAD: reload ?? nothing,
    } as Plugin["verbs"],
  };
}

function schemaOf(entries: v.ObjectEntries): ConfigSchema {
  const schema = v.object({ ...commonEntries, ...entries }) as unknown as ConfigSchema;
  prepare(schema);
  return schema;
}

/** A verb that a plugin need not have: success without output, as the reference answers. */
function nothing(): void {}
