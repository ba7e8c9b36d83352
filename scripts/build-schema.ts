/**
 * Writes the JSON Schemas of all plugins' configurations, and of lists, into schema/: from the tables that the
 * plugins validate with and the tables of keys in their READMEs. Run by the build; by itself it tells what changed.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Plugin } from "../pkg/skel/plugin.ts";
import { convert, eachKey, type Json } from "./schema/convert.ts";
import { type Descriptions, readDescriptions, readPurpose } from "./schema/describe.ts";
import { capabilities, listSchema, networkName } from "./schema/list.ts";
import { type Executable, findSuite } from "./suite.ts";

const root = resolve(import.meta.dirname, "..");
const draft = "http://json-schema.org/draft-07/schema#";

/** One file of schema/, with what is wrong with its sources. */
export interface SchemaFile {
  readonly name: string;
  readonly text: string;
  /** Keys that no README describes. */
  readonly undescribed: readonly string[];
}

/** A plugin with its texts. */
interface Source {
  readonly executable: Executable;
  readonly plugin: Plugin;
  readonly readme: string;
}

/** All files of schema/, as the sources have them now. */
export async function makeSchemas(): Promise<SchemaFile[]> {
  const sources = await Promise.all(findSuite(root).map(readSource));
  const shared = readFileSync(join(root, "schema/README.md"), "utf8");
  const common = readDescriptions(shared);
  const ipamTypes = sources.filter(({ executable }) => executable.isIpam);
  return [
    ...sources.map((source) => pluginSchema(source, common)),
    file("ipam.json", {
      title: "delegated IPAM",
      description: "What the IPAM plugin named in ipam.type reads of the configuration",
      allOf: ipamTypes.map(({ executable: { name } }) => ({
        if: has({ ipam: has({ type: { const: name } }) }),
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { $ref: `${name}.json#/definitions/keys` },
      })),
    }),
    file("conflist.json", listSchema(sources, readDescriptions(shared, "list key"))),
  ];
}

/** Writes what has changed and removes what has no plugin any more; the value is the names of both. */
export async function writeSchemas(): Promise<string[]> {
  const folder = join(root, "schema");
  const files = await makeSchemas();
  mkdirSync(folder, { recursive: true });
  const changed = files.filter(({ name, text }) => readIfThere(join(folder, name)) !== text);
  for (const { name, text } of changed) writeFileSync(join(folder, name), text);
  const wanted = files.map(({ name }) => name);
  const stray = readdirSync(folder).filter(
    (name) => name.endsWith(".json") && !wanted.includes(name),
  );
  for (const name of stray) rmSync(join(folder, name));
  return [...changed.map(({ name }) => name), ...stray];
}

async function readSource(executable: Executable): Promise<Source> {
  const path = join(root, executable.file);
  const module = (await import(path)) as Record<string, Plugin>;
  const plugin = module[executable.exportName];
  if (plugin === undefined) throw new Error(`${path} does not export ${executable.exportName}`);
  return { executable, plugin, readme: readIfThere(join(path, "../README.md")) ?? "" };
}

/**
 * The schema of a whole configuration. Its definition "keys" is what holds in a list too, where the name comes from
 * the list; for an IPAM plugin, it is what it reads of the other plugin's configuration.
 */
function pluginSchema({ executable, plugin, readme }: Source, common: Descriptions): SchemaFile {
  const { name, isIpam } = executable;
  const { required: _, ...keys } = convert(plugin.schema);
  keys.properties = {
    ...(keys.properties as Json),
    cniVersion: { type: "string", enum: plugin.versions },
    name: { ...networkName },
    capabilities: { ...capabilities },
    trace: { type: "string" },
  };
  const undescribed = addDescriptions(keys, readDescriptions(readme), common);
  const missing = undescribed.filter((key) => !readme.includes(`\`${key}\``));
  const choice: Json = isIpam ? {} : { properties: { type: { const: name } } };
  const json = {
    title: name,
    description: readPurpose(readme),
    type: "object",
    required: ["name", "type"],
    ...choice,
    allOf: [{ $ref: "#/definitions/keys" }],
    definitions: { keys: isIpam ? keys : { ...keys, allOf: [{ $ref: "ipam.json" }] } },
  };
  return file(`${name}.json`, json, missing);
}

/** Gives each key its description: the plugin's own, else the common one of its path or of the object it is in. */
function addDescriptions(keys: Json, own: Descriptions, common: Descriptions): string[] {
  const undescribed: string[] = [];
  eachKey(keys, (path, schema) => {
    const shared = path.split(".").slice(-2).join(".");
    const description = own.get(path) ?? common.get(path) ?? common.get(shared);
    if (description === undefined) undescribed.push(path);
    else schema.description = description;
  });
  return undescribed;
}

/** An object that has these keys. */
function has(properties: Json): Json {
  return { properties, required: Object.keys(properties) };
}

function file(name: string, json: Json, undescribed: readonly string[] = []): SchemaFile {
  return { name, text: `${JSON.stringify({ $schema: draft, ...json }, null, 2)}\n`, undescribed };
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

if (process.argv[1] === import.meta.filename) {
  const changed = await writeSchemas();
  console.log(changed.length === 0 ? "schema: up to date" : `schema: ${changed.join(", ")}`);
}
