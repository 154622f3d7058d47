import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { openDB } from 'idb';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const appWithSession = () =>
  defineTasks(
    freshName(),
    { saveNote: task<string>({ lane: 'notes' }), signUp: task<string>({ owner: 'none' }) },
    { session: session<{ token: string }>() },
  );
const token = { token: 'secret-of-ann' };
const signedOut = { code: 'signed-out', message: expect.stringMatching(/signIn/) as string };

test('before a sign-in each way of adding says what to call, and stores nothing; a type without an owner is added', async () => {
  const tasks = appWithSession();
  const { basket } = createWorld().open(tasks);

  await expect(basket.add('saveNote', 'Buy bread')).rejects.toMatchObject(signedOut);
  await expect(
    basket.addMany([
      ['signUp', 'Ann'],
      ['saveNote', 'x'],
    ]),
  ).rejects.toMatchObject(signedOut);
  await expect(basket.prepare('saveNote', 'x')).rejects.toMatchObject(signedOut);
  await basket.count();
  const db = await openDB(tasks.name);
  const tx = db.transaction(tasks.stores, 'readwrite');
  expect(() => basket.addTx(tx, 'saveNote', 'x')).toThrow(expect.objectContaining(signedOut) as Error);
  await tx.done;
  db.close();

  const id = await basket.add('signUp', 'Ann');
  expect(await rowsOf(tasks)).toMatchObject([{ id, owner: null }]);
});

test('adds belong to the owner of their own context, from the call of signIn on, before it is stored', async () => {
  const tasks = appWithSession();
  const world = createWorld();
  const [ann, bob, bare] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  const signing = [ann.basket.signIn('ann', token), ann.basket.add('saveNote', 'a')];
  await bob.basket.signIn('bob', token);
  await Promise.all(signing);
  await ann.basket.add('saveNote', 'b');
  await bob.basket.add('saveNote', 'c');
  // A service worker, which nobody signs in to.
  await bare.basket.add('saveNote', 'd', { owner: 'carl' });
  await expect(bare.basket.add('saveNote', 'e', { owner: undefined })).rejects.toMatchObject(signedOut);

  expect((await rowsOf(tasks)).map(({ owner, payload }) => [owner, payload])).toEqual([
    ['ann', 'a'],
    ['ann', 'b'],
    ['bob', 'c'],
    ['carl', 'd'],
  ]);
});

test('after a sign-out adds are refused again, and what was prepared stays its owner’s', async () => {
  const tasks = appWithSession();
  const { basket } = createWorld().open(tasks);
  await basket.signIn('ann', token);
  const prepared = await basket.prepare('saveNote', 'a');
  await basket.signOut();
  await expect(basket.add('saveNote', 'b')).rejects.toMatchObject(signedOut);

  await basket.signIn('bob', token);
  const db = await openDB(tasks.name);
  const tx = db.transaction(tasks.stores, 'readwrite');
  basket.addTx(tx, prepared);
  await tx.done;
  db.close();
  expect(await rowsOf(tasks)).toMatchObject([{ owner: 'ann', payload: 'a' }]);
});

test('the last call of any tab is stored, the calls of one tab in their order, and no value ever', async () => {
  const tasks = appWithSession();
  const world = createWorld();
  const [one, other] = [world.open(tasks), world.open(tasks)];
  const stored = async (): Promise<unknown> => (await contentsOf(tasks)).state.get('session');

  void one.basket.signIn('ann', token);
  void one.basket.signOut();
  await one.basket.signIn('ann', token);
  expect(await stored()).toEqual({ owner: 'ann', asks: true });
  await other.basket.signIn('bob', token);
  expect(await stored()).toEqual({ owner: 'bob', asks: true });
  await one.basket.signOut();
  expect(await stored()).toEqual({ owner: null });

  await other.basket.add('saveNote', 'a');
  expect(JSON.stringify([...(await contentsOf(tasks)).state.entries(), await rowsOf(tasks)])).not.toContain('secret');
});

test('a sign-in of the owner who is stored writes nothing', async () => {
  const tasks = appWithSession();
  const world = createWorld();
  await world.open(tasks).basket.signIn('ann', token);
  const before = (await contentsOf(tasks)).state.get('edits');
  await world.open(tasks).basket.signIn('ann', { token: 'another' });
  expect((await contentsOf(tasks)).state.get('edits')).toBe(before);
});

test.each([undefined, null, '', 5, {}])(
  '%j is no owner: the error says so, and nobody is signed out',
  async (owner) => {
    const tasks = appWithSession();
    const { basket } = createWorld().open(tasks);
    await basket.signIn('ann', token);
    await expect(basket.signIn(owner as string, token)).rejects.toMatchObject({ code: 'option' });
    await basket.add('saveNote', 'a');
    expect(await rowsOf(tasks)).toMatchObject([{ owner: 'ann' }]);
  },
);

test('without a declared session nothing has an owner, and the calls and options of one are refused', async () => {
  const tasks = defineTasks(freshName(), { saveNote: task<string>(), signUp: task<string>({ owner: 'none' }) });
  const { basket } = createWorld().open(tasks);
  const option = { code: 'option', message: expect.stringMatching(/session/) as string };
  // @ts-expect-error -- no session is declared
  await expect(basket.signIn('ann')).rejects.toMatchObject(option);
  await expect(basket.signOut()).rejects.toMatchObject(option);
  await expect(basket.add('saveNote', 'a', { owner: 'ann' })).rejects.toMatchObject(option);
  await basket.addMany([
    ['saveNote', 'a'],
    ['signUp', 'b'],
  ]);
  expect((await rowsOf(tasks)).map(({ owner }) => owner)).toEqual([null, null]);
});

test('a type without an owner takes none, and what declares no session is refused', async () => {
  const { basket } = createWorld().open(appWithSession());
  await expect(basket.add('signUp', 'a', { owner: 'ann' })).rejects.toMatchObject({ code: 'option' });
  // @ts-expect-error -- only "none"
  expect(() => task({ owner: 'ann' })).toThrow(/owner/);
  // @ts-expect-error -- what session() returns
  expect(() => defineTasks('name', {}, { session: {} })).toThrow(/session\(\)/);
});

test.each(['signs out', 'is replaced by somebody else in another tab'])(
  'whenIdle of tasks that belong to nobody goes on when whoever was signed in %s',
  async (how) => {
    const tasks = appWithSession();
    const world = createWorld();
    const [page, other] = [world.open(tasks), world.open(tasks)];
    const answer = createGate();
    world.open(tasks).run({ saveNote: () => undefined, signUp: () => answer.promise });
    await page.basket.signIn('ann', token);
    await page.basket.add('signUp', 'bob');
    await world.settle();
    let said = 'waits';
    const idle = page.basket.whenIdle({ type: 'signUp' }).then(
      () => (said = 'idle'),
      ({ code }: { readonly code: string }) => (said = code),
    );
    await world.settle();
    await (how === 'signs out' ? page.basket.signOut() : other.basket.signIn('bob', token));
    await world.settle();
    expect(said).toBe('waits');
    answer.open();
    await world.advance(60_000);

    expect(await idle).toBe('idle');
  },
);
