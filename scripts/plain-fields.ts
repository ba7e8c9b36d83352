/**
 * Makes ordinary properties of private names (`#name`) in what is bundled of the suite's own. To QuickJS each private
 * field and method is an addition to every new object, by a function of its own: a twentieth of what a short-lived
 * plugin executes. That nobody reaches them from outside has been checked by then: by tsc, and by the unit tests, which
 * keep the names.
 */

import { childrenOf, find, isNode, type Node, parseModule, withEdits } from "./syntax.ts";

/**
 * The source with the private names of its classes replaced, line by line the same. A class that extends another one
 * keeps them, as the other one may have the same, and so does one that asks whether an object has them, or has a class in it.
 */
export function withPlainFields(source: string): string {
  if (!source.includes("#")) return source;
  const places = placesIn(parseModule(source));
  return withEdits(
    source,
    places.map((start) => ({ start, end: start + 1, text: "_$" })),
  );
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
