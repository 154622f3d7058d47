/**
 * The life of one connection: the database is held, fails, is deleted, changed or cleared, in any order and a second
 * time.
 */
import { array, assert, asyncProperty, boolean, constantFrom } from '../support/property.js';
import { describe, expect, test, vi } from 'vitest';

import type { TaskbasketError } from '../../src/pure/errors.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createDatabase } from '../../src/store/connection.js';
import { createStores } from '../../src/store/setup.js';
import { freshName, openRaw } from '../support/database.js';
import { terminate, watchOpenings } from '../support/openings.js';
import { createWorld } from '../support/world.js';

const registryOf = () => defineTasks(freshName(), { send: task<number>() });

/** A connection in a world of its own, with what it has asked for and said. */
function connect() {
  const tasks = registryOf();
  const world = createWorld();
  const { clock } = world.open(tasks).context.ports;
  const openings = watchOpenings();
  const said: string[] = [];
  const asks: AbortSignal[] = [];
  const database = createDatabase(tasks, {
    clock,
    runnerLock: 'the lock',
    locks: {
      request: (_, { signal }) => {
        if (signal !== undefined) asks.push(signal);

        return Promise.resolve();
      },
      held: () => Promise.resolve([]),
    },
    say: (what) => said.push(what),
  });

  return { tasks, world, openings, said, asks, database };
}

const events = {
  begin: 'a call needs the database',
  ask: 'health asks whether it is open',
  drop: 'a transaction finds that the connection is dead',
  dropOld: 'an older transaction finds the same of its connection, later',
  raise: 'another tab changes the version',
  delete: 'another tab deletes the database',
  replace: 'another tab deletes the database, and makes a new one',
  clear: 'the browser closes the connection, and deletes the database',
  terminate: 'the browser closes the connection',
  hold: 'another tab keeps the database from opening',
  letFirst: 'the first opening goes on',
  failFirst: 'the first opening fails',
  letAll: 'all openings go on',
  letLast: 'the last opening goes on',
  wait: '31 seconds pass',
} as const;

type Event = keyof typeof events;

/** Plays events, and checks after each what must hold then. */
async function play(list: readonly Event[], closedAtOnce: boolean): Promise<void> {
  const { tasks, world, openings, said, asks, database } = connect();
  const used: IDBDatabase[] = [];
  let pending = 0;
  let held = false;
  /** How many of the connections that were opened are other tabs'. */
  let others = 0;
  /** Whether the database was deleted after this context had opened it, be it by an opening that was given up before. */
  let deleted: 'seen' | 'unseen' | 'doubtful' | undefined;
  let openedAt = Number.NEGATIVE_INFINITY;
  /** The number of the last opening that began while openings were held, and of the one that the event lets go on. */
  let opening = 0;
  let letGo: number | undefined;
  /** The opening of each request that is held. One opening asks twice if there is no database. */
  const heldFor: number[] = [];

  const wrong: string[] = [];
  const must = (what: string, is: boolean): void => {
    if (!is) wrong.push(what);
  };
  const call = (what: Promise<unknown>): void => {
    pending += 1;
    const end = (): void => void (pending -= 1);
    what.then(end, end);
  };
  const begin = async (): Promise<void> => {
    const { db } = await database.begin('readonly', ['tasks']);
    used.push(db);
  };
  const remove = async (): Promise<void> => {
    const there = (await indexedDB.databases()).some(({ name }) => name === tasks.name);
    const seen = openings.connections.size > 0;
    indexedDB.deleteDatabase(tasks.name);
    if (there && openings.opened() > others) deleted ??= seen ? 'seen' : 'unseen';
  };
  const openElsewhere = async (...what: Parameters<typeof openRaw>): Promise<void> => {
    (await openRaw(...what)).close();
    others += 1;
  };
  const does: Record<Event, () => unknown> = {
    begin: () => call(begin()),
    ask: () => call(database.opened(1_500)),
    drop: () => used.slice(-1).map(database.drop),
    dropOld() {
      const [old, now] = [used.at(0), used.at(-1)];
      if (old === undefined || now === undefined || old === now) return;
      const before = database.holds(now);
      database.drop(old);
      must('an old connection is dropped alone', database.holds(now) === before);
    },
    async raise() {
      const [there] = (await indexedDB.databases()).filter(({ name }) => name === tasks.name);
      if (held || there === undefined) return;
      await openElsewhere(tasks.name, (there.version ?? 0) + 1);
    },
    delete: remove,
    async replace() {
      if (held) return;
      const known = openings.connections.size > 0;
      indexedDB.deleteDatabase(tasks.name);
      await openElsewhere(tasks.name, 1, (transaction) => createStores(transaction, tasks));
      if (known) deleted = 'seen';
      // Without a connection nobody can tell the new database from the old one.
      else if (deleted === 'unseen') deleted = undefined;
    },
    async clear() {
      for (const connection of openings.connections) terminate(connection);
      await remove();
    },
    terminate: () => [...openings.connections].map(terminate),
    hold() {
      held = true;
      openings.hold();
    },
    letFirst() {
      letGo = heldFor.shift();
      openings.letFirst();
    },
    failFirst() {
      letGo = heldFor.shift();
      openings.failFirst();
    },
    letAll() {
      held = false;
      heldFor.length = 0;
      openings.letAll();
    },
    letLast() {
      letGo = heldFor.pop();
      openings.letLast();
    },
    wait: () => world.advance(31_000),
  };

  for (const event of list) {
    const asked = openings.asked();
    const before = said.length;
    const open = openings.connections.size;
    letGo = undefined;
    const late = event.startsWith('let') && heldFor.some((number) => number !== opening);
    const fails = event === 'failFirst' && openings.waiting() === 1 && world.wall() - openedAt < 60_000;
    await does[event]();
    await world.settle();

    const isOpen = [...openings.connections].some(database.holds);
    const news = said.slice(before);
    const goesOn = letGo !== undefined && openings.asked() > asked;
    // It asks once more because it has seen that there is no database.
    if (goesOn && deleted !== undefined) deleted = 'seen';
    // An opening that was given up may make the database anew, so that no other one sees that it was deleted.
    if (late && deleted === 'unseen') deleted = 'doubtful';
    must('there is one connection at most', openings.connections.size <= 1);
    must('a loss is told once', !news.includes('lost') || deleted !== undefined);
    if (news.includes('lost')) deleted = undefined;
    if (isOpen && deleted === 'doubtful') deleted = undefined;
    must('a loss is told once the database is open again', !isOpen || deleted === undefined);
    must('a database that is open is no trouble', !isOpen || database.trouble() === undefined);
    const taken = (event === 'terminate' || event === 'clear') && open > 0;
    must('a connection that was taken away is told', !taken || news.join(' ') === 'taken look');
    must('a failure is told', !fails || database.trouble()?.message.includes('could not be opened') === true);
    const slow = event === 'wait' && openings.waiting() > 0 && pending > 0;
    must('a slow opening is told', !slow || database.trouble()?.code === 'no-database');
    must('a slow opening asks for the lock', !slow || asks.length > 0);
    const anew = held && openings.asked() > asked && !goesOn;
    must('an opening has a minute', !anew || world.wall() - openedAt >= 60_000);
    if (anew) {
      openedAt = world.wall();
      opening += 1;
    }
    while (heldFor.length < openings.waiting()) heldFor.push(letGo ?? opening);
    if (!held || letGo === opening) openedAt = Number.NEGATIVE_INFINITY;
    must('no call and no timer is left', held || pending + world.alarms() === 0);
    must('the lock is no longer asked for', held || asks.every(({ aborted }) => aborted));
  }

  if (!closedAtOnce) {
    openings.letAll();
    await world.settle();
    call(begin());
    await world.settle();
    must('the database opens', openings.connections.size === 1);
  }
  const before = asks.length;
  database.close();
  await expect(database.begin('readonly', ['tasks'])).rejects.toMatchObject({ code: 'closed' });
  await world.advance(120_000);
  must('a basket that is closed asks for no lock, which would evict a page', asks.length === before);
  openings.letAll();
  await world.settle();
  must('nothing is left', pending + world.alarms() + openings.connections.size === 0);
  must(
    'the lock is no longer asked for',
    asks.every(({ aborted }) => aborted),
  );
  expect(wrong).toEqual([]);
}

/** Each event, and some of them more often, because it takes several to have two openings under way. */
const often: readonly Event[] = [...(Object.keys(events) as Event[]), 'begin', 'begin', 'wait', 'wait', 'wait'];

test('whatever happens to the database, a context has one connection at most, and tells what was lost once', async () => {
  await assert(
    asyncProperty(array(constantFrom(...often), { size: 'max', maxLength: 30 }), boolean(), play).afterEach(
      () => void vi.restoreAllMocks(),
    ),
    {
      numRuns: 60,
      examples: [
        // An opening that was given up fails, or succeeds, after the next one has begun.
        [['begin', 'hold', 'terminate', 'begin', 'wait', 'wait', 'begin', 'failFirst', 'begin'], false],
        [['begin', 'hold', 'terminate', 'begin', 'wait', 'wait', 'begin', 'letFirst', 'begin'], false],
        [['begin', 'hold', 'terminate', 'begin', 'wait', 'wait', 'begin', 'letLast', 'failFirst'], false],
        // A call gives up an opening, and another one that waited for the same opening gives up later.
        [['hold', 'begin', 'wait', 'begin', 'wait', 'begin', 'wait', 'begin'], true],
        // An opening that was given up makes the database, which is then deleted.
        [['hold', 'begin', 'wait', 'wait', 'letAll', 'clear', 'begin'], false],
        // An opening that was given up asks once more, and goes behind the next one, which fails.
        [['hold', 'begin', 'wait', 'wait', 'begin', 'letFirst', 'failFirst', 'begin'], false],
        // An opening that was given up makes the database anew before another one looks.
        [
          [
            'hold',
            'begin',
            'wait',
            'letLast',
            'wait',
            'begin',
            'letLast',
            'letLast',
            'drop',
            'begin',
            'delete',
            'letAll',
          ],
          false,
        ],
        // An opening sees that the database was deleted, and then fails. Another tab makes the database anew.
        [['begin', 'hold', 'drop', 'begin', 'delete', 'letLast', 'failFirst', 'letAll', 'replace', 'begin'], false],
      ],
    },
  );
});

test('a hundred calls that wait for the database to open leave as much behind as one', async () => {
  const { database, openings } = connect();
  const race = vi.spyOn(Promise, 'race');
  openings.hold();
  const calls = Array.from({ length: 100 }, () => database.begin('readonly', ['tasks']));
  openings.letAll();
  await Promise.all(calls);

  // What waits for the end of the basket is kept until then.
  expect(race).toHaveBeenCalledTimes(1);
  database.close();
});

test('whoever only asks whether the database is open does not begin its opening anew', async () => {
  const { database, openings, world } = connect();
  openings.hold();
  const call = database.begin('readonly', ['tasks']);
  for (let time = 0; time < 10; time += 1) {
    const asked = database.opened(1_500).catch((error: TaskbasketError) => error.code);
    await world.advance(1_600);
    expect(await asked).toBe('no-database');
  }
  expect(openings.asked()).toBe(1);

  openings.letAll();
  const { db } = await call;
  expect([...openings.connections]).toEqual([db]);
  database.close();
});

test('a basket that is closed while its database opens leaves no alarm, and asks for no lock later', async () => {
  const { database, openings, world, asks } = connect();
  openings.hold();
  const call = database.begin('readonly', ['tasks']).catch((error: TaskbasketError) => error.code);
  await world.settle();
  database.close();
  expect(await call).toBe('closed');
  expect(world.alarms()).toBe(0);
  await world.advance(5_000);

  expect(asks).toEqual([]);
});

describe('a connection that is not used is closed, since it would block every upgrade:', () => {
  const ours = (tx: IDBTransaction): void => createStores(tx, defineTasks('any', {}));
  const other = (_: IDBTransaction, db: IDBDatabase): void => void db.createObjectStore('notes');

  test.each([
    ['the database is there, and its stores cannot be looked at', ours, undefined],
    ['the basket makes the database, whose stores cannot be looked at', undefined, undefined],
    ['the app makes the database, whose stores cannot be looked at', undefined, ours],
    ['the app makes the database without our stores', undefined, other],
    ['the database has none of our stores, and nobody opens it', other, undefined],
  ])('%s', async (_, there, made) => {
    const name = freshName();
    const open = made && (() => openRaw(name, 3, made));
    const tasks = defineTasks(name, { send: task<number>() }, { open });
    if (there !== undefined) (await openRaw(name, 1, there)).close();
    const world = createWorld();
    const { basket } = world.open(tasks);
    const begin = Object.getOwnPropertyDescriptor(IDBDatabase.prototype, 'transaction')?.value as () => IDBTransaction;
    let looks = 0;
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function begun(this: IDBDatabase, ...what) {
      looks += what.length === 1 ? 1 : 0;
      if (what.length === 1 && looks === 1) throw new DOMException('The connection was lost.', 'UnknownError');

      return begin.apply(this, what as unknown as []);
    });

    const added = await basket.add('send', 1).catch((error: TaskbasketError) => error.code);
    expect(added).toMatch(there === other || made === other ? /^stores-missing$/ : /^\w{18,}$/);
    let upgraded = false;
    void openRaw(name, 9).then(() => (upgraded = true));
    await world.settle();
    expect(upgraded).toBe(true);
  });

  test('health says so with no-database, as for any other failure of the database', async () => {
    const name = freshName();
    (await openRaw(name, 1, ours)).close();
    const { basket } = createWorld().open(defineTasks(name, { send: task<number>() }));
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new DOMException('The connection was lost.', 'UnknownError');
    });

    await expect(basket.health()).rejects.toMatchObject({ code: 'no-database' });
  });
});

test.each([
  ['total', 1],
  ['none', 0],
])('a browser says that it has made a new database, and that the loss of data was "%s"', async (dataLoss, lost) => {
  const world = createWorld();
  const { basket, context } = world.open(registryOf());
  const said: string[] = [];
  context.hub.hear(({ kind }) => said.push(kind));
  const open = indexedDB.open.bind(indexedDB);
  vi.spyOn(indexedDB, 'open').mockImplementation((...what) => {
    const request = open(...what);
    request.addEventListener('upgradeneeded', (event) => Object.assign(event, { dataLoss }));

    return request;
  });

  await basket.list();
  await world.settle();
  expect(said).toEqual(Array.from({ length: lost }, () => 'lost'));
});

test('a transaction leaves no listener on its connection', async () => {
  const { basket, context } = createWorld().open(registryOf());
  const id = await basket.add('send', 1);
  const { db } = await context.database.begin('readonly', ['tasks']);
  const [added, removed] = (['addEventListener', 'removeEventListener'] as const).map((name) => vi.spyOn(db, name));
  for (let time = 0; time < 10; time += 1) await basket.get(id);
  await basket.cancel(id);

  expect(added?.mock.calls.length).toBeGreaterThan(10);
  expect(removed?.mock.calls).toEqual(added?.mock.calls);
});
