/** Which of some names a piece of syntax uses, declares or sets. */

import { find, isNode, type Node, nodesIn } from "./syntax.ts";

export function isIdentifier({ type }: Node): boolean {
  return type === "Identifier";
}

/** Whether one of the names is used in it, or stands there for something else, a key for one. */
export function mentions(node: Node, names: ReadonlySet<unknown>): boolean {
  return find(node, isIdentifier).some(({ name }) => names.has(name));
}

/** Whether a block declares one of the names itself. */
export function declares(block: Node, names: ReadonlySet<unknown>): boolean {
  const statements = nodesIn(block.body);
  const variables = [...statements, ...find(block, ({ kind }) => kind === "var")];
  const declarators = variables.flatMap(({ declarations }) => nodesIn(declarations));
  return [...statements, ...declarators].some(({ id }) => binds(id, names));
}

/** Whether one of the names is assigned to. */
export function assigns(body: Node, names: ReadonlySet<unknown>): boolean {
  const assignments = find(body, ({ type }) => /^(Assignment|Update)Exp|^For(In|Of)/.test(type));
  return assignments.some(({ left, argument }) => binds(left ?? argument, names));
}

function binds(target: unknown, names: ReadonlySet<unknown>): boolean {
  return boundBy(target).some((name) => names.has(name));
}

/** The variables that a pattern or other target of an assignment sets. */
function boundBy(target: unknown): unknown[] {
  if (!isNode(target)) return [];
  if (isIdentifier(target)) return [target.name];
  const { properties, elements, value, left, argument, expression } = target;
  return [properties, elements, value, left, argument, expression].flat().flatMap(boundBy);
}
