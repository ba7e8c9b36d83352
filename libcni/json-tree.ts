/** JSON with what JSON.parse forgets: where each value stands, duplicate keys, and the digits of large numbers. */

import { decodeJson } from "../pkg/cni/json.ts";

/** A value and its place in the text, `start` included and `end` not. */
export type JsonNode = Span & (ObjectNode | ListNode | ScalarNode);

interface Span {
  readonly start: number;
  readonly end: number;
}

interface ObjectNode {
  readonly kind: "object";
  readonly members: readonly JsonMember[];
}

interface ListNode {
  readonly kind: "list";
  readonly items: readonly JsonNode[];
}

interface ScalarNode {
  readonly kind: "scalar";
  readonly value: JsonScalar;
}

type JsonScalar = string | number | boolean | null | ExactNumber;

/** One key of an object; a key that occurs twice has two of them. */
export interface JsonMember {
  readonly key: string;
  readonly keyStart: number;
  readonly value: JsonNode;
}

/** A number that a double cannot hold: kept as it was written. */
export class ExactNumber {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }

  toJSON(): number {
    return Number(this.digits);
  }
}

const deepest = 1000;
const mayNeedExactness = /[0-9]{16}|[0-9][eE]\+?[0-9]{3}/;
const token = /[[\]{},:]|"(?:[^"\\]|\\.)*"|[^\s[\]{},:"]+/g;

/** The value of a JSON text, large numbers exact. Throws a SyntaxError in Go's words. */
export function decodeExact(text: string): unknown {
  const value = decodeJson(text);
  return mayNeedExactness.test(text) ? toValue(readTree(text)) : value;
}

/** The values of a JSON text with their places. Throws a SyntaxError in Go's words. */
export function readTree(text: string): JsonNode {
  decodeJson(text);
  // The text is sound from here on, so that its tokens can be taken at their word.
  return new Reader(text).value(0);
}

/** The plain value of a node; of a key that occurs twice the last one counts. */
export function toValue(node: JsonNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toValue);
  return Object.fromEntries(node.members.map(({ key, value }) => [key, toValue(value)]));
}

/** Where an offset is, as editors count: from 1, columns in characters. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: [...(before.at(-1) ?? "")].length + 1 };
}

class Reader {
  readonly #tokens: IterableIterator<RegExpExecArray>;
  #current: RegExpExecArray | undefined;

  constructor(text: string) {
    this.#tokens = text.matchAll(token);
    this.#advance();
  }

  value(depth: number): JsonNode {
    if (depth > deepest) throw new SyntaxError("exceeded max depth");
    const start = this.#start;
    if (this.#text === "{")
      return { kind: "object", members: this.#members(depth), ...this.#since(start) };
    if (this.#text === "[")
      return { kind: "list", items: this.#items(depth), ...this.#since(start) };
    const value = scalarOf(this.#text);
    this.#advance();
    return { kind: "scalar", value, ...this.#since(start) };
  }

  #members(depth: number): JsonMember[] {
    const members: JsonMember[] = [];
    this.#advance();
    while (this.#text !== "}") {
      if (this.#text === ",") this.#advance();
      const keyStart = this.#start;
      const key = JSON.parse(this.#text);
      this.#advance();
      this.#advance();
      members.push({ key, keyStart, value: this.value(depth + 1) });
    }
    this.#advance();
    return members;
  }

  #items(depth: number): JsonNode[] {
    const items: JsonNode[] = [];
    this.#advance();
    while (this.#text !== "]") {
      if (this.#text === ",") this.#advance();
      items.push(this.value(depth + 1));
    }
    this.#advance();
    return items;
  }

  #end = 0;

  get #start(): number {
    return this.#current?.index ?? this.#end;
  }

  get #text(): string {
    return this.#current?.[0] ?? "";
  }

  #since(start: number): Span {
    return { start, end: this.#end };
  }

  #advance(): void {
    this.#end = this.#start + this.#text.length;
    this.#current = this.#tokens.next().value;
  }
}

function scalarOf(text: string): JsonScalar {
  const value = JSON.parse(text);
  if (typeof value !== "number") return value;
  const isWhole = /^-?[0-9]+$/.test(text);
  const isExact = Number.isFinite(value) && (!isWhole || Number.isSafeInteger(value));
  return isExact ? value : new ExactNumber(text);
}
