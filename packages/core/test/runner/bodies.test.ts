import { afterEach, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

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

test('a body whose page died before its row came is deleted by an audit a day later, and no other is', async () => {
  const { tasks, world, run, payloads } = await withOrphan();
  run(failing);
  await world.advance(23 * 60 * 60_000);
  expect(await payloads()).toBe(2);

  await world.advance(2 * day);
  expect(await payloads()).toBe(1);
  const { tasks: rows, bodies: left, state } = await contentsOf(tasks);
  expect([...left.keys()]).toEqual([rows[0]?.ref]);
  expect(state.has('bodies')).toBe(false);
});

test('a body whose row comes after it was found alone stays', async () => {
  const { tasks, world, run, payloads } = await withOrphan();
  const runner = run(failing);
  await world.advance(60_000);
  const { bodies, tasks: rows } = await contentsOf(tasks);
  const orphan = [...bodies.keys()].find((ref) => ref !== rows[0]?.ref) ?? '';
  const late = { ...rows[0], id: orphan.split('|')[1], ref: orphan, marks: [`I${orphan.split('|')[1]}`] };
  delete (late as { seq?: number }).seq;
  await byHand(tasks, (stores) => void stores.tasks.add(late));

  await world.advance(3 * day);
  expect(await payloads()).toBe(2);
  runner.stop();
  await world.settle();
});

test('ten starts within a day delete nothing', async () => {
  const { world, run, payloads } = await withOrphan();
  for (let start = 0; start < 10; start += 1) {
    const runner = run(failing);
    await world.advance(10_000);
    runner.stop();
    await world.settle();
  }
  expect(await payloads()).toBe(2);
});
