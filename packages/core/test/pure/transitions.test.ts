import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import { laneMark, readReady } from '../../src/pure/key.js';
import type { StoredError, TaskRow } from '../../src/pure/record.js';
import type { Policy } from '../../src/pure/transitions.js';
import {
  blamed,
  cancelledWhileRunning,
  dueFrom,
  dueOn,
  held,
  paid,
  rescued,
  revived,
  settled,
} from '../../src/pure/transitions.js';
import type { Verdict } from '../../src/pure/verdict.js';
import { storedRow } from './rows.js';

const moment = { now: 500_000, wall: 400_000 };
const policy: Policy = { backoff: { base: 1_000, cap: 300_000 }, onDead: 'block' };
const error: StoredError = { name: 'Error', message: 'no', status: 500, at: 400_000 };
const least = (): number => 0;

const verdicts: readonly Verdict[] = [
  { kind: 'failure', error },
  { kind: 'timeout', error },
  { kind: 'permanent', error },
  { kind: 'later', for: 5_000 },
  { kind: 'later', date: 450_000 },
  { kind: 'unavailable', error },
  { kind: 'unavailable', error, retryAfter: 60_000 },
  { kind: 'returned', started: true },
  { kind: 'returned', started: false },
  { kind: 'unreadable', error },
];

/** A row that has been through a lot. */
const worn = storedRow(
  {
    attempts: 9,
    failures: 3,
    interruptions: 2,
    blames: 1,
    timeout: 7,
    edition: 2,
    // As a later version writes them.
    key: 'note-1',
    after: ['parent'],
    marks: ['Itask-1', 'L|note-1', 'K|saveNote|Lnote-1|note-1', 'Wparent'],
  },
  { lane: 'note-1' },
);

/** The counters, in a row: attempts, failures, interruptions, blames. */
function counters(row: TaskRow | undefined): readonly number[] {
  return row === undefined ? [] : [row.attempts, row.failures, row.interruptions, row.blames];
}

/** Where the row is found: letter, rank, and when. */
function place(row: TaskRow | undefined): readonly unknown[] {
  const ready = readReady(row?.ready ?? '');

  return ready?.when === undefined ? [ready?.letter, ready?.rank] : [ready.letter, ready.rank, ready.when];
}

function settle(row: TaskRow, verdict: Verdict, own: Policy = policy): TaskRow | undefined {
  return settled(row, verdict, moment, own, least);
}

describe('how an attempt ended', () => {
  test('a success removes the row', () => {
    expect(settle(worn, { kind: 'success' })).toBeUndefined();
  });

  test('a failure is counted, ends the interruptions, and waits by the backoff of failures and blames together', () => {
    const row = settle(worn, { kind: 'failure', error });

    expect(counters(row)).toEqual([10, 4, 0, 1]);
    expect(place(row)).toEqual(['@', 1, 508_000]);
    expect(row).toMatchObject({ lastError: error });
    expect(row).not.toHaveProperty('recovered');
  });

  test('a timeout counts as a failure, and the next attempt hears that this one may have had its effect', () => {
    const row = settle(worn, { kind: 'timeout', error });

    expect(counters(row)).toEqual([10, 4, 0, 1]);
    expect(place(row)).toEqual(['@', 1, 508_000]);
    expect(row).toMatchObject({ recovered: true, lastError: error });
  });

  test('a permanent failure sets the task aside at the head of its lane, and counts no failure', () => {
    const row = settle(worn, { kind: 'permanent', error });

    expect(counters(row)).toEqual([10, 3, 0, 1]);
    expect(place(row)).toEqual(['D', 1]);
    expect(row).toMatchObject({ dead: { reason: 'permanent', at: 400_000 }, lastError: error, marks: worn.marks });
  });

  test('as many failures as its type allows make it dead, and its last error is kept', () => {
    const last = settle(worn, { kind: 'failure', error }, { ...policy, failureLimit: 4 });

    expect(counters(last)).toEqual([10, 4, 0, 1]);
    expect(place(last)).toEqual(['D', 1]);
    expect(last).toMatchObject({ dead: { reason: 'limit', at: 400_000 }, lastError: error });
    expect(settle(worn, { kind: 'timeout', error }, { ...policy, failureLimit: 4 })).toMatchObject({
      dead: { reason: 'limit' },
      recovered: true,
    });
    expect(settle(worn, { kind: 'failure', error }, { ...policy, failureLimit: 5 })).not.toHaveProperty('dead');
  });

  test('neither blames nor interruptions nor being away count towards the limit', () => {
    const blamedOften: TaskRow = { ...worn, failures: 0, blames: 50, interruptions: 50, attempts: 100 };
    const strict = { ...policy, failureLimit: 2 };

    expect(settle(blamedOften, { kind: 'failure', error }, strict)).not.toHaveProperty('dead');
    expect(settle({ ...worn, failures: 1 }, { kind: 'unavailable', error }, strict)).not.toHaveProperty('dead');
    expect(rescued({ ...worn, failures: 1 }, moment, policy.backoff, least)).not.toHaveProperty('dead');
  });

  test('with skip a dead task leaves its lane, and keeps its other marks', () => {
    const skipped = settle(worn, { kind: 'permanent', error }, { ...policy, onDead: 'skip' });
    const lane = laneMark(null, 'note-1');

    expect(worn.marks).toContain(lane);
    expect(skipped?.marks).toEqual([...worn.marks.filter((mark) => mark !== lane), 'S|note-1']);
    expect(revived(skipped ?? worn).marks).toHaveLength(worn.marks.length);
    expect(revived(skipped ?? worn).marks).toContain(lane);
    expect(revived(skipped ?? worn).marks).not.toContain('S|note-1');
    expect(skipped?.marks).toContain('K|saveNote|Lnote-1|note-1');
    expect(skipped?.lane).toBe('note-1');
  });

  test("a task's own word on its death goes before that of its type", () => {
    const skip: TaskRow = { ...worn, onDead: 'skip' };
    const block: TaskRow = { ...worn, onDead: 'block' };

    expect(settle(skip, { kind: 'permanent', error })?.marks).toContain('S|note-1');
    expect(settle(block, { kind: 'permanent', error }, { ...policy, onDead: 'skip' })?.marks).toEqual(worn.marks);
  });

  test('later waits as long as was asked for, and no failure is counted', () => {
    const row = settle(worn, { kind: 'later', for: 5_000 });

    expect(counters(row)).toEqual([10, 3, 0, 1]);
    expect(place(row)).toEqual(['@', 1, 505_000]);
    expect(row).not.toHaveProperty('lastError');
  });

  test('later with a date waits for that date by the wall clock', () => {
    expect(place(settle(worn, { kind: 'later', date: 450_000 }))).toEqual(['!', 1, 450_000]);
  });

  test.each([0, -5_000, Number.NEGATIVE_INFINITY])('later waits a second at least, also if it is %d', (wait) => {
    expect(place(settle(worn, { kind: 'later', for: wait }))).toEqual(['@', 1, 501_000]);
    expect(place(settle(worn, { kind: 'later', date: wait }))).toEqual(['!', 1, 401_000]);
  });

  test('a destination that is away counts nothing, and puts the task at the end of its range: its gate waits, not the task', () => {
    const row = settle(worn, { kind: 'unavailable', error, retryAfter: 60_000 });

    expect(counters(row)).toEqual([10, 3, 0, 1]);
    expect(place(row)).toEqual(['@', 1, 500_000]);
    expect(row).toMatchObject({ lastError: error });
  });

  test('what a stopping runner hands back is due at once; it is neither a failure nor an interruption', () => {
    const started = settle(worn, { kind: 'returned', started: true });
    const waiting = settle(worn, { kind: 'returned', started: false });

    expect(counters(started)).toEqual([10, 3, 2, 1]);
    expect(started).toMatchObject({ recovered: true });
    expect(counters(waiting)).toEqual([9, 3, 2, 1]);
    expect(waiting).not.toHaveProperty('recovered');
    expect([place(started), place(waiting)]).toEqual([
      ['@', 1, 500_000],
      ['@', 1, 500_000],
    ]);
  });

  test('what this build cannot read uses no attempt, and holds its lane', () => {
    const row = settle(worn, { kind: 'unreadable', error });

    expect(counters(row)).toEqual([9, 3, 2, 1]);
    expect(place(row)).toEqual(['U', 1]);
    expect(row).toMatchObject({ marks: worn.marks, payload: worn.payload, lastError: error });
  });

  test.each(verdicts)(
    'after $kind the row keeps every field that it had, also one that this version does not know',
    (verdict) => {
      const { ready: _, attempts: _attempts, failures: _failures, interruptions: _interruptions, ...kept } = worn;

      expect(settle(worn, verdict)).toMatchObject(kept);
      expect(kept).toHaveProperty('later', 'kept');
    },
  );

  test.each(verdicts)('after $kind no row is fresh again, so that "started" can be read off it', (verdict) => {
    expect(place(settle(storedRow(), verdict))[0]).not.toBe('F');
  });

  test.each([...verdicts, { kind: 'success' } as const])(
    'after $kind a task that was cancelled while it ran is gone',
    (verdict) => {
      expect(settle(cancelledWhileRunning(worn), verdict)).toBeUndefined();
    },
  );
});

describe('a claim whose runner died', () => {
  test('runs again at once the first two times, and from the third in a row on apart from all others and later', () => {
    let row: TaskRow | undefined = storedRow();
    const places: unknown[] = [];
    for (let death = 1; death <= 6; death += 1) {
      row = row && rescued(row, moment, policy.backoff, least);
      places.push(place(row));
    }

    expect(places).toEqual([
      ['@', 1, 500_000],
      ['@', 1, 500_000],
      ['@', 3, 500_500],
      ['@', 3, 501_000],
      ['@', 3, 502_000],
      ['@', 3, 504_000],
    ]);
    expect(counters(row)).toEqual([6, 0, 6, 0]);
    expect(row).toMatchObject({ recovered: true, later: 'kept' });
  });

  test('is an ordinary candidate again once an attempt ended by itself', () => {
    const lonely = storedRow({ interruptions: 5, failures: 0 });

    expect(place(settle(lonely, { kind: 'failure', error }))).toEqual(['@', 1, 500_500]);
    expect(place(settle(lonely, { kind: 'unavailable', error }))).toEqual(['@', 1, 500_000]);
  });

  test('stays apart when a stopping runner hands it back', () => {
    const lonely = storedRow({ interruptions: 5 });

    expect(place(settle(lonely, { kind: 'returned', started: true }))).toEqual(['@', 3, 500_000]);
  });

  test('is gone if it was cancelled', () => {
    expect(rescued(cancelledWhileRunning(worn), moment, policy.backoff, least)).toBeUndefined();
  });
});

describe('a task to blame for a closed gate', () => {
  const closer = settle(worn, { kind: 'unavailable', error }) ?? worn;

  test('backs off as after a failure, and none is counted', () => {
    const row = blamed(closer, moment, policy.backoff, least);

    expect(counters(row)).toEqual([10, 3, 0, 2]);
    expect(place(row)).toEqual(['@', 1, 508_000]);
    expect(row).toMatchObject({ marks: worn.marks, later: 'kept' });
  });

  test('waits longer each time, and no failure limit ends it', () => {
    let row: TaskRow = settle(storedRow(), { kind: 'unavailable', error }) ?? worn;
    const waits: unknown[] = [];
    for (let blame = 1; blame <= 5; blame += 1) {
      row = blamed(row, moment, policy.backoff, least) ?? row;
      waits.push(place(row)[2]);
    }

    expect(waits).toEqual([500_500, 501_000, 502_000, 504_000, 508_000]);
    expect(counters(row)).toEqual([1, 0, 0, 5]);
  });

  test('keeps a longer wait, as after the death of several runners', () => {
    const waiting = dueFrom(closer, moment.now + 3_600_000);
    const row = blamed(waiting, moment, policy.backoff, least);

    expect(row?.ready).toBe(waiting.ready);
    expect(counters(row)).toEqual([10, 3, 0, 2]);
  });

  test('is left alone once it is dead, cancelled, held, put off to a date, or brought forward by a person', () => {
    const rows = [
      settle(closer, { kind: 'permanent', error }),
      cancelledWhileRunning(closer),
      held(closer),
      dueOn(closer, 450_000),
      revived(closer),
      storedRow(),
    ];

    for (const row of rows) expect(row && blamed(row, moment, policy.backoff, least)).toBeUndefined();
  });
});

describe('paying', () => {
  const head = storedRow({}, { lane: 'note-1' });

  test('makes a fresh and a held row due at once, and changes nothing else', () => {
    for (const row of [head, held(head)]) {
      expect(paid(row, moment)).toEqual({ ...row, ready: dueFrom(row, moment.now).ready });
    }
  });

  test('leaves a timed, a dead, an unreadable and a foreign row as it is', () => {
    const dead = settle(head, { kind: 'permanent', error });
    const unreadable = settle(head, { kind: 'unreadable', error });
    const foreign = { ...head, ready: 'X|saveNote|2|api|1' };
    const rows = [dueFrom(head, moment.now), dueOn(head, 450_000), dead, unreadable, foreign, { ...head, ready: '?' }];

    for (const row of rows) expect(row && paid(row, moment)).toBeUndefined();
  });

  test('puts a row under its own date, if that is still to come', () => {
    expect(place(paid(held({ ...head, runAt: 400_001 }), moment))).toEqual(['!', 1, 400_001]);
    expect(place(paid(held({ ...head, runAt: 400_000 }), moment))).toEqual(['@', 1, 500_000]);
  });
});

describe("a person's try", () => {
  test('has a task due at once with fresh counters, and keeps its attempts and its last error', () => {
    const dead = settle(worn, { kind: 'permanent', error }) ?? worn;
    const row = revived(dead);

    expect(counters(row)).toEqual([10, 0, 0, 0]);
    expect(place(row)).toEqual(['@', 1, 0]);
    expect(row).not.toHaveProperty('dead');
    expect(row).toMatchObject({ lastError: error, later: 'kept' });
  });

  test('puts a task that left its lane back into it, once', () => {
    const left = settle(worn, { kind: 'permanent', error }, { ...policy, onDead: 'skip' }) ?? worn;
    const lane = laneMark(null, 'note-1');

    expect(left.marks).not.toContain(lane);
    expect([...revived(left).marks].sort()).toEqual([...worn.marks].sort());
    expect(revived(worn).marks).toEqual(worn.marks);
  });

  test('gives a task without a lane no mark', () => {
    const row = storedRow();

    expect(revived(row).marks).toEqual(row.marks);
  });

  test('brings a task that ran alone back among the others', () => {
    expect(place(revived(storedRow({ interruptions: 7 })))).toEqual(['@', 1, 0]);
  });
});

test('holding a row, and making it due, changes where it is found and nothing else', () => {
  const places = [held(worn), dueFrom(worn, moment.now + 5), dueOn(worn, 450_000)].map((row) => {
    expect(row).toEqual({ ...worn, ready: row.ready });

    return place(row);
  });

  expect(places).toEqual([
    ['H', 1],
    ['@', 1, 500_005],
    ['!', 1, 450_000],
  ]);
});

test('a task that is cancelled while it runs is dead for every read, and keeps its place in its lane until its claim ends', () => {
  const row = cancelledWhileRunning(worn);

  expect(row).toEqual({ ...worn, marks: [...worn.marks, 'C'], cancelled: true, ready: row.ready });
  expect(place(row)).toEqual(['D', 1]);
});

test('a task that always fails waits longer and longer up to the cap, and never ends by itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 0, max: 1e9 }), (failures, blames) => {
      const row = settle(storedRow({ failures, blames }), { kind: 'failure', error });
      const when = readReady(row?.ready ?? '')?.when ?? 0;

      expect(row?.failures).toBe(failures + 1);
      expect(when - moment.now).toBe(Math.round(Math.min(150_000, 500 * 2 ** Math.min(60, failures + blames))));
    }),
  );
});
