import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

interface Note {
  id: string;
  text: string;
  more?: { tags: string[] };
}

test('what is stored is the payload as it was at the call, also if the app changes it on its next line', async () => {
  const tasks = defineTasks(freshName(), { save: task<Note>({ lane: (note) => note.id, gate: (note) => note.id }) });
  const { basket } = createWorld().open(tasks);
  const note: Note = { id: 'a', text: 'first', more: { tags: ['x'] } };

  const adding = basket.add('save', note);
  note.id = 'b';
  note.text = 'second';
  note.more?.tags.push('y');
  await adding;

  expect(await rowsOf(tasks)).toMatchObject([
    { lane: 'a', gate: 'a', payload: { id: 'a', text: 'first', more: { tags: ['x'] } } },
  ]);
});

test('a basket that is closed looks no more, also for those who watch it', async () => {
  const tasks = defineTasks(freshName(), { save: task<Note>() });
  const world = createWorld();
  const { basket } = world.open(tasks);
  const seen: number[] = [];
  const stop = basket.watch().subscribe((value) => void seen.push(value.tasks.length));
  await world.settle();
  expect(world.alarms()).toBe(1);

  basket.close();
  await world.settle();
  expect(world.alarms()).toBe(0);
  stop();
});

test.each([
  [{ cursor: Number.NaN }, 'cursor'],
  [{ state: 'running' as 'queued' }, 'state'],
  [{ limit: 1_001 }, 'limit'],
])('a query that cannot be (%o) is refused with an error that names it', async (query, what) => {
  const tasks = defineTasks(freshName(), { save: task<Note>() });
  const { basket } = createWorld().open(tasks);

  await expect(basket.list(query)).rejects.toMatchObject({ code: 'option' });
  await expect(basket.list(query)).rejects.toThrow(what);
});
