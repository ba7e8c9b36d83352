/** Holds a configuration against JSON Schemas: the part of draft 07 that schema/ uses, with places and suggestions. */

import { ExactNumber, type JsonMember, type JsonNode, toValue } from "../../libcni/json-tree.ts";
import { type Family, parseAddress } from "../../pkg/ip/address.ts";
import type { Schema } from "../command.ts";
import { closest } from "../suggest.ts";
import { type Finding, shown } from "./finding.ts";

/** Schemas by file name. */
export type Schemas = Readonly<Record<string, Schema>>;

/** A schema and the file that its references start from. */
interface Located {
  readonly schema: Schema;
  readonly file: string;
}

/** What is wrong with a value by the schema in `file`. */
export function checkSchema(schemas: Schemas, file: string, node: JsonNode): Finding[] {
  const schema = schemas[file];
  if (schema === undefined) return [];
  const check = new Check(schemas);
  check.visit(node, [{ schema, file }], "");
  return check.findings;
}

class Check {
  readonly findings: Finding[] = [];
  readonly #schemas: Schemas;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  visit(node: JsonNode, wanted: readonly Located[], path: string): void {
    // Plugins take a null for an absent key.
    if (node.kind === "scalar" && node.value === null) return;
    const all = wanted.flatMap((located) => this.#flatten(located, node));
    for (const located of all) {
      const expected = this.#unmet(located, node);
      if (expected === undefined) continue;
      const subject = path === "" ? "this" : `"${path}"`;
      const message = `invalid value for ${subject}: expected ${expected}, got ${shown(node)}`;
      this.findings.push({ severity: "error", offset: node.start, message });
      return;
    }
    if (node.kind === "object") this.#visitMembers(node, all, path);
    if (node.kind === "list") {
      const items = all.flatMap(({ schema, file }) => located(schema.items, file));
      node.items.forEach((item, index) => {
        this.visit(item, items, `${path}[${index}]`);
      });
    }
  }

  #visitMembers(node: JsonNode & { kind: "object" }, all: readonly Located[], path: string): void {
    const names = [
      ...new Set(all.flatMap(({ schema }) => Object.keys(objectAt(schema, "properties")))),
    ];
    const isOpen = this.#isOpen(node, all);
    for (const member of node.members) {
      const name = names.includes(member.key)
        ? member.key
        : names.find((known) => known.toLowerCase() === member.key.toLowerCase());
      if (name !== member.key && !isOpen && names.length > 0)
        this.#tellUnknown(member, name, names);
      const wanted = all.flatMap(({ schema, file }) => {
        const known = objectAt(schema, "properties")[name ?? ""];
        return located(known ?? schema.additionalProperties, file);
      });
      this.visit(member.value, wanted, path === "" ? member.key : `${path}.${member.key}`);
    }
    const present = node.members.map(({ key }) => key.toLowerCase());
    for (const name of new Set(all.flatMap(({ schema }) => listAt(schema, "required")))) {
      if (present.includes(String(name).toLowerCase())) continue;
      const message = `"${name}" is missing${path === "" ? "" : ` in "${path}"`}`;
      this.findings.push({ severity: "error", offset: node.start, message });
    }
  }

  /** Whether any key may be there: by the schema's word, or because it depends on something that nothing here knows. */
  #isOpen(node: JsonNode, all: readonly Located[]): boolean {
    if (all.some(({ schema }) => typeof schema.additionalProperties === "object")) return true;
    const conditions = all.flatMap(({ schema, file }) => located(schema.if, file));
    return conditions.length > 0 && !conditions.some((condition) => this.#matches(condition, node));
  }

  #tellUnknown({ key, keyStart }: JsonMember, taken: string | undefined, names: string[]): void {
    // What runtimes and third parties add, or a comment.
    if (key.startsWith("cni.dev/") || key.startsWith("_")) return;
    if (taken !== undefined) {
      const message = `"${key}" is taken for "${taken}": better spelled so`;
      this.findings.push({ severity: "note", offset: keyStart, message });
      return;
    }
    const near = closest(key, names);
    const message =
      near === undefined
        ? `unknown key "${key}": nothing in this suite reads it`
        : `unknown key "${key}": did you mean "${near}"?`;
    this.findings.push({ severity: "warning", offset: keyStart, message });
  }

  /** The schema and those it consists of for this value: references, allOf, and the `then` of an `if` that holds. */
  #flatten({ schema, file }: Located, node: JsonNode): Located[] {
    const parts = [{ schema, file }];
    const further = [...listAt(schema, "allOf").flatMap((part) => located(part, file))];
    if (typeof schema.$ref === "string") further.push(...this.#resolve(schema.$ref, file));
    const [condition] = located(schema.if, file);
    if (condition !== undefined && this.#matches(condition, node)) {
      further.push(...located(schema.then, file));
    }
    return [...parts, ...further.flatMap((part) => this.#flatten(part, node))];
  }

  #resolve(reference: string, from: string): Located[] {
    const [name = "", pointer = ""] = reference.split("#");
    const file = name === "" ? from : name;
    let value: unknown = this.#schemas[file];
    for (const step of pointer.split("/").slice(1)) {
      value = typeof value === "object" && value !== null ? (value as Schema)[step] : undefined;
    }
    return located(value, file);
  }

  #matches(wanted: Located, node: JsonNode): boolean {
    const check = new Check(this.#schemas);
    check.visit(node, [wanted], "");
    return check.findings.every(({ severity }) => severity !== "error");
  }

  /** What one schema expects of a value that is something else; undefined where it is met. */
  #unmet({ schema, file }: Located, node: JsonNode): string | undefined {
    const unmet = unmetType(schema, node) ?? unmetValue(schema, toValue(node));
    if (unmet !== undefined) return unmet;
    const choices = listAt(schema, "anyOf").flatMap((choice) => located(choice, file));
    if (choices.length === 0 || choices.some((choice) => this.#matches(choice, node)))
      return undefined;
    return choices.map(({ schema }) => describe(schema)).join(" or ");
  }
}

function unmetType(schema: Schema, node: JsonNode): string | undefined {
  const types =
    typeof schema.type === "string" ? [schema.type] : listAt(schema, "type").map(String);
  if (types.length === 0) return undefined;
  const own = typeOf(node);
  const isMet = types.some((type) => type === own || (type === "number" && own === "integer"));
  return isMet ? undefined : types.map(typeName).join(" or ");
}

/** The formats that schema/ uses. */
const families: Readonly<Record<string, Family>> = { ipv4: 4, ipv6: 6 };

function unmetValue(schema: Schema, value: unknown): string | undefined {
  if ("const" in schema && schema.const !== value) return JSON.stringify(schema.const);
  const choices = listAt(schema, "enum");
  if (choices.length > 0 && !choices.includes(value)) {
    return `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`;
  }
  if (typeof value === "string" && typeof schema.pattern === "string") {
    if (!new RegExp(schema.pattern, "u").test(value)) return describe(schema);
  }
  const family = families[String(schema.format)];
  if (typeof value === "string" && family !== undefined && parseAddress(value)?.family !== family) {
    return describe(schema);
  }
  const { minimum, maximum, minItems, maxItems } = schema;
  if (typeof value === "number") {
    if (typeof minimum === "number" && value < minimum) return `at least ${minimum}`;
    if (typeof maximum === "number" && value > maximum) return `at most ${maximum}`;
  }
  if (Array.isArray(value) && typeof minItems === "number" && value.length < minItems) {
    return `at least ${minItems} of them`;
  }
  if (Array.isArray(value) && typeof maxItems === "number" && value.length > maxItems) {
    return `at most ${maxItems} of them`;
  }
  return undefined;
}

/** What a schema asks for, in a few words. */
function describe(schema: Schema): string {
  if ("const" in schema) return JSON.stringify(schema.const);
  if (typeof schema.format === "string") return `an ${schema.format} address`;
  if (typeof schema.title === "string") return schema.title;
  if (typeof schema.pattern === "string") return `text like ${schema.pattern}`;
  return typeof schema.type === "string" ? typeName(schema.type) : "another value";
}

function typeOf(node: JsonNode): string {
  if (node.kind === "object") return "object";
  if (node.kind === "list") return "array";
  const { value } = node;
  if (value === null) return "null";
  if (value instanceof ExactNumber) return /^-?[0-9]+$/.test(value.digits) ? "integer" : "number";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function typeName(type: string): string {
  const names: Readonly<Record<string, string>> = {
    object: "an object",
    array: "a list",
    string: "text",
    boolean: "true or false",
    integer: "a whole number",
    number: "a number",
  };
  return names[type] ?? type;
}

function located(schema: unknown, file: string): Located[] {
  const isSchema = typeof schema === "object" && schema !== null && !Array.isArray(schema);
  return isSchema ? [{ schema: schema as Schema, file }] : [];
}

function objectAt(schema: Schema, key: string): Readonly<Record<string, unknown>> {
  const value = schema[key];
  return typeof value === "object" && value !== null ? (value as Schema) : {};
}

function listAt(schema: Schema, key: string): readonly unknown[] {
  const value = schema[key];
  return Array.isArray(value) ? value : [];
}
