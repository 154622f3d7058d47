import { runInNewContext } from 'node:vm';

import { afterEach, describe, expect, test, vi } from 'vitest';

import type { AddOptions } from '../../src/basket/adding/prepare.js';
import type { Codec } from '../../src/pure/codec.js';
import { json } from '../../src/pure/codec.js';
import type { TaskbasketError } from '../../src/pure/errors.js';
import type { TaskOptions } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, endOf, freshName, openRaw, rowsOf } from '../support/database.js';
import type { Tab } from '../support/world.js';
import { createWorld } from '../support/world.js';
import { failureOf, note, notesApp } from './app.js';

const define = (options: TaskOptions<unknown> = {}) => defineTasks(freshName(), { send: task<unknown>(options) });
type Tasks = ReturnType<typeof define>;

/** A basket whose database is there. */
async function opened(options?: TaskOptions<unknown>) {
  const tasks = define(options);
  const world = createWorld();
  const { basket } = world.open(tasks);
  await basket.list();

  return { tasks, world, basket };
}

afterEach(() => void vi.restoreAllMocks());

async function stored(tasks: Tasks): Promise<readonly [rows: number, payloads: number]> {
  const { tasks: rows, payloads } = await contentsOf(tasks);

  return [rows.length, payloads.size];
}

describe('the payload', () => {
  test('lies in the row if it is small, and comes back as it was', async () => {
    const { tasks, basket } = await opened();
    const payload = {
      text: 'Buy bread',
      at: new Date(5),
      tags: new Set(['a']),
      bytes: new Uint8Array([1, 2]),
      no: null,
    };
    const id = await basket.add('send', payload);

    const { tasks: rows, payloads } = await contentsOf(tasks);
    expect(rows).toMatchObject([{ payload }]);
    expect(rows[0]).not.toHaveProperty('ref');
    expect(payloads.size).toBe(0);
    expect(await basket.get(id)).toMatchObject({ payload, unreadable: false });
  });

  test.each([
    ['a large text', 'x'.repeat(20_000)],
    ['many bytes', new Uint8Array(40_000).fill(7)],
    ['a Blob, however small', new Blob(['x'])],
    ['an object with a Blob in it', { photo: new Blob(['x']) }],
  ])('lies apart if it is %s, under its own key', async (_, payload) => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', payload);

    const { tasks: rows, payloads, bodies } = await contentsOf(tasks);
    // The key of a heavy one begins with its owner, who is nobody, and is written once.
    const light = typeof payload === 'string' || payload instanceof Uint8Array;
    expect(rows).toMatchObject([{ id }]);
    expect(rows[0]?.ref).toMatch(light ? new RegExp(`^${id}$`) : new RegExp(`^\\|${id}\\|\\w{18}$`));
    expect(rows[0]).not.toHaveProperty('payload');
    expect([...payloads.keys(), ...bodies.keys()]).toEqual([rows[0]?.ref]);
    expect(bodies.size).toBe(light ? 0 : 1);
    expect((await basket.get(id))?.payload).toEqual(payload);
  });

  test('may be nothing at all: its row has no field for it, and the task is readable', async () => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', undefined);

    const { tasks: rows, payloads } = await contentsOf(tasks);
    expect(rows[0]).not.toHaveProperty('payload');
    expect(rows[0]).not.toHaveProperty('ref');
    expect(payloads.size).toBe(0);
    expect(await basket.get(id)).toMatchObject({ payload: undefined, unreadable: false });
  });

  test.each([0, '', false, null])('may be %o', async (payload) => {
    const { basket } = await opened();
    const id = await basket.add('send', payload);

    expect((await basket.get(id))?.payload).toBe(payload);
  });

  test('is what it was at the call: a change on the next line is not stored', async () => {
    const { basket } = await opened({ codec: json<unknown>() });
    const payload = { text: 'before' };
    const adding = basket.add('send', payload);
    payload.text = 'after';

    expect((await basket.get(await adding))?.payload).toEqual({ text: 'before' });
  });
});

describe('a payload that cannot be stored', () => {
  const stumble = (): never => {
    throw new Error('This getter stumbles.');
  };
  const payloads: readonly (readonly [string, unknown])[] = [
    ['a function', () => 1],
    ['a small object with a function in it', { text: 'x', f: () => 1 }],
    ['a large object with a function in it', { text: 'x'.repeat(20_000), f: () => 1 }],
    ['a symbol', Symbol('x')],
    [
      'a getter that throws',
      {
        get text() {
          return stumble();
        },
      },
    ],
    [
      'a large object with a getter that throws',
      {
        big: 'x'.repeat(20_000),
        get text() {
          return stumble();
        },
      },
    ],
    ['an object that throws whatever it is asked', new Proxy({}, { get: stumble, has: stumble, ownKeys: stumble })],
    ['a stream (scenario 37)', new ReadableStream()],
    ['a promise that somebody forgot to await', Promise.resolve({ text: 'x' })],
    // oxlint-disable-next-line unicorn/no-thenable -- it is what is refused
    ['what looks like a promise, and never ends', Object.fromEntries([['then', () => undefined]])],
  ];

  test.each(payloads)('is %s: add rejects, names the type, and nothing is stored', async (_, payload) => {
    const { tasks, basket } = await opened();

    const failure = await failureOf(basket.add('send', payload));
    expect(failure.code).toBe('payload');
    expect(failure.message).toMatch(/"send".*plain data/);
    expect(failure.cause).toBeInstanceOf(Error);
    expect(await stored(tasks)).toEqual([0, 0]);
  });

  test.each(payloads)('is %s: addTx throws, and the transaction goes on without the task', async (_, payload) => {
    const { tasks, basket } = await opened();
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const end = endOf(tx);

    expect(await failureOf(() => basket.addTx(tx, 'send', payload))).toMatchObject({ code: 'payload' });
    basket.addTx(tx, 'send', 'good');
    expect(await end).toBe('complete');
    expect(await stored(tasks)).toEqual([1, 0]);
    db.close();
  });

  test.each(payloads)('is %s: addMany, prepare and update refuse it as well', async (_, payload) => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', 'good');
    const ways = [basket.addMany([['send', payload]]), basket.prepare('send', payload), basket.update(id, payload)];

    for (const way of ways) expect(await failureOf(way)).toMatchObject({ code: 'payload' });
    expect((await contentsOf(tasks)).tasks).toMatchObject([{ payload: 'good' }]);
  });

  test('is a proxy of plain data, as of a reactive framework: every way takes it as it is at the call', async () => {
    const { tasks, basket } = await opened();
    const text = { text: 'first', tags: ['a'] };
    const proxy = new Proxy(text, {});
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const end = endOf(tx);
    basket.addTx(tx, 'send', proxy);
    const edited = await basket.add('send', 'new');
    const ways = [basket.add('send', proxy), basket.addMany([['send', proxy]]), basket.update(edited, proxy)];
    text.text = 'second';
    text.tags.push('b');
    await Promise.all(ways);
    expect(await end).toBe('complete');
    db.close();

    const kept = (await basket.list()).map(({ payload }) => payload);
    expect(kept).toEqual(Array.from({ length: 4 }, () => ({ text: 'first', tags: ['a'] })));
  });

  test('rejects one add, and leaves those at the same time alone', async () => {
    const { tasks, basket } = await opened();
    const ends = await Promise.allSettled([1, () => 1, 3].map((payload) => basket.add('send', payload)));

    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await stored(tasks)).toEqual([2, 0]);
  });
});

describe('a codec', () => {
  const later: Codec<unknown> = {
    encode: async (payload) => Promise.resolve({ wrapped: payload }),
    decode: async (found) => Promise.resolve((found as { readonly wrapped: unknown }).wrapped),
  };

  test('may be asynchronous with add', async () => {
    const { tasks, basket } = await opened({ codec: later });
    const id = await basket.add('send', 'secret');

    expect((await contentsOf(tasks)).tasks).toMatchObject([{ payload: { wrapped: 'secret' } }]);
    expect((await basket.get(id))?.payload).toBe('secret');
  });

  test('that never ends is given up after two minutes: its lane goes on, and so do later edits of its task', async () => {
    const codec = {
      encode: (text: string) => (text === 'hangs' ? new Promise<string>(() => undefined) : Promise.resolve(text)),
      decode: (text: string) => text,
    };
    const tasks = defineTasks(freshName(), { send: task<string>({ codec, lane: 'a' }) });
    const world = createWorld();
    const { basket } = world.open(tasks);
    const id = await basket.add('send', 'first');
    const failing = [basket.add('send', 'hangs'), basket.prepare('send', 'hangs'), basket.update(id, 'hangs')];
    const failures = Promise.all(failing.map((one) => failureOf(one)));
    const waiting = [basket.add('send', 'behind it'), basket.update(id, 'edited')];
    await world.advance(119_000);
    expect((await rowsOf(tasks)).map((row) => row.payload)).toEqual(['first']);
    await world.advance(1_000);

    for (const failure of await failures) {
      expect(failure).toMatchObject({ code: 'payload', message: expect.stringMatching(/two minutes/) as string });
    }
    await Promise.all(waiting);
    expect((await rowsOf(tasks)).map((row) => row.payload)).toEqual(['edited', 'behind it']);
    expect(world.alarms()).toBe(0);
  });

  test('that is asynchronous is refused by addTx, which says to use prepare', async () => {
    const { tasks, basket } = await opened({ codec: later });
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const end = endOf(tx);

    expect(await failureOf(() => basket.addTx(tx, 'send', 'secret'))).toMatchObject({
      code: 'payload',
      message: expect.stringMatching(/"send" is asynchronous.*Await prepare first/) as string,
    });
    expect(await end).toBe('complete');
    expect(await stored(tasks)).toEqual([0, 0]);
    db.close();
  });

  test.each<[string, Codec<unknown>['encode']]>([
    [
      'throws',
      () => {
        throw new Error('no key');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no key'))],
  ])('that %s: add rejects with its error as the cause, and nothing is stored', async (_, encode) => {
    const { tasks, basket } = await opened({ codec: { ...later, encode } });

    const failure = await failureOf(basket.add('send', 'secret'));
    expect(failure).toMatchObject({ code: 'payload', cause: { message: 'no key' } });
    expect(failure.message).toMatch(/"send".*no key/);
    expect(await stored(tasks)).toEqual([0, 0]);
  });

  test('that throws: addTx throws with its error as the cause, and the transaction goes on without the task', async () => {
    const { tasks, basket } = await opened({ codec: json<unknown>() });
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const end = endOf(tx);

    const failure = await failureOf(() => basket.addTx(tx, 'send', { big: 1n }));
    expect(failure.code).toBe('payload');
    expect(failure.cause).toBeInstanceOf(TypeError);
    expect(await end).toBe('complete');
    expect(await stored(tasks)).toEqual([0, 0]);
    db.close();
  });

  test('that cannot read a stored payload: the task is kept, and shown as unreadable', async () => {
    const decode = (): never => {
      throw new Error('not mine');
    };
    const { basket } = await opened({ codec: { encode: (payload) => payload, decode } });
    const id = await basket.add('send', 'x');

    expect(await basket.get(id)).toMatchObject({ id, payload: undefined, unreadable: true, state: 'queued' });
    expect(await basket.list()).toHaveLength(1);
  });
});

describe('what is wrong with an add is said in one error, and nothing is stored', () => {
  test.each<[string, AddOptions, TaskbasketError['code'], RegExp]>([
    ['runAt is not a number', { runAt: Number.NaN }, 'option', /runAt/],
    ['runAt is no date', { runAt: new Date('never') }, 'option', /runAt/],
    ['runAt has no end', { runAt: Number.POSITIVE_INFINITY }, 'option', /runAt/],
    ['timeout is 0', { timeout: 0 }, 'option', /timeout.*it is the number 0/],
    ['timeout is negative', { timeout: -1 }, 'option', /timeout.*it is the number -1/],
    ['timeout is not a number', { timeout: Number.NaN }, 'option', /timeout.*it is the number NaN/],
    ['timeout is longer than a timer holds', { timeout: 2 ** 31 }, 'option', /timeout.*2147483648/],
    ['priority is unknown', { priority: 'urgent' as 'high' }, 'option', /priority.*"urgent"/i],
    ['onDead is unknown', { onDead: 'stop' as 'skip' }, 'option', /onDead.*"stop"/],
    ['durability is unknown', { durability: 'weak' as 'relaxed' }, 'option', /durability.*"weak"/],
  ])('%s', async (_, options, code, message) => {
    const { tasks, basket } = await opened();

    for (const payload of ['small', 'x'.repeat(20_000)]) {
      const failure = await failureOf(basket.add('send', payload, options));
      expect(failure.code).toBe(code);
      expect(failure.message).toMatch(message);
    }
    expect(await stored(tasks)).toEqual([0, 0]);
  });

  test.each<[string, TaskOptions<unknown>, TaskbasketError['code'], RegExp]>([
    [
      'its lane throws',
      { lane: (payload) => (payload as { a: { b: string } }).a.b },
      'payload',
      /^The lane function of "send" threw: .*'b'/,
    ],
    [
      'its gate throws',
      { gate: (payload) => (payload as { a: { b: string } }).a.b },
      'payload',
      /^The gate function of "send" threw: .*'b'/,
    ],
  ])('%s', async (_, options, code, message) => {
    const { tasks, basket } = await opened(options);

    const failure = await failureOf(basket.add('send', {}));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(message);
    expect(await stored(tasks)).toEqual([0, 0]);
  });

  test.each(['saved', 'toString', '__proto__', 'constructor'])('there is no type "%s"', async (name) => {
    const { tasks, basket } = await opened();

    const failure = await failureOf(basket.add(name as 'send', 1));
    expect(failure.code).toBe('unknown-type');
    expect(failure.message).toContain(`"${name}"`);
    expect(failure.message).toContain('It has: send');
    expect(await stored(tasks)).toEqual([0, 0]);
  });
});

describe.each(['lane', 'gate'] as const)('a %s', (what) => {
  const strange: readonly [value: unknown, came: string][] = [
    [null, 'null'],
    [7, 'the number 7'],
    [Number.NaN, 'the number NaN'],
    [true, 'true'],
    ['', '""'],
    [Promise.resolve('a'), '[object Promise]'],
  ];
  const sentence = (came: string): string =>
    `The ${what} of "send" must be a string with at least one character, or undefined for none, but it is ${came}.`;

  test.each(strange)(
    'that its function makes %o is refused by each call, and nothing is stored',
    async (value, came) => {
      let made: unknown;
      const { tasks, world, basket } = await opened({ [what]: () => made });
      const id = await basket.add('send', 'old');
      const db = await openRaw(tasks.name);
      const tx = db.transaction([...tasks.stores], 'readwrite');
      made = value;

      expect(() => basket.addTx(tx, 'send', 'new')).toThrow(sentence(came));
      db.close();
      const calls = [
        basket.add('send', 'new'),
        basket.addMany([['send', 'new']]),
        basket.prepare('send', 'new'),
        basket.update(id, 'new'),
      ];
      for (const call of calls)
        expect(await failureOf(call)).toMatchObject({ code: 'option', message: sentence(came) });
      await world.settle();
      expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual(['old']);
    },
  );

  test.each(strange)('that an add names %o is refused', async (value, came) => {
    const { tasks, basket } = await opened();

    const failure = await failureOf(basket.add('send', 'new', { [what]: value }));
    expect(failure).toMatchObject({ code: 'option', message: sentence(came) });
    expect(await stored(tasks)).toEqual([0, 0]);
  });

  test('is none if its function returns undefined, and if the add names undefined it is as the type says', async () => {
    const { tasks, basket } = await opened({ [what]: (payload: unknown) => (payload === 'none' ? undefined : 'some') });
    await basket.addMany([
      ['send', 'none'],
      ['send', 'other', { [what]: undefined }],
    ]);

    const none = what === 'lane' ? undefined : 'send';
    expect((await rowsOf(tasks)).map((row) => row[what])).toEqual([none, 'some']);
  });
});

test('a runAt between two milliseconds is the later one, wherever it is shown', async () => {
  const { basket } = await opened();
  const id = await basket.add('send', 1, { runAt: 1_800_000_000_000.2 });

  expect(await basket.get(id)).toMatchObject({ dueAt: 1_800_000_000_001 });
  expect(await basket.explain(id)).toContainEqual({ reason: 'date', until: 1_800_000_000_001 });
});

test('a date of another frame is a date for runAt, and what only looks like one is not', async () => {
  const { tasks, basket } = await opened();
  await basket.add('send', 1, { runAt: runInNewContext('new Date(90_000_000_000_000)') as Date });
  const failure = await failureOf(basket.add('send', 2, { runAt: { getTime: () => 5 } as Date }));

  expect(failure.code).toBe('option');
  expect((await rowsOf(tasks)).map(({ runAt }) => runAt)).toEqual([90_000_000_000_000]);
});

describe('where a task goes', () => {
  test('is as its type says, from the payload', async () => {
    const tasks = notesApp(freshName(), { lane: ({ id }) => id, gate: ({ text }) => text });
    const id = await createWorld().open(tasks).basket.add('saveNote', note);

    expect((await contentsOf(tasks)).tasks).toMatchObject([
      { lane: 'n1', gate: 'Buy bread', ready: 'F|saveNote|1|Buy bread|1', marks: [`I${id}`, 'L|n1'] },
    ]);
  });

  test('is as its add says, whatever its type says', async () => {
    const tasks = notesApp(freshName(), { lane: ({ id }) => id, gate: ({ text }) => text });
    const { basket } = createWorld().open(tasks);
    const runAt = new Date(1_800_000_000_000);
    const id = await basket.add('saveNote', note, {
      lane: 'mine',
      gate: 'api',
      priority: 'high',
      timeout: 5_000,
      onDead: 'skip',
      runAt,
    });

    expect((await contentsOf(tasks)).tasks).toMatchObject([
      { lane: 'mine', gate: 'api', priority: 0, timeout: 5_000, onDead: 'skip', runAt: runAt.getTime() },
    ]);
    expect(await basket.get(id)).toMatchObject({
      lane: 'mine',
      gate: { name: 'api' },
      priority: 'high',
      dueAt: runAt.getTime(),
    });
  });

  test('is no lane, the gate of its type’s name and the middle priority, if nobody says', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', 1);

    expect(await basket.get(id)).toMatchObject({ lane: undefined, gate: { name: 'send' }, priority: 'normal' });
  });
});

describe('durability', () => {
  async function durabilities(adding: (tab: Tab<Tasks>) => Promise<unknown>): Promise<readonly unknown[]> {
    const tab = createWorld().open(define());
    await tab.basket.list();
    const spied = vi.spyOn(IDBDatabase.prototype, 'transaction');
    await adding(tab);

    return spied.mock.calls
      .filter(([, mode]) => mode === 'readwrite')
      .map(([, , options]) => (options as IDBTransactionOptions).durability);
  }

  test('is asked to be strict by an add that says nothing', async () => {
    expect(await durabilities(({ basket }) => basket.add('send', 1))).toEqual(['strict']);
  });

  test('is as the add says', async () => {
    expect(
      await durabilities(async ({ basket }) => {
        await basket.add('send', 1, { durability: 'relaxed' });
        await basket.add('send', 1, { durability: 'strict' });
      }),
    ).toEqual(['relaxed', 'strict']);
  });

  test('of a command is strict', async () => {
    expect(
      await durabilities(async ({ basket }) => {
        const id = await basket.add('send', 1, { durability: 'relaxed' });
        await basket.retry(id);
        await basket.cancel(id);
      }),
    ).toEqual(['relaxed', 'strict', 'strict']);
  });
});

test('ids are unique over tabs, and the order is that in which the tasks were stored', async () => {
  const tasks = define();
  const world = createWorld();
  const [one, other] = [world.open(tasks), world.open(tasks)];
  const ids: string[] = [];
  for (let number = 1; number <= 40; number += 1) {
    ids.push(await (number % 3 === 0 ? one : other).basket.add('send', number));
  }

  expect(new Set(ids).size).toBe(40);
  const views = await one.basket.list();
  expect(views.map(({ id }) => id)).toEqual(ids);
  expect(views.map(({ payload }) => payload)).toEqual(Array.from({ length: 40 }, (_, place) => place + 1));
  expect(views.map(({ seq }) => seq)).toEqual(views.map(({ seq }) => seq).sort((a, b) => a - b));
});

test('an add whose write the browser refuses rejects with not-stored and what it said, and there is no task', async () => {
  const { tasks, basket } = await opened();
  // The last number that the database can give.
  await byHand(tasks, (stores) => stores.tasks.put({ seq: 2 ** 53, id: 'last', ready: 'Z', marks: [] }));

  const failure = await failureOf(basket.add('send', 'x'.repeat(20_000)));
  expect(failure).toMatchObject({ code: 'not-stored', cause: { name: 'ConstraintError' } });
  expect(failure.message).toContain('"send"');
  expect(await stored(tasks)).toEqual([1, 0]);
});
