import { describe, expect, test } from 'vitest';

import type { EventName } from '../../src/basket/telling/events.js';
import type { Hint } from '../../src/basket/context/messages.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, Unavailable } from '../../src/pure/verdict.js';
import { freshName, openRaw } from '../support/database.js';
import { noteUncaught } from '../support/uncaught.js';
import { createGate, createWorld } from '../support/world.js';

type What = 'fine' | 'waits' | 'throws' | 'refuses' | 'away';

const names = ['added', 'started', 'failed', 'settled', 'gate', 'lost'] as const;

async function opened() {
  const tasks = defineTasks(freshName(), {
    send: task<What>({ backoff: { jitter: 'none' } }),
    last: task<What>({ failureLimit: 1 }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const open = createGate();
  const run = () =>
    tab.run({
      last() {
        throw new Error('not yet');
      },
      async send(what) {
        if (what === 'waits') await open.promise;
        if (what === 'throws') throw new Error('not yet');
        if (what === 'refuses') throw new PermanentFailure('The server refused it.', { status: 422 });
        if (what === 'away') throw new Unavailable({ cause: new Error('no network') });
      },
    });

  /** What another tab hears. */
  const other = world.open(tasks).basket;
  const heard: Hint[] = [];
  const stops = names.map((name) => other.on(name, (event) => heard.push(event)));
  const of = (name: EventName): readonly Hint[] => heard.filter(({ event }) => event === name);

  return { tasks, world, tab, basket: tab.basket, run, end: () => open.open(), other, heard, of, stops };
}

describe('another tab hears', () => {
  test('added, of add, addMany and addTx, each when it is committed', async () => {
    const { tasks, world, basket, heard } = await opened();
    const one = await basket.add('send', 'fine');
    const two = await basket.addMany([
      ['send', 'fine'],
      ['send', 'fine'],
    ]);
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const three = basket.addTx(tx, 'send', 'fine');
    expect(heard.map((event) => 'id' in event && event.id)).not.toContain(three);
    const aborted = db.transaction([...tasks.stores], 'readwrite');
    basket.addTx(aborted, 'send', 'fine');
    aborted.abort();
    await world.settle();
    db.close();

    expect(heard).toEqual([one, ...two, three].map((id) => ({ event: 'added', id, type: 'send', owner: null })));
  });

  test('started and settled, of a task that is done', async () => {
    const { world, basket, run, of, end } = await opened();
    run();
    const id = await basket.add('send', 'waits');
    await world.settle();
    expect(of('started')).toEqual([{ event: 'started', id, type: 'send', owner: null, number: 1 }]);
    expect(of('settled')).toEqual([]);

    end();
    await world.settle();
    expect(of('settled')).toEqual([{ event: 'settled', id, type: 'send', owner: null, state: 'done' }]);
    expect(await basket.get(id)).toBeUndefined();
  });

  test('started, and then failed, of a payload that this build cannot read, although no handler is called', async () => {
    const decode = (): never => {
      throw new Error('of another form');
    };
    const tasks = defineTasks(freshName(), { send: task<string>({ codec: { encode: String, decode } }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const told: EventName[] = [];
    for (const name of names) tab.basket.on(name, ({ event }) => told.push(event));
    let calls = 0;
    tab.run({ send: () => void (calls += 1) });
    await tab.basket.add('send', 'fine');
    await world.settle();

    expect(told).toEqual(['added', 'started', 'failed']);
    expect(calls).toBe(0);
  });

  test('failed, of each attempt that throws, with its error', async () => {
    const { world, basket, run, of } = await opened();
    run();
    const id = await basket.add('send', 'throws');
    await world.settle();

    const error = { name: 'Error', message: 'not yet', at: world.wall() };
    expect(of('failed')).toEqual([{ event: 'failed', id, type: 'send', owner: null, error, dead: false }]);
    await world.advance(2_000);
    expect(of('failed')).toHaveLength(2);
    expect(of('started')).toMatchObject([{ number: 1 }, { number: 2 }]);
    expect(of('settled')).toEqual([]);
  });

  test('failed, of the attempt that makes its task dead, when that is committed', async () => {
    const { world, basket, run, of, other } = await opened();
    const states: Promise<string | undefined>[] = [];
    other.on('failed', ({ id }) => states.push(other.get(id).then((view) => view?.state)));
    run();
    const id = await basket.add('send', 'refuses');
    const last = await basket.add('last', 'throws');
    await world.settle();

    expect(of('failed')).toMatchObject([
      { id, type: 'send', error: { name: 'PermanentFailure', status: 422 }, dead: true },
      { id: last, type: 'last', error: { message: 'not yet' }, dead: true },
    ]);
    expect(await Promise.all(states)).toEqual(['dead', 'dead']);
    expect(of('settled')).toMatchObject([
      { id, state: 'dead' },
      { id: last, state: 'dead' },
    ]);
  });

  test('settled, of a task that is dead, and of one that was cancelled', async () => {
    const { world, basket, run, of } = await opened();
    run();
    const dead = await basket.add('send', 'refuses');
    const cancelled = await basket.add('send', 'fine', { runAt: world.wall() + 60_000 });
    await world.settle();
    await basket.cancel(cancelled);
    await world.settle();

    expect(of('settled')).toEqual([
      { event: 'settled', id: dead, type: 'send', owner: null, state: 'dead' },
      { event: 'settled', id: cancelled, type: 'send', owner: null, state: 'cancelled' },
    ]);
  });

  test('gate, also when no task waits for it any more, although its destination was not asked', async () => {
    const { world, basket, run, of } = await opened();
    run();
    await basket.add('send', 'away');
    await basket.add('send', 'away');
    await world.settle();
    expect(of('gate')).toMatchObject([{ closed: true }]);
    await basket.cancel({});
    await world.advance(120_000);

    const reason = 'no network';
    expect(of('gate')).toMatchObject([
      { closed: true, reason },
      { closed: false, reason },
    ]);
    expect(of('started')).toHaveLength(2);
  });

  test('gate, when its destination is away', async () => {
    const { world, basket, run, of } = await opened();
    run();
    await basket.add('send', 'away', { gate: 'api' });
    await world.settle();
    // One alone may be wrong.
    expect(of('gate')).toEqual([]);

    await basket.add('send', 'away', { gate: 'api' });
    await world.settle();

    expect(of('gate')).toMatchObject([{ event: 'gate', gate: 'api', closed: true }]);
  });

  test('lost, when the database was deleted and is made anew, once, with how many tasks it last listed', async () => {
    const { tasks, world, basket, of, other } = await opened();
    await basket.addMany([
      ['send', 'fine'],
      ['send', 'fine'],
    ]);
    await basket.list({ limit: 1 });
    await basket.list({ type: 'last' });
    await basket.list({ cursor: 1 });
    await basket.list();
    const own: Hint[] = [];
    basket.on('lost', (event) => own.push(event));
    other.close();
    const third = world.open(tasks).basket;
    const heard: Hint[] = [];
    third.on('lost', (event) => heard.push(event));
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve);
    });
    await basket.add('send', 'fine');
    await world.settle();

    const database = tasks.name;
    expect(own).toEqual([{ event: 'lost', database, tasks: 2 }]);
    // The third tab has listed nothing, and the other one is closed.
    expect([heard, of('lost')]).toEqual([[{ event: 'lost', database, tasks: undefined }], []]);
  });
});

test('lost says how many tasks a watch of all tasks showed, also if it shows the empty database first', async () => {
  const { tasks, world, basket } = await opened();
  const shown: number[] = [];
  basket.watch().subscribe(({ tasks: views }) => shown.push(views.length));
  await basket.add('send', 'fine');
  await world.settle();
  const lost: Hint[] = [];
  for (let time = 0; time < 2; time += 1) basket.on('lost', (event) => lost.push(event));
  await new Promise((resolve) => {
    indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve);
  });
  await world.advance(60_000);

  expect(shown.at(-1)).toBe(0);
  const told = { event: 'lost', database: tasks.name, tasks: 1 };
  expect(lost).toEqual([told, told]);
});

test('lost does not say how many tasks there were if the last list did not show them all, nor what was in a database before', async () => {
  const { tasks, world, basket } = await opened();
  const lost: Hint[] = [];
  basket.on('lost', (event) => lost.push(event));
  const lose = async (): Promise<void> => {
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve);
    });
    await basket.add('send', 'fine');
    await world.settle();
  };
  await basket.add('send', 'fine');
  await basket.list();
  for (let more = 0; more < 3; more += 1) await basket.add('send', 'fine');
  await basket.list({ limit: 3 });
  await lose();
  await basket.list();
  await basket.list({ limit: 1 });
  await lose();
  await lose();

  expect(lost.map((hint) => 'tasks' in hint && hint.tasks)).toEqual([undefined, 1, undefined]);
});

test('lost does not say how many tasks there were before an earlier loss, if nobody has seen the database go', async () => {
  const { world, basket, tab } = await opened();
  const lost: Hint[] = [];
  basket.on('lost', (event) => lost.push(event));
  await basket.add('send', 'fine');
  await basket.list();
  tab.context.hub.say({ kind: 'taken' });
  await world.settle();
  // The second one is told by an opening that found a new database in the place of a damaged one.
  for (let time = 0; time < 2; time += 1) {
    tab.context.hub.say({ kind: 'lost' });
    await world.settle();
  }

  expect(lost.map((hint) => 'tasks' in hint && hint.tasks)).toEqual([1, undefined]);
});

test('lost says how many tasks there were in all, also if a later page of them was listed after that', async () => {
  const { tasks, world, basket } = await opened();
  const lost: Hint[] = [];
  basket.on('lost', (event) => lost.push(event));
  for (let more = 0; more < 3; more += 1) await basket.add('send', 'fine');
  await basket.list();
  await basket.list({ cursor: 2 });
  await new Promise((resolve) => {
    indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve);
  });
  await basket.add('send', 'fine');
  await world.settle();

  expect(lost).toEqual([{ event: 'lost', database: tasks.name, tasks: 3 }]);
});

test('this tab hears what it did itself as well', async () => {
  const { basket } = await opened();
  const heard: Hint[] = [];
  basket.on('added', (event) => heard.push(event));
  const id = await basket.add('send', 'fine');

  expect(heard).toEqual([{ event: 'added', id, type: 'send', owner: null }]);
});

test('a listener hears its own event only, and nothing any more once it has ended', async () => {
  const { world, basket, heard, stops } = await opened();
  for (const [place, name] of names.entries()) if (name !== 'settled') stops[place]?.();
  const id = await basket.add('send', 'fine');
  await basket.cancel(id);
  await world.settle();
  expect(heard).toEqual([{ event: 'settled', id, type: 'send', owner: null, state: 'cancelled' }]);

  for (const stop of stops) stop();
  await basket.cancel(await basket.add('send', 'fine'));
  await world.settle();
  expect(heard).toHaveLength(1);
});

test('a listener that stops itself and subscribes anew, or stops itself for good, is called once', async () => {
  const { world, basket } = await opened();
  const heard: string[] = [];
  let calls = 0;
  const anew = (): void => {
    stopAnew();
    calls += 1;
    if (calls < 100) stopAnew = basket.on('added', anew);
  };
  let stopAnew = basket.on('added', anew);
  const stop = basket.on('added', ({ id }) => {
    stop();
    heard.push(id);
  });
  const [first] = await basket.addMany([
    ['send', 'fine'],
    ['send', 'fine'],
  ]);
  await world.settle();

  expect([calls, heard]).toEqual([1, [first]]);
});

test('a listener that throws is not the mistake of the others, and surfaces as an uncaught error', async () => {
  const { world, basket } = await opened();
  const uncaught = noteUncaught();
  const heard: string[] = [];
  basket.on('added', () => {
    throw new Error('My mistake.');
  });
  basket.on('added', ({ id }) => heard.push(id));
  const ids = await basket.addMany([
    ['send', 'fine'],
    ['send', 'fine'],
  ]);
  await world.settle();

  expect(heard).toEqual(ids);
  expect(uncaught).toEqual(['My mistake.', 'My mistake.']);
});

test('of a drain of thousands a hundred go in one message, no more', async () => {
  const { world, basket, heard } = await opened();
  await basket.addMany(Array.from({ length: 300 }, () => ['send', 'fine'] as const));
  await world.settle();

  expect(heard).toHaveLength(100);
});
