import { expect, test } from 'vitest';

import type { RunnerRow } from '../../src/pure/record.js';
import { dueFrom, dueOn, held, settled } from '../../src/pure/transitions.js';
import type { ViewFacts } from '../../src/pure/view.js';
import { taskView } from '../../src/pure/view.js';
import { storedRow } from './rows.js';

const wall = 400_000;
/** The runner's clock stands 50 seconds ahead of this device's. */
const moment = { now: 450_000, wall };
const error = { name: 'Error', message: 'no', at: wall };
const runner: RunnerRow = { epoch: { count: 1, nonce: 'n' }, build: 0, running: [], seen: 450_000, wall };
const facts: ViewFacts = { name: 'saveNote', runner, gate: undefined, wall, payload: { payload: { text: 'hello' } } };
const claim = { claim: 1, seq: 7, id: 'task-1' };

test('a task that was added shows what was given, and nothing that is not there', () => {
  expect(taskView(storedRow({}, { lane: 'note-1' }), { ...facts, runner: undefined })).toEqual({
    id: 'task-1',
    seq: 7,
    owner: null,
    type: 'saveNote',
    version: 2,
    payload: { text: 'hello' },
    state: 'queued',
    running: false,
    attempts: 0,
    failures: 0,
    interruptions: 0,
    lane: 'note-1',
    gate: { name: 'api' },
    priority: 'normal',
    addedAt: 1_000,
    dueAt: undefined,
    unreadable: false,
    lastError: undefined,
    dead: undefined,
  });
});

test("the time of the next attempt is shown by this device's clock, whatever the runner's says", () => {
  expect(taskView(dueFrom(storedRow(), moment.now + 5_000), facts).dueAt).toBe(wall + 5_000);
  expect(taskView(dueFrom(storedRow(), wall + 5_000), { ...facts, runner: undefined }).dueAt).toBe(wall + 5_000);
});

test('a date is shown as it was given', () => {
  expect(taskView(dueOn(storedRow(), wall + 5_000), facts).dueAt).toBe(wall + 5_000);
});

test('no time is shown that has come, nor of a task that waits for something else', () => {
  const rows = [dueFrom(storedRow(), moment.now), dueOn(storedRow(), wall), storedRow(), held(storedRow())];

  expect(rows.map((row) => taskView(row, facts).dueAt)).toEqual([undefined, undefined, undefined, undefined]);
});

test('a running task counts the attempt that runs, and has no next time', () => {
  const row = dueFrom(storedRow({ attempts: 2 }), moment.now + 5_000);
  const view = taskView(row, { ...facts, runner: { ...runner, running: [claim] } });

  expect(view).toMatchObject({ running: true, attempts: 3, dueAt: undefined });
});

test('a claim of another task with the same number, from a database that was made anew, is not taken for its own', () => {
  const other = { ...runner, running: [{ ...claim, id: 'task-0' }] };

  expect(taskView(storedRow(), { ...facts, runner: other }).running).toBe(false);
});

test('a dead task shows why and since when', () => {
  const dead = settled(
    storedRow(),
    { kind: 'permanent', error },
    moment,
    { backoff: { base: 1, cap: 1 }, onDead: 'block' },
    () => 0,
  );

  expect(dead && taskView(dead, facts)).toMatchObject({
    state: 'dead',
    dead: { reason: 'permanent', at: wall },
    lastError: error,
  });
});

test('a task that this build cannot read is shown without its payload', () => {
  expect(taskView(storedRow(), { ...facts, payload: undefined })).toMatchObject({
    unreadable: true,
    payload: undefined,
  });
  expect(taskView(storedRow(), { ...facts, payload: { payload: undefined } }).unreadable).toBe(false);
});

test("a closed gate shows why, and until when by this device's clock; an open one only its name", () => {
  const gate = {
    name: 'api',
    step: 1,
    until: 455_000,
    reason: 'Failed to fetch',
    by: ['task-1', 'task-2'],
    status: 503,
  };
  const slow = { ...gate, by: [], slow: { at: 0, width: 1 } };

  expect(taskView(storedRow(), { ...facts, gate }).gate).toEqual({
    name: 'api',
    closedUntil: 405_000,
    reason: 'Failed to fetch',
    status: 503,
  });
  expect(taskView(storedRow(), { ...facts, gate: slow }).gate).toEqual({ name: 'api' });

  const due = { ...gate, until: 1 };
  expect(taskView(storedRow(), { ...facts, gate: due }).gate.closedUntil).toBe(facts.wall);

  const doubted = { ...gate, by: ['task-9'] };
  expect(taskView(storedRow(), { ...facts, gate: doubted }).gate).toEqual({ name: 'api' });
  expect(taskView({ ...storedRow(), id: 'task-9' }, { ...facts, gate: doubted }).gate.closedUntil).toBe(405_000);
});
