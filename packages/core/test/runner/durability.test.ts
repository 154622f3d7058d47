import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { createStores } from '../../src/store/setup.js';
import { contentsOf, endOf, freshName, openRaw, rowsOf, runnerOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const sendTasks = () => defineTasks(freshName(), { send: task<number>({ lane: 'all' }), other: task<number>() });
const nothing = (): void => undefined;

test('scenario 1: what was added when everything was ended runs after it was opened again', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const first = world.open(tasks);
  const id = await first.basket.add('send', 7);
  first.kill();

  const ran: unknown[] = [];
  const second = world.open(tasks);
  second.run({ send: (payload, attempt) => void ran.push([payload, attempt.id, attempt.number]), other: nothing });
  await world.settle();

  expect(ran).toEqual([[7, id, 1]]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 2: ended while its handler waits for the network, a task runs again as attempt 2, recovered, under the same idempotency key', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const seen: { number: number; recovered: boolean; key: string }[] = [];
  const answered = createGate();
  const send = async (_: number, attempt: { number: number; recovered: boolean; idempotencyKey: string }) => {
    seen.push({ number: attempt.number, recovered: attempt.recovered, key: attempt.idempotencyKey });
    if (attempt.number === 1) await answered.promise;
  };

  const first = world.open(tasks);
  first.run({ send, other: nothing });
  const id = await first.basket.add('send', 7);
  await world.settle();
  expect(seen).toEqual([{ number: 1, recovered: false, key: id }]);
  first.kill();

  world.open(tasks).run({ send, other: nothing });
  await world.settle();

  expect(seen[1]).toEqual({ number: 2, recovered: true, key: id });
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 3: the server has answered, the browser dies before the delete commits: sent once more with the same key, one effect', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const requests: string[] = [];
  const effects = new Set<string>();
  const send = (_: number, attempt: { idempotencyKey: string }): void => {
    requests.push(attempt.idempotencyKey);
    effects.add(attempt.idempotencyKey);
  };

  const first = world.open(tasks);
  first.run({ send, other: nothing });
  first.at('turn:requests', (transaction) => {
    if (requests.length === 0) return;
    transaction?.abort();
    first.kill();
  });
  const id = await first.basket.add('send', 7);
  await world.settle();
  expect(requests).toEqual([id]);
  expect(await rowsOf(tasks)).toHaveLength(1);

  world.open(tasks).run({ send, other: nothing });
  await world.settle();

  expect(requests).toEqual([id, id]);
  expect([...effects]).toEqual([id]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 4: the delete fails three times and then works: the handler has run once, and the end is seen only after the delete', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  let ran = 0;
  let failed = 0;
  tab.run({ send: () => void (ran += 1), other: nothing });
  tab.at('turn:requests', (transaction) => {
    if (ran === 0 || failed === 3) return;
    failed += 1;
    transaction?.abort();
  });
  await tab.basket.add('send', 7);
  await world.settle();
  expect(await tab.basket.list()).toHaveLength(1);

  await world.advance(60_000);

  expect({ ran, failed }).toEqual({ ran: 1, failed: 3 });
  expect(await tab.basket.list()).toEqual([]);
});

test('scenario 4: the delete fails for longer than the timeout of the task: the handler has run once, and its success stands', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ timeout: 20_000 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  let ran = 0;
  let aborted = false;
  let fails = true;
  tab.run({
    send(_, { signal }) {
      ran += 1;
      signal.addEventListener('abort', () => (aborted = true));
    },
  });
  tab.at('turn:requests', (transaction) => void (ran > 0 && fails && transaction?.abort()));
  const id = await tab.basket.add('send', 7);
  await world.advance(120_000);
  expect(await tab.basket.list()).toHaveLength(1);

  fails = false;
  await world.advance(60_000);
  expect(await tab.basket.settled(id)).toEqual({ state: 'done', result: undefined });
  expect({ ran, aborted }).toEqual({ ran: 1, aborted: false });
});

test('scenario 5: the transaction of an add aborts: it rejects, there is no row, and nobody is told', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const other = world.open(tasks);
  const heard: unknown[] = [];
  other.context.hub.hear((message) => heard.push(message));
  await tab.basket.list();
  tab.at('add:requests', (transaction) => transaction?.abort());

  await expect(tab.basket.add('send', 7)).rejects.toMatchObject({ code: 'not-stored' });
  await world.settle();

  expect(await other.basket.list()).toEqual([]);
  expect(heard).toEqual([]);
});

describe('scenario 6', () => {
  const appTasks = () => {
    const name = freshName();
    const openApp = () =>
      openRaw(name, 1, (tx, db) => {
        db.createObjectStore('notes');
        createStores(tx, tasks);
      });
    const tasks = defineTasks(name, { send: task<number>() }, { open: openApp });

    return { tasks, openApp };
  };

  test('scenario 6: addTx in a transaction that aborts leaves neither the note nor the task', async () => {
    const { tasks, openApp } = appTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const ran: number[] = [];
    tab.run({ send: (payload) => void ran.push(payload) });
    const db = await openApp();
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    tx.objectStore('notes').put('text', 1);
    tab.basket.addTx(tx, 'send', 1);
    const end = endOf(tx);
    tx.abort();

    expect(await end).toBe('abort');
    await world.advance(120_000);
    expect(ran).toEqual([]);
    expect(await rowsOf(tasks)).toEqual([]);
    expect(await keysOf(db)).toEqual([]);
  });

  test('scenario 6: addTx in a transaction that commits leaves both, and others are told after the commit only', async () => {
    const { tasks, openApp } = appTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const told: string[] = [];
    const db = await openApp();
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    tx.addEventListener('complete', () => told.push('complete'));
    tab.context.hub.hear((message) => told.push(message.kind));
    tx.objectStore('notes').put('text', 1);
    const id = tab.basket.addTx(tx, 'send', 1);

    expect(await endOf(tx)).toBe('complete');
    await world.settle();
    expect(told).toEqual(['complete', 'look']);
    expect(await rowsOf(tasks)).toMatchObject([{ id, payload: 1 }]);
    expect(await keysOf(db)).toEqual([1]);
  });
});

test('scenario 7: two tasks added in one transaction stand next to each other and keep their order', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  const ids = [tab.basket.addTx(tx, 'send', 1), tab.basket.addTx(tx, 'send', 2)];
  await endOf(tx);

  const views = await tab.basket.list();
  expect(views.map((view) => view.id)).toEqual(ids);
  expect(views.map((view) => view.seq)).toEqual([1, 2]);

  const ran: number[] = [];
  tab.run({ send: (payload) => void ran.push(payload), other: nothing });
  await world.settle();
  expect(ran).toEqual([1, 2]);
});

test('scenario 8: what is added while others run needs no further trigger', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const page = world.open(tasks);
  const ran: number[] = [];
  tab.run({
    async send(payload) {
      ran.push(payload);
      if (payload === 1) await page.basket.add('send', 2);
    },
    other: nothing,
  });
  await tab.basket.add('send', 1);
  await world.settle();

  expect(ran).toEqual([1, 2]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 8: a message that says "look again" is lost: it costs a minute at most, never the task', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const ran: number[] = [];
  world.open(tasks).run({ send: (payload) => void ran.push(payload), other: nothing });
  await world.settle();
  world.loseMessages();
  await world.open(tasks).basket.add('send', 1);
  await world.settle();
  expect(ran).toEqual([]);

  await world.advance(60_000);
  expect(ran).toEqual([1]);
});

test('scenario 9: what says "online" or "look again" while the start-up has not read the rows yet makes nothing run twice', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const page = world.open(tasks);
  const ids: string[] = [];
  for (let count = 0; count < 20; count += 1)
    ids.push(await page.basket.add(count % 2 === 0 ? 'send' : 'other', count));

  const ran: string[] = [];
  const tab = world.open(tasks);
  let asked = 0;
  const lookAgain = (): void => {
    asked += 1;
    tab.context.hub.say({ kind: 'look' });
    tab.context.hub.say({ kind: 'wake', visible: true });
    if (ids[0] !== undefined) void page.basket.retry(ids[0]);
  };
  tab.at('takeover:before', lookAgain);
  tab.at('takeover:complete', lookAgain);
  const handler = (_: number, attempt: { id: string }): void => void ran.push(attempt.id);
  tab.run({ send: handler, other: handler });
  lookAgain();
  await world.settle();

  expect(asked).toBe(3);
  expect([...ran].sort()).toEqual([...ids].sort());
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 10: ten reloads while the destination is away change neither the number of rows nor any count of failures', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  await world.open(tasks).basket.add('send', 1);
  await world.open(tasks).basket.add('other', 2);
  const away = (): never => {
    throw new Unavailable();
  };
  for (let reload = 0; reload < 10; reload += 1) {
    const tab = world.open(tasks);
    tab.run({ send: away, other: away });
    await world.advance(2_000);
    tab.kill();
  }

  const rows = await rowsOf(tasks);
  expect(rows.map(({ payload, failures, dead }) => ({ payload, failures, dead }))).toEqual([
    { payload: 1, failures: 0, dead: undefined },
    { payload: 2, failures: 0, dead: undefined },
  ]);
});

test('a handler starts only when its claim is durable: not if the transaction that claimed it aborts', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', 1);
  let ran = 0;
  let aborted = 0;
  const claims: unknown[] = [];
  tab.run({
    async send() {
      ran += 1;
      claims.push((await runnerOf(tasks)).running.map((claim) => claim.seq));
    },
    other: nothing,
  });
  tab.at('turn:requests', (transaction) => {
    if (aborted === 3) return;
    aborted += 1;
    transaction?.abort();
  });
  await world.settle();
  expect({ ran, aborted }).toEqual({ ran: 0, aborted: 1 });

  await world.advance(60_000);
  expect({ ran, aborted }).toEqual({ ran: 1, aborted: 3 });
  expect(claims).toEqual([[1]]);
});

test('an add resolves only when its transaction has completed, and not when its requests have succeeded', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const order: string[] = [];
  tab.at('add:requests', (transaction) => {
    transaction?.addEventListener('complete', () => order.push('complete'));
  });
  await tab.basket.add('send', 1);
  order.push('resolved');

  expect(order).toEqual(['complete', 'resolved']);
});

test('scenario 35: what a finished attempt leaves lies in no store: row, payload kept apart and outcome of a plain success', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>(), ask: task<string, string>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', 'x'.repeat(20_000));
  const asked = await tab.basket.add('ask', 'x'.repeat(20_000));
  expect((await contentsOf(tasks)).payloads.size).toBe(2);
  tab.run({ send: nothing, ask: () => 'the answer' });
  await world.settle();

  const { tasks: rows, payloads, outcomes } = await contentsOf(tasks);
  expect([rows.length, payloads.size]).toEqual([0, 0]);
  expect(outcomes).toMatchObject([{ id: asked, state: 'done', result: 'the answer' }]);
});

function keysOf(db: IDBDatabase): Promise<readonly IDBValidKey[]> {
  return new Promise((resolve) => {
    const request = db.transaction('notes').objectStore('notes').getAllKeys();
    request.addEventListener('success', () => resolve(request.result));
  });
}
