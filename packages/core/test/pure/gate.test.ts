import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Closing, GateAttempt, GateRow } from '../../src/pure/gate.js';
import {
  allowance,
  currentGate,
  gateClosed,
  gateForward,
  gatePassed,
  gateWoken,
  isProbe,
  toBlame,
} from '../../src/pure/gate.js';
import { seeded } from '../support/chance.js';

const backoff = { base: 1_000, cap: 300_000 };
const least = (): number => 0;
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** An ordinary attempt that began then. */
function began(startedAt: number): GateAttempt {
  return { probe: false, startedAt };
}

function probe(startedAt: number): GateAttempt {
  return { probe: true, startedAt };
}

function away(now: number, more: Partial<Closing> = {}): Closing {
  return { now, name: 'api', by: 'task-1', reason: 'Failed to fetch', ...more };
}

function closed(step: number, until: number): GateRow {
  return { name: 'api', step, until, reason: 'Failed to fetch', by: 'task-1' };
}

function opened(step: number, at: number, width = 1, passed = 0): GateRow {
  return { ...closed(step, at), open: { at, width, passed } };
}

describe('closing', () => {
  test('the first attempt that finds its destination away closes the gate for the first wait, and says why', () => {
    expect(gateClosed(undefined, began(0), away(10_000), backoff, least)).toEqual({
      ...closed(1, 10_500),
      alone: true,
    });
  });

  test('a hundred attempts that lose the network in one outage raise the step once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { minLength: 100, maxLength: 100 }), fc.integer(), (lost, seed) => {
        const random = seeded(seed);
        let gate: GateRow | undefined;
        let until = 0;
        for (const after of [...lost].sort((one, other) => one - other)) {
          gate = gateClosed(gate, began(1_000), away(2_000 + after), backoff, random);

          expect(gate?.step).toBe(1);
          expect(gate?.until).toBeGreaterThanOrEqual(until);
          until = gate?.until ?? 0;
        }

        // The last of them has its wait as well, and none has more than the first step allows.
        const last = 2_000 + Math.max(...lost);
        expect(until).toBeGreaterThanOrEqual(last + 500);
        expect(until).toBeLessThanOrEqual(last + 1_000);
      }),
      { numRuns: 30 },
    );
  });

  test('one that was running already gives a closed gate the later of both waits, and leaves the reason of the first', () => {
    const later = away(20_000, { by: 'task-2', reason: 'Service Unavailable' });

    expect(gateClosed(closed(3, 10_000), began(0), later, backoff, least)).toEqual(closed(3, 22_000));
    expect(gateClosed(closed(3, 90_000), began(0), later, backoff, least)).toEqual(closed(3, 90_000));
  });

  test("a probe's failure raises the step each time, and its reason is the new one", () => {
    let gate: GateRow | undefined = closed(1, 1_000);
    const waits: number[] = [];
    for (let step = 2; step <= 12; step += 1) {
      const now: number = gate?.until ?? 0;
      gate = gateClosed(gate, probe(now), away(now, { by: `task-${step}` }), backoff, least);
      waits.push((gate?.until ?? 0) - now);

      expect(gate).toMatchObject({ step, by: `task-${step}` });
    }

    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 150_000, 150_000, 150_000]);
  });

  test('an attempt of the slow start that finds the destination away closes the gate again, one step further', () => {
    const gate = gateClosed(opened(3, 10_000, 2, 1), began(10_000), away(11_000), backoff, least);

    expect(gate).toEqual({ ...closed(4, 15_000), alone: true });
  });

  test('an attempt that began before the gate opened does nothing to it', () => {
    const gate = opened(3, 10_000, 2, 1);

    expect(gateClosed(gate, began(9_999), away(11_000), backoff, least)).toBe(gate);
    expect(gatePassed(gate, began(9_999), 11_000, 6)).toBe(gate);
  });

  test('a record that opened longer ago than the cap counts as none', () => {
    const gate = opened(9, 10_000);

    expect(gateClosed(gate, began(310_000), away(310_000), backoff, least)?.step).toBe(10);
    expect(gateClosed(gate, began(310_001), away(310_001), backoff, least)).toMatchObject(closed(1, 310_501));
    expect([currentGate(gate, 310_000, backoff), currentGate(gate, 310_001, backoff)]).toEqual([gate, undefined]);
  });

  test('a gate that is still closed is never forgotten, however long ago its wait ended', () => {
    const gate = closed(2, 10_000);

    expect(currentGate(gate, 10_000_000, backoff)).toBe(gate);
  });
});

describe("the server's word", () => {
  test('is a floor under the wait, plus up to half of it', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), fc.integer({ min: 1, max: 20 }), chance, (retryAfter, step, random) => {
        const now = 50_000;
        const told = gateClosed(closed(step, 0), probe(0), away(now, { retryAfter }), backoff, () => random);
        const untold = gateClosed(closed(step, 0), probe(0), away(now), backoff, () => random);
        const wait = (told?.until ?? 0) - now;

        expect(wait).toBeGreaterThanOrEqual(retryAfter);
        expect(wait).toBe(Math.max((untold?.until ?? 0) - now, Math.round(retryAfter * (1 + random / 2))));
      }),
    );
  });

  test('counts from an attempt that was running already as well', () => {
    const word = away(10_000, { retryAfter: 60_000 });

    expect(gateClosed(closed(1, 11_000), began(0), word, backoff, () => 1)).toEqual({
      ...closed(1, 100_000),
      floor: 70_000,
    });
  });
});

describe('what may start', () => {
  test('without a record as many as there are slots', () => {
    expect(allowance(undefined, 0, [began(0), probe(0)])).toBe(Number.POSITIVE_INFINITY);
    expect(isProbe(undefined)).toBe(false);
  });

  test('nothing while it is closed', () => {
    expect(allowance(closed(1, 1_000), 999, [])).toBe(0);
  });

  test('a single probe once its time has come, whatever else still runs from before', () => {
    const gate = closed(1, 1_000);

    expect(allowance(gate, 1_000, [])).toBe(1);
    expect(allowance(gate, 1_000, [began(0), began(0)])).toBe(1);
    expect(allowance(gate, 1_000, [probe(1_000)])).toBe(0);
    expect(isProbe(gate)).toBe(true);
  });

  test('after a probe got through one, two, four, counting what began since, then as many as there are slots', () => {
    const concurrency = 6;
    let gate = gatePassed(closed(5, 1_000), probe(1_000), 2_000, concurrency);
    const allowed = [allowance(gate, 2_000, [])];
    for (let answers = 0; answers < 7; answers += 1) {
      gate = gatePassed(gate, began(2_000), 2_000, concurrency);
      allowed.push(allowance(gate, 2_000, []));
    }

    expect(allowed).toEqual([1, 2, 2, 4, 4, 4, 4, Number.POSITIVE_INFINITY]);
    expect(gate).toBeUndefined();
  });

  test('the slow start counts what began since it opened, and not what ran before', () => {
    const gate = opened(1, 2_000, 4);

    expect(isProbe(gate)).toBe(false);
    expect(allowance(gate, 2_500, [began(1_999), probe(1_000), began(2_000), began(2_400)])).toBe(2);
    expect(
      allowance(
        gate,
        2_500,
        Array.from({ length: 9 }, () => began(2_000)),
      ),
    ).toBe(0);
  });
});

describe('answers', () => {
  test('an answer to an attempt that is not the probe does not open a closed gate', () => {
    const gate = closed(2, 1_000);

    expect(gatePassed(gate, began(500), 1_500, 6)).toBe(gate);
  });

  test('an answer leaves a gate without a record as it is', () => {
    expect(gatePassed(undefined, probe(0), 1_500, 6)).toBeUndefined();
  });

  test('with one slot the slow start is over after the first answer', () => {
    expect(gatePassed(opened(1, 0), began(0), 100, 1)).toBeUndefined();
  });

  test('the step survives the slow start, so that an outage that only paused goes on where it was', () => {
    const open = gatePassed(closed(6, 1_000), probe(1_000), 2_000, 6);

    expect(gateClosed(open, began(2_000), away(3_000), backoff, least)?.step).toBe(7);
  });
});

describe('the poisonous request', () => {
  const alone = gateClosed(undefined, began(0), away(1_000), backoff, least);
  const opens = (gate: GateRow | undefined, by: string): string | undefined =>
    toBlame(gate, gatePassed(gate, probe(2_000), 3_000, 6), by);

  test('is the task that closed a gate alone, if the next probe, by another, gets through', () => {
    expect(opens(alone, 'task-2')).toBe('task-1');
  });

  test('is nobody if the same task gets through the second time', () => {
    expect(opens(alone, 'task-1')).toBeUndefined();
  });

  test('is nobody if another that was on its way met the same', () => {
    const both = gateClosed(alone, began(0), away(1_100, { by: 'task-2' }), backoff, least);

    expect(both).not.toHaveProperty('alone');
    expect(opens(both, 'task-3')).toBeUndefined();
  });

  test('is nobody after two closings in a row: the network flaps', () => {
    const again = gateClosed(alone, probe(2_000), away(2_100, { by: 'task-2' }), backoff, least);

    expect(again).toMatchObject({ step: 2, by: 'task-2' });
    expect(opens(again, 'task-3')).toBeUndefined();
  });

  test('is found again when it closes the gate during the slow start', () => {
    const open = gatePassed(alone, probe(2_000), 3_000, 6);
    const again = gateClosed(open, began(3_000), away(4_000), backoff, least);

    expect(opens(again, 'task-2')).toBe('task-1');
  });

  test('is nobody for an answer that opens no gate', () => {
    const gate = opened(1, 1_000);

    expect(toBlame(undefined, undefined, 'task-2')).toBeUndefined();
    expect(toBlame(alone, gatePassed(alone, began(0), 1_500, 6), 'task-2')).toBeUndefined();
    expect(toBlame(gate, gatePassed(gate, began(1_000), 1_500, 6), 'task-2')).toBeUndefined();
  });
});

describe("a person's try", () => {
  test('brings the probe forward, and keeps the step', () => {
    const gate = gateForward(closed(4, 90_000), 500);

    expect(gate.step).toBe(4);
    expect(allowance(gate, 1, [])).toBe(1);
    expect(isProbe(gate)).toBe(true);
  });

  test('counts once a second, also if the probe failed meanwhile: a second one waits until then, and a third waits no longer', () => {
    const tried = gateForward(closed(4, 900_000), 500_000);
    const failed = gateClosed(tried, probe(500_001), away(500_002), backoff, least) ?? tried;
    const again = gateForward(failed, 500_300);

    expect(tried).toEqual({ ...closed(4, 0), triedAt: 500_000 });
    expect(failed.until).toBeGreaterThan(501_000);
    expect(again).toMatchObject({ until: 501_000, step: 5, triedAt: 501_000 });
    expect(gateForward(again, 500_600)).toBe(again);
    expect(gateForward(failed, 501_000)).toMatchObject({ until: 0, triedAt: 501_000 });
  });

  test('is not kept waiting by a clock that was put back', () => {
    expect(gateForward({ ...closed(4, 900_000), triedAt: 500_000 }, 1_000).until).toBe(0);
  });

  test('does not cut a slow start short', () => {
    const gate = opened(4, 1_000, 2);

    expect(gateForward(gate, 0)).toBe(gate);
  });
});

describe('being online or visible again', () => {
  const now = 10_000;

  test('brings the probe forward to within 2 s with a visible page, within 30 s without, and keeps the step', () => {
    fc.assert(
      fc.property(chance, fc.boolean(), fc.integer({ min: 100_000, max: 10_000_000 }), (random, visible, until) => {
        const gate = gateWoken(closed(4, until), now, visible, () => random);

        expect(gate).toEqual({
          ...closed(4, now + Math.round(random * (visible ? 2_000 : 30_000))),
          wokenAt: now,
        });
      }),
    );
  });

  test('puts no probe off, and does nothing to an open gate', () => {
    for (const gate of [closed(1, now), closed(1, now + 2_000), opened(1, now)]) {
      expect(gateWoken(gate, now, true, () => 1)).toBe(gate);
    }
  });

  test('counts once in 30 s, also if the probe failed meanwhile, so that a link that flaps sends little', () => {
    const woken = gateWoken(closed(9, 900_000), now, true, least);
    const failed = gateClosed(woken, probe(now), away(now + 100), backoff, least) ?? woken;

    expect(failed).toMatchObject({ step: 10, wokenAt: now });
    expect(gateWoken(failed, now + 29_999, true, least)).toBe(failed);
    expect(gateWoken(failed, now + 30_000, true, least).until).toBe(now + 30_000);
  });

  test("brings no probe before the server's word", () => {
    const told = gateClosed(undefined, began(0), away(now, { retryAfter: 60_000 }), backoff, () => 1);
    if (told === undefined) throw new Error('It is closed.');

    expect(told.until).toBe(now + 90_000);
    expect(gateWoken(told, now, true, least).until).toBe(now + 60_000);
    const reclosed = gateClosed(told, probe(now + 90_000), away(now + 90_000), backoff, least);
    expect(reclosed).not.toHaveProperty('floor');
  });
});
