import type { Clock } from '../../ports/ports.js';
import { within } from '../../ports/wait.js';
import { asItIs, isPromiseLike } from '../../pure/codec.js';
import { copyOf } from '../../pure/copy.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { bodyKey, payloadKey } from '../../pure/key.js';
import type { TaskTypeParts } from '../../pure/registry.js';
import { checkDepth, storeFor, weigh } from '../../pure/size.js';
import { deletePayload } from '../../store/payloads.js';
import type { Stores } from '../../store/requests.js';

/** A codec has so long, in milliseconds. Later adds to its lane, and other edits of its task, wait for it. */
const codecPatience = 120_000;

/** An encoded payload, and where it is stored. */
export interface Encoded {
  readonly value: unknown;
  /** Its key if it lies apart from its row. */
  readonly ref?: string;
  /** In its row (`tasks`), beside it in the same transaction, or ahead of it. */
  readonly store: 'tasks' | 'payloads' | 'bodies';
  /** An estimate. */
  readonly bytes: number;
  /** The Blobs and Files in it. */
  readonly files: readonly Blob[];
}

/** Weighs an encoded payload and says where it is stored. A heavy one has a fresh key each time: no body is ever overwritten. */
export function weighed(
  { newId }: { readonly newId: () => string },
  { id, owner }: { readonly id: string; readonly owner: string | null },
  value: unknown,
): Encoded {
  const weight = weigh(value);
  const store = storeFor(weight);
  const { bytes, blobs: files } = weight;
  if (store === 'tasks') return { value, store, bytes, files };

  return { value, store, bytes, files, ref: store === 'bodies' ? bodyKey(owner, id, newId()) : payloadKey(id) };
}

/** Writes the payload of a row that is changed, and deletes the one that it had. A heavy one was written ahead. */
export function writePayload(
  stores: Pick<Stores, 'payloads'>,
  row: { readonly ref?: string },
  { value, ref, store }: Encoded,
): void {
  if (row.ref !== ref) deletePayload(stores, row);
  if (store === 'payloads') stores.payloads.put(value, ref);
}

/** Whether a payload goes ahead of its row, in a transaction of its own. */
export function isHeavy({ store }: Encoded): boolean {
  return store === 'bodies';
}

/** What a row says of its payload. */
export function rowPart({ value, ref }: Encoded): { readonly inline: unknown } | { readonly ref: string } {
  return ref === undefined ? { inline: value } : { ref };
}

/** Copies an encoded payload. */
export type Copy = (value: unknown) => unknown;

/**
 * Encodes a payload and copies it, so that it is stored as it is at the call. Gives a promise only if the codec does; an
 * asynchronous codec is called at once as well. (Without a codec there is none: a promise cannot be stored.)
 */
export function encoded(
  clock: Clock,
  { codec }: TaskTypeParts,
  name: string,
  payload: unknown,
  copy: Copy = copyOf,
): unknown {
  const copied = (value: unknown): unknown => {
    try {
      return copy(value);
    } catch (error) {
      checkDepth(weigh(value)); // The platform says only that its stack is full.
      throw notStorable(name, error);
    }
  };
  let value: unknown;
  try {
    value = codec.encode(payload);
  } catch (error) {
    throw codecThrew(name, error);
  }
  if (codec === asItIs || !isPromiseLike(value)) return copied(value);

  const slow = (): Error => new Error('It did not end within two minutes.');

  return within(clock, codecPatience, Promise.resolve(value), slow).then(copied, (error: unknown) => {
    throw codecThrew(name, error);
  });
}

function codecThrew(name: string, error: unknown): TaskbasketError {
  const why = `The codec of "${name}" could not encode the payload: ${messageOf(error)}`;

  return new TaskbasketError('payload', why, error);
}

/** The error for a value that the platform cannot clone. */
export function notStorable(name: string, error: unknown): TaskbasketError {
  const why = `The payload of "${name}" cannot be stored: ${messageOf(error)}`;

  return new TaskbasketError('payload', `${why} Give the type a codec that turns it into plain data.`, error);
}

/** The error for a payload that `addTx` cannot take by itself. */
export function notForTx(why: string): TaskbasketError {
  return new TaskbasketError('payload', `${why}. Await prepare first, and give addTx what it resolves with.`);
}
