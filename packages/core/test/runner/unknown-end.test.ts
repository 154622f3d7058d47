import { expect, test } from 'vitest';

import type { CrashPoint } from '../../src/ports/ports.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName, rowsOf, runnerOf } from '../support/database.js';
import type { Tab } from '../support/world.js';
import { createWorld } from '../support/world.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import type { RunnerRow } from '../../src/pure/record.js';

interface Item {
  readonly number: number;
  readonly lane?: string;
}

const define = () =>
  defineTasks(freshName(), { send: task<Item>({ lane: (item) => item.lane, backoff: { base: 1_000, cap: 1_000 } }) });

/** Each nth time that a point is reached, the connection is lost: nobody is told that the transaction was committed. */
function loseAnswer(tab: Tab<AnyRegistry>, point: CrashPoint, ...nth: readonly number[]): void {
  let times = 0;
  tab.at(point, () => {
    times += 1;
    if (nth.includes(times)) throw new DOMException('The connection was lost.', 'AbortError');
  });
}

/** Notes which claims a turn stores of tasks that are gone. */
function noteGhosts(tab: Tab<AnyRegistry>, { stores: [tasks, , , state] }: AnyRegistry): readonly string[] {
  const ghosts: string[] = [];
  tab.at('turn:requests', (transaction) => {
    const runner = transaction?.objectStore(state).get('runner') as IDBRequest<RunnerRow>;
    const keys = transaction?.objectStore(tasks).getAllKeys() as IDBRequest<IDBValidKey[]>;
    keys.addEventListener('success', () => {
      for (const { seq, id } of runner.result.running) if (!keys.result.includes(seq)) ghosts.push(id);
    });
  });

  return ghosts;
}

for (const nth of [1, 2, 3, 4, 5]) {
  test(`a turn (the ${nth}.) was committed, and its runner is told that it failed: every task runs once, in order`, async () => {
    const tasks = define();
    const world = createWorld();
    const tab = world.open(tasks);
    const started: string[] = [];
    for (const number of [1, 2, 3]) await tab.basket.add('send', { number, lane: 'a' });
    for (const number of [4, 5]) await tab.basket.add('send', { number });
    loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', nth);

    tab.run({
      send({ number, lane }, attempt) {
        started.push(`${lane ?? '-'}${number} attempt ${attempt.number}`);
      },
    });
    await world.advance(10_000);

    expect(started.filter((line) => line.startsWith('a'))).toEqual(['a1 attempt 1', 'a2 attempt 1', 'a3 attempt 1']);
    expect(started.filter((line) => line.startsWith('-')).sort()).toEqual(['-4 attempt 1', '-5 attempt 1']);
    expect(await rowsOf(tasks)).toEqual([]);
    expect((await runnerOf(tasks)).running).toEqual([]);
  });
}

test.each([2, 3, 4, 5])(
  'a turn (the %d.) that kept a result was committed, and is told as failed: no task is claimed again',
  async (nth) => {
    const tasks = defineTasks(freshName(), { make: task<number, number>({ lane: 'one' }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const ran: number[] = [];
    const ids = await tab.basket.addMany([1, 2, 3, 4].map((number) => ['make', number] as const));
    loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', nth);
    const ghosts = noteGhosts(tab as unknown as Tab<AnyRegistry>, tasks);

    tab.run({
      make(number) {
        ran.push(number);

        return number * 10;
      },
    });
    await world.advance(10_000);

    expect(ran).toEqual([1, 2, 3, 4]);
    expect(ghosts).toEqual([]);
    expect((await runnerOf(tasks)).running).toEqual([]);
    const ends = await Promise.all(ids.map((id) => tab.basket.settled(id)));
    expect(ends).toMatchObject([10, 20, 30, 40].map((result) => ({ state: 'done', result })));
  },
);

test('the lost turn is one that stored how far it had read: what it claimed is not left behind', async () => {
  for (let nth = 30; nth <= 40; nth += 1) {
    const tasks = define();
    const world = createWorld();
    const tab = world.open(tasks);
    const started: string[] = [];
    for (let number = 1; number <= 45; number += 1) await tab.basket.add('send', { number });
    loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', nth);

    const send = ({ number }: Item, attempt: { readonly number: number }): void =>
      void started.push(`${number}.${attempt.number}`);
    const runner = tab.run({ send }, { concurrency: 1 });
    await world.advance(20_000);

    expect(started.sort(), `turn ${nth}`).toEqual(Array.from({ length: 45 }, (_, place) => `${place + 1}.1`).sort());
    expect(await rowsOf(tasks)).toEqual([]);
    // Brought back at once, and not by the safety net.
    expect(runner.audits.filter((found) => found > 0)).toEqual([]);
  }
});

test('a task that is cancelled right after a turn has claimed it and seemed to fail never runs', async () => {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  const id = await tab.basket.add('send', { number: 1 });
  loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', 1);
  let ran = 0;
  tab.run({ send: () => void (ran += 1) });
  await world.settle();
  expect((await runnerOf(tasks)).running).toMatchObject([{ id }]);

  expect(await world.open(tasks).basket.cancel(id)).toBe(1);
  await world.advance(10_000);
  expect([ran, await rowsOf(tasks)]).toEqual([0, []]);
});

test('two turns that were committed and seemed to fail: no later claim gets the number of one that was cancelled', async () => {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  const first = await tab.basket.add('send', { number: 1 });
  loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', 1, 2);
  tab.run({ send: () => new Promise<void>(() => undefined) });
  await world.settle();
  const [claimed] = (await runnerOf(tasks)).running;
  expect(claimed).toMatchObject({ id: first });

  // From now on no transaction with `completeTx` may end the task of this claim.
  await world.open(tasks).basket.cancel(first);
  while ((await runnerOf(tasks)).running.length > 0) await world.advance(100);
  const second = await tab.basket.add('send', { number: 2 });
  await world.advance(10_000);
  const [later] = (await runnerOf(tasks)).running;
  expect(later?.id).toBe(second);
  expect(later?.claim).toBeGreaterThan(claimed?.claim ?? Number.NaN);
});

test('a failure whose settling was committed without an answer is counted once', async () => {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1 });
  // The first turn claims, the second settles.
  loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', 2);
  tab.run({
    send(_, attempt) {
      if (attempt.number === 1) throw new Error('once');
    },
  });

  await world.advance(400);
  expect(await rowsOf(tasks)).toMatchObject([{ attempts: 1, failures: 1 }]);

  await world.advance(10_000);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a claim without an attempt whose task was cancelled lets its lane go on, also if that waits behind it for its date', async () => {
  const backoff = { base: 1_000, jitter: 'none' } as const;
  const tasks = defineTasks(freshName(), { send: task<Item>({ lane: (item) => item.lane, backoff }) });
  const world = createWorld();
  const tab = world.open(tasks);
  const first = await tab.basket.add('send', { number: 1, lane: 'a' });
  await tab.basket.add('send', { number: 2, lane: 'a' }, { runAt: world.wall() + 500 });
  const ran: string[] = [];
  const send = ({ number }: Item, attempt: { readonly number: number }): void => {
    ran.push(`${number}.${attempt.number}`);
    if (number === 1) throw new Error('not yet');
  };
  tab.run({ send });
  await world.advance(900);
  // The next turn claims the first task again. By then the second one is held behind it.
  loseAnswer(tab as unknown as Tab<AnyRegistry>, 'turn:complete', 1);
  await world.advance(100);
  expect((await runnerOf(tasks)).running).toMatchObject([{ id: first }]);
  expect(await rowsOf(tasks)).toMatchObject([{ id: first }, { ready: expect.stringMatching(/^H/) as string }]);

  expect(await world.open(tasks).basket.cancel(first)).toBe(1);
  await world.advance(5_000);
  expect([ran, await rowsOf(tasks)]).toEqual([['1.1', '2.1'], []]);
});

test('a success whose settling was committed without an answer is told to whoever waits for it, in every tab', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const [tab, page, other] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  let turns = 0;
  tab.at('turn:complete', () => {
    turns += 1;
    if (turns === 2) throw new DOMException('The connection was lost.', 'AbortError');
  });
  const id = await page.basket.add('send', 1);
  const ends = [page, other].map(({ basket }) => basket.settled(id));
  let sent = 0;
  tab.run({ send: () => void (sent += 1) });
  await world.advance(120_000);

  expect(await Promise.all(ends)).toMatchObject([{ state: 'done' }, { state: 'done' }]);
  expect(sent).toBe(1);
});

test('a task that was purged after a turn that settled it was aborted is told as purged, and not as done too', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() }, { session: session() });
  const world = createWorld();
  const [tab, page] = [world.open(tasks), world.open(tasks)];
  await page.basket.signIn('ann');
  await page.basket.add('send', 1);
  const told: unknown[] = [];
  page.basket.on('settled', ({ state }) => told.push(state), { everyOwner: true });
  let [ended, settlings, commits] = [false, 0, 0];
  tab.at('turn:before', () => settlings === 1 && tab.freeze());
  tab.at('turn:requests', (transaction) => {
    settlings += ended ? 1 : 0;
    if (settlings === 1) transaction?.abort();
  });
  tab.at('turn:complete', () => {
    commits += ended ? 1 : 0;
    if (commits === 1) throw new DOMException('The connection was lost.', 'AbortError');
  });
  tab.run({ send: () => void (ended = true) });
  await world.advance(2_000);
  tab.at('turn:before', () => undefined);
  await page.basket.purge('ann');
  tab.thaw();
  await world.advance(120_000);

  expect(settlings).toBeGreaterThan(1);
  expect(commits).toBeGreaterThan(1);
  expect(told).toEqual(['purged']);
});
