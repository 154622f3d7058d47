import { describe, expect, test } from 'vitest';

import { readReady } from '../../src/pure/key.js';
import { deposedKey, idempotencyKey, newRow } from '../../src/pure/record.js';
import { newTask } from './rows.js';

describe('the row of a new task', () => {
  test('is fresh, counts nothing, and has no field that says nothing', () => {
    expect(newRow(newTask())).toStrictEqual({
      id: 'task-1',
      type: 'saveNote',
      version: 2,
      owner: null,
      gate: 'api',
      priority: 1,
      addedAt: 1_000,
      ready: 'F|saveNote|2|api|1',
      marks: ['Itask-1'],
      payload: { text: 'hello' },
      attempts: 0,
      failures: 0,
      interruptions: 0,
      blames: 0,
    });
  });

  test('has no field that says undefined when an option is given as undefined', () => {
    const nothing = {
      lane: undefined,
      runAt: undefined,
      timeout: undefined,
      onDead: undefined,
    };

    expect(newRow(newTask(nothing))).toStrictEqual(newRow(newTask()));
  });

  test.each([
    [{ lane: 'note-1' }, { lane: 'note-1', marks: ['Itask-1', 'L|note-1'] }],
    [
      { owner: 'ann', lane: 'note-1' },
      { owner: 'ann', marks: ['Itask-1', 'Lann|note-1'] },
    ],
    [{ priority: 0 }, { priority: 0, ready: 'F|saveNote|2|api|0' }],
    [{ priority: 2 }, { priority: 2, ready: 'F|saveNote|2|api|2' }],
    [{ timeout: 5 }, { timeout: 5 }],
    [{ onDead: 'skip' }, { onDead: 'skip' }],
    [{ gate: 'a|b' }, { gate: 'a|b', ready: 'F|saveNote|2|a%7Cb|1' }],
  ] as const)('says %o where it is found', (option, expected) => {
    expect(newRow(newTask(option))).toMatchObject(expected);
  });

  test('with a date is timed by the wall clock from the start', () => {
    const row = newRow(newTask({ runAt: 90_000, priority: 2 }));

    expect(row.runAt).toBe(90_000);
    expect(readReady(row.ready)).toMatchObject({ letter: '!', rank: 2, when: 90_000 });
  });

  test('names where a payload lies that lies apart', () => {
    const row = newRow(newTask({ payload: { ref: 'task-1' } }));

    expect(row.ref).toBe('task-1');
    expect(row).not.toHaveProperty('payload');
  });

  test.each([[null], [0], [''], [false]])('keeps the payload %o', (inline) => {
    expect(newRow(newTask({ payload: { inline } }))).toHaveProperty('payload', inline);
  });

  test('has no payload where none is', () => {
    expect(newRow(newTask({ payload: { inline: undefined } }))).not.toHaveProperty('payload');
  });
});

test("a task's idempotency key is its id, and another one for each correction", () => {
  expect(
    [{}, { edition: 0 }, { edition: 1 }, { edition: 12 }].map((row) => idempotencyKey({ id: 'a', ...row })),
  ).toEqual(['a', 'a', 'a.1', 'a.12']);
});

test('the traces of deposed runners sort by their age, those of an epoch behind each other', () => {
  const epochs = [1, 9, 10, 999_999].map((count) => deposedKey({ count, nonce: 'n' }));

  expect([...epochs].sort()).toEqual(epochs);
  expect(deposedKey({ count: 9, nonce: 'n' }, 4)).toBe(`${epochs[1]}:4`);
});
