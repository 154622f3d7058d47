import 'fake-indexeddb/auto';
import { IDBDatabase as FakeDatabase, IDBObjectStore as FakeStore } from 'fake-indexeddb';
import { storing } from './clone.js';

/** A readwrite transaction, from its beginning to its end. */
export interface Watched {
  readonly transaction: IDBTransaction;
  /** Whose it is: the list of stores with which it was begun. */
  readonly stores: unknown;
  readonly db: IDBDatabase;
}

/** Who is told of readwrite transactions. */
export interface Watcher {
  /** Told before a readonly one begins; may throw what keeps it from that. */
  readonly reads?: (stores: unknown) => void;
  readonly begun: (watched: Watched) => void;
  readonly completed: (watched: Watched) => void;
  readonly aborted: (watched: Watched) => void;
}

let watcher: Watcher | undefined;
let installed = false;

/** Tells of every readwrite transaction of the in-memory IndexedDB; of its `complete` before anybody else hears it. */
export function watchTransactions(next: Watcher | undefined): void {
  watcher = next;
  if (installed) return;
  installed = true;

  const prototype = FakeDatabase.prototype;
  closeLater(prototype);
  const begin = Object.getOwnPropertyDescriptor(prototype, 'transaction')?.value as IDBDatabase['transaction'];

  prototype.transaction = function transaction(this: IDBDatabase, stores, mode, options) {
    if (closing.has(this)) throw new DOMException('The connection is closing.', 'InvalidStateError');
    const told = watcher;
    if (mode === 'readonly') told?.reads?.(stores);
    const begun = begin.call(this, stores, mode, options);
    if (mode !== 'readwrite' || told === undefined) return begun;

    const watched = { transaction: begun, stores, db: this };
    told.begun(watched);
    begun.addEventListener('complete', () => told.completed(watched));
    begun.addEventListener('abort', () => told.aborted(watched));
    mayLie(begun);
    noteAbort(begun);

    return begun;
  };
}

/** Connections that close when their transactions have ended. */
const closing = new WeakSet<IDBDatabase>();

/**
 * Here a connection is closed when its transactions have ended, as the specification says: the in-memory IndexedDB
 * deletes a database under them.
 */
function closeLater(prototype: IDBDatabase): void {
  const close = Object.getOwnPropertyDescriptor(prototype, 'close')?.value as IDBDatabase['close'];
  prototype.close = function closeWhenDone(this: IDBDatabase) {
    const { _rawDatabase: raw } = this as unknown as {
      readonly _rawDatabase: { readonly transactions: readonly OfConnection[] };
    };
    const isBusy = raw.transactions.some(({ db, _state }) => db === this && _state !== 'finished');
    if (!isBusy) {
      close.call(this);

      return;
    }
    closing.add(this);
    globalThis.setImmediate(() => this.close());
  };
}

/** Whether a connection is open, and stays so. */
export function isConnected(db: IDBDatabase): boolean {
  const { _closePending: pending, _closed: closed } = db as unknown as {
    readonly _closePending: boolean;
    readonly _closed: boolean;
  };

  return !pending && !closed && !closing.has(db);
}

interface OfConnection extends Internals {
  readonly db: IDBDatabase;
}

/** Transactions of which the end is told wrongly. */
const lies = new WeakSet<IDBTransaction>();

/** Lets a transaction be committed, and its owner be told that it failed: a connection that is lost in that instant. */
export function tellWrongly(transaction: IDBTransaction): void {
  lies.add(transaction);
}

/** Listeners that are added from now on hear of an abort where there was a `complete`, if a lie is told. */
function mayLie(transaction: IDBTransaction): void {
  const aborts: ((event: Event) => void)[] = [];
  const listen = transaction.addEventListener.bind(transaction);
  const add = (type: string, listener: (event: Event) => void, options?: boolean): void => {
    if (type === 'abort') aborts.push(listener);
    const tell = (event: Event): void => {
      if (type !== 'complete' || !lies.has(transaction)) {
        listener(event);

        return;
      }
      Object.defineProperty(transaction, 'error', {
        value: new DOMException('The connection was lost.', 'UnknownError'),
      });
      for (const one of aborts.splice(0)) one(event);
    };
    listen(type, tell, options);
  };
  Object.defineProperty(transaction, 'addEventListener', { value: add });
}

/** Transactions that were aborted; their event may be still to come. */
const aborted = new WeakSet<IDBTransaction>();

function noteAbort(transaction: IDBTransaction): void {
  const internals = transaction as unknown as Internals;
  const abort = internals._abort.bind(internals);
  const value = (name: string): void => {
    aborted.add(transaction);
    abort(name);
  };
  Object.defineProperty(transaction, '_abort', { value });
}

/** Whether a transaction has committed, also if nobody has been told yet. */
export function hasCommitted(transaction: IDBTransaction): boolean {
  return (transaction as unknown as Internals)._state === 'finished' && !aborted.has(transaction);
}

interface Internals {
  readonly _rollbackLog: readonly unknown[];
  readonly _state: 'active' | 'inactive' | 'committing' | 'finished';
  _abort(name: string): void;
}

/** Whether a transaction can still be aborted: it was not told to commit, and has not ended. */
export function isOpen(transaction: IDBTransaction): boolean {
  const state = (transaction as unknown as Internals)._state;

  return state === 'active' || state === 'inactive';
}

/** Whether a transaction has put or deleted anything. */
export function hasWritten(transaction: IDBTransaction): boolean {
  return (transaction as unknown as Internals)._rollbackLog.length > 0;
}

/** Transactions that have put something. */
const putting = new WeakSet<IDBTransaction>();
for (const name of ['put', 'add'] as const) {
  const write = Object.getOwnPropertyDescriptor(FakeStore.prototype, name)?.value as IDBObjectStore['put'];
  FakeStore.prototype[name] = function marked(this: IDBObjectStore, ...what: Parameters<typeof write>) {
    putting.add(this.transaction);

    return storing(() => write.apply(this, what));
  };
}

/** Whether a transaction has put anything. At a full disk only those are committed that delete and put nothing. */
export function hasPut(transaction: IDBTransaction): boolean {
  return putting.has(transaction);
}

/** Lets a transaction fail when it is told to commit, as a full disk does. */
export function refuseCommit(transaction: IDBTransaction): void {
  const commit = (): void => {
    (transaction as unknown as Internals)._abort('QuotaExceededError');
  };
  Object.defineProperty(transaction, 'commit', { value: commit, configurable: true });
}
