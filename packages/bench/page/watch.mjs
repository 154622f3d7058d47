/** A watch of tasks with payloads, while others are done beside it: what else the page cannot do meanwhile. */
import { defineTasks, openBasket, task } from 'taskbasket';
import { runBasket } from 'taskbasket/worker';

import { payloadOf } from './payload.mjs';
import { freshName } from './raw.mjs';

const later = { runAt: Date.now() + 3_600_000 };

/**
 * `count` tasks with payloads of so many bytes wait, and 20 tasks a second are done for so many milliseconds. Gives the
 * longest time in which the page could do nothing else, and how many of the waiting payloads were read and decoded after
 * they had been shown.
 */
export async function watch({ watched, count, bytes, ms }) {
  let decoded = 0;
  const large = { encode: (payload) => payload, decode: (stored) => ((decoded += 1), stored) };
  const tasks = defineTasks(freshName('watch'), { large: task({ codec: large }), small: task() });
  const basket = openBasket(tasks);
  for (let number = 0; number < count; number += 1) await basket.add('large', payloadOf(bytes, number), later);
  const stop = new AbortController();
  const running = runBasket(basket, { large: () => undefined, small: () => undefined }, { signal: stop.signal });

  const end = watched ? await shown(basket, count) : () => undefined;
  await waited(1_000);
  decoded = 0;
  const reads = recordReads();
  const gaps = recordGaps();
  for (let added = 0; added < ms / 50; added += 1) {
    await basket.add('small', added);
    await waited(50);
  }
  const longest = gaps.stop();
  const read = reads.stop();
  end();
  stop.abort();
  await running;
  basket.close();

  return { longest, read, decoded };
}

/**
 * `count` tasks of 10 KB wait, and `running` others run. Meanwhile the page adds a task about each 200 ms, ten times. Gives
 * for each how long after its add had resolved the watch showed it, in milliseconds.
 */
export async function shownAfter({ count, running }) {
  const tasks = defineTasks(freshName('shown'), { wait: task(), work: task() });
  const basket = openBasket(tasks);
  await basket.addMany(Array.from({ length: count }, (_, number) => ['wait', payloadOf(10_000, number), later]));
  const stop = new AbortController();
  const handlers = { wait: () => undefined, work: () => waited(10) };
  const stopped = runBasket(basket, handlers, { signal: stop.signal });
  const shownAt = new Map();
  const end = basket.watch({ limit: 1_000 }).subscribe(({ tasks: page }) => {
    for (const { id } of page) if (!shownAt.has(id)) shownAt.set(id, performance.now());
  });
  await waited(1_000);
  const work = basket.addMany(Array.from({ length: running }, () => ['work', 0]));

  const addedAt = new Map();
  for (let number = 0; number < 10; number += 1) {
    await waited(150 + Math.random() * 100); // By chance, so that it falls anywhere into what the watch does.
    const id = await basket.add('wait', number, later);
    addedAt.set(id, performance.now());
  }
  while ([...addedAt.keys()].some((id) => !shownAt.has(id))) await waited(20);
  end();
  await work;
  stop.abort();
  await stopped;
  basket.close();

  return [...addedAt].map(([id, at]) => Math.max(0, shownAt.get(id) - at));
}

/** Watches; resolves with what ends that, when so many tasks are shown. */
function shown(basket, count) {
  return new Promise((resolve) => {
    const end = basket.watch({}).subscribe(({ tasks: page }) => {
      if (page.length >= count) queueMicrotask(() => resolve(end));
    });
  });
}

/** How often a payload that lies apart is asked for, until it is stopped. */
function recordReads() {
  const original = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, 'get');
  let count = 0;
  IDBObjectStore.prototype.get = function get(...given) {
    if (/\.(payloads|bodies)$/.test(this.name)) count += 1;

    return original.value.apply(this, given);
  };

  return {
    stop() {
      Object.defineProperty(IDBObjectStore.prototype, 'get', original);

      return count;
    },
  };
}

/** The longest time between two messages that the page sends to itself, one after the other, until it is stopped. */
function recordGaps() {
  const { port1, port2 } = new MessageChannel();
  let longest = 0;
  let last = performance.now();
  port1.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    port2.postMessage(0);
  };
  port2.postMessage(0);

  return {
    stop() {
      port1.close();

      return longest;
    },
  };
}

function waited(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
