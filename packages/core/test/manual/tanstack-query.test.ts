import type { MutationOptions, QueryClient, QueryObserverOptions } from '@tanstack/react-query';
import { MutationObserver, onlineManager, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';

import type { Main, Note } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';
import type { AppServer } from './server.js';

interface Recipe {
  readonly client: QueryClient;
  readonly notes: QueryObserverOptions & { readonly queryKey: readonly string[] };
  readonly saveNote: MutationOptions<string, Error, Note>;
  readonly refreshWhenSent: () => Promise<void>;
}

const { run } = laidOut('tanstack-query');
let server: AppServer;
let basket: Main['basket'];
let recipe: Recipe;
/** How often the notes were asked for, and what happens to the request. */
let asked = 0;
/** How many saves are on disk, and how many invalidations there were: one follows each save. */
let saved = 0;
let invalidated = 0;
let beforeAnswer = async (): Promise<void> => undefined;

/** The notes that the server has: of each the last that it took. */
function taken(): readonly Note[] {
  const bodies = server.received.filter(({ status }) => status === 200).map(({ body }) => JSON.parse(body) as Note);

  return [...new Map(bodies.map((note) => [note.id, note])).values()];
}

beforeAll(async () => {
  ({ server } = await createBrowser({ sharedWorker: true }));
  vi.stubGlobal('fetch', async (...[input, init]: Parameters<typeof fetch>) => {
    if (input !== '/notes') return server.fetch(input, init);
    asked += 1;
    const answer = taken();
    await beforeAnswer();

    return Response.json(answer);
  });
  ({ basket } = await run<Main>('basket.ts'));
  recipe = await run<Recipe>('notes-query.ts');
  const { client } = recipe;
  const invalidate = client.invalidateQueries.bind(client);
  client.invalidateQueries = (...given) => {
    invalidated += 1;

    return invalidate(...given);
  };
});

afterEach(async () => {
  onlineManager.setOnline(true);
  server.up();
  server.answer(() => 200);
  beforeAnswer = async () => undefined;
  await basket.cancel({});
  // What waited in one test must not ask in the next.
  await vi.waitUntil(() => invalidated === saved, { timeout: 60_000, interval: 20 });
  recipe.client.clear();
});

async function save(note: Note, options = recipe.saveNote): Promise<void> {
  await new MutationObserver(recipe.client, options).mutate(note);
  saved += 1;
}

const shown = (): unknown => recipe.client.getQueryData(recipe.notes.queryKey);
const read = (): Promise<unknown> => recipe.client.fetchQuery(recipe.notes);
const texts = async (): Promise<readonly unknown[]> =>
  (await basket.list()).map(({ payload }) => (payload as Note).text);

test('without networkMode: "always", a mutation of a page that is offline stores nothing', async () => {
  onlineManager.setOnline(false);
  const { networkMode, ...usual } = recipe.saveNote;
  expect(networkMode).toBe('always');
  void save({ id: 'lost', text: 'Lost' }, usual);

  await until(() => expect(recipe.client.getMutationCache().getAll()[0]?.state.isPaused).toBe(true));
  expect(await texts()).toEqual([]); // A reload now loses it.
});

test('with it, the note is on disk while the page is offline, and is sent when the server is there', async () => {
  onlineManager.setOnline(false);
  server.down();
  await save({ id: 'kept', text: 'Kept' });
  expect(await texts()).toEqual(['Kept']);
  expect(shown()).toEqual([{ id: 'kept', text: 'Kept' }]);

  onlineManager.setOnline(true);
  server.up();
  await until(() => expect(taken()).toContainEqual({ id: 'kept', text: 'Kept' }));
});

test('a refetch before the note is sent keeps it, and one that began before the save does not take it back', async () => {
  server.down();
  let answer = (): void => undefined;
  beforeAnswer = () => new Promise((resolve) => (answer = resolve));
  const early = read().catch(() => undefined); // It is cancelled.
  await until(() => expect(asked).toBeGreaterThan(0));
  await save({ id: 'n', text: 'Mine' });
  answer();
  await early;
  expect(shown()).toContainEqual({ id: 'n', text: 'Mine' });

  beforeAnswer = async () => undefined;
  expect(await read()).toContainEqual({ id: 'n', text: 'Mine' });
  expect(taken()).not.toContainEqual({ id: 'n', text: 'Mine' });
});

test('a refetch whose note is sent between the list and the answer has it once', async () => {
  server.down();
  await save({ id: 'between', text: 'Mine' });
  beforeAnswer = async () => {
    server.up();
    await until(async () => expect(await texts()).toEqual([]));
  };

  expect(((await read()) as readonly Note[]).filter(({ id }) => id === 'between')).toHaveLength(1);
});

test('the invalidation waits until all is sent, and comes although a note was refused, which stays', async () => {
  server.down();
  server.answer(({ path }) => (path.endsWith('/refused') ? 422 : 200));
  const stop = new QueryObserver(recipe.client, recipe.notes).subscribe(() => undefined);
  await until(() => expect(shown()).toBeDefined());
  const before = asked;
  const unsent: (readonly unknown[])[] = [];
  beforeAnswer = async () => void unsent.push(await texts());
  await Promise.all(['one', 'two', 'refused'].map((id) => save({ id, text: id })));
  expect(asked).toBe(before);

  server.up();
  await until(() => expect(asked).toBeGreaterThan(before));
  await until(() => expect(shown()).toEqual([...taken(), { id: 'refused', text: 'refused' }]));
  await until(() => expect(new Set(unsent.flat())).toEqual(new Set(['refused'])));
  stop();
});
