import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import type { CrashPoint } from '../../src/ports/ports.js';
import { freshName, openRaw } from '../support/database.js';
import { createWorld } from '../support/world.js';

/** A page, a runner elsewhere that refuses `bad` and keeps `long` running until it is aborted, and what that one saw. */
async function opened() {
  const tasks = defineTasks(freshName(), { send: task<string>() });
  const world = createWorld();
  const page = world.open(tasks);
  const seen: string[] = [];
  world.open(tasks).run({
    async send(text, { signal }) {
      seen.push(text);
      if (text === 'bad') throw new PermanentFailure('No.');
      if (text === 'long') await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      if (text === 'long') seen.push('aborted');
    },
  });
  await world.settle();

  /** Puts the page away as soon as a transaction has all its requests: what it says on `complete` reaches nobody. */
  const goesAt = (point: CrashPoint): void => page.at(point, goes);
  let gone = false;
  const goes = (): void => {
    if (gone) return;
    gone = true;
    if (page.context.unfinished.size > 0) page.context.hub.leave();
    page.context.hub.suspend();
  };

  return { tasks, world, basket: page.basket, seen, goesAt, goes };
}
type Opened = Awaited<ReturnType<typeof opened>>;

const ways: readonly (readonly [string, (found: Opened) => Promise<unknown>, readonly string[]])[] = [
  [
    'an add',
    async ({ basket, goesAt }) => {
      goesAt('add:requests');
      await basket.add('send', 'new');
    },
    ['new'],
  ],
  [
    'many adds in one call',
    async ({ basket, goesAt }) => {
      goesAt('add:requests');
      await basket.addMany([
        ['send', 'new'],
        ['send', 'other'],
      ]);
    },
    ['new', 'other'],
  ],
  [
    "an add in the app's transaction",
    async ({ tasks, basket, goes }) => {
      const db = await openRaw(tasks.name);
      const tx = db.transaction([...tasks.stores], 'readwrite');
      basket.addTx(tx, 'send', 'new');
      tx.commit();
      goes();
      db.close();
    },
    ['new'],
  ],
  [
    'a correction',
    async ({ basket, world, goesAt }) => {
      const id = await basket.add('send', 'bad');
      await world.settle();
      goesAt('command:requests');
      await basket.update(id, 'good');
    },
    ['bad', 'good'],
  ],
  [
    'a retry',
    async ({ basket, world, goesAt }) => {
      await basket.add('send', 'bad');
      await world.settle();
      goesAt('command:requests');
      await basket.retry({});
    },
    ['bad', 'bad'],
  ],
  [
    'the cancel of what runs',
    async ({ basket, world, goesAt }) => {
      await basket.add('send', 'long');
      await world.settle();
      goesAt('command:requests');
      await basket.cancel({});
    },
    ['long', 'aborted'],
  ],
];

test.each(ways)('%s that is being committed as its page goes is found by the runner at once', async (_, act, end) => {
  const found = await opened();
  await act(found);
  await found.world.settle();

  expect(found.seen).toEqual(end);
});

test('a page that goes says nothing once all has been committed, or was aborted', async () => {
  const { tasks, world, basket, goes } = await opened();
  const before = await openRaw(tasks.name);
  const tx = before.transaction([...tasks.stores], 'readwrite');
  basket.addTx(tx, 'send', 'never');
  tx.abort();
  before.close();
  await basket.addMany([['send', 'new']]);
  await basket.cancel({});
  await world.settle();
  let looks = 0;
  world.open(tasks).context.hub.hear(() => (looks += 1));
  goes();
  await world.settle();

  expect(looks).toBe(0);
});
