import { isPromiseLike } from '../../pure/codec.js';
import type { NewTaskRow } from '../../pure/record.js';

/** A task that is ready to be written: everything about it that could fail without a transaction has been done. */
export interface Prepared {
  readonly id: string;
  readonly row: NewTaskRow;
  /** The encoded payload, if it lies apart from the row. */
  readonly apart: Body | undefined;
}

/** A payload that lies apart. */
export interface Body {
  readonly ref: string;
  readonly value: unknown;
  /** A Blob, or some hundred kilobytes: writing it takes so long that nothing else may have to wait for it. */
  readonly heavy: boolean;
}

/**
 * The requests of an add. All are blind, so that the app may commit on its next line. The payload goes first: if it
 * can't be cloned, this throws before anything was placed.
 */
export function place(
  stores: { readonly tasks: IDBObjectStore; readonly payloads?: IDBObjectStore },
  { apart, row }: Prepared,
  withBody = true,
): void {
  if (apart !== undefined && withBody) blind(stores.payloads?.put(apart.value, apart.ref));
  blind(stores.tasks.add(row));
}

/** A request of which no answer is awaited. The transaction's end tells; the proxy of another copy of idb gives a promise. */
function blind(request: unknown): void {
  if (isPromiseLike(request)) void Promise.resolve(request).catch(() => undefined);
}
