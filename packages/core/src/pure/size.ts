/** From this size on, in bytes, a payload lies apart from its row: a retry then need not write it again. */
export const smallPayload = 1_024;

/**
 * Whether a stored value is small, by a walk that ends as soon as the limit is passed. An estimate: strings count two
 * bytes a character, everything else a few. What can hold any amount without telling (a Blob), and what can't be
 * walked, is not small.
 */
export function isSmall(value: unknown, limit: number = smallPayload): boolean {
  try {
    return bytesLeft(value, limit) >= 0;
  } catch {
    return false;
  }
}

function bytesLeft(value: unknown, left: number): number {
  if (left < 0) return left;
  if (typeof value === 'string') return left - 2 * value.length;
  if (typeof value === 'bigint') return left - value.toString(16).length;
  if (typeof value !== 'object' || value === null) return left - 8;

  // A view is stored with all of its buffer.
  if (ArrayBuffer.isView(value)) return left - 16 - value.buffer.byteLength;
  if (value instanceof ArrayBuffer) return left - 16 - value.byteLength;
  if (Array.isArray(value)) return partsLeft(value, left - 16);
  if (value instanceof Map || value instanceof Set)
    return value.size > left ? -1 : partsLeft([...value].flat(), left - 16);
  if (value instanceof Date || value instanceof Number || value instanceof Boolean) return left - 16;

  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && !isOwnClass(value)) return -1;

  const keys = Object.keys(value);

  return keys.length > left ? -1 : partsLeft(Object.entries(value).flat(), left - 16);
}

/** An instance of the app's own class is stored as a plain object; the platform's (Blob, File, CryptoKey) are not. */
function isOwnClass(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Object]';
}

function partsLeft(parts: readonly unknown[], limit: number): number {
  let left = limit;
  for (const part of parts) {
    if (left < 0) return left;
    left = bytesLeft(part, left - 1); // An empty string costs something as well, or a list of them has no end.
  }

  return left;
}
