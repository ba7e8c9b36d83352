/** Strict structural equality, by the rules of Node's assert.deepStrictEqual. */

/** What is being compared further up: meeting the same pair again means a cycle that agrees so far. */
type Path = [left: object, right: object][];

export function deepEqual(left: unknown, right: unknown, path: Path = []): boolean {
  if (Object.is(left, right)) return true;
  if (!isObject(left) || !isObject(right)) return false;
  if (typeof left === "function" || typeof right === "function") return false;
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (tagOf(left) !== tagOf(right) || Array.isArray(left) !== Array.isArray(right)) return false;
  if (path.some(([seenLeft, seenRight]) => seenLeft === left && seenRight === right)) return true;
  const deeper: Path = [...path, [left, right]];
  return sameContent(left, right, deeper) && sameProperties(left, right, deeper);
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value);
}

/** What objects hold besides their properties. */
function sameContent(left: object, right: object, path: Path): boolean {
  if (left instanceof Map) return right instanceof Map && sameMap(left, right, path);
  if (left instanceof Set) return right instanceof Set && sameSet(left, right, path);
  if (left instanceof Date) return right instanceof Date && Object.is(+left, +right);
  if (left instanceof RegExp) return String(left) === String(right);
  if (left instanceof Error) return right instanceof Error && sameError(left, right, path);
  if (left instanceof ArrayBuffer) {
    return right instanceof ArrayBuffer && sameBytes(new Uint8Array(left), new Uint8Array(right));
  }
  if (left instanceof DataView) {
    return right instanceof DataView && sameBytes(bytesOf(left), bytesOf(right));
  }
  if (Array.isArray(left)) return Array.isArray(right) && left.length === right.length;
  if (isBoxed(left)) return isBoxed(right) && Object.is(left.valueOf(), right.valueOf());
  return !(left instanceof WeakMap || left instanceof WeakSet || left instanceof Promise);
}

function isBoxed(value: object): boolean {
  return (
    value instanceof Number ||
    value instanceof String ||
    value instanceof Boolean ||
    value instanceof BigInt ||
    value instanceof Symbol
  );
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function sameError(left: Error, right: Error, path: Path): boolean {
  return (
    left.message === right.message &&
    left.name === right.name &&
    deepEqual(left.cause, right.cause, path)
  );
}

function sameMap(left: Map<unknown, unknown>, right: Map<unknown, unknown>, path: Path): boolean {
  return sameMembers([...left], [...right], path);
}

function sameSet(left: Set<unknown>, right: Set<unknown>, path: Path): boolean {
  return sameMembers([...left], [...right], path);
}

/** Whether each member has a partner of its own on the other side, in whatever order. */
function sameMembers(left: readonly unknown[], right: readonly unknown[], path: Path): boolean {
  if (left.length !== right.length) return false;
  const rest = [...right];
  return left.every((member) => {
    const partner = rest.findIndex((candidate) => deepEqual(member, candidate, path));
    if (partner >= 0) rest.splice(partner, 1);
    return partner >= 0;
  });
}

/** Own enumerable properties, symbols included. A key that holds undefined differs from a key that is absent. */
function sameProperties(left: object, right: object, path: Path): boolean {
  const keys = enumerableKeys(left);
  if (keys.length !== enumerableKeys(right).length) return false;
  return keys.every(
    (key) =>
      Object.prototype.propertyIsEnumerable.call(right, key) &&
      deepEqual(Reflect.get(left, key), Reflect.get(right, key), path),
  );
}

function enumerableKeys(value: object): (string | symbol)[] {
  return Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key),
  );
}
