import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { retryDelay } from '../../src/pure/backoff.js';
import { priorityName } from '../../src/pure/options.js';
import type { TaskTypeParts } from '../../src/pure/registry.js';
import { task } from '../../src/pure/registry.js';
import { core, readme } from './blocks.js';

/** A declaration that is shipped, without its comments. */
function declared(file: string): string {
  return readFileSync(path.join(core, 'dist', file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
}

/** A type or an interface, as it is declared. */
function declarationOf(file: string, name: string): string {
  const found = new RegExp(`(?:interface|type) ${name}\\b[\\s\\S]*?(?=^(?:export|declare|//#))`, 'm').exec(
    declared(file),
  );
  if (found === null) throw new Error(`${file} declares no ${name}.`);

  return found[0];
}

/** The members of a type. */
function membersOf(file: string, name: string): readonly string[] {
  return [...declarationOf(file, name).matchAll(/readonly (?<member>\w+)\??:/g)].map(
    ({ groups }) => groups?.['member'] ?? '',
  );
}

/** The words in quotes of a union. */
function wordsOf(file: string, name: string): readonly string[] {
  return [...declarationOf(file, name).matchAll(/'(?<word>[\w-]+)'/g)].map(({ groups }) => groups?.['word'] ?? '');
}

/** What is exported: values alone, or types alone. */
function exportsOf(file: string, kind: 'values' | 'types'): readonly string[] {
  const lists = declared(file).matchAll(kind === 'types' ? /export type {([^}]+)}/g : /export {([^}]+)}/g);

  return [...lists].flatMap(([, list]) => (list ?? '').split(',').map((name) => name.trim())).filter(Boolean);
}

/** What of these words the README has nowhere in code. */
function missing(words: readonly string[]): readonly string[] {
  expect(words.length).toBeGreaterThan(0);
  const code = [...readme.matchAll(/```[\s\S]*?```|`[^`\n]+`/g)].join('\n');

  return words.filter((word) => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(code));
}

const calls = membersOf('basket/basket.d.ts', 'Basket');

describe('what exists is in the README', () => {
  test('every call of a basket', () => {
    expect(calls).toContain('addMany');
    expect(missing(calls)).toEqual([]);
  });

  test.each(['index.d.ts', 'worker.d.ts'])('everything that %s exports', (file) => {
    expect(missing(exportsOf(file, 'values'))).toEqual([]);
    expect(missing(exportsOf(file, 'types'))).toEqual([]);
  });

  test.each([
    ['pure/registry.d.ts', 'TaskOptions'],
    ['pure/registry.d.ts', 'RegistryOptions'],
    ['pure/backoff.d.ts', 'Backoff'],
    ['basket/adding/prepare.d.ts', 'AddOptions'],
    ['pure/query.d.ts', 'Filter'],
    ['pure/query.d.ts', 'Query'],
    ['host/open.d.ts', 'OpenOptions'],
    ['host/serve.d.ts', 'ServeOptions'],
    ['runner/run-basket.d.ts', 'RunBasketOptions'],
    ['runner/term/leader.d.ts', 'Attempt'],
    ['pure/verdict.d.ts', 'UnavailableOptions'],
    ['pure/verdict.d.ts', 'FailureOptions'],
    ['pure/view.d.ts', 'TaskView'],
    ['pure/view.d.ts', 'GateView'],
    ['pure/record.d.ts', 'StoredError'],
    ['pure/record.d.ts', 'Death'],
    ['basket/reading/count.d.ts', 'Count'],
    ['basket/telling/watch.d.ts', 'Snapshot'],
    ['basket/reading/health.d.ts', 'Health'],
    ['basket/reading/backlog.d.ts', 'BlockedLane'],
    ['ports/storage.d.ts', 'StorageHealth'],
    ['basket/reading/health.d.ts', 'ClosedGate'],
    ['basket/reading/health.d.ts', 'RegistryDifference'],
    ['basket/context/own-worker.d.ts', 'WorkerHealth'],
    ['basket/context/hub.d.ts', 'Hint'],
    ['pure/reasons.d.ts', 'Reason'],
    ['basket/telling/settled.d.ts', 'Outcome'],
  ])('of %s every member of %s', (file, name) => {
    expect(missing(membersOf(file, name))).toEqual([]);
  });

  test.each([
    ['pure/errors.d.ts', 'ErrorCode'],
    ['pure/errors.d.ts', 'WorkerProblem'],
    ['pure/backoff.d.ts', 'Jitter'],
    ['pure/reasons.d.ts', 'Reason'],
    ['basket/telling/settled.d.ts', 'Outcome'],
    ['basket/context/hub.d.ts', 'Hint'],
    ['basket/context/own-worker.d.ts', 'WorkerHealth'],
    ['pure/record.d.ts', 'Death'],
    ['pure/options.d.ts', 'PriorityName'],
  ])('of %s every word of %s', (file, name) => {
    expect(missing(wordsOf(file, name))).toEqual([]);
  });
});

test('every call that the README names exists', () => {
  const named = [...readme.matchAll(/\bbasket\.(?<call>\w+)/g)].map(({ groups }) => groups?.['call'] ?? '');

  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((call) => !calls.includes(call))).toEqual([]);
});

/** The default that the table of the README gives an option. */
function defaultOf(option: string): string | undefined {
  return new RegExp(`^\\| \`${option}\` \\| (?<value>[^|]+) \\|`, 'm')
    .exec(readme)
    ?.groups?.['value']?.replaceAll(/[`,]/g, '');
}

test('the defaults of a task type are those of the README', () => {
  const { version, timeout, onDead, priority, lane, backoff, failureLimit } = task() as TaskTypeParts;

  expect(defaultOf('version')).toBe(String(version));
  expect(defaultOf('timeout')).toBe(String(timeout));
  expect(defaultOf('onDead')).toBe(onDead);
  expect(defaultOf('priority')).toBe(priorityName(priority));
  expect([defaultOf('lane'), defaultOf('failureLimit')]).toEqual(['none', 'none']);
  expect([lane, failureLimit]).toEqual([undefined, undefined]);
  expect(backoff).toEqual({ base: 1_000, factor: 2, cap: 300_000, jitter: 'equal' });
  expect(readme).toContain('`base` is 1,000, `factor` 2, `cap` 300,000');
  expect(readme).toContain('| `equal` (default) |');
});

test.each(['equal', 'full', 'none'] as const)('the waits of jitter %s are as the README computes them', (jitter) => {
  const row = new RegExp(`^\\| \`${jitter}\`[^|]*\\| \`(?<formula>[^\`]+)\``, 'm').exec(readme);
  const formula = (row?.groups?.['formula'] ?? '').replaceAll('×', '*').replaceAll('−', '-');
  // oxlint-disable-next-line typescript/no-implied-eval -- the formula of the README is what is tested
  const waitOf = new Function('c', 'r', `return ${formula};`) as (...parts: readonly unknown[]) => number;

  const [base, factor, cap] = [700, 3, 20_000];
  for (let failures = 1; failures < 8; failures += 1) {
    for (const r of [0, 0.25, 0.99]) {
      const ceiling = Math.min(cap, base * factor ** (failures - 1));
      const wait = retryDelay({ base, factor, cap, jitter }, failures, () => r);

      expect(wait).toBe(Math.round(waitOf(ceiling, r)));
    }
  }
});
