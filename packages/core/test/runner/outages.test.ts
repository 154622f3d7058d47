import { expect, test } from 'vitest';

import { lookEvery } from '../../src/pure/waking.js';
import type { Answer, Outage, Played } from './outages.js';
import { median, play } from './outages.js';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** The library's own waits of gates. */
const base = second;

/** The stories that tell least are played with TASKBASKET_LONG only, as in test:long: all of them take a minute of a free machine. */
const long = process.env['TASKBASKET_LONG'] !== undefined;

/** The figures of the decision are medians of 20 seeds. Time is virtual, so that fewer give the same on each machine. */
const seeds = Array.from({ length: long ? 20 : 7 }, (_, place) => place + 1);

/** The median of what the seeds give. */
async function figure(story: Omit<Outage, 'seed'>, of: (played: Played) => number): Promise<number> {
  const found: number[] = [];
  for (const seed of seeds) found.push(of(await play({ ...story, seed })));

  return median(found);
}

/** Prints a figure if TASKBASKET_LONG is set, for the decision that states it. */
function told(what: string, value: number, before: string): number {
  if (long) process.stdout.write(`${what}: ${value} (${before})\n`);

  return value;
}

const requests = ({ sent }: Played): number => sent.length;
/** When the given number of tasks was done; never, if it was not. */
const doneAfter =
  (count: number) =>
  ({ done }: Played): number =>
    done[count - 1] ?? Number.POSITIVE_INFINITY;

const shares: readonly (readonly [share: number, slots: number])[] = [
  [0.1, 6],
  [0.25, 6],
  [0.1, 1],
  [0.25, 1],
];

test.each(long ? shares : shares.slice(0, 2))(
  'of a hundred tasks, %d of the answers 503 and %d at once, all are done within twice the time of as many 500',
  async (share, slots) => {
    const flaky = (bad: Answer): Promise<number> =>
      figure({ slots, until: 10 * minute, server: ({ chance }) => (chance < share ? bad : 'ok') }, doneAfter(100));

    const counted = await flaky('500');
    const answered = told(`${share} answered 503, ${slots} at once, ms`, await flaky('503'), `500: ${counted}`);
    expect(answered).toBeLessThanOrEqual(2 * counted);
  },
  240_000,
);

/** As many as were measured when one task that found its destination away closed the gate, and waits doubled. */
const aways: readonly (readonly [name: string, story: Omit<Outage, 'seed' | 'server'>, before: number])[] = [
  ['an hour, six at once', { until: hour }, 28],
  ['a minute, one at once', { until: minute, slots: 1 }, 7],
  ['a minute, six at once', { until: minute }, 12],
  ['an hour, one at once', { until: hour, slots: 1 }, 24],
  ['a minute, a hundred at once', { until: minute, slots: 100 }, 106],
  ['an hour, a single task', { until: hour, tasks: 1 }, 24],
  ['eight hours, 200 tasks', { until: 8 * hour, tasks: 200 }, 141],
];

test.each(long ? aways : aways.slice(0, 2))(
  'a server that is wholly away gets no more requests than ever: %s',
  async (name, story, before) => {
    const sent = await figure({ ...story, server: () => '503' }, requests);
    expect(told(`away: ${name}, requests`, sent, `before: ${before}`)).toBeLessThanOrEqual(before);
  },
  240_000,
);

/** As long as was measured then, in milliseconds. */
const poisons: readonly (readonly [name: string, bad: readonly number[], slots: number, before: number])[] = [
  ['one, six at once', [0], 6, 1_359],
  ['three in a row, six at once', [0, 1, 2], 6, 30_015],
  ['one, one at once', [0], 1, 5_285],
  ['three, six at once', [0, 50, 99], 6, 3_787],
  ['three in a row, one at once', [0, 1, 2], 1, 56_204],
];

test.each(long ? poisons : poisons.slice(0, 2))(
  'poisonous requests among a hundred hold the others up no longer than ever: %s',
  async (name, bad, slots, before) => {
    const server = ({ number }: { number: number }): Answer => (bad.includes(number) ? '503' : 'ok');

    const done = await figure({ slots, until: 2 * minute, server }, doneAfter(100 - bad.length));
    expect(told(`poisonous: ${name}, ms`, done, `before: ${before}`)).toBeLessThanOrEqual(before);
  },
  240_000,
);

test.each([6, 1])(
  'of outages with five successes between them, each begins with a first wait within the base: %d at once',
  async (slots) => {
    // After each five answers the server is away, until it was asked again after a wait.
    const waits: number[][] = [];
    for (const seed of seeds) {
      let answered = 0;
      let away = false;
      let last = 0;
      const found: number[] = [];
      const server = ({ at }: { at: number }): Answer => {
        if (answered === 5) {
          answered = 0;
          away = true;
          last = at;
        }
        // What was on its way already, or tries because one doubts, belongs to the beginning of the outage.
        if (away && at - last > 60) {
          found.push(at - last);
          away = false;
        }
        if (away) last = at;
        else answered += 1;

        return away ? '503' : 'ok';
      };
      await play({ seed, server, slots, tasks: 60, until: 5 * minute });
      waits.push(found);
    }
    for (const found of waits) expect(found.length).toBeGreaterThanOrEqual(10);
    for (const place of Array.from({ length: 10 }, (_, index) => index)) {
      // The wait counts from the answer, 30 ms after the request.
      expect(median(waits.map((found) => found[place] ?? Infinity))).toBeLessThanOrEqual(base + 30);
    }
    expect(Math.max(...waits.flat())).toBeLessThanOrEqual(base + 60);
  },
  240_000,
);

/** A page that is visible for part of the time, and says so as a page does while a gate is closed. */
function looksFor(looks: (at: number) => boolean): NonNullable<Outage['beside']> {
  return (world, { hub, ports }) => {
    const began = world.wall();
    const tick = (): void => {
      if (looks(world.wall() - began)) hub.say({ kind: 'wake', visible: true });
      ports.clock.timer(lookEvery, tick);
    };
    tick();
  };
}

test('eight hours away with 200 tasks, a tenth of the time a page is visible: at most 270 requests', async () => {
  const story = { tasks: 200, until: 8 * hour, server: (): Answer => '503' };
  const seen = await Promise.all(
    [
      (at: number) => at < 48 * minute,
      (at: number) => at % (10 * minute) < minute,
      (at: number) => at % (100 * minute) < 10 * minute,
    ].map(async (looks, place) => requests(await play({ ...story, seed: place + 1, beside: looksFor(looks) }))),
  );

  for (const count of seen)
    expect(told('eight hours, seen a tenth of the time, requests', count, 'at most 270')).toBeLessThanOrEqual(270);
}, 240_000);

test('after an outage of any length the first effect comes within 30 s where somebody looks', async () => {
  const late: number[] = [];
  // From a few seconds to some hours.
  for (const seed of seeds) {
    const ends = Math.round(10 ** (3 + (4.2 * seed) / seeds.length));
    const { done } = await play({
      seed,
      tasks: 20,
      until: ends + minute,
      server: ({ at }) => (at < ends ? '503' : 'ok'),
      beside: looksFor(() => true),
    });
    late.push((done[0] ?? Number.POSITIVE_INFINITY) - ends);
  }

  expect(told('first effect after an outage, ms', Math.max(...late), 'at most 30 s')).toBeLessThanOrEqual(30 * second);
}, 240_000);
