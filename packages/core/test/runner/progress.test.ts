import { describe, expect, test } from 'vitest';

import type { Attempt } from '../../src/worker.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { freshName } from '../support/database.js';
import type { Gate } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

async function opened(concurrency = 6) {
  const tasks = defineTasks(freshName(), {
    send: task<string>({ timeout: 10_000, backoff: { base: 1_000, cap: 1_000, jitter: 'none' } }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const page = world.open(tasks);
  const attempts: Attempt[] = [];
  const answers: Gate[] = [];
  tab.run(
    {
      async send(_, attempt) {
        const answer = createGate();
        attempts.push(attempt);
        answers.push(answer);
        await answer.promise;
      },
    },
    { concurrency },
  );
  const id = await page.basket.add('send', 'a');
  await world.settle();
  const attempt = (): Attempt => {
    const last = attempts.at(-1);
    if (last === undefined) throw new Error('Nothing runs.');

    return last;
  };

  return { tasks, world, tab, page, basket: page.basket, attempts, answers, attempt, id };
}

/** What a watch of all tasks shows as progress, each value once. */
function shownIn({ basket }: Pick<Awaited<ReturnType<typeof opened>>, 'basket'>): unknown[] {
  const shown: unknown[] = [];
  basket.watch().subscribe(({ tasks }) => {
    const now = tasks[0]?.progress;
    if (now !== undefined && now !== shown.at(-1)) shown.push(now);
  });

  return shown;
}

describe('progress', () => {
  test('is shown by a watch and told by on, in every tab', async () => {
    const { world, basket, tab, attempt, id } = await opened();
    const [here, there] = [shownIn({ basket }), shownIn(tab)];
    const told: unknown[] = [];
    const stop = basket.on('progress', (event) => told.push(event));
    await world.settle();
    attempt().progress({ loaded: 1, total: 10 });
    await world.settle();
    expect([here, there]).toEqual([[{ loaded: 1, total: 10 }], [{ loaded: 1, total: 10 }]]);
    expect(told).toEqual([
      { event: 'progress', id, type: 'send', owner: null, number: 1, value: { loaded: 1, total: 10 } },
    ]);

    stop();
    attempt().progress(new Map([[1n, 2n]]));
    await world.advance(1_000);
    expect(here.at(-1)).toEqual(new Map([[1n, 2n]]));
    expect(told).toHaveLength(1);
  });

  test('of a hundred values in a second tells four, and the last of them', async () => {
    const { world, basket, attempt } = await opened();
    const told: unknown[] = [];
    basket.on('progress', ({ value }) => told.push(value));
    for (let n = 1; n <= 100; n += 1) {
      attempt().progress(n);
      await world.advance(10);
    }
    await world.advance(1_000);
    expect(told).toEqual([1, 25, 50, 75, 100]);
  });

  test('that waits to be told when its attempt ends is not told any more', async () => {
    const { world, basket, attempt, answers } = await opened();
    const told: unknown[] = [];
    basket.on('progress', ({ value }) => told.push(value));
    basket.on('settled', ({ state }) => told.push(state));
    attempt().progress(1);
    attempt().progress(2);
    answers[0]?.open();
    await world.advance(1_000);
    expect(told).toEqual([1, 'done']);
  });

  test('leaves other tasks the same objects, and reads nothing', async () => {
    const { world, basket, attempt } = await opened();
    const other = await basket.add('send', 'b', { runAt: world.wall() + 100_000 });
    const watched = basket.watch();
    let looks = 0;
    watched.subscribe(() => (looks += 1));
    await world.settle();
    const before = watched.get();
    const reads = countReads();
    attempt().progress(1);
    await world.settle();
    expect(reads()).toBe(0);
    expect(looks).toBe(3);
    expect(watched.get().tasks[0]).toMatchObject({ progress: 1, running: true });
    expect(watched.get().tasks[1]).toBe(before.tasks[1]);
    expect(watched.get().tasks[1]?.id).toBe(other);
  });

  test('is that of the running attempt: the next one begins without', async () => {
    const { world, basket, attempts, answers, attempt } = await opened();
    const watched = basket.watch();
    watched.subscribe(() => undefined);
    await world.settle();
    attempt().progress(7);
    await world.settle();
    expect(watched.get().tasks[0]).toMatchObject({ attempts: 1, progress: 7 });
    answers[0]?.fail(new Error('not yet'));
    await world.settle();
    expect(watched.get().tasks[0]?.progress).toBe(undefined);
    await world.advance(1_100);
    expect(attempts).toHaveLength(2);
    expect(watched.get().tasks[0]).toMatchObject({ attempts: 2, progress: undefined });

    attempts[0]?.progress(8);
    attempts[1]?.progress(9);
    await world.advance(1_000);
    expect(watched.get().tasks[0]?.progress).toBe(9);
    answers[1]?.open();
    await world.settle();
    attempts[1]?.progress(10);
    expect(watched.get().tasks).toEqual([]);
  });

  test('renews the timeout, and an attempt that tells nothing more takes too long', async () => {
    const { world, basket, attempt, id } = await opened();
    for (let n = 0; n < 30; n += 1) {
      await world.advance(9_000);
      attempt().progress(n);
    }
    expect(attempt().signal.aborted).toBe(false);
    await world.advance(9_900);
    expect(attempt().signal.aborted).toBe(false);
    await world.advance(200);
    expect((attempt().signal.reason as Error).name).toBe('TimeoutError');
    attempt().progress('too late');
    await world.advance(10_000);
    expect((await basket.get(id))?.lastError?.message).toMatch(/^The attempt took longer than 10000 ms since its last/);
  });

  test('of an hour is no hanging runner, also while others wait for its slot', async () => {
    const { world, basket, attempt } = await opened(1);
    await basket.add('send', 'b');
    for (let n = 0; n < 100; n += 1) {
      await world.advance(9_000);
      attempt().progress(n);
    }
    await world.advance(5_000);
    const looking = basket.health();
    await world.advance(2_000);
    expect((await looking).stalled).toBe(false);
  });

  test('that cannot be copied is refused with a word for the developer, and the attempt goes on', async () => {
    const { world, attempt, answers, basket } = await opened();
    expect(() => attempt().progress({ at: () => 1 })).toThrow(
      'The progress of "send" cannot be told: at is a function. Pass plain data.',
    );
    expect(() => attempt().progress('x'.repeat(17_000))).toThrow(/larger than 32 KB/);
    expect(() => attempt().progress(new Blob(['a']))).toThrow(/is no plain data/);
    answers[0]?.open();
    await world.settle();
    expect(await basket.list()).toEqual([]);
  });

  test('of another owner is neither told nor shown', async () => {
    const tasks = defineTasks(freshName(), { send: task() }, { session: session() });
    const world = createWorld();
    const [page, other, tab] = [world.open(tasks), world.open(tasks), world.open(tasks)];
    await page.basket.signIn('ann');
    const running: { progress: (value: unknown) => void }[] = [];
    const answer = createGate();
    tab.run({
      async send(_, attempt) {
        running.push(attempt);
        await answer.promise;
      },
    });
    await page.basket.add('send');
    const told: unknown[] = [];
    page.basket.on('progress', ({ owner, value }) => told.push([owner, value]));
    other.basket.on('progress', ({ value }) => told.push(value));
    other.basket.on('progress', ({ value }) => told.push([value]), { everyOwner: true });
    const watched = page.basket.watch();
    watched.subscribe(() => undefined);
    await world.settle();
    running[0]?.progress(1);
    await world.settle();
    expect(told).toEqual(expect.arrayContaining([['ann', 1], [1]]));
    expect(told).toHaveLength(2);
    expect(watched.get().tasks[0]?.progress).toBe(1);
    answer.open();
  });

  test('is copied at the call', async () => {
    const { world, basket, attempt } = await opened();
    const shown = shownIn({ basket });
    await world.settle();
    const value = { loaded: 1 };
    attempt().progress(value);
    value.loaded = 2;
    await world.settle();
    expect(shown).toEqual([{ loaded: 1 }]);
  });
});

/** Counts the transactions that begin from now on. */
function countReads(): () => number {
  let count = 0;
  const { prototype } = IDBDatabase;
  const begin = Object.getOwnPropertyDescriptor(prototype, 'transaction')?.value as IDBDatabase['transaction'];
  prototype.transaction = function counted(this: IDBDatabase, ...given) {
    count += 1;

    return begin.apply(this, given);
  };

  return () => {
    prototype.transaction = begin;

    return count;
  };
}

test('after a correction, a watch does not show the progress of the attempt before', async () => {
  const { world, basket, attempt, attempts, answers, id } = await opened();
  const watched = basket.watch();
  watched.subscribe(() => undefined);
  await world.settle();
  attempt().progress(0.9);
  await world.advance(1_000);
  expect(watched.get().tasks).toMatchObject([{ running: true, progress: 0.9 }]);

  answers[0]?.fail(new PermanentFailure('The server refused it.'));
  await world.advance(1_000);
  expect(watched.get().tasks).toMatchObject([{ state: 'dead', progress: undefined }]);
  await basket.update(id, 'b');
  await world.advance(1_000);
  expect(attempts).toHaveLength(2);
  expect(watched.get().tasks).toMatchObject([{ running: true, attempts: 1, progress: undefined }]);
});

test('what a handler tells once is shown, also if the watch was decoding another payload at that moment', async () => {
  const world = createWorld();
  const decode = async (stored: string): Promise<string> => {
    if (stored === 'slow') await new Promise<void>((resolve) => world.alarm(90, resolve));

    return stored;
  };
  const codec = { encode: (text: string) => text, decode };
  const tasks = defineTasks(freshName(), { send: task<string>({ codec }) });
  const [page, worker] = [world.open(tasks), world.open(tasks)];
  worker.run({
    async send(text, { progress }) {
      if (text === 'told') progress('uploading');
      await new Promise(() => undefined);
    },
  });
  await world.advance(1_000);
  const watched = page.basket.watch();
  watched.subscribe(() => undefined);
  await world.advance(1_000);
  await page.basket.add('send', 'slow');
  await world.advance(20);
  await worker.basket.add('send', 'told');
  await world.advance(5_000);

  expect(watched.get().tasks[1]).toMatchObject({ running: true, progress: 'uploading' });
});

test('a list that was not shown while a task was corrected does not show the progress of the attempt before', async () => {
  const { world, page, basket, attempt, answers, id } = await opened();
  const watched = page.basket.watch();
  const stop = watched.subscribe(() => undefined);
  await world.settle();
  attempt().progress(0.9);
  await world.advance(1_000);
  expect(watched.get().tasks).toMatchObject([{ progress: 0.9 }]);

  stop();
  answers[0]?.fail(new PermanentFailure('The server refused it.'));
  await world.advance(1_000);
  await basket.update(id, 'b');
  await world.advance(1_000);
  watched.subscribe(() => undefined);
  await world.advance(1_000);
  expect(watched.get().tasks).toMatchObject([{ running: true, attempts: 1, progress: undefined }]);
});
