import { expect, test } from 'vitest';

import type { CheckFacts } from '../../src/pure/check.js';
import { check } from '../../src/pure/check.js';
import { held, dueFrom, dueOn } from '../../src/pure/transitions.js';
import { storedRow } from './rows.js';

const wall = 50_000;
const moment = { now: 40_000, wall };
const fresh = storedRow();
const timed = dueFrom(fresh, moment.now);
const dated = dueOn(storedRow({ runAt: wall }), wall);
const tomorrow = storedRow({ runAt: wall + 1 });

const free: CheckFacts = { head: 7, laneTaken: false, claimed: false, paused: false, parents: [], wall };
const behind: CheckFacts = { ...free, head: 6 };
const taken: CheckFacts = { ...free, laneTaken: true };
const laneless: CheckFacts = { laneTaken: false, claimed: false, paused: false, parents: [], wall };
const paused: CheckFacts = { ...free, paused: true };

test.each([
  ['a fresh head of a free lane is claimed', fresh, free, 'claim'],
  ['a timed head of a free lane is claimed', timed, free, 'claim'],
  ['a fresh row without a lane is claimed', fresh, laneless, 'claim'],
  ['a timed row without a lane is claimed', timed, laneless, 'claim'],
  ['a row whose own date has come is claimed', dated, free, 'claim'],
  ['a fresh row behind its head is passed, and nothing is written', fresh, behind, 'pass'],
  ['a timed row behind its head is held', timed, behind, 'hold'],
  ['a dated row behind its head is held', dated, behind, 'hold'],
  ['a fresh head is passed while a claim stands in its lane', fresh, taken, 'pass'],
  ['a timed head waits while a claim stands in its lane', timed, taken, 'wait'],
  [
    'a row behind its head is held also while a claim stands in its lane',
    timed,
    { ...behind, laneTaken: true },
    'hold',
  ],
  ['a paused head is held, also a fresh one', fresh, paused, 'hold'],
  ['a paused row without a lane is held, also a fresh one', fresh, { ...laneless, paused: true }, 'hold'],
  ['a paused head whose own date is still to come is held', tomorrow, paused, 'hold'],
  ['a paused fresh row behind its head is passed', fresh, { ...behind, paused: true }, 'pass'],
  ['a paused head waits while a claim stands in its lane', timed, { ...taken, paused: true }, 'wait'],
  ['a claimed row is passed, fresh or timed', timed, { ...free, claimed: true }, 'pass'],
  ['a claimed row is passed before anything else is asked', fresh, { ...behind, claimed: true }, 'pass'],
  ['a head whose own date is still to come is dated', tomorrow, free, 'date'],
  ['a timed head whose own date is still to come is dated', dueFrom(tomorrow, moment.now), free, 'date'],
  ['a row without a lane whose date is still to come is dated', tomorrow, laneless, 'date'],
  ['behind its head its date does not matter yet', tomorrow, behind, 'pass'],
  ['in a taken lane its date does not matter yet', tomorrow, taken, 'pass'],
  ['a held row that was read all the same counts as timed', held(fresh), taken, 'wait'],
] as const)('%s', (_, row, facts, expected) => {
  expect(check(row, facts)).toBe(expected);
});
