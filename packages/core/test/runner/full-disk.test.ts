import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { transactWithReserve } from '../../src/store/reserve.js';
import { contentsOf, freshName, rowsOf, runnerOf } from '../support/database.js';
import { fillDisk } from '../support/transactions.js';
import { createGate, createWorld } from '../support/world.js';

const minute = 60_000;
const noRoom = expect.stringContaining('The browser has no room for this site') as string;

const define = () =>
  defineTasks(freshName(), {
    send: task<string, string>({
      timeout: 10 * minute,
      lane: (name) => (name.startsWith('lane') ? 'lane' : undefined),
    }),
  });

/** A runner with one slot, and a page beside it. The task `first` runs until its gate is opened. */
async function started() {
  const tasks = define();
  const world = createWorld();
  const worker = world.open(tasks);
  const page = world.open(tasks);
  const gate = createGate();
  const sent: string[] = [];
  const aborted: string[] = [];
  const send = async (name: string, { signal }: { readonly signal: AbortSignal }): Promise<string> => {
    sent.push(name);
    signal.addEventListener('abort', () => aborted.push(name));
    if (name === 'first') await gate.promise;
    if (name === 'dead') throw new PermanentFailure('No.');

    return name;
  };
  const run = (tab = worker): unknown => tab.run({ send }, { concurrency: 1 });
  run();
  await world.settle();

  return { tasks, world, worker, page, gate, sent, aborted, run };
}

type Started = Awaited<ReturnType<typeof started>>;

function addAll({ page }: Started, ...names: readonly string[]): Promise<readonly string[]> {
  return page.basket.addMany(names.map((name) => ['send', name] as const));
}

const codeOf = (error: unknown): unknown => (error as { readonly code: unknown }).code;

test('a retry of many that finds no room in its second step keeps what its first step changed', async () => {
  const story = await started();
  const { world, page, gate } = story;
  gate.open();
  await addAll(story, ...Array.from({ length: 300 }, () => 'dead'));
  await world.settle();
  expect(await page.basket.count({ state: 'dead' })).toMatchObject({ count: 300 });
  await page.basket.pause({});
  fillDisk().room = 1;

  expect(await page.basket.retry({ state: 'dead' }).catch(codeOf)).toBe('quota');
  expect(await page.basket.count({ state: 'dead' })).toMatchObject({ count: 44 });
});

test('the reserve stays if the runner has stopped before its transaction found no room', async () => {
  const { tasks, world, worker } = await started();
  await world.settle();
  const gone = new AbortController();
  const begin = vi.spyOn(worker.context.database, 'begin');
  const late = (): Promise<void> => {
    gone.abort();
    throw new DOMException('There is no room.', 'QuotaExceededError');
  };
  await expect(transactWithReserve(worker.context, 'save', late, {}, gone.signal)).rejects.toThrow('no room');
  expect(begin).toHaveBeenCalledTimes(1);
  expect((await contentsOf(tasks)).state.has('reserve')).toBe(true);
});

test('a runner that stops while room is made for its transaction does not run it a second time', async () => {
  const { tasks, world, worker } = await started();
  await world.settle();
  const gone = new AbortController();
  let tries = 0;
  const write = async ({ state }: { readonly state: IDBObjectStore }): Promise<void> => {
    tries += 1;
    state.put('late', 'written by nobody');
    if (tries === 1) throw new DOMException('There is no room.', 'QuotaExceededError');
  };
  worker.at('reserve:complete', () => gone.abort());
  await expect(transactWithReserve(worker.context, 'save', write, {}, gone.signal)).rejects.toThrow('no room');

  expect(tries).toBe(1);
  expect((await contentsOf(tasks)).state.has('written by nobody')).toBe(false);
});

describe('scenario 51: at a full disk, the room of the reserve is used', () => {
  test('to send what was added before; later the reserve is stored again', async () => {
    const story = await started();
    const { tasks, world, sent, gate } = story;
    await addAll(story, 'first', 'a', 'b');
    await world.settle();
    const reserve = (await contentsOf(tasks)).state.get('reserve') as readonly Uint8Array[];
    expect(reserve.reduce((sum, { length }) => sum + length, 0)).toBe(1_048_576);

    const disk = fillDisk(10);
    gate.open();
    await world.settle();
    expect(sent).toEqual(['first', 'a', 'b']);
    expect(await rowsOf(tasks)).toEqual([]);
    expect((await contentsOf(tasks)).state.has('reserve')).toBe(false);

    disk.room = Number.POSITIVE_INFINITY;
    await world.advance(minute);
    expect((await contentsOf(tasks)).state.has('reserve')).toBe(true);
  });

  test('and is stored once, and not each minute again', async () => {
    const { world, worker } = await started();
    let stored = 0;
    worker.at('reserve:complete', () => (stored += 1));
    await world.advance(10 * minute);

    expect(stored).toBe(0);
  });

  test('to take over from a runner that is gone', async () => {
    const story = await started();
    const { tasks, world, worker, sent, run } = story;
    await addAll(story, 'first');
    await world.settle();
    worker.kill();
    fillDisk(10);
    run(world.open(tasks));
    await world.settle();

    expect((await runnerOf(tasks)).epoch.count).toBe(2);
    expect(sent).toEqual(['first', 'first']);
  });

  test('to cancel and to retry, with all that is otherwise written', async () => {
    const story = await started();
    const { world, page, sent } = story;
    const [dead = '', lane = ''] = await addAll(story, 'dead', 'first', 'lane 1', 'lane 2').then((ids) => [
      ids[0],
      ids[2],
    ]);
    await world.settle();
    fillDisk(3);

    expect(await page.basket.cancel(lane)).toBe(1);
    expect(await page.basket.settled(lane)).toEqual({ state: 'cancelled' });
    expect(await page.basket.retry(dead)).toBe(1);
    await world.settle();
    expect(sent).toEqual(['dead', 'first']);
  });

  test('but not to add', async () => {
    const story = await started();
    const { tasks, page } = story;
    fillDisk(10);

    expect(await page.basket.add('send', 'a').catch(codeOf)).toBe('quota');
    expect((await contentsOf(tasks)).state.has('reserve')).toBe(true);
  });
});

describe('scenario 51: at a full disk without a reserve, cancel only deletes', () => {
  test('tasks that the runner had read are not sent, although no message says so, whenever it looks', async () => {
    const story = await started();
    const { tasks, world, page, gate, sent } = story;
    const [, a = '', b = ''] = await addAll(story, 'first', 'a', 'b', 'c', 'd');
    // The runner has written all that it has to write.
    await world.advance(2 * minute);
    const disk = fillDisk();
    world.loseMessages();

    expect(await page.basket.cancel(a)).toBe(1);
    expect(await page.basket.get(a)).toBeUndefined();
    expect((await contentsOf(tasks)).outcomes).toEqual([]);
    // The runner reads all tasks anew, and then the stamps are as they were: there are none.
    await world.advance(minute);
    expect(await page.basket.cancel(b)).toBe(1);

    disk.room = Number.POSITIVE_INFINITY;
    gate.open();
    await world.advance(minute);
    expect(sent).toEqual(['first', 'c', 'd']);
    // Nothing could be stored of its end, and its message was lost.
    const end = page.basket.settled(a);
    await world.advance(minute);
    expect(await end).toEqual({ state: 'gone' });
  });

  test('a task that runs is aborted, and its lane goes on when there is room', async () => {
    const story = await started();
    const { tasks, world, page, gate, sent, aborted } = story;
    const [first = ''] = await addAll(story, 'first', 'a');
    await world.settle();
    const disk = fillDisk();

    expect(await page.basket.cancel(first)).toBe(1);
    await world.settle();
    expect(aborted).toEqual(['first']);
    expect(await rowsOf(tasks)).toHaveLength(1);

    disk.room = Number.POSITIVE_INFINITY;
    gate.open();
    await world.advance(minute);
    expect(sent).toEqual(['first', 'a']);
    expect((await runnerOf(tasks)).running).toEqual([]);
  });

  test('a whole lane goes, but not its first task alone, because the next one must be written', async () => {
    const story = await started();
    const { tasks, world, page, gate, sent } = story;
    const ids = await addAll(story, 'dead', 'first', 'lane 1', 'lane 2');
    await world.settle();
    const disk = fillDisk();

    expect(await page.basket.cancel(ids[2] ?? '').catch(codeOf)).toBe('quota');
    expect(await page.basket.retry(ids[0] ?? '').catch(codeOf)).toBe('quota');
    expect(await rowsOf(tasks)).toHaveLength(4);
    expect(await page.basket.cancel({ lane: 'lane' })).toBe(2);

    disk.room = Number.POSITIVE_INFINITY;
    gate.open();
    await world.advance(minute);
    expect(sent).toEqual(['dead', 'first']);
  });
});

describe('scenario 51: at a full disk without a reserve, a task whose place a later one takes', () => {
  /** Two saves of one key, of which nobody has deleted the first one yet. */
  async function twoSaves(merges: boolean) {
    const merge = (earlier: string, later: string): string => earlier + later;
    const type = { lane: () => 'lane', key: () => 'key' };
    const tasks = defineTasks(freshName(), { save: task<string>(merges ? { ...type, merge } : type) });
    const world = createWorld();
    const ids: string[] = [];
    for (const name of ['a', 'b']) {
      const tab = world.open(tasks);
      tab.at('tidy:before', tab.kill);
      ids.push(await tab.basket.add('save', name));
    }
    const page = world.open(tasks);
    await world.settle();
    expect(await rowsOf(tasks)).toHaveLength(2);
    fillDisk();

    return { tasks, page, ids };
  }

  test.each([
    ['is replaced', 'by its id', false],
    ['is replaced', 'by a filter', false],
    ['is merged', 'by its id', true],
    ['is merged', 'by a filter', true],
  ])('%s: a cancel of the later one %s removes both', async (_, how, merges) => {
    const { tasks, page, ids } = await twoSaves(merges);

    expect(await page.basket.cancel(how === 'by its id' ? (ids[1] ?? '') : { lane: 'lane' })).toBe(2);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('is not removed alone, because the later one may need its payload', async () => {
    const { tasks, page, ids } = await twoSaves(true);

    expect(await page.basket.cancel(ids[0] ?? '')).toBe(0);
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 'a' }, { payload: 'b' }]);
  });
});

describe('scenario 51: at a full disk without a reserve, a task that another one waits for', () => {
  test.each([
    ['that was not read yet', 0],
    ['that is held', 3],
  ])('is cancelled with the child %s, and not without it', async (_, minutes) => {
    const story = await started();
    const { tasks, world, page, gate, sent } = story;
    const [parent = ''] = await addAll(story, 'first');
    await world.settle();
    await page.basket.add('send', 'child', { after: parent });
    await page.basket.add('send', 'grandchild', { after: parent, onParent: 'run' });
    await world.advance(minutes * minute);
    const disk = fillDisk();
    // An end that is not stored would count as a success, and the child would be sent.
    expect(await page.basket.cancel(parent).catch(codeOf)).toBe('quota');
    expect(await page.basket.cancel(parent, { children: true })).toBe(3);
    expect(await rowsOf(tasks)).toEqual([]);

    disk.room = Number.POSITIVE_INFINITY;
    gate.open();
    await world.advance(minute);
    expect(sent).toEqual(['first']);
  });
});

test('scenario 51: at a full disk without a reserve, a sign-out aborts what runs, and lets nothing more of its owner start', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>() }, { session: session() });
  const world = createWorld();
  const [page, worker] = [world.open(tasks), world.open(tasks)];
  const sent: string[] = [];
  const aborted: string[] = [];
  worker.run(
    {
      send: async (name, { signal }) => {
        sent.push(name);
        if (sent.length > 1) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        aborted.push(name);
        throw signal.reason;
      },
    },
    { concurrency: 1 },
  );
  await page.basket.signIn('ann');
  await page.basket.addMany([
    ['send', 'a'],
    ['send', 'b'],
  ]);
  await world.settle();
  const disk = fillDisk();
  await page.basket.signIn('ann');
  expect(aborted).toEqual([]);
  await page.basket.signOut();
  expect(aborted).toEqual(['a']);
  await page.basket.signOut();
  expect(await page.basket.signIn('bob').catch(codeOf)).toBe('quota');
  await world.advance(10 * minute);
  expect(sent).toEqual(['a']);

  disk.room = Number.POSITIVE_INFINITY;
  await page.basket.signIn('ann');
  await world.advance(minute);
  expect(sent.slice(1).sort()).toEqual(['a', 'b']);
});

describe('explain and health say that there is no room', () => {
  test('as long as a task waits for it, and no longer', async () => {
    const story = await started();
    const { world, page, gate, sent } = story;
    const [, a = ''] = await addAll(story, 'first', 'a');
    await world.settle();
    const health = async () => {
      const answer = page.basket.health();
      await world.advance(1_000);
      const { stalled, warnings } = await answer;

      return { stalled, warnings };
    };
    expect(await health()).toEqual({ stalled: false, warnings: [] });

    const disk = fillDisk();
    gate.open();
    await world.advance(5 * minute);
    expect(await page.basket.explain(a)).toEqual([{ reason: 'no-room' }]);
    expect(await health()).toEqual({ stalled: true, warnings: [noRoom] });

    disk.room = Number.POSITIVE_INFINITY;
    await world.advance(2 * minute);
    expect(sent).toEqual(['first', 'a']);
    expect(await health()).toEqual({ stalled: false, warnings: [] });
  });
});

test.each([undefined, 'k'])(
  'no add gets the room of the reserve, also if its page replaces a task (key: %s)',
  async (key) => {
    const tasks = defineTasks(freshName(), {
      save: task<string>({ key: () => key }),
      long: task<string>({ timeout: 60 * minute }),
    });
    const world = createWorld();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    const gate = createGate();
    worker.run({ save: () => undefined, long: () => gate.promise }, { concurrency: 1 });
    await page.basket.add('long', 'first');
    await world.advance(3 * minute);
    await page.basket.add('save', 'a');
    await world.settle();
    const disk = fillDisk(10);
    disk.room = 1;
    await page.basket.add('save', 'b');
    await world.settle();
    expect((await contentsOf(tasks)).state.has('reserve')).toBe(true);
    const codes: unknown[] = [];
    for (let number = 0; number < 20; number += 1)
      codes.push(await page.basket.add('save', `more ${number}`).then(() => 'added', codeOf));
    expect(new Set(codes)).toEqual(new Set(['quota']));
    gate.open();
    await world.advance(10 * minute);
    expect(await rowsOf(tasks)).toEqual([]);
  },
);
