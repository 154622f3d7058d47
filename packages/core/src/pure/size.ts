/** Up to this size, in bytes, a payload lies in its row. A larger one lies apart, so that a retry need not write it again. */
export const inlineLimit = 1_024;

/** Above this size, in bytes, a payload is heavy: writing it takes so long that no other write may wait for it. */
export const heavyLimit = 262_144;

/** What a value is made of, as far as that decides where it is stored. */
export interface Weight {
  /** An estimate: two for each character, a few for everything else. */
  readonly bytes: number;
  /** The Blobs and Files in it, at any depth. */
  readonly blobs: readonly Blob[];
  /** Whether an object of the platform is in it whose size cannot be told. */
  readonly opaque: boolean;
  /** Whether an instance of one of the app's own classes is in it: a copy of such an instance has lost its methods. */
  readonly ownClass: boolean;
}

/** The weight of a value of any depth; nothing, if it cannot be read: the write tells then. Meets each object once. */
export function weigh(value: unknown): Weight {
  try {
    return weighed(value);
  } catch {
    return { bytes: 0, blobs: [], opaque: false, ownClass: false };
  }
}

function weighed(value: unknown): Weight {
  const blobs: Blob[] = [];
  const seen = new Set<object>();
  const open: object[] = [];
  let bytes = 0;
  let opaque = false;
  let ownClass = false;

  function put(part: unknown): void {
    if (typeof part === 'object' && part !== null) open.push(part);
    else bytes += typeof part === 'string' ? 2 * part.length : typeof part === 'bigint' ? part.toString(16).length : 8;
  }

  put(value);
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (seen.has(one)) continue;

    seen.add(one);
    bytes += 16;
    const kind = Array.isArray(one) ? 'Array' : Object.prototype.toString.call(one).slice(8, -1);
    if (ArrayBuffer.isView(one)) {
      bytes += one.buffer.byteLength; // A view is stored with all of its buffer.
    } else if (one instanceof ArrayBuffer) {
      bytes += one.byteLength;
    } else if (one instanceof Map || one instanceof Set) {
      for (const part of [...one].flat()) put(part);
    } else if (kind === 'Blob' || kind === 'File') {
      blobs.push(one as Blob);
      bytes += (one as Blob).size;
    } else if (scalars.has(kind)) {
      put((one as Date).toString());
    } else {
      // Object.values, since it skips what an array of a billion holes does not have; a FileList gives its files.
      for (const part of Object.values(one)) put(part);
      if (kind === 'Object') Object.keys(one).forEach(put);
      ownClass ||= kind === 'Object' && isOwnClass(one);
      opaque ||= kind !== 'Object' && kind !== 'Array';
    }
  }

  return { bytes, blobs, opaque, ownClass };
}

/** Objects that hold one value, which their text tells. */
const scalars: ReadonlySet<string> = new Set(['Date', 'RegExp', 'Number', 'Boolean', 'String', 'Error', 'BigInt']);

/** The prototype of a plain object, of whatever realm, has none itself. */
function isOwnClass(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;

  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

/** The store of a payload: in its row, beside it in the same transaction, or ahead of it in a transaction of its own. */
export function storeFor({ bytes, blobs, opaque }: Weight): 'tasks' | 'payloads' | 'bodies' {
  if (opaque || blobs.length > 0 || bytes > heavyLimit) return 'bodies';

  return bytes > inlineLimit ? 'payloads' : 'tasks';
}
