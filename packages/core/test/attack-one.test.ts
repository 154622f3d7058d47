import { expect, test } from 'vitest';
import { openDB } from 'idb';
import { Dexie } from 'dexie';
import { defineTasks, task } from '../src/pure/registry.js';
import { RetryLater } from '../src/pure/verdict.js';
import { createStores, dexieStores } from '../src/store/setup.js';
import { contentsOf, freshName, openRaw, rowsOf, runnerOf } from './support/database.js';
import { createGate, createWorld } from './support/world.js';

const log = (...a: unknown[]) =>
  process.stdout.write('ATTACK ' + a.map((x) => (typeof x === 'string' ? x : JSON.stringify(x))).join(' ') + '\n');

test('1 a payload whose read fails', async () => {
  const tasks = defineTasks(freshName(), { big: task<string>(), small: task<number>({ priority: 'high' }) });
  const world = createWorld();
  const tab = world.open(tasks);
  const bad = await tab.basket.add('big', 'x'.repeat(3000));
  await tab.basket.add('big', 'y'.repeat(3000));
  await tab.basket.add('small', 1);
  const proto = Object.getPrototypeOf(IDBObjectStore.prototype) && (IDBObjectStore.prototype as any);
  const original = proto.get;
  let reads = 0;
  proto.get = function (key: unknown) {
    if (this.name.endsWith('.payloads') && key === bad) {
      reads += 1;
      return this.transaction._execRequestAsync({
        operation: () => {
          throw new DOMException('Failed to read large IndexedDB value', 'UnknownError');
        },
        source: this,
      });
    }
    return original.call(this, key);
  };
  const ran: string[] = [];
  try {
    const runner = tab.run({ big: (p) => void ran.push(p.slice(0, 1)), small: (n) => void ran.push(String(n)) });
    await world.advance(10 * 60_000);
    log('1 ran', ran, 'reads', reads);
    log(
      '1 list',
      await tab.basket.list().then(
        (l) => l.length,
        (e: Error) => 'rejects ' + e.name + ': ' + e.message,
      ),
    );
    const w = tab.basket.watch();
    const stop = w.subscribe(() => undefined);
    await world.settle();
    log('1 watch', w.get().loaded, w.get().tasks.length);
    stop();
    runner.stop();
    await world.advance(120_000);
    log('1 stopped after abort + 2 min:', runner.stopped());
  } finally {
    proto.get = original;
  }
});

test('1b a result that the disk refuses', async () => {
  const tasks = defineTasks(freshName(), { make: task<void, string>(), small: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const proto = IDBObjectStore.prototype as any;
  const original = proto.add;
  proto.add = function (value: any, key: any) {
    if (this.name.endsWith('.outcomes') && value.result === 'huge') {
      const tx = this.transaction;
      return tx._execRequestAsync({
        operation: () => {
          throw new DOMException('quota', 'QuotaExceededError');
        },
        source: this,
      });
    }
    return key === undefined ? original.call(this, value) : original.call(this, value, key);
  };
  const ran: number[] = [];
  let made = 0;
  try {
    const runner = tab.run({
      make: () => {
        made += 1;
        return 'huge';
      },
      small: (n) => void ran.push(n),
    });
    await tab.basket.add('make');
    await world.settle();
    for (let i = 0; i < 3; i += 1) await tab.basket.add('small', i);
    await world.advance(10 * 60_000);
    log('1b made', made, 'small ran', ran, 'rows', (await rowsOf(tasks)).length);
    runner.stop();
    await world.advance(120_000);
    log('1b stopped after abort + 2 min:', runner.stopped());
  } finally {
    proto.add = original;
  }
});

test('4 clock was ahead, short sessions', async () => {
  const tasks = defineTasks(freshName(), { send: task<void>({ backoff: { base: 300_000, cap: 300_000 } }) });
  const world = createWorld();
  const first = world.open(tasks);
  world.jump(3 * 24 * 3_600_000);
  let calls = 0;
  first.run({
    send: () => {
      calls += 1;
      throw new Error('no');
    },
  });
  await first.basket.add('send');
  await world.settle();
  first.kill();
  world.jump(-3 * 24 * 3_600_000);
  for (let i = 0; i < 60; i += 1) {
    const tab = world.open(tasks, { seed: 100 + i });
    tab.run({
      send: () => {
        calls += 1;
        throw new Error('no');
      },
    });
    await world.advance(120_000);
    tab.kill();
    await world.advance(10 * 60_000);
  }
  log('4 calls after 12 hours of two-minute sessions', calls);
});

test('5 one open that fails', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const answer = createGate();
  let aborted = false;
  let n = 0;
  await tab.basket.add('send', 1);
  const runner = tab.run({
    send: (_n, { signal }) => {
      n += 1;
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return answer.promise;
    },
  });
  await world.settle();
  const proto = IDBFactory.prototype as any;
  const original = proto.open;
  let failed = 0;
  proto.open = function (name: string, v?: number) {
    if (v === undefined && name === tasks.name && failed === 0) {
      failed += 1;
      const request: any = new EventTarget();
      request.error = new DOMException('Connection to Indexed Database server lost.', 'UnknownError');
      Object.setPrototypeOf(request, IDBOpenDBRequest.prototype);
      Object.defineProperty(request, 'error', { value: new DOMException('lost', 'UnknownError') });
      queueMicrotask(() => request.dispatchEvent(new Event('error')));
      return request;
    }
    return v === undefined ? original.call(this, name) : original.call(this, name, v);
  };
  let ended: unknown = 'not ended';
  runner.done.then(
    () => {
      ended = 'resolved';
    },
    (e: unknown) => {
      ended = String(e);
    },
  );
  try {
    await tab.context.database.begin('readonly');
    // Another tab raises the version.
    const raised = await new Promise<any>((resolve, reject) => {
      const r = original.call(indexedDB, tasks.name, 9);
      r.onupgradeneeded = () => createStores(r.transaction, tasks);
      r.onsuccess = () => resolve(r.result);
      r.onerror = () => reject(r.error);
    });
    raised.close();
    tab.context.hub.say({ kind: 'look' });
    await world.advance(10 * 60_000);
    await tab.basket.add('send', 2);
    await world.advance(10 * 60_000);
  } catch (e) {
    log('5 threw', String(e));
  } finally {
    proto.open = original;
  }
  log(
    '5 failed opens',
    failed,
    'aborted',
    aborted,
    'runner',
    String(ended),
    'handlers',
    n,
    'rows',
    (await rowsOf(tasks)).length,
  );
});

test('6 close of a basket that runs', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const [one, other] = [world.open(tasks), world.open(tasks)];
  const ran: string[] = [];
  let aborted = 0;
  one.run({
    send: (n, { signal }) => {
      ran.push('one' + n);
      if (n === 1)
        return new Promise<void>((r) => {
          signal.addEventListener('abort', () => {
            aborted = world.wall();
            r();
          });
        });
      return undefined;
    },
  });
  await world.settle();
  other.run({ send: (n) => void ran.push('other' + n) });
  await one.basket.add('send', 1);
  await world.settle();
  const at = world.wall();
  one.basket.close();
  await world.advance(1000);
  await other.basket.add('send', 2);
  await world.advance(30_000);
  log('6 after 31 s', ran, aborted);
  await world.advance(60_000);
  log(
    '6 after 91 s',
    ran,
    'aborted after',
    aborted === 0 ? 'never' : aborted - at,
    (await rowsOf(tasks)).map((r) => [r.attempts, r.interruptions]),
  );
});

test('7 a decoder that hangs', async () => {
  const tasks = defineTasks(freshName(), {
    send: task<string>({
      timeout: 1000,
      codec: { encode: (x: string) => x, decode: () => new Promise<string>(() => undefined) },
    }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  let handlers = 0;
  tab.run({
    send: () => {
      handlers += 1;
    },
  });
  await tab.basket.add('send', 'x');
  await world.advance(60_000);
  const [row] = await rowsOf(tasks);
  log('7 handlers', handlers, 'attempts', row?.attempts, 'failures', row?.failures, row?.lastError?.message ?? '');
});
