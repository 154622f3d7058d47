import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

async function deadOf(thrown: () => unknown) {
  const tasks = defineTasks(freshName(), { send: task<string>({ lane: 'a' }), next: task({ lane: 'b' }) });
  const world = createWorld();
  const tab = world.open(tasks);
  let calls = 0;
  tab.run({
    send() {
      calls += 1;
      if (calls === 1) throw thrown();
    },
    next: () => undefined,
  });
  const { basket } = tab;
  const watched = basket.watch({}, { reasons: true });
  watched.subscribe(() => undefined);
  const told: unknown[] = [];
  basket.on('failed', ({ error }) => told.push(error.detail));
  const id = await basket.add('send', 'a');
  await world.settle();

  return { world, tab, basket, watched, told, id };
}

const theirs = { text: 'Theirs', at: new Date(5), tags: new Set(['a']), count: 7n };

describe('the detail of a PermanentFailure', () => {
  test('is given back by the task, settled, explain, watch and on, in every tab and after a reload', async () => {
    const { world, tab, basket, watched, told, id } = await deadOf(
      () => new PermanentFailure('Somebody else changed it.', { status: 409, detail: theirs }),
    );
    const error = { name: 'PermanentFailure', message: 'Somebody else changed it.', status: 409, detail: theirs };
    const page = world.open(tab.context.registry as never).basket as typeof basket;

    for (const one of [basket, page]) {
      expect((await one.get(id))?.lastError).toMatchObject(error);
      expect(await one.settled(id)).toMatchObject({ state: 'dead', because: 'permanent', error });
      expect(await one.explain(id)).toMatchObject([{ reason: 'dead', error }]);
    }
    expect(watched.get().tasks[0]?.lastError).toMatchObject(error);
    expect(told).toEqual([theirs]);
  });

  test('goes on being shown as the same object, and a watch goes on showing what changes', async () => {
    const { world, basket, watched, id } = await deadOf(() => new PermanentFailure('no', { detail: theirs }));
    const [before] = watched.get().tasks;
    const other = await basket.add('next', undefined, { runAt: world.wall() + 100_000 });
    await world.settle();
    expect(watched.get().tasks.map((view) => view.id)).toEqual([id, other]);
    expect(watched.get().tasks[0]).toBe(before);

    await basket.retry(id);
    await world.settle();
    expect(watched.get().tasks.map((view) => view.id)).toEqual([other]);
  });

  test('is that of the cause of the app’s own error too, and is copied when it is thrown', async () => {
    const detail = { text: 'Theirs' };
    const { basket, id } = await deadOf(() => {
      queueMicrotask(() => (detail.text = 'Changed'));

      return new Error('Sending failed.', { cause: new PermanentFailure('no', { detail }) });
    });
    expect((await basket.get(id))?.lastError).toMatchObject({ message: 'Sending failed.', detail: { text: 'Theirs' } });
  });

  test.each([
    ['is larger than 32 KB', 'x'.repeat(17_000), /larger than 32 KB/],
    ['is a Blob', new Blob(['a']), /larger than 32 KB, or is no plain data/],
    ['has a function', { close: () => 1 }, /close is a function/],
    ['is shared memory', new Uint8Array(new SharedArrayBuffer(4)), /no plain data/],
    ['is nested too deep', deep(), /nested/],
  ])('that %s is left out, the message says so, and the task is dead all the same', async (_, detail, message) => {
    const { world, basket, id } = await deadOf(() => new PermanentFailure('y'.repeat(3_000), { status: 409, detail }));
    const error = (await basket.get(id))?.lastError;
    expect(error).toMatchObject({ status: 409, message: expect.stringMatching(message) as string });
    expect(error?.message).toMatch(/^y{1750} \(The detail was left out: /);
    expect(error).not.toHaveProperty('detail');

    await basket.add('next');
    await world.settle();
    expect((await basket.list()).map((view) => view.state)).toEqual(['dead']);
  });
});

function deep(): unknown {
  let nested: unknown = 1;
  for (let level = 0; level < 600; level += 1) nested = [nested];

  return nested;
}
