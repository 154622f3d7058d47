/**
 * Drives the library from tests: `window.lab`.
 */
import { type Basket, type WorkerError, openBasket } from 'taskbasket';
import { runBasket } from 'taskbasket/worker';

import { type Note, openApp, openExisting, tasksFor } from './app.js';
import { labHandlers } from './handlers.js';
import { type Setup, nameOf, plainSetup } from './setup.js';
import type { LabTasks } from './tasks.js';
import { type Writing, type Written, writeRaw, writeWithDexie, writeWithIdb } from './transactions.js';

/**
 * Who runs the tasks. `lab`: a SharedWorker; `dedicated`: a worker of this page; `page`: this page, with `run()`;
 * `none`: nobody. The others are broken: no such file, a page in place of a script, throws while it starts, never
 * answers, serves another database.
 */
export type LabWorker = 'lab' | 'dedicated' | 'page' | 'none' | '404' | 'html' | 'throws' | 'silent' | 'other';

export interface LabOptions extends Partial<Setup> {
  readonly database: string;
  readonly worker?: LabWorker;
}

export type LabBasket = Basket<LabTasks>;

function createLab() {
  let setup: Setup | undefined;
  let tasks: LabTasks | undefined;
  let basket: LabBasket | undefined;
  let running: { readonly aborter: AbortController; readonly ended: Promise<void> } | undefined;
  let asked = 0;
  const errors: { readonly error: WorkerError; readonly at: number }[] = [];

  /** Opens a basket; the last one opened is what all else here works on. With a maker, the app's database is made first. */
  async function open({ worker = 'lab', ...options }: LabOptions): Promise<LabBasket> {
    const chosen: Setup = { ...plainSetup, ...options };
    const chosenTasks = tasksFor(chosen);
    if (chosen.maker !== 'library') (await openApp(chosen, chosenTasks)).close();

    const construct = constructorOf(worker, nameOf(chosen));
    setup = chosen;
    tasks = chosenTasks;
    basket = openBasket(chosenTasks, {
      build: chosen.build,
      onWorkerError: (error) => void errors.push({ error, at: Date.now() }),
      ...(construct ? { worker: construct } : {}),
    });
    if (worker === 'page') run();
    return basket;
  }

  /** Runs the tasks in this page, until `stop()`. */
  function run(): void {
    const aborter = new AbortController();
    const options = setup?.concurrency ? { concurrency: setup.concurrency } : {};
    const ended = runBasket(opened(), labHandlers(crypto.randomUUID()), { signal: aborter.signal, ...options });
    running = { aborter, ended };
  }

  /** Stops what `run()` began; resolves when it has ended. */
  async function stop(): Promise<void> {
    running?.aborter.abort();
    await running?.ended;
    running = undefined;
  }

  /** Adds tasks, and a note, in the app's own transaction. */
  function write(how: 'raw' | 'idb' | 'dexie', writing: Writing): Promise<Written> {
    const writer = { raw: writeRaw, idb: writeWithIdb, dexie: writeWithDexie }[how];
    return writer(opened(), registry(), writing);
  }

  /** Adds a task with a Blob of so many bytes, which is JSON: a text. */
  function addBlob(name: string, bytes: number): Promise<string> {
    return opened().add('send', { name, blob: new Blob(['"', 'x'.repeat(bytes - 2), '"']) });
  }

  /** The app's notes. */
  async function notes(): Promise<readonly Note[]> {
    return (await dump())['notes'] as readonly Note[];
  }

  /** Every record of every store, past the library; without the reserve, which is large and means nothing. */
  async function dump(): Promise<Record<string, readonly unknown[]>> {
    const db = await openExisting(registry().name);
    try {
      const names = [...db.objectStoreNames];
      const tx = db.transaction(names);
      const reads = names.map((name) => tx.objectStore(name).getAll());
      await new Promise((resolve) => tx.addEventListener('complete', resolve));
      const isReserve = (value: unknown): boolean => Array.isArray(value) && value[0] instanceof Uint8Array;
      const found = (index: number): unknown[] => (reads[index]?.result ?? []).filter((value) => !isReserve(value));
      return Object.fromEntries(names.map((name, index) => [name, found(index)]));
    } finally {
      db.close();
    }
  }

  /**
   * Uses up the room of this origin, in a database beside the lab's. Resolves when the browser refuses even a few bytes.
   */
  async function fill(): Promise<void> {
    const opening = indexedDB.open('filler');
    opening.addEventListener('upgradeneeded', () => opening.result.createObjectStore('bytes', { autoIncrement: true }));
    const db = await new Promise<IDBDatabase>((resolve) => {
      opening.addEventListener('success', () => resolve(opening.result));
    });
    const stores = (size: number): Promise<boolean> =>
      new Promise((resolve) => {
        const tx = db.transaction('bytes', 'readwrite');
        tx.addEventListener('complete', () => resolve(true));
        tx.addEventListener('abort', () => resolve(false));
        tx.objectStore('bytes').put(crypto.getRandomValues(new Uint8Array(size)));
      });
    for (const size of [65_536, 10_000, 1_000, 100, 1]) while (await stores(size));
    db.close();
  }

  /** Signs in with these tokens: the first one, and the next one each time the app is asked again. */
  async function signIn(owner: string, tokens: readonly string[]): Promise<void> {
    await opened().signIn(owner, async () => {
      const token = tokens[Math.min(asked, tokens.length - 1)] ?? '';
      asked += 1;
      return Promise.resolve({ token });
    });
  }

  /** Whether the runner's reserve is stored. */
  async function hasReserve(): Promise<boolean> {
    const db = await openExisting(registry().name);
    try {
      const request = db.transaction('taskbasket.state').objectStore('taskbasket.state').count('reserve');
      await new Promise((resolve) => request.addEventListener('success', resolve));
      return request.result > 0;
    } finally {
      db.close();
    }
  }

  /** Deletes a database; resolves when it is gone, which open connections can delay. */
  function remove(database: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(database);
      request.addEventListener('success', () => resolve());
      request.addEventListener('error', () => reject(request.error ?? new Error('The database was not deleted.')));
    });
  }

  function opened(): LabBasket {
    if (basket) return basket;
    throw new Error('Call lab.open({ database }) first.');
  }

  function registry(): LabTasks {
    if (tasks) return tasks;
    throw new Error('Call lab.open({ database }) first.');
  }

  return {
    open,
    run,
    stop,
    write,
    addBlob,
    notes,
    dump,
    fill,
    hasReserve,
    signIn,
    /** How often the app was asked for a token. */
    asked: () => asked,
    remove,
    /** What `onWorkerError` was called with, and when. */
    errors: () =>
      errors.map(({ error: { name, code, problem, message }, at }) => ({ name, code, problem, message, at })),
    get basket() {
      return opened();
    },
    get tasks() {
      return registry();
    },
  };
}

/** The lines that construct a worker; bundlers read them. */
function constructorOf(worker: LabWorker, name: string): (() => SharedWorker | Worker) | undefined {
  switch (worker) {
    case 'lab':
      return () => new SharedWorker(new URL('./lab.worker.ts', import.meta.url), { type: 'module', name });
    case 'dedicated':
      return () => new Worker(new URL('./lab.worker.ts', import.meta.url), { type: 'module', name });
    case 'throws':
      return () => new SharedWorker(new URL('./lab-throws.worker.ts', import.meta.url), { type: 'module', name });
    case 'silent':
      return () => new SharedWorker(new URL('./lab-silent.worker.ts', import.meta.url), { type: 'module', name });
    case '404':
      return () => new SharedWorker('/there-is-no-such-worker.js', { type: 'module', name });
    case 'html':
      return () => new SharedWorker('/lab.html', { type: 'module', name });
    case 'other': {
      const other = name.replace('"database":"', '"database":"another-');
      return () => new SharedWorker(new URL('./lab.worker.ts', import.meta.url), { type: 'module', name: other });
    }
    case 'page':
    case 'none':
      return undefined;
  }
}

const lab = createLab();

export type Lab = typeof lab;

declare global {
  interface Window {
    lab: Lab;
  }
}

window.lab = lab;
