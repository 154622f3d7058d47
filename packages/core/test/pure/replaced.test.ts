import { expect, test } from 'vitest';

import { isReplaceable } from '../../src/pure/replaced.js';
import { keyMark } from '../../src/pure/key.js';
import { keyMarkOf, newRow } from '../../src/pure/record.js';
import { rowOf } from '../../src/pure/stored.js';
import { held, settled } from '../../src/pure/transitions.js';
import { newTask, storedRow } from './rows.js';

const draft = { key: 'note-1', lane: 'note-1' };
const row = storedRow({}, draft);
const next = storedRow({ seq: 9, id: 'task-2' }, { ...draft, id: 'task-2' });
const dead = settled(
  row,
  { kind: 'permanent', error: { name: 'Error', message: 'no', at: 0 } },
  { now: 0, wall: 0 },
  { backoff: { base: 1, cap: 1, factor: 1, jitter: 'none' }, onDead: 'block' },
  () => 0,
);

test('a row has the mark of its key, which belongs to owner, type and lane', () => {
  expect(newRow(newTask(draft)).marks).toEqual(['Itask-1', 'L|note-1', 'K|saveNote|Lnote-1|note-1']);
  expect(newRow(newTask({ key: 'a' })).marks).toEqual(['Itask-1', 'K|saveNote||a']);
  expect(newRow(newTask()).marks).toEqual(['Itask-1']);
  const marks = [
    keyMark(null, 'a', 'b', 'c'),
    keyMark('a', 'b', undefined, 'c'),
    keyMark(null, 'a|b', undefined, 'c'),
    keyMark(null, 'a', undefined, 'b|c'),
    keyMark(null, 'a', undefined, 'c'),
  ];
  expect(new Set(marks).size).toBe(marks.length);
});

test('a row whose mark names another key than the row is strange', () => {
  expect(rowOf(row)?.strange).toBeUndefined();
  expect(rowOf({ ...row, key: 'other' })?.strange).toBe(true);
  expect(rowOf({ ...row, key: undefined })?.strange).toBe(true);
  expect(rowOf({ ...row, marks: row.marks.filter((mark) => mark !== keyMarkOf(row)) })?.strange).toBe(true);
});

test.each([
  ['a task that was never started is replaced', row, next, [], true],
  ['a task that was put aside is replaced', held(row), next, [], true],
  ['a task that this build cannot read is replaced', { ...row, ready: `U${row.ready.slice(1)}` }, next, [], true],
  ['a started task stays', { ...row, attempts: 1 }, next, [], false],
  ['a corrected task stays, because an earlier payload of it was sent', { ...row, edition: 1 }, next, [], false],
  ['a claimed task stays', row, next, [{ claim: 1, seq: 7, id: 'task-1' }], false],
  ['a claim of another database does not count', row, next, [{ claim: 1, seq: 7, id: 'task-9' }], true],
  ['a dead task stays, because somebody decides about it', { ...(dead ?? row), attempts: 0 }, next, [], false],
  [
    'a dead task replaces nothing, because nobody knows whether it will be sent',
    dead ?? row,
    { ...(dead ?? row), seq: 9, id: 'task-2' },
    [],
    false,
  ],
  ['a strange task stays', { ...row, strange: true as const }, next, [], false],
  ['a strange task replaces nothing', row, { ...next, strange: true as const }, [], false],
  ['a task with other parents replaces nothing', row, { ...next, after: ['a'] }, [], false],
  ['a task with fewer parents replaces nothing', { ...row, after: ['a', 'b'] }, { ...next, after: ['a'] }, [], false],
  ['the same parents are the same', { ...row, after: ['a'] }, { ...next, after: ['a'] }, [], true],
] as const)('%s', (_, one, other, claims, expected) => {
  expect(isReplaceable(one, other, claims)).toBe(expected);
});
