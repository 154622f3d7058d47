/**
 * A faster `structuredClone` for the simulation, in which that of Node takes much of the time. It freezes each clone, so
 * that a clone need not be cloned again. Code that changes what it has read gets an error.
 */
const native = globalThis.structuredClone;

/** Clones: frozen all through. */
const frozen = new WeakSet();
/** Clones that are stored: the database may write a key into one before it is read. */
const stored = new WeakSet();
/** Deeper values are left to Node, and so are cycles. */
const deepest = 40;
let stores = false;

/** Runs a write. The clone that it makes is a new object each time, so that the judges see each write. */
export function storing<Result>(write: () => Result): Result {
  stores = true;
  try {
    return write();
  } finally {
    stores = false;
  }
}

/** Replaces the global `structuredClone`. Returns a function that brings that of Node back. */
export function installClone(): () => void {
  globalThis.structuredClone = clone;

  return () => {
    globalThis.structuredClone = native;
  };
}

function clone(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return native(value);
  if (!stores) return copied(value, deepest) ?? native(value);
  const copy = fresh(value, deepest);
  if (copy !== undefined) stored.add(copy);

  return copy ?? native(value);
}

/** A frozen copy; `undefined`: the value is not plain all through. */
function copied(value: object, depth: number): object | undefined {
  if (frozen.has(value)) return value;
  const copy = stored.has(value) ? value : fresh(value, depth);
  if (copy === undefined) return undefined;
  frozen.add(Object.freeze(copy));

  return copy;
}

/** A copy whose parts are frozen. */
function fresh(value: object, depth: number): object | undefined {
  const isList = Array.isArray(value);
  if (depth === 0 || Object.getPrototypeOf(value) !== (isList ? Array.prototype : Object.prototype)) return undefined;
  const copy: object = isList ? [] : {};
  for (const [name, part] of Object.entries(value)) {
    const of = partOf(part, depth - 1);
    if (of === undefined && part !== undefined) return undefined;
    if (name === '__proto__') Object.defineProperty(copy, name, { value: of, enumerable: true });
    else (copy as Record<string, unknown>)[name] = of;
  }

  return copy;
}

function partOf(part: unknown, depth: number): unknown {
  if (typeof part === 'object' && part !== null) return copied(part, depth);

  return typeof part === 'function' || typeof part === 'symbol' ? undefined : part;
}
