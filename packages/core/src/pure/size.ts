import { copyOf } from './copy.js';
import { TaskbasketError } from './errors.js';
import { isPlain } from './parts.js';

/** Up to this size, in bytes, a payload is stored in its row, so that one request writes or reads both. */
export const inlineLimit = 32_768;

/** Above this size, in bytes, a payload is heavy: it takes so long to write that no other write may wait for it. */
export const heavyLimit = 262_144;

/**
 * How many levels deep a payload may be nested. Chromium's workers read a value of 1,258 nested objects as `null`,
 * without an error. Decision 0010 has the figures of three engines.
 */
export const depthLimit = 500;

/** What must be known of a value to decide where it is stored. */
export interface Weight {
  /**
   * An estimate: two for each character, a few for everything else. An object of the platform without a size is heavy.
   */
  readonly bytes: number;
  /** How many levels deep objects are nested; 0 for a text. */
  readonly depth: number;
  /** The Blobs and Files in it, at any depth. */
  readonly blobs: readonly Blob[];
  /** Whether it has an instance of one of the app's classes, whose methods a copy would lose. */
  readonly ownClass: boolean;
}

/** Weighs a value of any depth. If it cannot be read, the weight is 0, and the write fails later. */
export function weigh(value: unknown): Weight {
  try {
    return weightOf(value);
  } catch {
    return { bytes: 0, depth: 0, blobs: [], ownClass: false };
  }
}

function weightOf(value: unknown): Weight {
  const blobs: Blob[] = [];
  const seen = new Set<object>();
  const open: { readonly one: object; readonly level: number }[] = [];
  let bytes = 0;
  let depth = 0;
  let ownClass = false;

  function put(part: unknown, level: number): void {
    if (typeof part === 'object' && part !== null) open.push({ one: part, level });
    else bytes += typeof part === 'string' ? 2 * part.length : typeof part === 'bigint' ? part.toString(16).length : 8;
  }

  put(value, 1);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { one, level } = next;
    if (seen.has(one)) continue;

    seen.add(one);
    depth = Math.max(depth, level);
    bytes += 16;
    const kind = Array.isArray(one) ? 'Array' : Object.prototype.toString.call(one).slice(8, -1);
    if (ArrayBuffer.isView(one)) {
      bytes += one.buffer.byteLength; // A view is stored with all of its buffer.
      // No store takes memory that is shared with other threads.
      if (Object.prototype.toString.call(one.buffer) === '[object SharedArrayBuffer]') bytes += heavyLimit;
    } else if (one instanceof ArrayBuffer) {
      bytes += one.byteLength;
    } else if (one instanceof Map || one instanceof Set) {
      // Pushed in reverse order, here and below, so that objects are met in the order in which the platform meets them.
      for (const part of [...one].flat().reverse()) put(part, level + 1);
    } else if (kind === 'Blob' || kind === 'File') {
      blobs.push(one as Blob);
      bytes += (one as Blob).size;
    } else if (scalars.has(kind)) {
      put((one as Date).toString(), level);
      put((one as Error).cause, level + 1);
    } else {
      // Object.values skips the holes of an array, and gives the files of a FileList.
      for (const part of Object.values(one).reverse()) put(part, level + 1);
      if (kind === 'Object') for (const key of Object.keys(one)) put(key, level);
      ownClass ||= kind !== 'Array' && !isPlain(one);
      if (kind !== 'Object' && kind !== 'Array') bytes += heavyLimit;
    }
  }

  return { bytes, depth, blobs, ownClass };
}

/** Kinds of objects that have one value, which is also in their text. */
const scalars: ReadonlySet<string> = new Set(['Date', 'RegExp', 'Number', 'Boolean', 'String', 'Error', 'BigInt']);

/**
 * Refuses a value that is nested too deep for the workers of some browser.
 *
 * @throws TaskbasketError `payload`.
 */
export function checkDepth({ depth }: Weight): void {
  if (depth <= depthLimit) return;

  const limit = `It is nested ${depth} levels deep, and some browsers cannot read more than ${depthLimit} in a worker.`;
  throw new TaskbasketError(
    'payload',
    `${limit} Make it flatter, or give the type the codec json(), which takes more levels.`,
  );
}

/**
 * The store of a payload. `tasks`: in its row. `payloads`: in the transaction of its row. `bodies`: ahead of its row.
 *
 * @throws TaskbasketError `payload`, if it is nested too deep.
 */
export function storeFor(weight: Weight): 'tasks' | 'payloads' | 'bodies' {
  checkDepth(weight);
  const { bytes, blobs } = weight;
  if (blobs.length > 0 || bytes > heavyLimit) return 'bodies';

  return bytes > inlineLimit ? 'payloads' : 'tasks';
}

/**
 * Copies plain data that is small enough for the row of a task.
 *
 * @throws What says why not.
 */
export function smallCopy(value: unknown): unknown {
  const copy = copyOf(value);
  if (storeFor(weigh(copy)) !== 'tasks') throw new RangeError('It is larger than 32 KB, or is no plain data.');

  return copy;
}
