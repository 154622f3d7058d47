import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

const sound = {
  id: 'strange',
  type: 'send',
  version: 1,
  owner: null,
  gate: 'send',
  priority: 1,
  addedAt: 0,
  ready: 'F|send|1|send|1',
  marks: ['Istrange'],
  payload: 0,
  attempts: 0,
  failures: 0,
  interruptions: 0,
  blames: 0,
};

/** What a migration of the app may make of a row. Each is listed, and goes by its id. */
const strangeRows: readonly (readonly [string, object])[] = [
  ['a fresh key with one more part', { ready: 'F|send|1|send|1|more' }],
  ['a fresh key with a time', { ready: 'F|send|1|send|1|00000000a' }],
  ['a fresh key whose version is no number', { ready: 'F|other|v2|other|1' }],
  ['a fresh key whose version is NaN', { ready: 'F|send|NaN|send|1' }],
  ['a timed key whose version is no number', { ready: '@|send|v2|send|1|000000000' }],
  ['a timed key without a time', { ready: '@|send|1|send|1' }],
  ['a timed key whose time is no time', { ready: '@|send|1|send|1|~' }],
  ['a timed key whose time is short', { ready: '!|send|1|send|1|zzz' }],
  ['a key in another escape', { ready: 'F|%41|1|send|1' }],
  ['a key whose rank is no rank', { ready: 'F|send|1|send|9' }],
  ['a key of one letter and a sign', { ready: 'F\uffff' }],
  ['a key of the highest sign', { ready: '\uffff\uffff' }],
  ['a key of a letter alone', { ready: 'D' }],
  ['an empty key', { ready: '' }],
  ['no key', { ready: undefined }],
  ['a key that is a number', { ready: 5 }],
  ['a key that is a list', { ready: ['F'] }],
  ['a type that was renamed in the row and not in its key', { type: 'renamed' }],
  ['a type that is a number', { type: 5 }],
  ['a version that is a text', { version: '1' }],
  ['another gate than its key says', { gate: 'other' }],
  ['a gate that is missing', { gate: undefined }],
  ['an owner that is missing', { owner: undefined }],
  ['a lane that is null', { lane: null }],
  ['a lane that is a number', { lane: 5 }],
  ['a lane without its mark', { lane: 'lane' }],
  ['a ref that is null', { ref: null }],
  ['a ref that is an object', { ref: {} }],
  ['a timeout that is no number', { timeout: 'abc' }],
  ['a date that is a text', { runAt: '2030-01-01' }],
  ['a priority of a later version', { priority: 7 }],
  ['failures that are missing', { failures: undefined }],
  ['an id that is another than its mark says', { id: 'renamed' }],
  ['a list of parents that is a text', { after: 'parent' }],
  ['an error that is null', { lastError: null }],
  ['a mark that it was cancelled, though it is fresh', { cancelled: true }],
  ['a timed key in capitals, before all others', { ready: '@|send|1|send|1|00000000Z' }],
  ['a version that was raised in the row and not in its key', { version: 2 }],
  ['a type that is gone', { type: undefined }],
  ['the mark of a lane without the lane', { marks: ['Istrange', 'L|lane2'] }],
  ['a counter that is no number', { interruptions: Number.NaN }],
];
/** These have no mark of an id, so that only a query finds them. */
const unmarked: readonly (readonly [string, object])[] = [
  ['no marks', { marks: undefined }],
  ['marks that are no list', { marks: 'Istrange' }],
  ['marks of other things', { marks: [5, null, 'Iother'] }],
  ['an id that is a number', { id: 5, marks: [] }],
  ['an id that is gone', { id: undefined, marks: [] }],
];

async function opened() {
  const tasks = defineTasks(freshName(), {
    send: task<number>(),
    other: task<number>(),
    laned: task<number>({ lane: 'lane' }),
  });
  const world = createWorld();
  const tab = world.open(tasks);

  return { tasks, world, tab };
}

/** Which healthy tasks run, before and behind what was changed by hand, and whether all reads answer and the runner stops. */
async function healthyOnesRun(change: Parameters<typeof byHand>[1]) {
  const { tasks, world, tab } = await opened();
  await tab.basket.add('send', 1);
  await byHand(tasks, change);
  const ran: number[] = [];
  const note = (number: number): void => void (number > 0 && ran.push(number));
  const runner = tab.run({ send: note, other: note, laned: note }, { lostByHand: true });
  await world.advance(1_000);
  await tab.basket.add('other', 2);
  await tab.basket.add('laned', 3);
  await world.advance(70_000);

  const reads = Promise.all([
    tab.basket.list(),
    tab.basket.list({ type: 'send' }),
    tab.basket.list({ state: 'dead' }),
    tab.basket.list({ lane: 'lane' }),
    tab.basket.count(),
    tab.basket.count({ type: 'send' }),
    tab.basket.health(),
    tab.basket.explain('strange'),
    tab.basket.retry({}),
  ]);
  const answered = reads.then(() => 'answered', String);
  await world.advance(2_000);
  runner.stop();
  await world.advance(20_000);

  return { ran: ran.sort((one, other) => one - other), reads: await answered, stopped: runner.stopped() };
}

const right = { ran: [1, 2, 3], reads: 'answered', stopped: true };

test('control: without a strange row healthy tasks run', async () => {
  expect(await healthyOnesRun(() => undefined)).toEqual(right);
});

describe('one strange row', () => {
  test.each([...strangeRows, ...unmarked])('with %s keeps no healthy task from running', async (_, different) => {
    expect(await healthyOnesRun(({ tasks }) => tasks.put({ ...sound, ...different }))).toEqual(right);
  });

  test.each(strangeRows)('with %s is listed as unreadable, does not run, and goes by its id', async (_, different) => {
    const { tasks, world, tab } = await opened();
    await tab.basket.list();
    await byHand(tasks, (stores) => stores.tasks.put({ ...sound, ...different }));
    const ran: number[] = [];
    tab.run({ send: (number) => void ran.push(number), other() {}, laned() {} }, { lostByHand: true });
    await world.advance(70_000);

    expect(ran).toEqual([]);
    expect(await tab.basket.list()).toMatchObject([{ id: 'strange', unreadable: true, payload: undefined }]);
    expect(await tab.basket.get('strange')).toMatchObject({ id: 'strange', unreadable: true });
    expect(await tab.basket.explain('strange')).toContainEqual(expect.objectContaining({ reason: 'undecodable' }));
    expect(await tab.basket.retry('strange')).toBe(1);
    expect(await tab.basket.update('strange', 5).catch((error: { code: string }) => error.code)).toBe('unknown-type');
    expect((await contentsOf(tasks)).tasks).toMatchObject([different]);
    expect(await tab.basket.cancel('strange')).toBe(1);
    expect((await contentsOf(tasks)).tasks).toEqual([]);
  });

  test.each([...strangeRows, ...unmarked])('with %s goes with all others', async (_, different) => {
    const { tasks, tab } = await opened();
    await tab.basket.list();
    await byHand(tasks, (stores) => stores.tasks.put({ ...sound, ...different }));
    await tab.basket.add('send', 1);

    expect(await tab.basket.list()).toHaveLength(2);
    expect(await tab.basket.cancel({})).toBe(2);
    expect((await contentsOf(tasks)).tasks).toEqual([]);
  });

  test('at the head of a lane holds the lane, as an unreadable one does, until it is cancelled', async () => {
    const { tasks, world, tab } = await opened();
    await tab.basket.list();
    await byHand(tasks, (stores) =>
      stores.tasks.put({ ...sound, type: 'renamed', lane: 'lane', marks: ['Istrange', 'L|lane'] }),
    );
    const id = await tab.basket.add('laned', 1);
    const ran: number[] = [];
    tab.run({ send() {}, other() {}, laned: (number) => void ran.push(number) });
    await world.advance(70_000);
    expect(ran).toEqual([]);
    expect(await tab.basket.explain(id)).toEqual([{ reason: 'lane', lane: 'lane', behind: 'strange', dead: false }]);

    expect(await tab.basket.cancel({ lane: 'lane', type: 'send' })).toBe(1);
    await world.advance(1_000);
    expect(ran).toEqual([1]);
  });

  test('takes no body with it that is not its own', async () => {
    const { tasks, tab } = await opened();
    await tab.basket.list();
    await byHand(tasks, (stores) => {
      stores.payloads.put('a body', 'another');
      stores.tasks.put({ ...sound, type: 'renamed', ref: 'another' });
    });
    await tab.basket.cancel('strange');
    expect([...(await contentsOf(tasks)).payloads.keys()]).toEqual(['another']);
  });

  test('that is dead under a key of no form hides no other dead one', async () => {
    const { tasks, tab } = await opened();
    await tab.basket.list();
    const dead = { reason: 'permanent', at: 0 };
    await byHand(tasks, (stores) => {
      stores.tasks.put({ ...sound, ready: 'D|send|1|send|1', dead });
      stores.tasks.put({ ...sound, id: 'other', marks: ['Iother'], ready: 'D', dead });
    });
    expect((await tab.basket.list({ state: 'dead' })).map(({ id }) => id)).toContain('strange');
  });

  test('in the midst of its attempt stays as it is when the attempt fails, and goes when it succeeds', async () => {
    const { tasks, world, tab } = await opened();
    const ends: (() => void)[] = [];
    const handler = async (number: number): Promise<void> => {
      await new Promise<void>((resolve) => ends.push(resolve));
      if (number === 0) throw new Error('not yet');
    };
    tab.run({ send: handler, other() {}, laned() {} }, { lostByHand: true });
    await tab.basket.add('send', 0);
    await tab.basket.add('send', 1);
    await world.settle();
    expect(ends).toHaveLength(2);
    const before = (await contentsOf(tasks)).tasks;
    await byHand(tasks, (stores) => {
      for (const row of before) stores.tasks.put({ ...row, type: 'renamed' });
      stores.state.put('a stamp', 'edits');
    });
    await tab.basket.add('other', 3);
    await world.settle();
    for (const end of ends) end();
    await world.advance(70_000);

    expect((await contentsOf(tasks)).tasks).toEqual([{ ...before[0], type: 'renamed' }]);
  });
});

describe('a strange record counts as none', () => {
  const records: readonly (readonly [string, string, unknown])[] = [
    ['the record of a gate that is null', 'gate:other', null],
    ['the record of a gate that is a text', 'gate:other', 'away'],
    ['the record of a gate without a time', 'gate:other', { name: 'other', step: 1, reason: '', by: '' }],
    [
      'the record of a gate that is away until NaN',
      'gate:other',
      { name: 'other', step: 1, until: Number.NaN, reason: '', by: '' },
    ],
    [
      'the record of a gate that is half open',
      'gate:other',
      { name: 'other', step: 1, until: 0, reason: '', by: '', open: {} },
    ],
    ['a runner row of nothing', 'runner', {}],
    ['a runner row that is null', 'runner', null],
    ['a runner row that is a text', 'runner', 'strange'],
    ['bodies that were found and are null', 'bodies', null],
    [
      'a runner row whose running set is no list',
      'runner',
      { epoch: { count: 1, nonce: 'a' }, build: 0, running: {}, seen: 0, wall: 0 },
    ],
    [
      'a runner row whose claim is null',
      'runner',
      { epoch: { count: 1, nonce: 'a' }, build: 0, running: [null], seen: 0, wall: 0 },
    ],
    [
      'a runner row whose clock is NaN',
      'runner',
      { epoch: { count: 1, nonce: 'a' }, build: 0, running: [], seen: Number.NaN, wall: 0 },
    ],
    ['a runner row without an epoch', 'runner', { build: 0, running: [], seen: 0, wall: 0 }],
    ['positions that are null', 'positions', null],
    ['positions that are a text', 'positions', 'abc'],
    ['a position that is a text', 'positions', { 'F|send|1|send|1': 'x' }],
    ['a position that is NaN', 'positions', { 'F|send|1|send|1': Number.NaN }],
    ['a position under a key of no form', 'positions', { F: 3, 'F|send': 4, 'F\uffff': 5, '': 6 }],
    ['places of the unreadable that are null', 'unreadable', null],
    ['a stamp that is an object', 'edits', {}],
    ['times of bodies that are a list', 'bodies', ['a']],
  ];

  test.each(records)('%s keeps no healthy task from running, or being listed', async (_, key, value) => {
    expect(await healthyOnesRun(({ state }) => state.put(value, key))).toEqual(right);
  });

  test('the end of a task that is none is no end', async () => {
    const { tasks, tab } = await opened();
    await tab.basket.list();
    await byHand(tasks, ({ outcomes }) => outcomes.put({ id: 'one', marks: ['Ione'], state: 'sold' }));
    expect(await tab.basket.settled('one')).toEqual({ state: 'gone' });
  });
});
