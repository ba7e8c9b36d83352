/** What changes source text by Babel's syntax tree has in common: looking through the tree, and putting text in place. */

import { parse } from "@babel/parser";

/** As much of Babel's nodes as is needed here. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A module's syntax tree. What stands in parentheses is a node of its own. */
export function parseModule(source: string): Node {
  const { program } = parse(source, {
    sourceType: "module",
    plugins: ["typescript"],
    createParenthesizedExpressions: true,
  });
  return program as unknown as Node;
}

/** The node and all below it that are wanted. */
export function find(node: Node, isWanted: (node: Node) => boolean): Node[] {
  const below = childrenOf(node).flatMap((child) => find(child, isWanted));
  return isWanted(node) ? [node, ...below] : below;
}

export function childrenOf(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

/** The nodes of a list, statements for one. A hole in an array is none. */
export function nodesIn(list: unknown): Node[] {
  return Array.isArray(list) ? list.filter(isNode) : [];
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

export function isFunction({ type }: Node): boolean {
  return /^(Function(Declaration|Expression)|ArrowFunctionExpression|(Object|Class|ClassPrivate)Method)$/.test(
    type,
  );
}

/** Text in place of what is between two offsets; with none between them it is put in. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The source with edits that do not overlap. Of two at one place, the first of the list comes first. */
export function withEdits(source: string, edits: readonly Edit[]): string {
  let text = "";
  let done = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    if (edit.start < done) throw new Error(`two edits overlap: at ${edit.start} of a source`);
    text += source.slice(done, edit.start) + edit.text;
    done = edit.end;
  }
  return text + source.slice(done);
}
