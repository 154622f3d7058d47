import { afterEach, expect, test, vi } from 'vitest';

import { bodyKey } from '../../src/pure/key.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, openRaw } from '../support/database.js';
import type { Runner, World } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

const day = 24 * 60 * 60_000;

/** A basket in which one tab died between a body and its row, and another body has its row. */
async function withOrphan() {
  const tasks = defineTasks(freshName(), { send: task<Blob>({ backoff: { base: 10 * day, cap: 10 * day } }) });
  const world = createWorld();
  const dying = world.open(tasks);
  dying.at('body:complete', () => dying.kill());
  void dying.basket.add('send', new Blob(['lost'])).catch(() => undefined);
  await world.settle();

  const { basket, run, at } = world.open(tasks);
  await basket.add('send', new Blob(['kept']));
  const payloads = async (): Promise<number> => (await contentsOf(tasks)).bodies.size;
  expect(await payloads()).toBe(2);

  return { tasks, world, basket, run, at, payloads };
}

afterEach(() => void vi.restoreAllMocks());

const failing = {
  send: () => {
    throw new Error('not now');
  },
};

/** A runner that leads until nothing is due. A chore that is due once a day runs at the start of each term. */
async function shortTerm(world: World, run: (handlers: typeof failing) => Runner): Promise<void> {
  const runner = run(failing);
  await world.settle();
  runner.stop();
  await world.settle();
}

test('scenario 35: a body whose page died before its row came is deleted by an audit a day later, and no other is', async () => {
  const { tasks, world, run, payloads } = await withOrphan();
  await shortTerm(world, run);
  world.jump(day - 60_000);
  await shortTerm(world, run);
  expect(await payloads()).toBe(2);

  world.jump(120_000);
  await shortTerm(world, run);
  expect(await payloads()).toBe(1);
  const { tasks: rows, bodies: left, state } = await contentsOf(tasks);
  expect([...left.keys()]).toEqual([rows[0]?.ref]);
  expect(state.has('bodies')).toBe(false);
});

test('a body whose row comes after it was found alone stays', async () => {
  const { tasks, world, run, payloads } = await withOrphan();
  await shortTerm(world, run);
  const { bodies, tasks: rows } = await contentsOf(tasks);
  const orphan = [...bodies.keys()].find((ref) => ref !== rows[0]?.ref) ?? '';
  const late = { ...rows[0], id: orphan.split('|')[1], ref: orphan, marks: [`I${orphan.split('|')[1]}`] };
  delete (late as { seq?: number }).seq;
  await byHand(tasks, (stores) => void stores.tasks.add(late));

  for (let days = 0; days < 3; days += 1) {
    world.jump(day + 60_000);
    await shortTerm(world, run);
  }
  expect(await payloads()).toBe(2);
});

test('a body whose row comes while it is about to be deleted stays', async () => {
  const { tasks, world, run, payloads } = await withOrphan();
  await shortTerm(world, run);
  const { bodies, tasks: rows } = await contentsOf(tasks);
  const orphan = [...bodies.keys()].find((ref) => ref !== rows[0]?.ref) ?? '';
  const late = { ...rows[0], seq: 2, id: orphan.split('|')[1], ref: orphan, marks: [`I${orphan.split('|')[1]}`] };
  const db = await openRaw(tasks.name);
  const get = Object.getOwnPropertyDescriptor(IDBIndex.prototype, 'get')?.value as IDBIndex['get'];
  let added = 0;
  vi.spyOn(IDBIndex.prototype, 'get').mockImplementation(function look(this: IDBIndex, key) {
    if (key === late.marks[0] && added === 0) {
      // It waits for this transaction, which only reads, and the one that deletes comes after it.
      added += 1;
      db.transaction([...tasks.stores], 'readwrite')
        .objectStore(tasks.stores[0])
        .add(late);
    }

    return get.call(this, key);
  });

  world.jump(day + 60_000);
  await shortTerm(world, run);
  expect([added, await payloads()]).toEqual([1, 2]);
  db.close();
});

test('ten starts within a day delete nothing', async () => {
  const { world, run, payloads } = await withOrphan();
  for (let start = 0; start < 10; start += 1) {
    await shortTerm(world, run);
    world.jump(60 * 60_000);
  }
  expect(await payloads()).toBe(2);
});

test('a wall clock that is put back by ten days keeps no orphan for ten days', async () => {
  const { world, run, payloads } = await withOrphan();
  await shortTerm(world, run);
  world.jump(-10 * day);
  await shortTerm(world, run);
  world.jump(day + 60_000);
  await shortTerm(world, run);
  expect(await payloads()).toBe(1);
});

test.each([255, 256, 257, 612])('%i bodies without a row are all deleted a day later', async (count) => {
  const { tasks, world, run, payloads } = await withOrphan();
  await byHand(tasks, ({ bodies }) => {
    for (let number = 2; number <= count; number += 1) bodies.put('lost', bodyKey(null, `lost ${number}`, 'x'));
  });
  expect(await payloads()).toBe(count + 1);
  await shortTerm(world, run);
  world.jump(day + 60_000);
  await shortTerm(world, run);
  expect(await payloads()).toBe(1);
});

test('a file that an attempt saves after another runner has taken over is refused, and is not left behind', async () => {
  const tasks = defineTasks(freshName(), { send: task<Blob>() });
  const world = createWorld();
  const first = world.open(tasks);
  const went = createGate();
  const errors: unknown[] = [];
  first.run({
    async send(_, attempt) {
      await went.promise;
      await attempt.save(new Blob(['late'])).catch((error: unknown) => errors.push((error as { code?: unknown }).code));
    },
  });
  await first.basket.add('send', new Blob(['first']));
  await world.settle();
  // A second browser that somehow has the same database: the first runner is told nothing.
  world.loseMessages();
  world.open(tasks, { ownLocks: true }).run({ send: () => new Promise<void>(() => undefined) });
  await world.settle();
  went.open();
  await world.settle();
  const { tasks: rows, bodies } = await contentsOf(tasks);
  expect([errors, [...bodies.keys()]]).toEqual([['closed'], rows.map(({ ref }) => ref)]);
});
