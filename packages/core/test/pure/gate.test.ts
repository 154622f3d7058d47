import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import type { Closing, GateAttempt, GateRow } from '../../src/pure/gate.js';
import {
  allowance,
  currentGate,
  gateClosed,
  gateForward,
  gatePassed,
  gateWoken,
  isAway,
  isClosed,
  keeps,
  toBlame,
} from '../../src/pure/gate.js';
import { gatesOf } from '../../src/pure/stored.js';
import { seeded } from '../support/chance.js';

const backoff = { base: 1_000, cap: 300_000, factor: 3 };
const day = 24 * 60 * 60_000;
const least = (): number => 0;
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** An ordinary attempt that began then. */
function began(startedAt: number, id = 'task-1'): GateAttempt {
  return { id, probe: false, startedAt };
}

function probe(startedAt: number, id = 'task-1'): GateAttempt {
  return { id, probe: true, startedAt };
}

function away(now: number, more: Partial<Closing> = {}): Closing {
  return { now, name: 'api', reason: 'Failed to fetch', ...more };
}

/** Closed by the word of two. */
function closed(step: number, until: number, by: readonly string[] = ['task-1', 'task-2']): GateRow {
  return { name: 'api', step, until, reason: 'Failed to fetch', by };
}

function doubted(step: number, until: number, by = 'task-1'): GateRow {
  return closed(step, until, [by]);
}

function slow(at: number, width = 1, earlier = 0): GateRow {
  return { ...closed(0, at, []), earlier, slow: { at, width } };
}

describe('one that finds its destination away', () => {
  test('makes the gate doubted for the first wait: it waits itself, and another may try once nothing runs', () => {
    const gate = gateClosed(undefined, began(0), away(10_000, { status: 503 }), backoff, least);

    expect(gate).toEqual({ ...doubted(1, 10_500), status: 503 });
    expect([isAway(gate), isClosed(gate)]).toEqual([true, false]);
    expect([keeps(gate, 'task-1'), keeps(gate, 'task-2')]).toEqual([true, false]);
    expect(allowance(gate, 10_000, [began(9_000)])).toBe(0);
    expect(allowance(gate, 10_000, [])).toBe(1);
    expect(allowance(gate, 10_500, [began(9_000)])).toBe(1);
    expect(allowance(gate, 10_500, [began(9_000), probe(10_000)])).toBe(1);
    expect(allowance(gate, 10_500, [began(9_000), probe(10_500)])).toBe(0);
  });

  test('is wrong if another gets an answer: the gate is open, and it is to blame', () => {
    for (const now of [10_000, 10_499, 10_500, 900_000]) {
      expect(gatePassed(doubted(1, 10_500), began(9_000, 'task-2'), now, 6)).toBeUndefined();
      expect(toBlame(doubted(1, 10_500), 'task-2', now)).toEqual(['task-1']);
    }
    expect(toBlame(doubted(7, 10_500), 'task-2', 10_500)).toEqual(['task-1']);
  });

  test('is not to blame if it is itself the one that gets an answer', () => {
    expect(toBlame(doubted(1, 10_500), 'task-1', 11_000)).toEqual([]);
    expect(toBlame(closed(1, 10_500), 'task-2', 10_000)).toEqual([]);
  });

  test('is right if another finds it away too: the gate is closed, for the first wait of both', () => {
    for (const other of [began(9_000, 'task-2'), probe(10_010, 'task-2')]) {
      // The status of the error before is not told beside the reason of this one.
      const gate = gateClosed({ ...doubted(1, 10_500), status: 503 }, other, away(10_100), backoff, least);

      expect(gate).toEqual(closed(1, 10_600));
      expect([isClosed(gate), keeps(gate, 'task-3')]).toEqual([true, true]);
      expect([allowance(gate, 10_599, []), allowance(gate, 10_600, [])]).toEqual([0, 1]);
      expect(allowance(gate, 10_600, [probe(10_600)])).toBe(0);
    }
  });

  test('again and again makes its own waits grow, and keeps nobody else from trying at once', () => {
    let gate: GateRow | undefined;
    const waits: number[] = [];
    for (let step = 1; step <= 8; step += 1) {
      const now: number = gate?.until ?? 0;
      gate = gateClosed(gate, probe(now), away(now), backoff, least);
      waits.push(gate.until - now);

      expect(keeps(gate, 'task-2')).toBe(false);
      expect(allowance(gate, now, [])).toBe(1);
      expect(isClosed(gate)).toBe(step > 1);
    }
    expect(waits).toEqual([500, 1_500, 4_500, 13_500, 40_500, 121_500, 150_000, 150_000]);
  });
});

describe('closing', () => {
  test('a hundred attempts that lose the network in one outage raise the step once, and wait no longer than the first wait', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { minLength: 100, maxLength: 100 }), fc.integer(), (lost, seed) => {
        const random = seeded(seed);
        let gate: GateRow | undefined;
        let until = 0;
        for (const [place, after] of [...lost].sort((one, other) => one - other).entries()) {
          gate = gateClosed(gate, began(1_000, `task-${place}`), away(2_000 + after), backoff, random);

          expect(gate.step).toBe(1);
          expect(gate.until).toBeGreaterThanOrEqual(until);
          until = gate.until;
        }

        const last = 2_000 + Math.max(...lost);
        expect(until).toBeGreaterThanOrEqual(last + 500);
        expect(until).toBeLessThanOrEqual(last + 1_000);
      }),
      { numRuns: 30 },
    );
  });

  test("a probe's failure raises the step each time, tells the newest reason, and remembers the last two tasks", () => {
    let gate = closed(1, 1_000, ['task-1', 'task-2', 'task-3']);
    for (let step = 2; step <= 12; step += 1) {
      gate = gateClosed(
        gate,
        probe(gate.until, `probe-${step}`),
        away(gate.until, { reason: `${step}` }),
        backoff,
        least,
      );

      expect(gate).toMatchObject({ step, reason: `${step}` });
      expect(gate.by).toEqual([step === 2 ? 'task-3' : `probe-${step - 1}`, `probe-${step}`]);
    }
  });

  test('an answer opens it slowly, whoever got it, and puts the step back', () => {
    for (const attempt of [probe(10_500, 'task-3'), began(9_000, 'task-3')]) {
      expect(gatePassed(closed(5, 11_000), attempt, 11_000, 6)).toEqual(slow(11_000, 1, 2));
    }
    expect(gatePassed(closed(5, 10_500), probe(10_500), 11_000, 1)).toBeUndefined();
  });

  test('soon after an answer waits longer, by half of the waits before and by two at most; each answer halves them', () => {
    const highest = (): number => 1;
    const waits = [1, 2, 3, 4, 5, 100].map((step) => {
      let open = gatePassed(closed(step, 0), probe(0), 1, 6);

      return [1, 2, 3].map((now) => {
        const wait = gateClosed(open, began(now), away(now), backoff, highest).until - now;
        open = gatePassed(open, began(now), now + 1, 6);

        return wait;
      });
    });

    expect(waits).toEqual([
      [1_000, 1_000, 1_000],
      [3_000, 1_000, 1_000],
      [3_000, 1_000, 1_000],
      [9_000, 3_000, 1_000],
      [9_000, 3_000, 1_000],
      [9_000, 3_000, 1_000],
    ]);
    // As many answers as may run at once: it is open, and nothing of before counts.
    expect(gatePassed(slow(1, 5, 2), began(2), 3, 6)).toBeUndefined();
  });

  test('in the first wait an answer proves all wrong that found it away; later the destination may have come back', () => {
    expect(toBlame(closed(1, 10_500), 'task-3', 10_499)).toEqual(['task-1', 'task-2']);
    expect(toBlame(closed(1, 10_500), 'task-3', 10_500)).toEqual([]);
    expect(toBlame(closed(2, 10_500), 'task-3', 10_499)).toEqual([]);
  });
});

describe('a slow start', () => {
  test('lets one more run with each answer, until as many run as may', () => {
    let gate: GateRow | undefined = slow(1_000);
    const widths: number[] = [];
    while (gate !== undefined) {
      widths.push(allowance(gate, 2_000, [began(999)]));
      gate = gatePassed(gate, began(1_000), 2_000, 6);
    }
    expect(widths).toEqual([1, 2, 3, 4, 5]);
    expect(allowance(slow(1_000, 2), 2_000, [began(1_000), began(1_500), began(1_600)])).toBe(0);
  });

  test('does not heed what began before it', () => {
    const gate = slow(10_000, 2);

    expect(gateClosed(gate, began(9_999), away(11_000), backoff, least)).toBe(gate);
    expect(gatePassed(gate, began(9_999), 11_000, 6)).toBe(gate);
  });

  test('heeds a time that the server names, also to what began before it', () => {
    const named = gateClosed(slow(10_000, 2), began(9_999), { ...away(11_000), retryAfter: 8_000 }, backoff, least);

    expect(allowance(named, 18_999, [])).toBe(0);
    expect(named.floor).toBe(19_000);
  });

  test('that is doubted begins with the first wait again, and goes on where it was if the doubt was wrong', () => {
    const gate = gateClosed(slow(10_000, 3), began(10_000), away(11_000), backoff, least);

    expect(gate).toEqual({ ...doubted(1, 11_500), earlier: 0, slow: { at: 10_000, width: 3 } });
    expect(gatePassed(gate, began(10_500, 'task-2'), 11_100, 6)).toMatchObject({
      by: [],
      slow: { at: 10_000, width: 3 },
    });
    const again = gateClosed(gate, began(10_500, 'task-2'), away(11_100), backoff, least);
    expect(gatePassed(again, probe(11_600, 'task-3'), 11_700, 6)).toMatchObject({
      by: [],
      slow: { at: 11_700, width: 1 },
    });
  });

  test('that began longer ago than the cap, or in the future, counts as none', () => {
    const gate = slow(10_000);

    expect([9_999, 10_000, 310_000, 310_001].map((now) => currentGate(gate, now, backoff))).toEqual([
      undefined,
      gate,
      gate,
      undefined,
    ]);
  });
});

test('a closed gate is never forgotten by itself, however long ago its wait ended', () => {
  const gate = closed(2, 10_000);

  expect(currentGate(gate, 10_000_000, backoff)).toBe(gate);
});

describe("the server's word", () => {
  test('closes the gate for all, and is a floor under the wait, plus up to half of it; a day at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 * day }),
        fc.integer({ min: 1, max: 20 }),
        chance,
        (word, step, random) => {
          const now = 50_000;
          const told = gateClosed(closed(step, 0), probe(0), away(now, { retryAfter: word }), backoff, () => random);
          // The waits before the word do not count: it shows that the server is there again.
          const untold = gateClosed(closed(0, 0), probe(0), away(now), backoff, () => random);
          const heeded = Math.min(word, day);

          expect(told.floor).toBe(now + heeded);
          expect(told.until - now).toBe(Math.max(untold.until - now, Math.round(heeded * (1 + random / 2))));
          expect(currentGate(told, now, backoff)).toBe(told);
        },
      ),
    );
    // The seconds since 1970, as if they were the seconds to wait.
    const since1970 = away(10_000, { retryAfter: 1_767_268_800_000 });
    expect(gateClosed(undefined, began(0), since1970, backoff, least)).toMatchObject({ floor: 10_000 + day });
    const alone = gateClosed(undefined, began(0), away(10_000, { retryAfter: 60_000 }), backoff, least);
    expect([isClosed(alone), keeps(alone, 'task-2'), allowance(alone, 69_999, [])]).toEqual([true, true, 0]);
    expect(allowance(alone, 70_000, [])).toBe(1);
  });

  test('begins with the first wait again after a long outage, once: from then on the waits grow as ever', () => {
    const word = { retryAfter: 1_000 };
    const highest = (): number => 1;
    let gate = closed(8, 0);
    const waits = [word, word, {}, word].map((more) => {
      gate = gateClosed(gate, probe(gate.until), away(gate.until, more), backoff, highest);

      return gate.until;
    });

    expect(waits.map((until, place) => until - (waits[place - 1] ?? 0))).toEqual([1_500, 3_000, 9_000, 27_000]);
    expect(gate.step).toBe(12);
    const open = gatePassed(gate, probe(gate.until), gate.until, 6);
    expect(open).not.toHaveProperty('silent');
    const again = away(gate.until, word);
    expect(gateClosed(open, began(gate.until), again, backoff, highest).until - gate.until).toBe(1_500);
  });

  test('counts also from an attempt that was running already, and the later of two holds', () => {
    const word = away(10_000, { retryAfter: 60_000 });
    const gate = gateClosed(closed(1, 11_000), began(0, 'task-3'), word, backoff, () => 1);

    expect(gate).toMatchObject({ step: 1, until: 100_000, floor: 70_000 });
    expect(gateClosed(gate, began(0, 'task-4'), away(10_000, { retryAfter: 5_000 }), backoff, () => 1)).toMatchObject({
      until: 100_000,
      floor: 70_000,
    });
    expect(gateClosed(gate, probe(100_000, 'task-4'), away(100_000), backoff, least)).not.toHaveProperty('floor');
  });

  test('counts again if a person had it probed before, in vain', () => {
    const gate = gateClosed(undefined, began(0), away(10_000, { retryAfter: 600_000 }), backoff, least);
    const tried = gateForward(gate, 20_000);
    expect(allowance(tried, 20_000, [])).toBe(1);

    const again = gateClosed(tried, probe(20_000), away(20_500), backoff, least);
    expect(again).toMatchObject({ floor: 610_000, until: 610_000 });
    expect(gateWoken(again, 30_000, 2_000, least)).toBe(again);
    // Unless the server names another time.
    const word = away(20_500, { retryAfter: 5_000 });
    expect(gateClosed(tried, probe(20_000), word, backoff, least)).toMatchObject({ floor: 25_500, until: 25_500 });
    expect(gateClosed(again, probe(610_000), away(610_000), backoff, least)).not.toHaveProperty('floor');
  });

  test('holds against an answer to what was running already, and ends with the answer to the probe', () => {
    const gate = gateClosed(undefined, began(0), away(10_000, { retryAfter: 60_000 }), backoff, least);

    expect(gatePassed(gate, began(9_000, 'task-2'), 10_100, 6)).toBe(gate);
    expect(gatePassed(gate, probe(20_000, 'task-2'), 20_100, 6)).toEqual({ ...slow(20_100), until: gate.until });
  });
});

describe("a person's try", () => {
  test('brings the probe forward, also before the time that the server named, and keeps the step', () => {
    const gate = gateForward({ ...closed(4, 90_000), floor: 80_000 }, 500);

    expect(gate.step).toBe(4);
    expect(allowance(gate, 1, [])).toBe(1);
  });

  test('counts once a second, also if the probe failed meanwhile: a second one waits until then, and a third waits no longer', () => {
    const tried = gateForward(closed(4, 900_000), 500_000);
    const failed = gateClosed(tried, probe(500_001), away(500_002), backoff, least);
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
    const gate = slow(1_000, 2);

    expect(gateForward(gate, 0)).toBe(gate);
  });
});

describe('a page that is visible or online', () => {
  const now = 10_000;

  test('brings the probe forward into its spread, and keeps the step', () => {
    fc.assert(
      fc.property(
        chance,
        fc.constantFrom(0, 2_000, 30_000),
        fc.integer({ min: 100_000, max: day }),
        (random, spread, until) => {
          const soon = now + Math.round(random * spread);

          expect(gateWoken(closed(4, until), now, spread, () => random)).toEqual({ ...closed(4, soon), wokenAt: now });
        },
      ),
    );
  });

  test('puts no probe off, and does nothing to a slow start', () => {
    for (const gate of [closed(1, now), closed(1, now + 2_000), slow(now)]) {
      expect(gateWoken(gate, now, 2_000, () => 1)).toBe(gate);
    }
  });

  test('brings one probe in 15 s (a hidden one in 30 s), also if it failed meanwhile, so that a link that flaps sends little', () => {
    const woken = gateWoken(closed(9, 900_000), now, 0, least);
    const failed = gateClosed(woken, probe(now), away(now + 100), backoff, least);

    expect(failed).toMatchObject({ step: 10, wokenAt: now });
    for (const [spread, every] of [
      [0, 15_000],
      [2_000, 15_000],
      [30_000, 30_000],
    ] as const) {
      expect(gateWoken(failed, now + every - 1, spread, least)).toBe(failed);
      expect(gateWoken(failed, now + every, spread, least).until).toBe(now + every);
    }
  });

  test("brings no probe before the server's word", () => {
    const told = gateClosed(undefined, began(0), away(now, { retryAfter: 60_000 }), backoff, () => 1);

    expect(told.until).toBe(now + 90_000);
    expect(gateWoken(told, now, 0, least).until).toBe(now + 60_000);
  });
});

describe('a stored record', () => {
  const stored = (value: unknown): GateRow | undefined => gatesOf(['gate:api'], [value]).get('api');
  const gate: GateRow = { ...slow(1_000), status: 503, floor: 1, wokenAt: 2, triedAt: 3, until: 0 };

  test('is read as it was written, with what a later version adds', () => {
    const later = { ...gate, more: true };

    expect(stored(later)).toBe(later);
    expect(stored(closed(1, 0))).toEqual(closed(1, 0));
  });

  const strange: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'closed'],
    ['a number', 7],
    ['an empty object', {}],
    ['an empty list', []],
    ['another name', { ...gate, name: 'api2' }],
    ...['name', 'step', 'until', 'by', 'reason'].map((part) => [`no ${part}`, { ...gate, [part]: undefined }] as const),
    ...['step', 'until', 'floor', 'status', 'wokenAt', 'triedAt'].flatMap((part) =>
      [Number.NaN, Number.POSITIVE_INFINITY, '1', null, {}].map(
        (value) => [`${part} ${JSON.stringify(value)} ${typeof value}`, { ...gate, [part]: value }] as const,
      ),
    ),
    ['by a text', { ...gate, by: 'task-1' }],
    ['by numbers', { ...gate, by: [1] }],
    ['a reason that is no text', { ...gate, reason: {} }],
    ['a slow start that is none', { ...gate, slow: null }],
    ['a slow start without a width', { ...gate, slow: { at: 1 } }],
    ['a slow start at no time', { ...gate, slow: { at: 'now', width: 1 } }],
  ];

  test.each(strange)('that is strange counts as none: %s', (_, value) => {
    expect(stored(value)).toBeUndefined();
  });

  test('whose times lie further ahead than any wait counts as none, and nobody found it away: no slow start either', () => {
    const now = 1_000_000;
    const furthest = now + 1.5 * day;

    expect(currentGate(closed(1, furthest), now, backoff)).toBeDefined();
    for (const far of [
      closed(1, furthest + 1),
      { ...closed(1, 0), floor: furthest + 1 },
      { ...closed(1, 0), wokenAt: 1e15 },
    ]) {
      expect(currentGate(far, now, backoff)).toBeUndefined();
    }
    expect(currentGate(closed(1, 0, []), now, backoff)).toBeUndefined();
  });
});
