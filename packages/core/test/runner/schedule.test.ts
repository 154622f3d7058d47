import { expect, test } from 'vitest';

import { defineTasks } from '../../src/pure/registry.js';
import type { Chore } from '../../src/runner/chores/schedule.js';
import { createSchedule } from '../../src/runner/chores/schedule.js';
import type { Leader } from '../../src/runner/term/leader.js';
import { freshName } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const minute = 60_000;
const hour = 60 * minute;

/** A schedule of chores that note their slices, and a turn of the runner. */
function scheduleOf(...chores: readonly Partial<Chore>[]) {
  const world = createWorld();
  const { context } = world.open(defineTasks(freshName(), {}));
  const slices: string[] = [];
  const gone = new AbortController();
  const signals = { stopping: false, poked: false, woken: undefined, gone: gone.signal };
  const leader = { context, signals } as Leader;
  const noting = (number: number): Chore => ({
    async *run() {
      for (const slice of ['a', 'b']) {
        slices.push(`${number}${slice}`);
        yield Promise.resolve();
      }
    },
    firstAfter: 5 * minute,
    every: hour,
    place: 'between',
  });
  const schedule = createSchedule(
    leader,
    chores.map((parts, number) => ({ ...noting(number), ...parts })),
  );
  /** The slices of the turns after so many milliseconds. */
  const after = async (wait: number, idle = false): Promise<readonly string[]> => {
    await world.advance(wait);
    while (await schedule.goOn(idle));
    await world.settle();

    return slices.splice(0);
  };

  return { schedule, signals, gone, after, slices };
}

test('a chore runs first when nothing else does, or after its first wait, and then after each of its intervals', async () => {
  const busy = scheduleOf({});
  expect(await busy.after(5 * minute - 1)).toEqual([]);
  expect(await busy.after(1)).toEqual(['0a', '0b']);
  expect(busy.schedule.wait()).toBe(hour);
  expect(await busy.after(hour - 1, true)).toEqual([]);
  expect(await busy.after(1)).toEqual(['0a', '0b']);

  const idle = scheduleOf({});
  expect(await idle.after(0, true)).toEqual(['0a', '0b']);
  expect(await idle.after(hour - 1, true)).toEqual([]);
});

test('between two turns there is one slice of one chore, also if the runner has become busy', async () => {
  const { schedule, slices } = scheduleOf({}, {});
  expect(await schedule.goOn(true)).toBe(true);
  expect(slices).toEqual(['0a']);
  expect(await schedule.goOn(false)).toBe(true);
  expect(slices).toEqual(['0a', '0b']);
});

test('a chore that fails costs no other anything, and begins anew after five minutes, also the second time', async () => {
  let failed = 0;
  const failing = {
    // oxlint-disable-next-line require-yield -- it fails in its first slice
    async *run(): ReturnType<Chore['run']> {
      failed += 1;
      await Promise.resolve();
      throw new Error('not now');
    },
  };
  const { after } = scheduleOf(failing, {}, { ...failing, place: 'beside', every: Number.POSITIVE_INFINITY });
  expect(await after(0, true)).toEqual(['1a', '1b']);
  expect(failed).toBe(2);
  await after(5 * minute - 1, true);
  expect(failed).toBe(2);
  await after(1);
  expect(failed).toBe(4);
  await after(5 * minute);
  expect(failed).toBe(6);
});

test('a chore beside the turns holds up neither turns nor other chores, is begun once, and ends with its term', async () => {
  const answer = createGate();
  let begun = 0;
  let wentOn = false;
  const hanging: Partial<Chore> = {
    async *run() {
      begun += 1;
      await answer.promise;
      yield;
      wentOn = true;
    },
    firstAfter: 0,
    place: 'beside',
  };
  const { schedule, gone, after } = scheduleOf(hanging, {});
  expect(await after(0)).toEqual([]);
  expect(schedule.wait()).toBe(5 * minute);
  expect(await after(5 * minute)).toEqual(['1a', '1b']);
  expect(begun).toBe(1);

  gone.abort();
  answer.open();
  await after(0);
  expect([begun, wentOn]).toEqual([1, false]);
});

test('a runner that stops begins no chore, and goes on with none', async () => {
  const { schedule, signals, slices } = scheduleOf({}, { place: 'beside' });
  signals.stopping = true;
  expect(await schedule.goOn(true)).toBe(false);
  expect(schedule.wait()).toBe(Number.POSITIVE_INFINITY);
  expect(slices).toEqual([]);
});
