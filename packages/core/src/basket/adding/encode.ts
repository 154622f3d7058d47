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

/**
 * How long a codec, or the reading of files, may take, in milliseconds. Later adds of the lane or key, and other edits,
 * wait for it.
 */
export const codecPatience = 120_000;

/** An encoded payload, and where it is stored. */
export interface Encoded {
  readonly value: unknown;
  /** Its key, if it is not in its row. A heavy payload that is written a second time gets another one. */
  ref?: string | undefined;
  /** `tasks`: in its row. `payloads`: in another store, in the same transaction. `bodies`: ahead of its row. */
  readonly store: 'tasks' | 'payloads' | 'bodies';
  /** An estimate. */
  readonly bytes: number;
  /** The Blobs and Files in it. */
  readonly files: readonly Blob[];
}

/**
 * Weighs an encoded payload and says where it is stored. A heavy one has a new key each time, so no body is
 * overwritten.
 */
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

/** Writes another payload for a row, and deletes the one that it had. A heavy payload was written ahead. */
export function writePayload(
  stores: Pick<Stores, 'payloads'>,
  row: { readonly ref?: string },
  { value, ref, store }: Encoded,
): void {
  if (row.ref !== ref) deletePayload(stores, row);
  if (store === 'payloads') stores.payloads.put(value, ref);
}

/** Whether a payload is written ahead of its row, in a transaction of its own. */
export function isHeavy({ store }: Encoded): boolean {
  return store === 'bodies';
}

/** The payload as the row has it: the value, or its key. */
export function rowPart({ value, ref }: Encoded): { readonly inline: unknown } | { readonly ref: string } {
  return ref === undefined ? { inline: value } : { ref };
}

/** Copies an encoded payload. */
export type Copy = (value: unknown) => unknown;

/**
 * Encodes a payload and copies it, so that it is stored as it is at the call. An asynchronous codec is called at once
 * too. Returns a promise only if the codec does. (Without a codec, a payload that is a promise is refused: it cannot be
 * stored.)
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
  const why = `The payload of "${name}" could not be encoded: ${messageOf(error)}`;

  return new TaskbasketError('payload', why, error);
}

/** The error for a value that the platform cannot clone. */
export function notStorable(name: string, error: unknown): TaskbasketError {
  const why = `The payload of "${name}" cannot be stored: ${messageOf(error)}`;

  return new TaskbasketError('payload', `${why} Store plain data in its place, or leave it out.`, error);
}

/** The error for a payload that `addTx` cannot take by itself. */
export function notForTx(why: string): TaskbasketError {
  return new TaskbasketError('payload', `${why}. Await prepare first, and give addTx what it resolves with.`);
}
