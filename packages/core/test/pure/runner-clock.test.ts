import * as fc from '../support/property.js';
import { expect, test } from 'vitest';

import { createRunnerClock } from '../../src/pure/runner-clock.js';

const day = 86_400_000;

/** A wall clock and a monotonic one that are set by hand. */
function clocks(wall: number) {
  const time = { wall, monotonic: 0 };

  return {
    readings: { wall: () => time.wall, monotonic: () => time.monotonic },
    pass(milliseconds: number) {
      time.wall += milliseconds;
      time.monotonic += milliseconds;
    },
    jump(milliseconds: number) {
      time.wall += milliseconds;
    },
    /** As after a sleep during which the monotonic clock stood, or in a browser that resets it. */
    monotonicTo(milliseconds: number) {
      time.monotonic = milliseconds;
    },
    wall: () => time.wall,
  };
}

test('it never goes back, however the clocks jump, and never stands behind the wall clock', () => {
  const step = fc.record({
    pass: fc.nat(day),
    jump: fc.oneof(fc.constant(0), fc.integer({ min: -30 * day, max: 30 * day })),
    monotonic: fc.option(fc.nat(day), { nil: undefined, freq: 4 }),
  });

  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: -day, max: day }), (steps, ahead) => {
      const time = clocks(1_000 * day);
      const seen = time.wall() + ahead;
      const clock = createRunnerClock(time.readings, seen);
      let last = seen;

      for (const { pass, jump, monotonic } of steps) {
        time.pass(pass);
        time.jump(jump);
        if (monotonic !== undefined) time.monotonicTo(monotonic);
        const now = clock.now();

        expect(now).toBeGreaterThanOrEqual(last);
        expect(now).toBeGreaterThanOrEqual(time.wall());
        last = now;
      }
    }),
  );
});

test('durations go on at their pace after a clock that stood days ahead was put right', () => {
  const time = clocks(1_000 * day);
  time.jump(3 * day);
  const clock = createRunnerClock(time.readings, 0);
  const due = clock.now() + 5_000;

  time.jump(-3 * day);
  time.pass(4_999);
  expect(clock.now()).toBeLessThan(due);
  time.pass(1);
  expect(clock.now()).toBe(due);
});

test('durations go on at their pace with a runner that takes over when the clock was put right', () => {
  const time = clocks(1_000 * day);
  const seen = time.wall() + 3 * day;
  const clock = createRunnerClock(time.readings, seen);

  expect(clock.now()).toBe(seen);
  time.pass(1_500);
  expect(clock.now()).toBe(seen + 1_500);
});

test('it shows whole milliseconds where the monotonic clock has fractions, and loses none of them', () => {
  const time = clocks(1_000 * day);
  time.jump(-day);
  const clock = createRunnerClock(time.readings, 1_000 * day);
  const times = Array.from({ length: 1_000 }, () => {
    time.pass(0.25);

    return clock.now();
  });

  expect(times.filter((one) => !Number.isInteger(one))).toEqual([]);
  expect(times.at(-1)).toBe(1_000 * day + 250);
});

test('reading it often does not slow it down', () => {
  const time = clocks(0);
  const clock = createRunnerClock(time.readings, day);
  for (let reading = 0; reading < 1_000; reading += 1) {
    time.pass(1);
    clock.now();
  }

  expect(clock.now()).toBe(day + 1_000);
});

test('a jump forward, which cannot be told from sleep, makes due what it passes', () => {
  const time = clocks(1_000 * day);
  const clock = createRunnerClock(time.readings, 0);
  const due = clock.now() + day;
  time.jump(day);

  expect(clock.now()).toBe(due);
});
