import { expect, test } from 'vitest';

import { deposedKey } from '../../src/pure/record.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import { byHand, contentsOf, freshName, rowsOf, runnerOf } from '../support/database.js';
import { aTurnOfTheLoop, createGate, createWorld } from '../support/world.js';

const sendTasks = () => defineTasks(freshName(), { send: task<number>({ lane: 'all' }) });

test('the lock is stolen while an attempt runs: the robbed runner aborts it, and nothing that it does is written any more', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const [robbed, thief] = [world.open(tasks), world.open(tasks)];
  const answered = createGate();
  let old: Attempt<number> | undefined;
  robbed.run({
    async send(_, attempt) {
      if (attempt.number > 1) return;
      old = attempt;
      await answered.promise;
    },
  });
  await robbed.basket.add('send', 1);
  await world.settle();
  expect(old?.signal.aborted).toBe(false);

  // The thief's handler never answers, so that what the robbed one writes would be seen.
  const thiefsRunner = createGate();
  let fresh: Attempt<number> | undefined;
  thief.run({
    async send(_, attempt) {
      fresh = attempt;
      await thiefsRunner.promise;
    },
  });
  world.steal(robbed);
  await world.settle();
  expect(old?.signal.aborted).toBe(true);
  expect(fresh).toMatchObject({ number: 2, recovered: true, idempotencyKey: old?.idempotencyKey });

  const before = await contentsOf(tasks);
  await expect(old?.save(100)).rejects.toMatchObject({ code: 'closed' });
  answered.open();
  await world.advance(5_000);
  expect(await rowsOf(tasks)).toEqual(before.tasks);
  expect((await runnerOf(tasks)).epoch).toEqual((before.state.get('runner') as { epoch: unknown }).epoch);

  thiefsRunner.open();
  await world.settle();
  expect(await rowsOf(tasks)).toEqual([]);
});

test('the lock is stolen before the take-over has begun: the robbed runner does not depose the thief', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const [robbed, thief] = [world.open(tasks), world.open(tasks)];
  const ran: string[] = [];
  await robbed.basket.add('send', 1);
  let takeovers = 0;
  robbed.at('takeover:requests', () => (takeovers += 1));
  const { begin } = robbed.context.database;
  // A browser tells in another task that the lock was stolen.
  const later = async (...what: Parameters<typeof begin>) => aTurnOfTheLoop().then(() => begin(...what));
  Object.assign(robbed.context.database, { begin: later });
  robbed.run({ send: () => void ran.push('robbed') });
  thief.run({ send: () => void ran.push('thief') });
  await Promise.resolve();
  world.steal(robbed);
  await world.settle();

  expect([takeovers, ran]).toEqual([0, ['thief']]);
  expect((await runnerOf(tasks)).epoch.count).toBe(1);
});

test('scenario 40: two runners that both believe to lead: the one with the older epoch writes nothing, neither success nor failure nor save', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const older = world.open(tasks);
  const answered = createGate();
  let old: Attempt<number> | undefined;
  let starts = 0;
  older.run({
    async send(_, attempt) {
      starts += 1;
      old ??= attempt;
      await answered.promise;
    },
  });
  await older.basket.add('send', 1);
  await world.settle();
  const first = await runnerOf(tasks);

  const newer = world.open(tasks, { ownLocks: true });
  const answer = createGate();
  newer.run({ send: () => answer.promise });
  await world.settle();
  const { epoch } = await runnerOf(tasks);
  expect(epoch.count).toBe(first.epoch.count + 1);

  // The older one knows of nothing yet: its next transaction is the one that must not write.
  await expect(old?.save(100)).rejects.toMatchObject({ code: 'closed' });
  answered.open();
  await world.settle();
  expect(await rowsOf(tasks)).toMatchObject([{ payload: 1, attempts: 1, interruptions: 1, recovered: true }]);
  expect((await runnerOf(tasks)).epoch).toEqual(epoch);
  expect(old?.signal.aborted).toBe(true);
  expect(starts).toBe(1);
});

test('an epoch is compared as a whole: in a database made anew, which counts from one again, the old runner writes nothing', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const older = world.open(tasks);
  const answered = createGate();
  older.run({
    async send(_, attempt) {
      await answered.promise;
      await attempt.save(100);
    },
  });
  const id = await older.basket.add('send', 1);
  await world.settle();
  expect((await runnerOf(tasks)).epoch.count).toBe(1);
  await deleted(tasks.name);

  const newer = world.open(tasks, { ownLocks: true });
  const answer = createGate();
  newer.run({ send: () => answer.promise });
  const anew = await newer.basket.add('send', 2);
  await world.settle();
  expect(anew).not.toBe(id);
  const before = await contentsOf(tasks);
  expect(before.state.get('runner')).toMatchObject({ epoch: { count: 1 } });

  answered.open();
  await world.settle();
  expect(await rowsOf(tasks)).toEqual(before.tasks);
  expect((await runnerOf(tasks)).epoch).toEqual((before.state.get('runner') as { epoch: unknown }).epoch);
});

test('only one of many tabs runs the tasks; when it goes, the next one does', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tabs = [1, 2, 3, 4].map((number) => ({ number, tab: world.open(tasks) }));
  const ran: number[] = [];
  for (const { number, tab } of tabs) tab.run({ send: () => void ran.push(number) });
  await world.settle();

  for (const { tab } of tabs) {
    await tab.basket.add('send', 1);
    await world.settle();
    await tab.basket.add('send', 2);
    await world.settle();
    tab.kill();
    await world.settle();
  }

  expect(ran).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
});

function deleted(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.addEventListener('success', () => resolve());
    request.addEventListener('error', () => reject(request.error ?? new Error('not deleted')));
  });
}

test('of the runners before, the last thousand are remembered, and nothing of their attempts', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const first = world.open(tasks);
  first.run({ send: () => undefined });
  await world.settle();
  first.kill();
  const runner = await runnerOf(tasks);
  const epoch = { count: 5_000, nonce: 'n' };
  await byHand(tasks, ({ state }) => {
    state.put({ ...runner, epoch }, 'runner');
    for (const count of [3_999, 4_000, 4_001]) state.put(true, deposedKey({ count, nonce: 'n' }));
    for (const claim of [1, 2]) state.put(true, deposedKey(epoch, claim));
  });
  world.open(tasks).run({ send: () => undefined });
  await world.settle();

  const kept = [...(await contentsOf(tasks)).state.keys()].map(String).filter((key) => key.startsWith('deposed:'));
  const counts = [4_000, 4_001, 5_000];
  expect(kept.filter((key) => key.endsWith(':n'))).toEqual(counts.map((count) => deposedKey({ count, nonce: 'n' })));
  expect(kept.filter((key) => key.includes(':n:'))).toEqual([]);
});
