import 'fake-indexeddb/auto'; // First: Dexie looks for it when it is imported.

import type { Dexie } from 'dexie';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { openBasket } from '../../src/index.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks } from '../../src/pure/registry.js';
import { PermanentFailure, runBasket } from '../../src/worker.js';
import { written } from '../basket/app.js';
import { endOf, openRaw } from '../support/database.js';
import type { Main, Note } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

const { run } = laidOut('own-database');
const note: Note = { id: 'n1', text: 'Buy bread' };

beforeAll(() => createBrowser({ sharedWorker: false }));

describe.each([
  ['Dexie', 'dexie-save.ts', 'notes-dexie'],
  ['idb', 'idb-save.ts', 'notes-idb'],
  ['IndexedDB itself', 'raw-db.ts', 'notes-raw'],
])('with %s', (_, file, name) => {
  test('save stores the note and its task, in a database that is made by whoever comes first', async () => {
    const { save, basket } = await run<Main>(file);
    expect(await basket.list()).toEqual([]); // The basket comes first, and has the app's database made.

    await save(note);
    expect(await written(defineTasks(name, {}))).toEqual({ notes: ['n1'], tasks: ['saveNote'], payloads: 0 });
    expect(await basket.list()).toMatchObject([{ type: 'saveNote', payload: note, lane: 'n1' }]);
  });

  test('a note that cannot be stored leaves no task', async () => {
    const { save } = await run<Main>(file);
    const wrong = { id: 'n2', text: (() => undefined) as unknown as string };

    await expect(save(wrong)).rejects.toThrow(/clone|is a function/);
    expect(await written(defineTasks(name, {}))).toEqual({ notes: ['n1'], tasks: ['saveNote'], payloads: 0 });
  });

  test('a note whose task is refused, because it is too large for a transaction, is not stored either', async () => {
    const { save } = await run<Main>(file);

    await expect(save({ id: 'n3', text: 'a'.repeat(300_000) })).rejects.toMatchObject({ code: 'payload' });
    expect(await written(defineTasks(name, {}))).toEqual({ notes: ['n1'], tasks: ['saveNote'], payloads: 0 });
  });

  test('the task is run, in the lane of its note', async () => {
    const { save, basket } = await run<Main>(file);
    await save({ id: 'n1', text: 'Buy butter' });
    const sent: Note[] = [];
    const handlers = { saveNote: (one: Note) => void sent.push(one) } as never;
    const stop = new AbortController();
    const stopped = runBasket(basket, handlers, { signal: stop.signal });

    await until(async () => expect(await basket.list()).toEqual([]));
    stop.abort();
    await stopped;
    expect(sent.map(({ text }) => text)).toEqual(['Buy bread', 'Buy butter']);
  });
});

describe('a refused note with a row of its own, in Dexie', () => {
  interface Correct {
    readonly correct: (id: string, note: Note) => Promise<void>;
    readonly finishCorrections: () => Promise<void>;
    readonly discard: (id: string, note: Note) => Promise<void>;
  }
  const parts = async (): Promise<Correct & Main & { readonly notes: ReturnType<Dexie['table']> }> => {
    const [recipe, app, { db }] = await Promise.all([
      run<Correct>('dexie-correct.ts'),
      run<Main>('dexie-save.ts'),
      run<{ db: Dexie }>('dexie-db.ts'),
    ]);

    return { ...recipe, ...app, notes: db.table('notes') };
  };

  /** Runs what is stored until nothing is left but what was refused: a note without a text. */
  async function runAll(basket: Main['basket']): Promise<readonly string[]> {
    const texts: string[] = [];
    const stop = new AbortController();
    const saveNote = ({ text }: Note): void => {
      if (text === '') throw new PermanentFailure('The note has no text.');
      texts.push(text);
    };
    const stopped = runBasket(basket, { saveNote } as never, { signal: stop.signal });
    await until(async () => expect(await basket.list({ state: 'queued' })).toEqual([]));
    stop.abort();
    await stopped;

    return texts;
  }

  async function refusedNote(id: string): Promise<string> {
    const { basket, save } = await parts();
    await save({ id, text: '' });
    await runAll(basket);

    return (await basket.list({ state: 'dead' }))[0]?.id ?? '';
  }

  test('is corrected in row and task, and the row keeps no mark', async () => {
    const { basket, correct, notes } = await parts();
    await correct(await refusedNote('corrected'), { id: 'corrected', text: 'Better' });

    expect(await notes.get('corrected')).toEqual({ id: 'corrected', text: 'Better' });
    expect(await runAll(basket)).toEqual(['Better']);
  });

  test.each([
    ['saved again', { id: 'meanwhile', text: 'The latest' }],
    ['discarded', undefined],
  ])('that was %s while its correction was finished is not sent with the old text', async (_, row) => {
    const { basket, finishCorrections, notes } = await parts();
    await notes.put({ id: 'meanwhile', text: 'Better', corrects: 'a task that is done' });

    const finished = finishCorrections();
    await notes.toArray(); // It has read the row by now.
    if (row === undefined) await notes.delete('meanwhile');
    else await notes.put(row);
    await finished;

    expect(await basket.list()).toEqual([]);
    expect(await notes.get('meanwhile')).toEqual(row);
  });

  test('of which a crash left only the corrected row is finished at the next start, once', async () => {
    const { basket, finishCorrections, notes } = await parts();
    const id = await refusedNote('crashed');
    await notes.put({ id: 'crashed', text: 'Better', corrects: id });

    await finishCorrections();
    await finishCorrections();
    expect(await notes.get('crashed')).toEqual({ id: 'crashed', text: 'Better' });
    expect(await runAll(basket)).toEqual(['Better']);
  });

  test('that was sent before the crash is sent once more, as a change of its own', async () => {
    const { basket, finishCorrections, notes } = await parts();
    await notes.put({ id: 'sent', text: 'Better', corrects: 'a task that is done' });

    await finishCorrections();
    expect(await notes.get('sent')).toEqual({ id: 'sent', text: 'Better' });
    expect(await runAll(basket)).toEqual(['Better']);
  });

  test('is discarded with its row', async () => {
    const { basket, discard, notes } = await parts();
    await discard(await refusedNote('discarded'), { id: 'discarded', text: '' });

    expect(await notes.get('discarded')).toBeUndefined();
    expect(await basket.list()).toEqual([]);
  });
});

test('Dexie.currentTransaction is what addTx takes, where the argument of the function is not at hand', async () => {
  const [{ db }, { basket }, { Dexie: library }] = await Promise.all([
    run<{ db: Dexie }>('dexie-db.ts'),
    run<Main>('dexie-save.ts'),
    import('dexie'),
  ]);
  const { stores } = defineTasks('notes-dexie', {});
  await db.transaction(
    'rw',
    [...stores],
    () => void basket.addTx(library.currentTransaction as never, 'saveNote', note),
  );
  expect(await basket.cancel({})).toBe(1);
});

test('Dexie gives a database that is in use the stores with a new version, and keeps what is in it', async () => {
  const before = await openRaw('notes-in-use', 10, (_, made) => made.createObjectStore('notes', { keyPath: 'id' }));
  const filling = before.transaction('notes', 'readwrite');
  filling.objectStore('notes').put({ id: 'old' });
  await endOf(filling);
  before.close();

  const { tasks, db } = await run<{ tasks: AnyRegistry; db: Dexie }>('dexie-upgrade.ts');
  const basket = openBasket(tasks);
  await basket.add('saveNote', { id: 'new' });
  expect(await basket.count()).toEqual({ count: 1, more: false });
  expect(await db.table('notes').toArray()).toEqual([{ id: 'old' }]);
  basket.close();
  db.close();
});

/** Last, because its worker goes on to run tasks. */
describe('a note whose row gets what the server answers as its task ends, in Dexie,', () => {
  /** What a person does while the server works. */
  let meanwhile: () => Promise<unknown>;

  beforeAll(async () => {
    vi.stubGlobal('location', { origin: 'https://app.example' });
    vi.stubGlobal('addEventListener', () => undefined); // A worker has it.
    vi.stubGlobal('fetch', async (request: Request) => {
      const { text } = (await request.json()) as Note;
      if (text !== 'First') throw new TypeError('Failed to fetch');
      await meanwhile();

      return Response.json({ text: 'First, as the server writes it' });
    });
    await run('dexie-complete.worker.ts');
  });

  test.each<[string, (app: Main, db: Dexie) => Promise<unknown>, text: string | undefined]>([
    ['has it', async () => undefined, 'First, as the server writes it'],
    ['does not come back if it was deleted meanwhile', async (_, db) => db.table('notes').delete('n9'), undefined],
    ['keeps what was saved meanwhile', async ({ save }) => save({ id: 'n9', text: 'Second' }), 'Second'],
  ])('%s', async (_, act, text) => {
    const [app, { db }] = await Promise.all([run<Main>('dexie-save.ts'), run<{ db: Dexie }>('dexie-db.ts')]);
    meanwhile = () => act(app, db);
    await app.save({ id: 'n9', text: 'First' });
    const payloads = async () => (await app.basket.list()).map(({ payload }) => payload as Note);
    await until(async () => expect(await payloads()).not.toContainEqual({ id: 'n9', text: 'First' }));

    const row = (await db.table('notes').get('n9')) as Note | undefined;
    expect(row?.text).toBe(text);
  });
});
