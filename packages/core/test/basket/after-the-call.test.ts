import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

/** A page with tasks of one key that are merged, and a worker that may begin later. */
function opened() {
  const tasks = defineTasks(freshName(), {
    save: task<string>({ key: (text) => text.charAt(0), merge: (a: string, b: string) => `${a}+${b}` }),
    other: task<number>(),
  });
  const world = createWorld();
  const page = world.open(tasks);
  const sent: string[] = [];
  const run = (): unknown => world.open(tasks).run({ save: (text) => void sent.push(text), other: () => undefined });

  return { tasks, world, page, basket: page.basket, sent, run };
}

/** A page whose update of a photo goes on until the gate opens. What it calls then waits for that update. */
async function updating() {
  const slow = createGate();
  let isSlow = false;
  const encode = async (text: string): Promise<string> => {
    if (isSlow) await slow.promise;

    return text;
  };
  const tasks = defineTasks(freshName(), {
    save: task<string>({ lane: () => 'n' }),
    sealed: task<string>({ codec: { encode, decode: (stored) => stored as string } }),
  });
  const world = createWorld();
  const { basket } = world.open(tasks);
  const old = await basket.add('save', 'old');
  const photo = await basket.add('sealed', 'photo');
  isSlow = true;
  const updated = basket.update(photo, 'photo 2');
  await world.settle();

  return { world, basket, old, updated, slow };
}

test('a cancel of many does not remove a task that its page adds while the cancel waits for an earlier update', async () => {
  const { world, basket, updated, slow } = await updating();
  const cancelled = basket.cancel({ lane: 'n' });
  await world.settle();
  const id = await basket.add('save', 'new');
  slow.open();
  expect([await updated, await cancelled]).toEqual([true, 1]);
  expect(await basket.list()).toMatchObject([{ payload: 'photo 2' }, { id, payload: 'new' }]);
});

test('a cancel with the children does not remove a child that its page adds while the cancel waits', async () => {
  const { world, basket, old, updated, slow } = await updating();
  const cancelled = basket.cancel(old, { children: true });
  await world.settle();
  const id = await basket.add('save', 'child', { after: old, lane: 'other' });
  slow.open();
  expect([await updated, await cancelled]).toEqual([true, 1]);
  expect(await basket.list()).toMatchObject([{ payload: 'photo 2' }, { id, payload: 'child' }]);
});

test('a task that is discarded is not sent with one of its key that is added in the same instant', async () => {
  const { world, basket, sent, run } = opened();
  const first = await basket.add('save', 'k1');
  const [cancelled] = await Promise.all([basket.cancel(first), basket.add('save', 'k2')]);
  await world.settle();
  run();
  await world.advance(120_000);
  expect([cancelled, sent]).toEqual([1, ['k2']]);
});

test('what a cancel of many tasks is about is not sent with one of its key that is added meanwhile', async () => {
  const { world, page, basket, sent, run } = opened();
  await basket.add('save', 'k1');
  await basket.addMany(Array.from({ length: 600 }, (_, number) => ['other', number] as const));
  let commands = 0;
  page.at('command:complete', () => {
    commands += 1;
    if (commands === 2) void basket.add('save', 'k2');
  });
  const removed = await basket.cancel({});
  await world.settle();
  run();
  await world.advance(120_000);
  expect([sent, removed]).toEqual([['k2'], 601]);
});

test('an update is part of what a later save of the key, added in the same instant, is merged of', async () => {
  const { world, basket, sent, run } = opened();
  const id = await basket.add('save', 'k1');
  const [updated] = await Promise.all([basket.update(id, 'k2'), basket.add('save', 'k3')]);
  await world.settle();
  run();
  await world.advance(120_000);
  expect([updated, sent]).toEqual([true, ['k2+k3']]);
});

test('a cancel of many does not go on in a database that was deleted and made anew', async () => {
  const { tasks, world, page, basket } = opened();
  const other = world.open(tasks);
  const some = Array.from({ length: 600 }, (_, number) => ['other', number] as const);
  await basket.addMany(some);
  let begun = 0;
  const { begin } = page.context.database;
  Object.assign(page.context.database, {
    async begin(...what: Parameters<typeof begin>) {
      if (what[0] === 'readwrite') begun += 1;
      if (what[0] === 'readwrite' && begun === 3) {
        const request = indexedDB.deleteDatabase(tasks.name);
        await new Promise((resolve) => request.addEventListener('success', resolve));
        await other.basket.addMany(some);
      }

      return begin(...what);
    },
  });
  await expect(basket.cancel({})).rejects.toMatchObject({ code: 'not-stored' });
  expect(await rowsOf(tasks)).toHaveLength(600);
});
