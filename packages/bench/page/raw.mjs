/** Raw IndexedDB, without any library: what the library is compared to. */

/** A number in each name: a database that was used before would be slower. */
let made = 0;

export function freshName(what) {
  made += 1;

  return `${what}-${made}-${Math.random().toString(36).slice(2)}`;
}

/** Opens a database, made with one store if it is new; `index` gives that its indexes. */
export function openRaw(name, storeOptions, index = (_rows) => {}) {
  const request = indexedDB.open(name, storeOptions === undefined ? undefined : 1);
  request.onupgradeneeded = () => index(request.result.createObjectStore('rows', storeOptions));

  return answer(request);
}

export function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export function completed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(undefined);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** One transaction that places its requests and commits. */
export async function write(db, stores, place, durability = 'strict') {
  const transaction = db.transaction(stores, 'readwrite', { durability });
  const done = completed(transaction);
  place(transaction);
  transaction.commit();
  await done;
}

/** Writes many rows, relaxed, 2,000 a transaction. `row` is called with 0, 1, 2 …. */
export async function fillStore(db, store, count, row) {
  const size = 2_000;
  for (let first = 0; first < count; first += size) {
    await write(
      db,
      store,
      (transaction) => {
        const rows = transaction.objectStore(store);
        for (let number = first; number < Math.min(count, first + size); number += 1) rows.add(row(number));
      },
      'relaxed',
    );
  }
}

/** Keeps when each transaction of this page began and ended, until it is stopped. */
export function recordTransactions() {
  const original = Object.getOwnPropertyDescriptor(IDBDatabase.prototype, 'transaction');
  const kept = [];
  IDBDatabase.prototype.transaction = function transaction(...given) {
    const begun = original.value.apply(this, given);
    const record = { mode: begun.mode, begin: performance.now(), end: Number.NaN };
    kept.push(record);
    begun.addEventListener('complete', () => {
      record.end = performance.now();
    });

    return begun;
  };

  return {
    kept,
    stop() {
      Object.defineProperty(IDBDatabase.prototype, 'transaction', original);
    },
  };
}
