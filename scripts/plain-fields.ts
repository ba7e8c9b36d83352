/**
 * Makes ordinary properties of private names (`#name`) in what is bundled of the suite's own. To QuickJS each private
 * field and method is an addition to every new object, by a function of its own: a twentieth of what a short-lived
 * plugin executes. That nobody reaches them from outside has been checked by then: by tsc, and by the unit tests, which
 * keep the names.
 */

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { parse } from "@babel/parser";
import type { Plugin } from "esbuild";

/**
 * For esbuild. What lies elsewhere than in the suite's own folders is an author's plugin and stays as it is: it may freeze
 * or print what it holds, and be written in what is not parsed here, decorators for one.
 */
export function plainFields(root: string): Plugin {
  return {
    name: "plain-fields",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) =>
        /^(pkg|plugins|libcni|cnitool)\//.test(relative(root, path))
          ? { contents: withPlainFields(readFileSync(path, "utf8")), loader: "ts" }
          : undefined,
      );
    },
  };
}

/** As much of Babel's nodes as is needed here. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/**
 * The source with the private names of its classes replaced, line by line the same. A class that extends another one
 * keeps them, as the other one may have the same, and so does one that asks whether an object has them, or has a class in it.
 */
export function withPlainFields(source: string): string {
  if (!source.includes("#")) return source;
  const { program } = parse(source, { sourceType: "module", plugins: ["typescript"] });
  let text = source;
  for (const at of placesIn(program as unknown as Node).sort((a, b) => b - a)) {
    text = `${text.slice(0, at)}_$${text.slice(at + 1)}`;
  }
  return text;
}

/** Where the names to replace begin. */
function placesIn(node: Node): number[] {
  if (isClass(node)) return keepsNames(node) ? [] : find(node, isPrivate).map(({ start }) => start);
  return childrenOf(node).flatMap(placesIn);
}

function keepsNames(node: Node): boolean {
  const inner = childrenOf(node).flatMap((child) =>
    find(child, (at) => isClass(at) || isQuestion(at)),
  );
  return node.superClass !== null || inner.length > 0;
}

function isClass({ type }: Node): boolean {
  return type === "ClassDeclaration" || type === "ClassExpression";
}

function isPrivate({ type }: Node): boolean {
  return type === "PrivateName";
}

/** `#name in object` */
function isQuestion({ type, left }: Node): boolean {
  return type === "BinaryExpression" && isNode(left) && isPrivate(left);
}

/** The node and all below it that are wanted. */
function find(node: Node, isWanted: (node: Node) => boolean): Node[] {
  const below = childrenOf(node).flatMap((child) => find(child, isWanted));
  return isWanted(node) ? [node, ...below] : below;
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}
