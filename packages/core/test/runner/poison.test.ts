import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { PriorityName } from '../../src/pure/options.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { freshName, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

/** The library's own cap. */
const cap = 300_000;

interface Story {
  /** Which of a hundred always reset their connection, by their place in the order of adding. */
  readonly poisonous: readonly number[];
  readonly priority?: PriorityName;
  readonly concurrency?: number;
  /** How long a request takes that gets through. */
  readonly takes?: number;
  /** All were tried before, so that none is fresh. */
  readonly tried?: boolean;
}

interface Told {
  /** When the last of the others was sent, in milliseconds. */
  readonly sentAfter: number;
  /** How often a poisonous one was tried. */
  readonly resets: number;
}

/** Plays it with a hundred tasks to one destination, until the others are sent. */
async function play(story: Story): Promise<Told> {
  const { poisonous, priority = 'normal', concurrency = 6, takes = 100, tried = false } = story;
  const tasks = defineTasks(freshName(), { send: task<number>({ gate: 'server' }) });
  const world = createWorld(poisonous.length + 1);
  const tab = world.open(tasks);
  for (let number = 0; number < 100; number += 1) {
    await tab.basket.add('send', number, poisonous.includes(number) ? { priority } : {});
  }
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      tab.context.ports.clock.timer(takes, resolve);
    });

  let down = tried;
  let began = world.wall();
  let sent = 0;
  let sentAfter = 0;
  let resets = 0;
  tab.run(
    {
      async send(number) {
        if (down) throw new Unavailable();
        if (poisonous.includes(number)) {
          resets += 1;
          throw new TypeError('Failed to fetch');
        }
        await pause();
        sent += 1;
        sentAfter = world.wall() - began;
      },
    },
    { concurrency: tried ? 100 : concurrency },
  );
  if (tried) {
    await world.settle();
    down = false;
    began = world.wall();
  }
  for (let minute = 0; minute < 60 && sent < 100 - poisonous.length; minute += 1) await world.advance(60_000);

  expect(sent).toBe(100 - poisonous.length);
  const left = await rowsOf(tasks);
  // To back off by itself is no failure.
  expect(left).toHaveLength(poisonous.length);
  expect(left.every(({ failures }) => failures === 0)).toBe(true);

  return { sentAfter, resets };
}

const stories: readonly (readonly [string, Story])[] = [
  ['the first', { poisonous: [0] }],
  ['the last', { poisonous: [99] }],
  ['the first, which goes before all others', { poisonous: [0], priority: 'high' }],
  ['one, and all of them were tried in an outage', { poisonous: [50], tried: true }],
  ['one, and one runs at a time', { poisonous: [0], concurrency: 1 }],
  ['three', { poisonous: [0, 1, 50] }],
  ['three, which go before all others', { poisonous: [0, 1, 50], priority: 'high' }],
];

test.each(stories)(
  'scenario 62: of a hundred tasks to one destination %s always reset the connection: the others are sent within one cap',
  async (_, story) => {
    const { sentAfter, resets } = await play(story);

    expect(sentAfter).toBeLessThanOrEqual(cap / 5);
    // Each reset is one closed gate for all others.
    expect(resets).toBeLessThanOrEqual(12 * story.poisonous.length);
  },
);

test('what was to blame goes on by itself, ever more rarely, and one that gets through in the end is done', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ gate: 'server', failureLimit: 1 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', 0);
  let poisonous = true;
  const at: number[] = [];
  tab.run({
    send(number) {
      if (number !== 0 || !poisonous) return;
      at.push(world.wall());
      throw new Unavailable();
    },
  });
  // Something else is sent every tenth of a second, for ten minutes.
  for (let tick = 1; tick <= 6_000; tick += 1) {
    if (tick % 10 === 0) await tab.basket.add('send', tick);
    await world.advance(100);
  }
  const waits = at.slice(1).map((time, place) => time - (at[place] ?? 0));
  expect(waits.length).toBeLessThan(20);
  expect(Math.max(...waits.slice(-3))).toBeGreaterThan(60_000);
  const [row] = await rowsOf(tasks);
  expect(row).toMatchObject({ failures: 0, attempts: at.length });
  expect(row?.blames).toBeGreaterThan(5);

  const [left] = await tab.basket.list();
  poisonous = false;
  await tab.basket.retry(left?.id ?? '');
  await world.advance(1_000);
  expect(await rowsOf(tasks)).toEqual([]);
});
