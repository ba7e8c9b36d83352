/**
 * Makes plain declarations of object patterns in what is bundled of the suite's own. QuickJS makes 14 instructions of
 * `const { words } = to`, and asks at each later use whether the variable is set yet; of `const words = to.words` it
 * makes three. A pattern among parameters is copied twice as well.
 */

import { assigns, declares, isIdentifier, mentions } from "./names.ts";
import {
  childrenOf,
  type Edit,
  find,
  isFunction,
  isNode,
  type Node,
  nodesIn,
  parseModule,
  withEdits,
} from "./syntax.ts";

/**
 * The source with declarations instead of the object patterns of variables, parameters and loops, line by line the
 * same. Each property is read once and in order, a default evaluated before the next is read. Patterns stay that hold
 * more than names with or without simple defaults, and those that would be evaluated at another time. Taken for granted is
 * that no getter gives the variable another value that names the object.
 */
export function withPlainPatterns(source: string): string {
  // Such names are given to what has none. Where they are taken already, everything stays.
  if (/_\$\d/.test(source)) return source;
  let count = 0;
  const newName = () => `_$${++count}`;
  const program = parseModule(source);
  return withEdits(source, editsIn(program, program, { source, newName }));
}

interface Work {
  readonly source: string;
  readonly newName: () => string;
}

/** The edits of a node and all below it: what comes before another one at the same place stands before it in the list. */
function editsIn(node: Node, parent: Node, work: Work): Edit[] {
  const isListed = /^(Program|BlockStatement|StaticBlock|SwitchCase)$/.test(parent.type);
  if (isListed && isDeclaration(node)) {
    return nodesIn(node.declarations).flatMap((declarator) => editsOfVariable(declarator, work));
  }
  if (isFunction(node)) return editsOfFunction(node, work);
  const own = node.type === "ForOfStatement" ? editsOfLoop(node, work) : [];
  return [...own, ...editsBelow(node, work)];
}

function editsBelow(node: Node, work: Work): Edit[] {
  return childrenOf(node).flatMap((child) => editsIn(child, node, work));
}

/** Of variables that may get others beside them: not `var`, whose scope is another one, and not `using`. */
function isDeclaration({ type, kind }: Node): boolean {
  return type === "VariableDeclaration" && (kind === "const" || kind === "let");
}

/** One property of a pattern. */
interface Property {
  readonly start: number;
  readonly variable: string;
  /** How it is read from its object: `.name` or `["name"]`. */
  readonly access: string;
  readonly fallback: Node | undefined;
}

/** What a pattern binds, or undefined if it is none or one that stays. */
function propertiesOf(pattern: Node, work: Work): Property[] | undefined {
  if (pattern.type !== "ObjectPattern") return undefined;
  const properties = nodesIn(pattern.properties).map((node) => propertyOf(node, work));
  const plain = properties.filter((property) => property !== undefined);
  return plain.length > 0 && plain.length === properties.length ? plain : undefined;
}

function propertyOf(node: Node, work: Work): Property | undefined {
  const { type, key, value, computed } = node;
  if (type !== "ObjectProperty" || computed === true || !isNode(key) || !isNode(value)) return;
  const hasFallback = value.type === "AssignmentPattern" && isNode(value.right);
  const fallback = hasFallback ? (value.right as Node) : undefined;
  const variable = hasFallback ? (value.left as Node) : value;
  const name = textOf(key, work);
  if (variable.type !== "Identifier" || !/^(Identifier|StringLiteral)$/.test(key.type)) return;
  if (fallback !== undefined && !isMovable(fallback, work)) return;
  return {
    start: node.start,
    variable: String(variable.name),
    access: key.type === "Identifier" ? `.${name}` : `[${name}]`,
    fallback,
  };
}

/** Whether a default may stand elsewhere, and on one line. A function in it would be named after the variable. */
function isMovable(fallback: Node, work: Work): boolean {
  const inner = find(fallback, (at) => isFunction(at) || /^Class|Pattern$/.test(at.type));
  return inner.length === 0 && linesBetween(fallback.start, fallback.end, work) === "";
}

/** The declaration of a property's variable; with a default it takes a second one. */
function declarationOf({ variable, access, fallback }: Property, object: string, work: Work) {
  if (fallback === undefined) return `${variable} = ${object}${access}`;
  const value = work.newName();
  const otherwise = textOf(fallback, work);
  return `${value} = ${object}${access}, ${variable} = ${value} === void 0 ? ${otherwise} : ${value}`;
}

function editsOfVariable(declarator: Node, work: Work): Edit[] {
  const { id, init } = declarator;
  const properties = isNode(id) ? propertiesOf(id, work) : undefined;
  if (!isNode(id) || !isNode(init) || properties === undefined || !isObject(init, properties)) {
    return editsBelow(declarator, work);
  }
  if (isSteady(init, properties)) {
    return [{ start: id.start, end: init.end, text: inLines(id, init, properties, work) }];
  }
  const lines = linesBetween(id.start, init.start, work);
  const edit = (before: string, after: string) => [
    { start: id.start, end: init.start, text: lines + before },
    ...editsBelow(declarator, work),
    { start: init.end, end: init.end, text: after },
  ];
  const [first] = properties;
  if (properties.length === 1 && first !== undefined && first.fallback === undefined) {
    return edit(`${first.variable} = (`, `)${first.access}`);
  }
  const object = work.newName();
  const declarations = properties.map((property) => declarationOf(property, object, work));
  return edit(`${object} = `, ["", ...declarations].join(", "));
}

/** Whether it can stand where the pattern was: it is no variable of the pattern, and no function, which took its name. */
function isObject(init: Node, properties: readonly Property[]): boolean {
  const bare = withoutWrapping(init);
  if (isFunction(bare) || bare.type === "ClassExpression") return false;
  return init.type !== "Identifier" || !variablesOf(properties).has(init.name);
}

/** Whether the object can be named for each property anew: it is a variable that no default can assign to. */
function isSteady(init: Node, properties: readonly Property[]): boolean {
  if (init.type === "ThisExpression") return true;
  return (
    init.type === "Identifier" &&
    properties.every(({ fallback }) => fallback === undefined || isHarmless(fallback))
  );
}

/** What is in parentheses or cast. */
function withoutWrapping(node: Node): Node {
  const isWrapping =
    /^(Parenthesized|TSAs|TSNonNull|TSSatisfies|TSTypeCast)Expression$|^TSTypeAssertion$/;
  return isWrapping.test(node.type) && isNode(node.expression)
    ? withoutWrapping(node.expression)
    : node;
}

/** Whether it does not matter when it is evaluated, as it asks nothing of what may change meanwhile. */
function isConstant({ type, properties, elements }: Node): boolean {
  const isEmpty = (list: unknown) => Array.isArray(list) && list.length === 0;
  return (
    /^(BigInt|Boolean|Null|Numeric|String)Literal$/.test(type) || isEmpty(properties ?? elements)
  );
}

/** Whether it changes nothing and runs nothing. */
function isHarmless(expression: Node): boolean {
  const acts =
    /^(Optional)?(Call|Member)|^(New|Update|Await|Yield|Assignment|TaggedTemplate|Import)Exp|Spread|Pattern$/;
  const isAct = ({ type, operator }: Node) => acts.test(type) || operator === "delete";
  return find(expression, isAct).length === 0;
}

/** The declarations of a pattern that is not moved, each in its property's line. */
function inLines(id: Node, init: Node, properties: readonly Property[], work: Work): string {
  const object = textOf(init, work);
  let text = "";
  let before = id.start;
  for (const property of properties) {
    const lines = linesBetween(before, property.start, work);
    const gap = lines === "" && text !== "" ? " " : lines;
    text += `${text === "" ? "" : ","}${gap}${declarationOf(property, object, work)}`;
    before = property.start;
  }
  return text + linesBetween(before, init.end, work);
}

/** `for (const { name } of list) {`: the names become the block's own. */
function editsOfLoop({ left, body }: Node, work: Work): Edit[] {
  if (!isNode(left) || !isDeclaration(left) || !isNode(body) || body.type !== "BlockStatement")
    return [];
  const id = nodesIn(left.declarations)[0]?.id;
  const properties = isNode(id) ? propertiesOf(id, work) : undefined;
  if (!isNode(id) || properties === undefined || declares(body, namesIn(properties))) return [];
  const object = work.newName();
  const declarations = properties.map((property) => declarationOf(property, object, work));
  const text = ` ${left.kind} ${declarations.join(", ")};`;
  return [nameInstead(id, object, work), { start: body.start + 1, end: body.start + 1, text }];
}

function editsOfFunction(node: Node, work: Work): Edit[] {
  const { params, body } = node;
  const patterns = nodesIn(params).map((param) => patternOf(param, work));
  const moved = patterns.filter((pattern) => pattern !== undefined);
  const below = () => editsBelow(node, work);
  if (!isNode(body) || moved.length === 0 || !mayMove(node, patterns)) return below();
  const named = moved.map((pattern) => ({ ...pattern, object: work.newName() }));
  const declarations = named.flatMap(({ properties, object }) =>
    properties.map((property) => declarationOf(property, object, work)),
  );
  const variables = variablesOf(moved.flatMap(({ properties }) => properties));
  const fallbacks = moved.flatMap(({ properties }) =>
    properties.flatMap((it) => it.fallback ?? []),
  );
  const kind = [body, ...fallbacks].some((it) => assigns(it, variables)) ? "let" : "const";
  const declaration = `${kind} ${declarations.join(", ")};`;
  const heads = named.map(({ node, object }) => nameInstead(node, object, work));
  if (body.type === "BlockStatement") {
    const at = body.start + 1;
    return [...heads, { start: at, end: at, text: ` ${declaration}` }, ...below()];
  }
  const isEnclosed = body.type === "ParenthesizedExpression";
  const [open, close] = isEnclosed ? ["", ""] : ["(", ")"];
  return [
    ...heads,
    { start: body.start, end: body.start, text: `{ ${declaration} return ${open}` },
    ...below(),
    { start: body.end, end: body.end, text: `${close}; }` },
  ];
}

/** A pattern among parameters. */
interface Pattern {
  readonly node: Node;
  readonly properties: readonly Property[];
}

function patternOf(param: Node, work: Work): Pattern | undefined {
  const node = param.type === "AssignmentPattern" ? param.left : param;
  const properties = isNode(node) ? propertiesOf(node, work) : undefined;
  return isNode(node) && properties !== undefined ? { node, properties } : undefined;
}

/**
 * Whether a function's patterns can be taken apart in its body, which runs after all of the parameters. They cannot if
 * what stays there has a use for their names or would notice that it comes first, nor where the body runs later than the call.
 */
function mayMove(node: Node, patterns: readonly (Pattern | undefined)[]): boolean {
  const body = node.body as Node;
  const properties = patterns.flatMap((pattern) => pattern?.properties ?? []);
  const variables = variablesOf(properties);
  const first = patterns.findIndex((pattern) => pattern !== undefined);
  const isInTheWay = (param: Node, index: number) => {
    if (param.type === "TSParameterProperty") return true;
    const isWrapped = param.type === "AssignmentPattern" || param.type === "RestElement";
    const target = isWrapped ? (param.left ?? param.argument) : param;
    const isPlain = patterns[index] !== undefined || (isNode(target) && isIdentifier(target));
    const stays = isPlain ? param.right : param;
    return isNode(stays) && (mentions(stays, variables) || (index > first && !isConstant(stays)));
  };
  return (
    !nodesIn(node.params).some(isInTheWay) &&
    node.async !== true &&
    node.generator !== true &&
    nodesIn(body.directives).length === 0 &&
    !declares(body, namesIn(properties))
  );
}

function variablesOf(properties: readonly Property[]): Set<unknown> {
  return new Set(properties.map(({ variable }) => variable));
}

/** The names that a block must not have of its own for declarations to be moved to it: what they declare and what they use. */
function namesIn(properties: readonly Property[]): Set<unknown> {
  const fallbacks = properties.flatMap(({ fallback }) => fallback ?? []);
  const used = fallbacks.flatMap((fallback) => find(fallback, isIdentifier));
  return new Set([...variablesOf(properties), ...used.map(({ name }) => name)]);
}

/** A name where a pattern was. Its type stays. */
function nameInstead(pattern: Node, name: string, work: Work): Edit {
  const { start, typeAnnotation } = pattern;
  const end = isNode(typeAnnotation) ? typeAnnotation.start : pattern.end;
  return { start, end, text: name + linesBetween(start, end, work) };
}

function textOf({ start, end }: Node, { source }: Work): string {
  return source.slice(start, end);
}

/** The line breaks of a part of the source. */
function linesBetween(start: number, end: number, { source }: Work): string {
  return source.slice(start, end).replace(/[^\n]/g, "");
}
