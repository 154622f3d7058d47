import 'fake-indexeddb/auto';
import {
  IDBDatabase as FakeDatabase,
  IDBFactory as FakeFactory,
  IDBOpenDBRequest as FakeOpenRequest,
  IDBTransaction as FakeTransaction,
} from 'fake-indexeddb';

/**
 * How a request fails.
 *
 * - `error`: it has an `error` event, which aborts its transaction.
 * - `abort`: it succeeds, and its transaction is aborted where it would be committed, as on a full disk.
 * - `closed`: it fails, because the browser closes the connection in that instant.
 * - `silent`: it has no event at all, until somebody aborts its transaction. If nobody can, because the transaction was
 *   told to commit or changes the version, the browser notices after ten minutes.
 */
export type FaultKind = 'error' | 'abort' | 'closed' | 'silent';

export const faultKinds: readonly FaultKind[] = ['error', 'abort', 'closed', 'silent'];

/** One request fails once: the one with this number, counted from 0 in the order in which requests are made. */
export interface Fault {
  readonly at: number;
  readonly kind: FaultKind;
}

/** The requests of one run. */
export interface Requests {
  /** How many requests were made since the counting began. */
  readonly made: () => number;
  /** What the request that failed was. `undefined`: it was not made. */
  readonly failed: () => string | undefined;
  /** From now on no request is counted, and none fails. */
  readonly stop: () => void;
  /** Gives the in-memory IndexedDB back as it was. */
  readonly end: () => void;
}

/** How long a request has no event before the browser notices, in milliseconds. */
const silence = 600_000;

interface Operation {
  operation: () => unknown;
  readonly source?: { readonly name?: string };
}

interface Transaction {
  readonly db: Connection;
  readonly mode: string;
  _state: string;
  _requests: readonly { readonly operation: () => unknown }[];
  _abort(name: string): void;
  _start(): void;
  _execRequestAsync(operation: Operation): unknown;
}

interface Connection extends IDBDatabase {
  _closePending: boolean;
  _closed: boolean;
  readonly _rawDatabase: {
    readonly transactions: readonly (Transaction & { readonly db: Connection })[];
    connections: readonly Connection[];
  };
}

/** Counts every request of the in-memory IndexedDB, openings too, and lets one of them fail. */
export function countRequests(fault: Fault | undefined, timer: (wait: number, ring: () => void) => void): Requests {
  const prototype = FakeTransaction.prototype as unknown as Transaction;
  const factory = FakeFactory.prototype;
  const request = methodOf(prototype, '_execRequestAsync');
  const start = methodOf(prototype, '_start');
  const openDatabase = methodOf(factory, 'open');
  const close = methodOf(FakeDatabase.prototype, 'close');
  const silent = new Set<() => unknown>();
  let made = 0;
  let counting = true;
  let failed: string | undefined;

  /** The fault of the next request. */
  function next(what: string): FaultKind | undefined {
    const hit = counting && fault?.at === made;
    if (counting) made += 1;
    if (!hit) return undefined;
    failed = what;

    return fault?.kind;
  }

  prototype._execRequestAsync = function counted(this: Transaction, one) {
    const stores = [...(this as unknown as IDBTransaction).objectStoreNames].map((name) => name.split('.').at(-1));
    const kind = next(`a request to ${one.source?.name ?? 'nothing'} in a transaction over ${stores.join(', ')}`);
    if (kind === 'error') one.operation = () => failWith('UnknownError');
    if (kind === 'abort') abortAtEnd(this);
    if (kind === 'closed') {
      one.operation = () => {
        globalThis.setImmediate(() => terminate(this.db));

        return failWith('AbortError');
      };
    }
    if (kind === 'silent') {
      const { operation } = one;
      one.operation = () => operation();
      silent.add(one.operation);
      timer(silence, () => {
        if (this._state === 'committing' || this.mode === 'versionchange') this._abort('UnknownError');
      });
    }

    return request.call(this, one);
  };

  prototype._start = function started(this: Transaction) {
    const [first] = this._requests;
    // It is never started again, until somebody aborts it.
    if (first !== undefined && silent.has(first.operation)) {
      (this as unknown as { _started: boolean })._started = true;

      return;
    }
    start.call(this);
  };

  factory.open = function opened(this: IDBFactory, ...what: Parameters<IDBFactory['open']>) {
    const kind = next(`the opening of ${what[0]}`);
    if (kind === undefined) return openDatabase.apply(this, what);
    if (kind === 'closed') {
      const opening = openDatabase.apply(this, what);
      opening.addEventListener('success', () => globalThis.setImmediate(() => terminate(opening.result as Connection)));

      return opening;
    }

    return neverOpens(
      kind === 'silent' ? (fail) => timer(silence, fail) : (fail) => void globalThis.setImmediate(fail),
    );
  };

  // The in-memory IndexedDB goes round and round until no transaction of any connection is left.
  FakeDatabase.prototype.close = function closed(this: Connection) {
    const { _rawDatabase: raw } = this;
    this._closePending = true;
    const [unfinished] = raw.transactions.filter(({ db, _state }) => db === this && _state !== 'finished');
    if (unfinished === undefined) {
      this._closed = true;
      raw.connections = raw.connections.filter((one) => one !== this);

      return;
    }
    for (const end of ['complete', 'abort']) {
      (unfinished as unknown as EventTarget).addEventListener(end, () => globalThis.setImmediate(() => this.close()));
    }
  };

  return {
    made: () => made,
    failed: () => failed,

    stop() {
      counting = false;
    },

    end() {
      prototype._execRequestAsync = request;
      prototype._start = start;
      factory.open = openDatabase;
      FakeDatabase.prototype.close = close;
    },
  };
}

function failWith(name: string): never {
  throw new DOMException('This request was chosen to fail.', name);
}

/** Lets a transaction fail where it would be committed. */
function abortAtEnd(transaction: Transaction): void {
  const start = methodOf(FakeTransaction.prototype as unknown as Transaction, '_start');
  transaction._start = function ended(this: Transaction) {
    if (this._requests.length === 0 && this._state !== 'finished') {
      this._abort('QuotaExceededError');

      return;
    }
    start.call(this);
  };
}

/** The browser closes a connection: its transactions are aborted, and it has a `close` event. */
function terminate(connection: Connection): void {
  for (const transaction of connection._rawDatabase.transactions) {
    if (transaction.db === connection && transaction._state !== 'finished') transaction._abort('AbortError');
  }
  connection.close();
  connection.dispatchEvent(eventOf('close'));
}

/** A request to open a database that fails when it is told to. */
function neverOpens(whenToFail: (fail: () => void) => void): IDBOpenDBRequest {
  const request = new FakeOpenRequest() as unknown as { error: unknown; readyState: string } & IDBOpenDBRequest;
  whenToFail(() => {
    request.readyState = 'done';
    request.error = new DOMException('This opening was chosen to fail.', 'UnknownError');
    request.dispatchEvent(eventOf('error'));
  });

  return request;
}

/** What the in-memory IndexedDB takes for an event. */
function eventOf(type: string): Event {
  const event = { type, initialized: true, cancelable: true, eventPath: [], CAPTURING_PHASE: 1, AT_TARGET: 2 };

  return { ...event, preventDefault: () => undefined } as unknown as Event;
}

function methodOf<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name): Owner[Name] {
  return Object.getOwnPropertyDescriptor(owner, name)?.value as Owner[Name];
}
