import { TaskbasketError } from './errors.js';
import { isPlain } from './parts.js';

/** Up to this size, in bytes, a payload lies in its row: one request adds it, and whoever reads the row has it. */
export const inlineLimit = 32_768;

/** Above this size, in bytes, a payload is heavy: writing it takes so long that no other write may wait for it. */
export const heavyLimit = 262_144;

/**
 * A payload may be nested so many levels deep. Chromium's workers read a value of 1,258 nested objects as `null`, which no
 * error tells: decision 0010 has the figures of three engines.
 */
export const deepest = 500;

/** What a value is made of, as far as that decides where it is stored. */
export interface Weight {
  /** An estimate: two for each character, a few for everything else. An object of the platform that tells no size is heavy. */
  readonly bytes: number;
  /** How many objects are nested in each other, as deep as the platform goes when it copies the value; 0 for a text. */
  readonly depth: number;
  /** The Blobs and Files in it, at any depth. */
  readonly blobs: readonly Blob[];
  /** Whether an instance of one of the app's own classes is in it: a copy of such an instance has lost its methods. */
  readonly ownClass: boolean;
}

/** The weight of a value of any depth; nothing, if it cannot be read: the write tells then. Meets each object once. */
export function weigh(value: unknown): Weight {
  try {
    return weighed(value);
  } catch {
    return { bytes: 0, depth: 0, blobs: [], ownClass: false };
  }
}

function weighed(value: unknown): Weight {
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
    } else if (one instanceof ArrayBuffer) {
      bytes += one.byteLength;
    } else if (one instanceof Map || one instanceof Set) {
      // Backwards, here and below, so that the first is taken first, as the platform does: an object counts where it is first met.
      for (const part of [...one].flat().reverse()) put(part, level + 1);
    } else if (kind === 'Blob' || kind === 'File') {
      blobs.push(one as Blob);
      bytes += (one as Blob).size;
    } else if (scalars.has(kind)) {
      put((one as Date).toString(), level);
      put((one as Error).cause, level + 1);
    } else {
      // Object.values, since it skips what an array of a billion holes does not have; a FileList gives its files.
      for (const part of Object.values(one).reverse()) put(part, level + 1);
      if (kind === 'Object') for (const key of Object.keys(one)) put(key, level);
      ownClass ||= kind !== 'Array' && !isPlain(one);
      if (kind !== 'Object' && kind !== 'Array') bytes += heavyLimit;
    }
  }

  return { bytes, depth, blobs, ownClass };
}

/** Objects that hold one value, which their text tells. */
const scalars: ReadonlySet<string> = new Set(['Date', 'RegExp', 'Number', 'Boolean', 'String', 'Error', 'BigInt']);

/**
 * Refuses a value that is nested too deep for some browser's worker.
 *
 * @throws TaskbasketError `payload`.
 */
export function checkDepth({ depth }: Weight): void {
  if (depth <= deepest) return;

  const limit = `It is nested ${depth} levels deep, and some browsers cannot read more than ${deepest} in a worker.`;
  throw new TaskbasketError('payload', `${limit} Give the type the codec json(), or store a flat list.`);
}

/**
 * The store of a payload: in its row, beside it in the same transaction, or ahead of it in a transaction of its own.
 *
 * @throws TaskbasketError `payload`, if it is nested too deep.
 */
export function storeFor(weight: Weight): 'tasks' | 'payloads' | 'bodies' {
  checkDepth(weight);
  const { bytes, blobs } = weight;
  if (blobs.length > 0 || bytes > heavyLimit) return 'bodies';

  return bytes > inlineLimit ? 'payloads' : 'tasks';
}
