import { isDense } from './parts.js';

/** Deeper, or longer, values go to the platform. */
const deepest = 32;
const longest = 1_000;

/** Told by `plainCopy`: something in the value is more than plain data. */
const other = Symbol('other');

/**
 * A copy of a value as the structured clone algorithm makes it. Plain data is copied here, because that takes a fraction of
 * the time: browsers write such a value down and read it again. Whatever else there is goes to the platform.
 *
 * @throws DataCloneError, if the platform cannot clone it.
 */
export function copyOf(value: unknown): unknown {
  const copy = plainCopy(value, 0, new Set());

  return copy === other ? structuredClone(value) : copy;
}

function plainCopy(value: unknown, depth: number, seen: Set<object>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return other;
  if (typeof value !== 'object' || value === null) return value;
  // What is met twice must be one object in the copy too.
  if (depth > deepest || seen.has(value)) return other;

  seen.add(value);
  const list = Array.isArray(value);
  if (!list && Object.getPrototypeOf(value) !== Object.prototype) return other;
  const entries = Object.entries(value);
  if (entries.length > longest || (list && !isDense(value))) return other;

  const copy: Record<string, unknown> = list ? ([] as unknown as Record<string, unknown>) : {};
  for (const [key, part] of entries) {
    const copied = plainCopy(part, depth + 1, seen);
    if (copied === other || key === '__proto__') return other;
    copy[key] = copied;
  }

  return copy;
}
