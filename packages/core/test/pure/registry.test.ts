import { describe, expect, test } from 'vitest';

import { asItIs } from '../../src/pure/codec.js';
import { TaskbasketError } from '../../src/pure/errors.js';
import type { RegistryOptions, TaskOptions } from '../../src/pure/registry.js';
import { checkText, longestTimer, priorityDigit, priorityName } from '../../src/pure/options.js';
import { findType, typeOf } from '../../src/pure/find-type.js';
import { defineTasks, task } from '../../src/pure/registry.js';

/** The message of what is thrown, which must be an error of ours with this code. */
function refusal(act: () => unknown, code = 'option'): string {
  const thrown = thrownBy(act);
  expect(thrown).toBeInstanceOf(TaskbasketError);
  expect(thrown).toMatchObject({ code });

  return (thrown as TaskbasketError).message;
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }

  return undefined;
}

const parts = (options?: TaskOptions<unknown>) => typeOf(defineTasks('db', { one: task<unknown>(options) }), 'one');

describe('a task type', () => {
  test('has a default for every option', () => {
    expect(parts()).toEqual({
      version: 1,
      codec: asItIs,
      upgrade: {},
      aliases: [],
      lane: undefined,
      gate: undefined,
      priority: 1,
      timeout: 120_000,
      onDead: 'block',
      onExpired: 'skip',
      backoff: { base: 1_000, cap: 300_000, factor: 2, jitter: 'equal' },
      failureLimit: undefined,
    });
  });

  test('takes every option as it was given', () => {
    const codec = { encode: String, decode: Number };
    const lane = (): string => 'lane';
    const ends = { timeout: 5, onDead: 'skip', lifetime: 7, onExpired: 'block', failureLimit: 3 } as const;
    const form = { version: 3, codec, upgrade: { 1: String, 2: String }, aliases: ['two'] } as const;
    const options = { ...form, lane, gate: 'api', key: 'draft', ...ends } as const;
    const backoff = { base: 10, cap: 20, factor: 1.5, jitter: 'full' } as const;

    expect(parts({ ...options, priority: 'low', backoff })).toEqual({ ...options, priority: 2, backoff });
  });

  test('keeps a cap that is below its base at the base, so that waits never shrink', () => {
    expect(parts({ backoff: { base: 600_000 } }).backoff).toMatchObject({ base: 600_000, cap: 600_000 });
    expect(parts({ backoff: { base: 50, cap: 20 } }).backoff).toMatchObject({ base: 50, cap: 50 });
  });

  const bad: readonly (readonly [option: keyof TaskOptions<unknown>, value: unknown, named: RegExp])[] = [
    ['version', 0, /version.*it is the number 0/],
    ['version', -1, /version.*it is the number -1/],
    ['version', 1.5, /version.*it is the number 1\.5/],
    ['version', Number.NaN, /version.*it is the number NaN/],
    ['version', 2 ** 53, /version/],
    ['version', '2', /version/],
    ['timeout', 0, /timeout.*it is the number 0/],
    ['timeout', -1, /timeout.*it is the number -1/],
    ['timeout', Number.NaN, /timeout.*it is the number NaN/],
    ['timeout', longestTimer + 1, /timeout.*2147483647, but it is the number 2147483648/],
    ['timeout', Number.POSITIVE_INFINITY, /timeout.*it is the number Infinity/],
    ['timeout', '5', /timeout/],
    ['timeout', null, /timeout.*it is null/],
    ['onDead', 'stop', /onDead.*it is "stop"/],
    ['onDead', null, /onDead.*it is null/],
    ['priority', 'urgent', /priority.*it is "urgent"/],
    ['priority', 1, /priority.*it is the number 1/],
    ['priority', 'toString', /priority.*it is "toString"/],
    ['backoff', { base: 0 }, /backoff\.base.*it is the number 0/],
    ['backoff', { base: -1 }, /backoff\.base.*it is the number -1/],
    ['backoff', { base: Number.NaN }, /backoff\.base.*it is the number NaN/],
    ['backoff', { cap: 0 }, /backoff\.cap.*it is the number 0/],
    ['backoff', { cap: Number.POSITIVE_INFINITY }, /backoff\.cap.*it is the number Infinity/],
    ['backoff', { cap: '9' }, /backoff\.cap/],
    ['backoff', { factor: 0.9 }, /backoff\.factor.*it is the number 0\.9/],
    ['backoff', { factor: Number.NaN }, /backoff\.factor.*it is the number NaN/],
    ['backoff', { factor: '2' }, /backoff\.factor/],
    ['backoff', { jitter: 'half' }, /backoff\.jitter.*it is "half"/],
    ['backoff', { jitter: null }, /backoff\.jitter.*it is null/],
    ['failureLimit', 0, /failureLimit.*it is the number 0/],
    ['failureLimit', 2.5, /failureLimit.*it is the number 2\.5/],
    ['failureLimit', Number.POSITIVE_INFINITY, /failureLimit.*it is the number Infinity/],
    ['failureLimit', '3', /failureLimit/],
    ['failureLimit', null, /failureLimit.*it is null/],
  ];

  test.each(bad)('refuses %s: %o, and the error names it', (option, value, named) => {
    expect(refusal(() => task({ [option]: value }))).toMatch(named);
  });

  test.each([[1], [longestTimer]])('takes a timeout of %d, the most that a timer holds included', (timeout) => {
    expect(parts({ timeout }).timeout).toBe(timeout);
  });
});

describe('a registry', () => {
  test('names its object stores by its bucket', () => {
    expect(defineTasks('db', {}).stores).toEqual([
      'taskbasket.tasks',
      'taskbasket.payloads',
      'taskbasket.outcomes',
      'taskbasket.state',
    ]);
    expect(defineTasks('db', {}, { bucket: 'photos' })).toMatchObject({
      name: 'db',
      bucket: 'photos',
      stores: ['photos.tasks', 'photos.payloads', 'photos.outcomes', 'photos.state'],
      gates: { base: 1_000, cap: 300_000 },
    });
  });

  test.each([[''], [undefined], [null], [7]])("refuses %o as a database's name", (name) => {
    expect(refusal(() => defineTasks(name as string, {}))).toMatch(
      /^The first argument of defineTasks, the database's name,/,
    );
  });

  test.each([[''], [7]])("refuses %o as a bucket's name", (bucket) => {
    expect(refusal(() => defineTasks('db', {}, { bucket: bucket as string }))).toMatch(/^The bucket's name/);
  });

  test.each([
    [{ base: 0 }, /gates\.base.*it is the number 0/],
    [{ base: 10, cap: Number.NaN }, /gates\.cap.*it is the number NaN/],
    [{ cap: -1 }, /gates\.cap.*it is the number -1/],
  ])('refuses %o as the waits of its gates', (gates, named) => {
    const options: RegistryOptions<'taskbasket'> = { gates };

    expect(refusal(() => defineTasks('db', {}, options))).toMatch(named);
  });

  test('cannot be changed', () => {
    expect(Object.isFrozen(defineTasks('db', {}))).toBe(true);
  });

  test('refuses a type that it has not, and lists those that it has', () => {
    const tasks = defineTasks('db', { saveNote: task(), uploadPhoto: task() });

    expect(refusal(() => typeOf(tasks, 'savedNote'), 'unknown-type')).toMatch(
      /no task type "savedNote".*saveNote, uploadPhoto/,
    );
  });

  test.each(['toString', 'constructor', '__proto__', 'hasOwnProperty', ''])(
    'has no type "%s" unless it was given',
    (name) => {
      const tasks = defineTasks('db', { saveNote: task() });

      expect(findType(tasks, name)).toBeUndefined();
      expect(refusal(() => typeOf(tasks, name), 'unknown-type')).toContain(`"${name}"`);
    },
  );
});

test('a priority has a digit that sorts, and its name back', () => {
  const names = ['high', 'normal', 'low'] as const;

  expect(names.map(priorityDigit)).toEqual([0, 1, 2]);
  expect(names.map(priorityDigit).map(priorityName)).toEqual(names);
});

test('a lane or gate that is no string is refused, and the error says what it was for', () => {
  for (const value of [7, '', undefined, {}]) {
    expect(refusal(() => checkText(value as string, 'A lane'))).toMatch(/^A lane must be a string/);
  }
});
