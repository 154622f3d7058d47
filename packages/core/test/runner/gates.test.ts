import { afterEach, describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { GateRow } from '../../src/pure/gate.js';
import { session } from '../../src/pure/session.js';
import { ensureOk } from '../../src/pure/response.js';
import { PermanentFailure, Unavailable } from '../../src/pure/verdict.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const gates = { base: 10_000, cap: 80_000 };
const gateTasks = () =>
  defineTasks(freshName(), { send: task<number>({ gate: 'server' }), local: task<number>() }, { gates });
const nothing = (): void => undefined;
const away = (): never => {
  throw new Unavailable({ message: 'The server is away.' });
};

async function gateRow(tasks: ReturnType<typeof gateTasks>, name = 'server'): Promise<GateRow | undefined> {
  return (await contentsOf(tasks)).state.get(`gate:${name}`) as GateRow | undefined;
}

test('a destination that is away closes its gate for all that is bound there, is probed by one at a time, and delays nothing else', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const at: number[] = [];
  const began = world.wall();
  let local = 0;
  for (let number = 0; number < 20; number += 1) {
    await tab.basket.add('send', number);
    await tab.basket.add('local', number);
  }
  tab.run(
    {
      send() {
        at.push(world.wall() - began);
        away();
      },
      local: () => void (local += 1),
    },
    { concurrency: 4 },
  );
  await world.settle();
  expect(local).toBe(20);
  const together = at.length;
  expect(together).toBeLessThanOrEqual(4);

  await world.advance(600_000);
  const probes = at.slice(together);
  for (const [place, time] of probes.entries()) {
    const wait = time - (probes[place - 1] ?? 0);
    const ceiling = Math.min(gates.cap, gates.base * 3 ** place);
    expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
    expect(wait).toBeLessThanOrEqual(ceiling);
  }
  expect(probes.length).toBeGreaterThan(6);
  expect((await rowsOf(tasks)).every((row) => row.failures === 0)).toBe(true);
});

test('a hundred running attempts that lose the network are one failure: the step is raised once', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const lost = createGate();
  let started = 0;
  for (let number = 0; number < 100; number += 1) await tab.basket.add('send', number);
  tab.run(
    {
      async send() {
        started += 1;
        await lost.promise;
      },
      local: nothing,
    },
    { concurrency: 100 },
  );
  await world.settle();
  expect(started).toBe(100);
  lost.fail(new Unavailable());
  await world.settle();

  expect(await gateRow(tasks)).toMatchObject({ step: 1 });
  expect(started).toBe(100);
});

test('once a probe gets through, 1, 2, 4 … at once follow, and then the record is gone', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  for (let number = 0; number < 40; number += 1) await tab.basket.add('send', number);
  let back = false;
  const most: number[] = [];
  let running = 0;
  tab.run(
    {
      async send() {
        if (!back) away();
        running += 1;
        most.push(running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      },
      local: nothing,
    },
    { concurrency: 8 },
  );
  await world.settle();
  back = true;
  await world.advance(10_000);

  expect(await rowsOf(tasks)).toEqual([]);
  expect(await gateRow(tasks)).toBeUndefined();
  // The probe alone, then one, then up to two, and so on up to all slots.
  expect(most.slice(0, 2)).toEqual([1, 1]);
  expect(Math.max(...most.slice(2, 4))).toBe(2);
  expect(Math.max(...most.slice(4, 8))).toBeLessThanOrEqual(4);
  expect(Math.max(...most)).toBe(8);
});

test('a closed gate survives a reload: nothing is tried before its time', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const first = world.open(tasks);
  await first.basket.add('send', 1);
  first.run({ send: away, local: nothing });
  await world.advance(30_000);
  const closed = await gateRow(tasks);
  const left = (closed?.until ?? 0) - world.wall();
  expect(left).toBeGreaterThan(2);
  first.kill();

  const second = world.open(tasks);
  let tried = 0;
  second.run({ send: () => void (tried += 1), local: nothing });
  expect(await second.basket.list()).toMatchObject([
    { gate: { name: 'server', closedUntil: closed?.until, reason: 'The server is away.' } },
  ]);
  await world.advance(left - 1);
  expect(tried).toBe(0);
  await world.advance(1);
  expect(tried).toBe(1);
});

test('a gate of any name survives a reload, and is not taken for another whose name resembles it', async () => {
  const names = ['a', 'ab', 'a|b', 'a%7Cb', '%', '\uffff', '\uffff\uffff', 'a\uffff', ':', ';'];
  const tasks = defineTasks(freshName(), { send: task<string>({ gate: (name) => name }) }, { gates });
  const world = createWorld();
  const first = world.open(tasks);
  // Two of each, since one alone is not believed.
  for (const name of [...names, ...names]) await first.basket.add('send', name);
  const down = new Set(names.filter((_, place) => place % 2 === 0));
  const handlers = (sent: string[]) => ({
    send(name: string) {
      sent.push(name);
      if (down.has(name)) away();
    },
  });
  first.run(handlers([]), { concurrency: 20 });
  await world.settle();
  first.kill();

  const second = world.open(tasks);
  const sent: string[] = [];
  second.run(handlers(sent), { concurrency: 20 });
  for (const name of names) await second.basket.add('send', name);
  await world.settle();
  expect(sent.sort()).toEqual(names.filter((name) => !down.has(name)).sort());
  const views = await second.basket.list();
  expect(new Set(views.map(({ gate }) => gate.name))).toEqual(down);
});

test("a person's retry brings the probe forward, and nothing but one probe starts", async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const ids: string[] = [];
  for (let number = 0; number < 5; number += 1) ids.push(await tab.basket.add('send', number));
  const waiting = createGate();
  let tried = 0;
  let back = false;
  tab.run({
    async send() {
      tried += 1;
      if (!back) away();
      await waiting.promise;
    },
    local: nothing,
  });
  await world.advance(100_000);
  const before = tried;
  back = true;
  expect(await tab.basket.retry(ids[3] ?? '')).toBe(1);
  await world.settle();
  expect(tried).toBe(before + 1);

  waiting.open();
  await world.settle();
  expect(await rowsOf(tasks)).toEqual([]);
});

test("the server's word is a floor, with up to half of it added", async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const at: number[] = [];
  const began = world.wall();
  await tab.basket.add('send', 1);
  tab.run({
    send() {
      at.push(world.wall() - began);
      if (at.length === 1) throw new Unavailable({ retryAfter: 120_000, status: 429 });
      if (at.length === 2) throw new Unavailable({ retryAfter: new Date(world.wall() + 200_000) });
    },
    local: nothing,
  });
  await world.advance(900_000);

  expect(at).toHaveLength(3);
  const [, second = 0, third = 0] = at;
  expect(second).toBeGreaterThanOrEqual(120_000);
  expect(second).toBeLessThanOrEqual(180_000);
  expect(third - second).toBeGreaterThanOrEqual(200_000);
  expect(third - second).toBeLessThanOrEqual(300_000);
});

test('any answer opens a gate, also one that means that the task is dead or has failed', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  for (const number of [1, 2, 3]) await tab.basket.add('send', number);
  let down = true;
  const answered: number[] = [];
  tab.run({
    send(number) {
      if (down) away();
      answered.push(number);
      if (answered.length === 1) throw new PermanentFailure('no');
      if (answered.length === 2) throw new Error('broken');
    },
    local: nothing,
  });
  await world.settle();
  down = false;
  await world.advance(11_000);

  expect(answered.length).toBeGreaterThanOrEqual(3);
  expect((await gateRow(tasks))?.slow).toBeDefined();
});

test('a probe whose runner stops says nothing about its destination: the next one probes', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const first = world.open(tasks);
  await first.basket.add('send', 1);
  await first.basket.add('send', 2);
  const probing = createGate();
  let down = true;
  let probes = 0;
  const runner = first.run({
    async send(_, { signal }) {
      if (down) away();
      probes += 1;
      signal.addEventListener('abort', () => probing.fail(signal.reason));
      await probing.promise;
    },
    local: nothing,
  });
  await world.settle();
  down = false;
  await world.advance(20_000);
  expect(probes).toBe(1);
  runner.stop();
  await runner.done;
  expect(await gateRow(tasks)).toMatchObject({ step: 1 });
  expect((await gateRow(tasks))?.by).toHaveLength(2);

  const second = world.open(tasks);
  let done = 0;
  second.run({ send: () => void (done += 1), local: nothing });
  await world.settle();
  expect(done).toBe(2);
});

test('a gate is given by the type, its payload or the add; left out, it is the name of the type', async () => {
  const tasks = defineTasks(freshName(), {
    plain: task<string>(),
    named: task<string>({ gate: 'a' }),
    told: task<string>({ gate: (payload) => payload }),
  });
  const tab = createWorld().open(tasks);
  await tab.basket.add('plain', 'x');
  await tab.basket.add('named', 'x');
  await tab.basket.add('told', 'x');
  await tab.basket.add('told', 'x', { gate: 'y' });

  expect((await tab.basket.list()).map((view) => view.gate.name)).toEqual(['plain', 'a', 'x', 'y']);
});

test('a slow start that one attempt holds up is over when its record counts no more, and not a minute later', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  for (const number of [1, 2, 3]) await tab.basket.add('send', number);
  const answers = createGate();
  let down = true;
  const at: number[] = [];
  tab.run({
    async send() {
      if (down) away();
      at.push(world.wall());
      // The probe gets through; the next one takes its time.
      if (at.length === 2) await answers.promise;
    },
    local: nothing,
  });
  await world.settle();
  down = false;
  await world.advance(10_000);
  expect(at).toHaveLength(2);
  await world.advance(gates.cap - 20_000);
  expect(at).toHaveLength(2);

  await world.advance(20_000);
  expect(at).toHaveLength(3);
  const opened = at[0] ?? 0;
  expect((at[2] ?? 0) - opened).toBe(gates.cap + 1);
  answers.open();
});

test('scenario 24: a 400 makes its task dead at once, and the next one goes without any wait', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const at: number[] = [];
  tab.run(
    {
      send(number) {
        at.push(world.wall());
        ensureOk(new Response(null, { status: number === 1 ? 400 : 200 }));
      },
      local: nothing,
    },
    { concurrency: 1 },
  );
  await tab.basket.add('send', 1);
  await tab.basket.add('send', 2);
  await world.settle();

  expect(at).toEqual([world.wall(), world.wall()]);
  expect(await rowsOf(tasks)).toMatchObject([{ attempts: 1, failures: 0, dead: { reason: 'permanent' } }]);
  expect(await gateRow(tasks)).toBeUndefined();
});

test('scenario 25: an hour of 503 costs as many attempts as the cap allows, and all is still there afterwards', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  for (let number = 0; number < 20; number += 1) await tab.basket.add('send', number);
  let tries = 0;
  let down = true;
  tab.run({
    send() {
      tries += 1;
      if (down) ensureOk(new Response(null, { status: 503 }));
    },
    local: nothing,
  });
  await world.advance(60 * 60_000);
  // Six at once, the steps up to the cap, and then one each 40 to 80 s.
  expect(tries).toBeGreaterThan(45);
  expect(tries).toBeLessThan(6 + 4 + 3_600 / 40);
  expect((await rowsOf(tasks)).map(({ failures }) => failures)).toEqual(Array.from({ length: 20 }, () => 0));

  down = false;
  await world.advance(gates.cap);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 26: a week without network changes no failures, and costs a probe in a cap', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ gate: 'server', failureLimit: 1 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  for (const number of [1, 2, 3]) await tab.basket.add('send', number);
  let tries = 0;
  tab.run({
    send() {
      tries += 1;
      throw new TypeError('Failed to fetch');
    },
  });
  const hour = 60 * 60_000;
  for (let day = 0; day < 7; day += 1) {
    await world.advance(hour);
    world.jump(23 * hour); // The lid is closed.
  }
  await world.advance(hour);

  expect((await rowsOf(tasks)).map(({ failures, blames }) => failures + blames)).toEqual([0, 0, 0]);
  expect(tries).toBeLessThan(3 + 10 + 7 + (8 * hour) / 150_000);
  expect(tries).toBeGreaterThan((8 * hour) / 300_000);
});

test('the time that a server named is not forgotten when a person had the gate tried, that probe was cancelled, and nothing waits any more', async () => {
  const tasks = gateTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const hour = 3_600_000;
  const at: number[] = [];
  const began = world.wall();
  tab.run({
    async send(number, { signal }) {
      at.push(world.wall() - began);
      if (number < 3) throw new Unavailable({ retryAfter: hour });
      // Without an answer: the request is aborted with its task.
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
    },
    local: nothing,
  });
  const ids = [await tab.basket.add('send', 1), await tab.basket.add('send', 2)];
  await world.settle();
  const third = await tab.basket.add('send', 3);
  await tab.basket.cancel(ids[0] ?? '');
  await tab.basket.cancel(ids[1] ?? '');
  await tab.basket.retry(third);
  await world.settle();
  expect(at).toEqual([0, 0, 0]);
  await tab.basket.cancel(third);
  await world.advance(120_000);
  expect(await gateRow(tasks)).toMatchObject({ floor: began + hour });

  await world.advance(2 * hour);
  expect(await gateRow(tasks)).toBeUndefined();
});

test.each(['an upload that goes on for hours', 'a handler that never ends'])(
  'a probe that is %s does not keep the other tasks of its gate back for longer than the cap',
  async (what) => {
    const tasks = defineTasks(freshName(), {
      note: task<number>({ gate: 'server' }),
      video: task<string>({ gate: 'server', priority: 'low', timeout: 24 * 60 * 60_000 }),
    });
    const world = createWorld();
    const tab = world.open(tasks);
    let online = false;
    const sent: number[] = [];
    tab.run({
      note(number) {
        if (!online) throw new Unavailable();
        sent.push(number);
      },
      async video(_, { progress, signal }) {
        for (let part = 0; what.startsWith('an upload') && !signal.aborted; part += 1) {
          progress(part);
          await new Promise<void>((resolve) => world.alarm(30_000, resolve));
        }
        await new Promise(() => undefined);
      },
    });
    for (let number = 0; number < 5; number += 1) await tab.basket.add('note', number);
    await world.advance(60_000);
    await tab.basket.add('video', 'v');
    online = true;
    await world.advance(200_000);
    expect(sent).toEqual([]);

    // The cap is 5 minutes, and a runner looks at least once a minute.
    await world.advance(200_000);
    expect(new Set(sent)).toEqual(new Set([0, 1, 2, 3, 4]));
  },
);

/** Destinations that were away, and now take requests without an answer. Each task is for the one that it names. */
async function createHanging(names: string, concurrency: number) {
  const tasks = defineTasks(freshName(), {
    hanging: task<string>({ gate: (name) => name }),
    note: task<number>({ gate: 'healthy', priority: 'low' }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const sent: unknown[] = [];
  const healthy = new Set<string>();
  let isBack = false;
  for (let count = 0; count < 60; count += 1) {
    for (const name of names) await tab.basket.add('hanging', name);
  }
  tab.run(
    {
      async hanging(name, { signal }) {
        if (!isBack) throw new Unavailable();
        if (!healthy.has(name)) await new Promise((_, reject) => signal.addEventListener('abort', reject));
        sent.push(name);
      },
      note: (number) => void sent.push(number),
    },
    { concurrency },
  );
  await world.advance(60_000);
  isBack = true;
  await world.advance(20 * 60_000);
  expect(sent).toEqual([]);

  return { world, basket: tab.basket, sent, healthy };
}

test.each([
  ['a', 1],
  ['abcdef', 6],
] as const)(
  'destinations that were away and now hang (%s) do not take every slot of %i with their probes',
  async (names, concurrency) => {
    const { world, basket, sent } = await createHanging(names, concurrency);
    for (const number of [1, 2, 3]) await basket.add('note', number);
    await world.advance(5 * 60_000);

    expect(sent).toEqual([1, 2, 3]);
  },
);

test.each([
  ['ab', 1, 'is idle'],
  ['abc', 1, 'is idle'],
  ['abcd', 2, 'is idle'],
  ['abcd', 2, 'writes'],
  ['abcdefg', 6, 'is idle'],
] as const)(
  'gates probe in turns: of %s the last one is back, and is found with %i slots while a page %s',
  async (names, concurrency, does) => {
    const { world, basket, sent, healthy } = await createHanging(names, concurrency);
    const back = names.slice(-1);
    healthy.add(back);
    for (let count = 0; count < 30; count += 1) {
      await world.advance(20_000);
      if (does === 'writes') await basket.pause({ lane: `${count}` });
    }

    expect(new Set(sent)).toEqual(new Set([back]));
  },
);

test.each([
  ['with Retry-After', { retryAfter: 3_600_000 }, 'The network or the destination is away.'],
  ['with a status', { retryAfter: 3_600_000, status: 503 }, 'The server answered 503.'],
  ['of a redirect', { retryAfter: 3_600_000, status: 0 }, 'The network or the destination is away.'],
])(
  'what an error of one person says is shown to nobody else, and is gone after a purge: %s',
  async (_, options, says) => {
    const tasks = defineTasks(freshName(), { send: task<string>({ gate: 'server' }) }, { session: session() });
    const world = createWorld();
    const page = world.open(tasks);
    const heard: unknown[] = [];
    page.basket.on('gate', ({ reason }) => heard.push(reason));
    world.open(tasks).run({
      send(to) {
        const cause = Object.assign(new Error(`The letter to ${to} was not sent.`), options);
        throw new Unavailable({ ...options, cause });
      },
    });
    await page.basket.signIn('ann');
    const hers = await page.basket.add('send', 'Dr Secret');
    await world.advance(1_000);
    expect(await page.basket.get(hers)).toMatchObject({ lastError: { message: expect.stringContaining('Dr Secret') } });
    await page.basket.signIn('ben');
    const id = await page.basket.add('send', 'Mum', { runAt: world.wall() + 60_000 });
    const health = page.basket.health();
    await world.advance(2_000);
    const shown = [heard, await health, await page.basket.explain(id), await page.basket.list()];

    expect(JSON.stringify(shown)).not.toContain('Secret');
    expect(await page.basket.explain(id)).toContainEqual(expect.objectContaining({ reason: 'gate', message: says }));
    await page.basket.purge('ann');
    const { state } = await contentsOf(tasks);
    expect(JSON.stringify(state.get('gate:server'))).not.toContain('Secret');
  },
);

describe('where each reading of rows takes 60 ms,', () => {
  const getAll = Reflect.get<IDBIndex, 'getAll'>(IDBIndex.prototype, 'getAll');
  afterEach(() => {
    IDBIndex.prototype.getAll = getAll;
  });

  test('a task that waits for its own doubted gate keeps no task of another gate waiting', async () => {
    const tasks = gateTasks();
    const world = createWorld();
    const { basket, context, run } = world.open(tasks);
    let late = 0;
    await basket.add('send', 0);
    run({ send: away, local: () => void (late = Math.max(late, world.wall())) });
    await world.settle();

    let spent = 0;
    const { clock } = context.ports;
    const monotonic = clock.monotonic.bind(clock);
    Object.assign(clock, { monotonic: () => monotonic() + spent });
    IDBIndex.prototype.getAll = function slowly(this: IDBIndex, ...range) {
      spent += 60;
      world.jump(60);

      return getAll.apply(this, range);
    };
    const began = world.wall();
    await basket.addMany([1, 2, 3].map((number) => ['local', number] as const));
    await world.advance(1_000);

    expect(await basket.count({ type: 'local' })).toMatchObject({ count: 0 });
    expect(late - began).toBeLessThan(5_000);
  });
});
