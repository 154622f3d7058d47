import { expect, test, vi } from 'vitest';

import type { Clock } from '../../src/ports/ports.js';
import { deadline, endedWithin, waited, within } from '../../src/ports/wait.js';

/** A clock that the test winds; while it stands still no timer rings, as in a page that is frozen. */
function createClock() {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly ring: () => void }>();
  const clock: Clock = {
    wall: () => now,
    monotonic: () => now,
    timer(wait, ring) {
      const timer = { at: now + wait, ring };
      timers.add(timer);

      return () => timers.delete(timer);
    },
    turnOfTheLoop: () => new Promise((resolve) => setImmediate(resolve)),
  };

  async function pass(milliseconds: number): Promise<void> {
    const until = now + milliseconds;
    for (;;) {
      const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      now = Math.max(now, next.at);
      timers.delete(next);
      next.ring();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    now = until;
  }

  return {
    clock,
    pass,
    /** Time passes, of which this context has nothing. */
    freeze: (milliseconds: number): void => {
      now += milliseconds;
    },
    timers: () => timers.size,
  };
}

test.each([1, 9_999, 10_000, 10_001, 59_999, 60_000, 60_001, 600_000])(
  'a deadline of %i ms passes then, and not before',
  async (limit) => {
    const { clock, pass } = createClock();
    let passed = false;
    deadline(clock, limit, () => {
      passed = true;
    });

    await pass(limit - 1);
    expect(passed).toBe(false);
    await pass(1);
    expect(passed).toBe(true);
  },
);

test('a page that stood still for a day has not waited', async () => {
  const { clock, pass, freeze } = createClock();
  let passed = 0;
  deadline(clock, 60_000, () => {
    passed += 1;
  });
  await pass(15_000);
  freeze(86_400_000);

  await pass(39_000);
  expect(passed).toBe(0);
  await pass(20_000);
  expect(passed).toBe(1);
});

test('an answer that was there before a frozen page heard of the time is taken', async () => {
  const { clock, pass, freeze } = createClock();
  let answer = (_: string): void => undefined;
  const promise = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const end = within(clock, 3_000, promise, () => new Error('late'));
  freeze(86_400_000);
  // The message was delivered while the page was frozen: its task stands behind the timer's.
  setImmediate(() => answer('here'));
  await pass(0);

  await expect(end).resolves.toBe('here');
});

test('a sign of life begins the wait again, and a deadline that was stopped never passes', async () => {
  const { clock, pass, timers } = createClock();
  let passed = 0;
  const one = deadline(clock, 60_000, () => {
    passed += 1;
  });
  for (let time = 0; time < 10; time += 1) {
    await pass(59_999);
    one.renew();
  }
  expect(passed).toBe(0);
  one.stop();
  await pass(600_000);
  expect([passed, timers()]).toEqual([0, 0]);
});

test.each([1, 9_999, 10_000, 10_001])(
  'after a sign of life at %i ms a deadline passes no earlier than its limit, and at most ten seconds later',
  async (at) => {
    const { clock, pass } = createClock();
    let passed = 0;
    const one = deadline(clock, 60_000, () => {
      passed += 1;
    });
    await pass(at);
    one.renew();

    await pass(59_999);
    expect(passed).toBe(0);
    await pass(10_001);
    expect(passed).toBe(1);
  },
);

test('a wait whose signal has aborted before is over at once, and leaves nothing behind', async () => {
  const { clock, timers } = createClock();
  const ending = new AbortController();
  ending.abort();

  let over = 0;
  for (const wait of [
    waited(clock, 60_000, ending.signal),
    endedWithin(clock, [new Promise(() => undefined)], 60_000, ending.signal),
  ]) {
    void wait.then(() => (over += 1));
  }
  await clock.turnOfTheLoop();
  expect([over, timers()]).toEqual([2, 0]);
});

test('neither waits that ended early nor late ones leave a timer or a listener behind', async () => {
  const { clock, pass, timers } = createClock();
  const ending = new AbortController();
  const added = vi.spyOn(ending.signal, 'addEventListener');
  const removed = vi.spyOn(ending.signal, 'removeEventListener');
  const listeners = (): number => added.mock.calls.length - removed.mock.calls.length;
  const late = (): Error => new Error('late');

  for (let time = 0; time < 100; time += 1) {
    await expect(within(clock, 1_000, Promise.resolve(time), late)).resolves.toBe(time);
    await expect(within(clock, 1_000, Promise.reject(new Error('no')), late)).rejects.toThrow('no');
    const never = within(clock, 1_000, new Promise(() => undefined), late);
    const waits = waited(clock, 500, ending.signal);
    const [, end] = await Promise.allSettled([pass(1_000), never, waits]);
    expect(end).toMatchObject({ status: 'rejected' });
  }
  expect([timers(), listeners()]).toEqual([0, 0]);

  const waits = Array.from({ length: 100 }, () => waited(clock, 1_000, ending.signal));
  ending.abort();
  await Promise.all(waits);
  await waited(clock, 1_000, ending.signal);
  expect([timers(), listeners()]).toEqual([0, 0]);
});
