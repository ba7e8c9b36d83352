/** The schema of network configuration lists (.conflist files). */

import * as v from "valibot";
import { supportedVersions } from "../../pkg/cni/version.ts";
import { convert, eachKey, type Json } from "./convert.ts";
import type { Descriptions } from "./describe.ts";

/** What a network may be called (pkg/cni/names.ts). */
export const networkName: Json = {
  type: "string",
  title: "letters, digits, dots, underscores and hyphens, the first one a letter or digit",
  pattern: "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$",
};

/** What a runtime is told to pass on to the plugin. */
export const capabilities: Json = { type: "object", additionalProperties: { type: "boolean" } };

/** What a plugin may be called. */
const executable = { title: "an executable's name, without a path", pattern: "^[^/]+$" };

const version = v.picklist(supportedVersions);

const list = v.object({
  cniVersion: v.optional(version),
  cniVersions: v.optional(v.array(version)),
  name: v.pipe(v.string(), v.metadata(networkName)),
  disableCheck: v.optional(v.boolean()),
  disableGC: v.optional(v.boolean()),
  loadOnlyInlinedPlugins: v.optional(v.boolean()),
  plugins: v.optional(
    v.pipe(
      v.array(v.looseObject({ type: v.pipe(v.string(), v.metadata(executable)) })),
      v.minLength(1),
    ),
  ),
});

/** A plugin's executable, as far as lists refer to it. */
interface Member {
  readonly executable: { readonly name: string; readonly isIpam: boolean };
}

/** A list, each of whose plugins keeps to its own schema; types that are not of this suite may hold anything. */
export function listSchema(members: readonly Member[], descriptions: Descriptions): Json {
  const json = convert(list);
  eachKey(json, (path, schema) => {
    const description = descriptions.get(path);
    if (description !== undefined) schema.description = description;
  });
  const { plugins } = json.properties as { plugins: { items: Json } };
  const known = members.filter(({ executable }) => !executable.isIpam);
  plugins.items.properties = { ...(plugins.items.properties as Json), capabilities };
  plugins.items.allOf = known.map(({ executable: { name } }) => ({
    if: { properties: { type: { const: name } }, required: ["type"] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { $ref: `${name}.json#/definitions/keys` },
  }));
  return {
    title: "network configuration list",
    description: "The plugins that one network consists of, in the order in which they run.",
    ...json,
  };
}
