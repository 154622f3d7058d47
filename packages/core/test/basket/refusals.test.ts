import { describe, expect, test } from 'vitest';

import { contextOf } from '../../src/basket/basket.js';
import { serveBasket } from '../../src/host/serve.js';
import { openBasket } from '../../src/host/open.js';
import type { TaskbasketError } from '../../src/pure/errors.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { runBasket } from '../../src/runner/run-basket.js';
import { createStores, dexieStores } from '../../src/store/setup.js';
import { contentsOf, freshName, openRaw } from '../support/database.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

// From code without types anything may come.
// oxlint-disable-next-line typescript/no-explicit-any -- what no type lets through is what is tried here
type Anything = any;

/** One sentence, or two: what is wrong, and what to do. */
const sentences = /^[A-Za-z"`].*[.)]$/s;

describe('each call that cannot be is refused with an error that names what is wrong', () => {
  const { basket } = (() => {
    const tasks = defineTasks('refusals', { send: task<unknown>() });

    return createWorld().open(tasks) as { readonly basket: Anything };
  })();
  const loose = { task, defineTasks, openBasket, runBasket, createStores, dexieStores, serveBasket } as Anything;
  const registry = defineTasks('refusals', { send: task<unknown>() });
  const handlers = { send: () => 1 };
  /** What addTx takes for an open transaction. */
  const open = {
    db: { name: 'refusals' },
    mode: 'readwrite',
    objectStoreNames: { contains: () => true },
    objectStore: () => ({}),
  };

  test.each<[string, TaskbasketError['code'], RegExp, () => unknown]>([
    // What is defined once.
    ['task, with no options', 'option', /options.*codec, version/, () => loose.task(null)],
    ['task, with an option that there is not', 'option', /"retries".*backoff/, () => loose.task({ retries: 3 })],
    ['task: version', 'option', /version.*0/, () => loose.task({ version: 0 })],
    ['task: lane', 'option', /lane.*7/, () => loose.task({ lane: 7 })],
    ['task: gate', 'option', /gate.*object/, () => loose.task({ gate: {} })],
    ['task: an empty lane', 'option', /lane.*""/, () => loose.task({ lane: '' })],
    ['task: an empty gate', 'option', /gate.*""/, () => loose.task({ gate: '' })],
    ['task: codec', 'option', /codec.*encode and decode/, () => loose.task({ codec: { encode: () => 1 } })],
    ['task: codec null', 'option', /codec.*null/, () => loose.task({ codec: null })],
    ['task: priority', 'option', /priority.*"high" or "normal" or "low".*1/, () => loose.task({ priority: 1 })],
    ['task: timeout', 'option', /timeout.*"5"/, () => loose.task({ timeout: '5' })],
    ['task: onDead', 'option', /onDead.*"block" or "skip".*"drop"/, () => loose.task({ onDead: 'drop' })],
    ['task: backoff', 'option', /backoff.*"max"/, () => loose.task({ backoff: { max: 5 } })],
    ['task: backoff.base', 'option', /backoff\.base.*0/, () => loose.task({ backoff: { base: 0 } })],
    ['task: backoff.factor', 'option', /backoff\.factor.*0.5/, () => loose.task({ backoff: { factor: 0.5 } })],
    ['task: backoff.jitter', 'option', /backoff\.jitter.*"half"/, () => loose.task({ backoff: { jitter: 'half' } })],
    ['task: failureLimit', 'option', /failureLimit.*0/, () => loose.task({ failureLimit: 0 })],
    ['defineTasks: name', 'option', /database's name/, () => loose.defineTasks('', {})],
    [
      'defineTasks: the types first',
      'option',
      /first argument.*database's name/,
      () => loose.defineTasks({ send: task() }),
    ],
    ['serveBasket: a basket', 'option', /registry.*defineTasks/, () => loose.serveBasket(basket, handlers)],
    [
      'createStores: a basket',
      'option',
      /registry.*defineTasks/,
      () => loose.createStores({ mode: 'versionchange' }, basket),
    ],
    ['dexieStores: a basket', 'option', /registry.*defineTasks/, () => loose.dexieStores(basket)],
    ['runBasket: a registry', 'option', /no basket.*openBasket/, () => loose.runBasket(registry, handlers)],
    ['defineTasks: bucket', 'option', /bucket's name/, () => loose.defineTasks('x', {}, { bucket: '' })],
    ['defineTasks: open', 'option', /open.*function/, () => loose.defineTasks('x', {}, { open: 'x' })],
    ['defineTasks: gates', 'option', /gates\.cap/, () => loose.defineTasks('x', {}, { gates: { cap: -1 } })],
    [
      'defineTasks: the factor of gates',
      'option',
      /"factor".*base/,
      () => loose.defineTasks('x', {}, { gates: { factor: 2 } }),
    ],
    ['defineTasks: no types', 'option', /task types.*undefined/, () => loose.defineTasks('x')],
    ['defineTasks: no options', 'option', /options of defineTasks/, () => loose.defineTasks('x', {}, null)],
    ['defineTasks: bucket null', 'option', /bucket's name/, () => loose.defineTasks('x', {}, { bucket: null })],
    ['defineTasks: an option', 'option', /"version"/, () => loose.defineTasks('x', {}, { version: 3 })],
    ['defineTasks: a handler as a type', 'option', /"send".*task\(\)/, () => loose.defineTasks('x', { send: () => 1 })],
    [
      'defineTasks: nothing as a type',
      'option',
      /"send".*undefined/,
      () => loose.defineTasks('x', { send: undefined }),
    ],
    ['openBasket: no registry', 'option', /registry.*defineTasks/, () => loose.openBasket({ send: task() })],
    ['openBasket: nothing', 'option', /registry.*defineTasks/, () => loose.openBasket()],
    ['openBasket: build', 'option', /build.*"3"/, () => loose.openBasket(registry, { build: '3' })],
    ['openBasket: worker', 'option', /worker.*function/, () => loose.openBasket(registry, { worker: {} })],
    ['openBasket: no options', 'option', /options of openBasket/, () => loose.openBasket(registry, null)],
    ['openBasket: an option', 'option', /"onError".*onWorkerError/, () => loose.openBasket(registry, { onError: 1 })],
    ['openBasket: build null', 'option', /build.*null/, () => loose.openBasket(registry, { build: null })],
    ['openBasket: listener', 'option', /onWorkerError.*5/, () => loose.openBasket(registry, { onWorkerError: 5 })],
    ['runBasket: no handlers', 'option', /handlers.*undefined/, () => loose.runBasket(basket)],
    ['runBasket: no options', 'option', /options of runBasket/, () => loose.runBasket(basket, handlers, null)],
    ['runBasket: an option', 'option', /"slots".*concurrency/, () => loose.runBasket(basket, handlers, { slots: 3 })],
    ['runBasket: no signal', 'option', /signal.*null/, () => loose.runBasket(basket, handlers, { signal: null })],
    ['runBasket: a signal', 'option', /signal.*object/, () => loose.runBasket(basket, handlers, { signal: {} })],
    ['serveBasket: no options', 'option', /options of serveBasket/, () => loose.serveBasket(registry, handlers, null)],
    ['serveBasket: an option', 'option', /"slots"/, () => loose.serveBasket(registry, handlers, { slots: 3 })],
    ['runBasket: no basket', 'option', /no basket.*openBasket/, () => loose.runBasket({}, {})],
    ['runBasket: no handler', 'option', /no handler.*"send"/, () => loose.runBasket(basket, {})],
    [
      'runBasket: a handler too many',
      'option',
      /"sends".*no task type/,
      () => loose.runBasket(basket, { send: () => 1, sends: () => 1 }),
    ],
    [
      'runBasket: concurrency',
      'option',
      /concurrency.*0/,
      () => loose.runBasket(basket, { send: () => 1 }, { concurrency: 0 }),
    ],
    ['contextOf: nothing', 'option', /no basket/, () => contextOf(undefined as Anything)],
    ['createStores: no transaction', 'transaction', /createStores.*upgrade/, () => loose.createStores({}, registry)],

    // What is added.
    ['add: no name', 'unknown-type', /"undefined".*It has: send/, () => basket.add()],
    ['add: a name that there is not', 'unknown-type', /"sent"/, () => basket.add('sent', 1)],
    ['add: a list as a name', 'unknown-type', /"send"/, () => basket.add(['send'], 1)],
    ['add: a symbol as a name', 'unknown-type', /Symbol\(send\)/, () => basket.add(Symbol('send'), 1)],
    ['add: an object as a name', 'unknown-type', /"send"/, () => basket.add(Object('send'), 1)],
    ['add: options null', 'option', /options of "send"/, () => basket.add('send', 1, null)],
    ['add: options as a text', 'option', /options of "send"/, () => basket.add('send', 1, 'a')],
    ['add: an option', 'option', /"delay".*runAt/, () => basket.add('send', 1, { delay: 5 })],
    ['add: runAt as a text', 'option', /runAt.*"2026-01-01"/, () => basket.add('send', 1, { runAt: '2026-01-01' })],
    ['add: runAt in microseconds', 'option', /runAt.*1970/, () => basket.add('send', 1, { runAt: 1.7e16 })],
    ['add: runAt null', 'option', /runAt.*null/, () => basket.add('send', 1, { runAt: null })],
    ['add: lane null', 'option', /lane/, () => basket.add('send', 1, { lane: null })],
    ['add: durability', 'option', /durability.*"weak"/, () => basket.add('send', 1, { durability: 'weak' })],
    ['addTx: no transaction', 'transaction', /no open transaction/, () => basket.addTx(undefined, 'send', 1)],
    [
      'addTx: without the transaction',
      'transaction',
      /first argument.*Dexie\.currentTransaction/,
      () => basket.addTx('send', 1),
    ],
    [
      'addTx: a transaction of another database',
      'transaction',
      /"notes", and the basket lives in "refusals"\. Give both the same name\./,
      () => basket.addTx({ ...open, db: { name: 'notes' } }, 'send', 1),
    ],
    [
      'add: a text as the options',
      'option',
      /options of "send".*but it is "high"/,
      () => basket.add('send', 1, 'high'),
    ],
    [
      'add: a list without an id',
      'option',
      /after.*but it is a list/,
      () => basket.add('send', 1, { after: [undefined] }),
    ],
    [
      'add: an owner without a session',
      'option',
      /declares no session, so leave the option owner out/,
      () => basket.add('send', 1, { owner: 'ann' }),
    ],
    ['cancel: nothing', 'option', /object with any of type.*but it is undefined/, () => basket.cancel()],
    ['addTx: a name', 'unknown-type', /"sent"/, () => basket.addTx(open, 'sent', 1)],
    ['addTx: a list as a name', 'unknown-type', /"send"/, () => basket.addTx(open, ['send'], 1)],
    ['addTx: a promise of prepare', 'unknown-type', /Promise/, () => basket.addTx(open, basket.prepare('send', 1))],
    ['addMany: no list', 'option', /addMany.*list/, () => basket.addMany('send')],
    ['addMany: a list of names', 'option', /addMany.*list/, () => basket.addMany(['send'])],
    ['addMany: a list with a hole', 'option', /addMany.*list/, () => basket.addMany(Array(1))],
    ['addMany: a name', 'unknown-type', /"sent"/, () => basket.addMany([['sent']])],
    ['addMany: an option', 'option', /"delay"/, () => basket.addMany([['send', 1, { delay: 5 }]])],
    ['addMany: options null', 'option', /options of "send"/, () => basket.addMany([['send', 1, null]])],
    ['prepare: a name', 'unknown-type', /"sent"/, () => basket.prepare('sent')],
    ['prepare: an option', 'option', /"delay"/, () => basket.prepare('send', 1, { delay: 5 })],

    // What is asked for, and done, by an id or by a query.
    ['get: no id', 'option', /id must be a string.*undefined/, () => basket.get()],
    ['explain: a number', 'option', /id must be a string.*7/, () => basket.explain(7)],
    ['settled: no id', 'option', /id must be a string.*undefined/, () => basket.settled(undefined)],
    [
      'settled: a promise of an id',
      'option',
      /id must be a string.*Promise/,
      () => basket.settled(Promise.resolve('x')),
    ],
    ['update: no id', 'option', /id must be a string.*null/, () => basket.update(null, 1)],
    ['cancel: nothing', 'option', /id.*query.*\{\}: all/, () => basket.cancel()],
    ['cancel: null', 'option', /id.*query/, () => basket.cancel(null)],
    ['cancel: a list of ids', 'option', /id.*query/, () => basket.cancel(['a', 'b'])],
    ['cancel: a view', 'option', /"id"/, () => basket.cancel({ id: 'a', type: 'send' })],
    ['cancel: a limit', 'option', /"limit"/, () => basket.cancel({ limit: 3 })],
    ['cancel: a lane that is undefined', 'option', /lane is undefined.*all/, () => basket.cancel({ lane: undefined })],
    ['retry: nothing', 'option', /id.*query/, () => basket.retry()],
    ['retry: a state', 'option', /state.*"running"/, () => basket.retry({ state: 'running' })],
    [
      'list: an id',
      'option',
      /query.*type, lane, gate, owner, everyOwner, state, parent, cursor, limit/,
      () => basket.list('id'),
    ],
    ['list: null', 'option', /query/, () => basket.list(null)],
    ['list: a part', 'option', /"after"/, () => basket.list({ after: 5 })],
    ['list: a limit', 'option', /limit.*"5"/, () => basket.list({ limit: '5' })],
    ['list: the cursor', 'option', /cursor.*-1/, () => basket.list({ cursor: -1 })],
    ['list: a type', 'option', /type.*name/, () => basket.list({ type: [7] })],
    ['list: a lane', 'option', /lane.*7/, () => basket.list({ lane: 7 })],
    ['count: a state', 'option', /state.*"running"/, () => basket.count({ state: 'running' })],
    ['watch: a part', 'option', /"owners"/, () => basket.watch({ owners: 'ann' })],
    ['on: an event', 'option', /event.*"added" or.*"done"/, () => basket.on('done', () => 1)],
    ['on: no listener', 'option', /listener.*function/, () => basket.on('added')],
    ['subscribe: no listener', 'option', /listener.*function/, () => basket.watch().subscribe()],
  ])('%s', async (_, code, message, call) => {
    const error = await failureOf(call);
    expect(error).toMatchObject({ code, name: 'TaskbasketError' });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(sentences);
    expect(error.message.split(/[.] (?=[A-Z])/).length).toBeLessThanOrEqual(3);
  });
});

test('a call that is refused rejects where it gives a promise, and does not throw', async () => {
  const { basket } = createWorld().open(defineTasks(freshName(), { send: task() })) as { readonly basket: Anything };
  const calls = ['add', 'addMany', 'prepare', 'get', 'explain', 'settled', 'update', 'cancel', 'retry'] as const;
  const promises = calls.map((name) => basket[name](7) as Promise<unknown>);

  for (const end of await Promise.allSettled(promises)) expect(end).toMatchObject({ status: 'rejected' });
});

test('what is refused changes nothing', async () => {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const { basket } = createWorld().open(tasks) as { readonly basket: Anything };
  await basket.addMany([
    ['send', 1],
    ['send', 2],
  ]);
  const before = await contentsOf(tasks);
  for (const which of [undefined, null, ['x'], { id: 'x' }, { lane: undefined }, 7]) {
    await failureOf(() => basket.cancel(which));
    await failureOf(() => basket.retry(which));
  }
  expect(await contentsOf(tasks)).toEqual(before);

  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  await failureOf(() => basket.addTx(tx, 'send', 3, { delay: 5 }));
  basket.addTx(tx, 'send', 3);
  await new Promise((resolve) => {
    tx.addEventListener('complete', resolve);
  });
  db.close();
  expect((await contentsOf(tasks)).tasks).toHaveLength(3);
});
