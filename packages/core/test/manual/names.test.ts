import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { retryDelay } from '../../src/pure/backoff.js';
import { priorityName } from '../../src/pure/options.js';
import type { TaskTypeParts } from '../../src/pure/registry.js';
import { task } from '../../src/pure/registry.js';
import { core, entries, manual, pages } from './blocks.js';

/** The two pages of the manual that list what there is, as one text. */
const reference = ['docs/reference.md', 'docs/options.md']
  .map((name) => pages.find(({ file }) => file === name)?.text ?? '')
  .join('\n');

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

/** The words in quotes that one member of a union can be. */
function valuesOf(file: string, name: string, member: string): readonly string[] {
  const unions = declarationOf(file, name).matchAll(new RegExp(`readonly ${member}: (?<union>'[^;]+);`, 'g'));
  const words = [...unions].flatMap(({ groups }) => [...(groups?.['union'] ?? '').matchAll(/'(?<word>[\w-]+)'/g)]);

  return words.map(({ groups }) => groups?.['word'] ?? '');
}

/** The part of the reference under a heading, up to the next one. */
function section(heading: string): string {
  const [, text] = new RegExp(`^## ${heading}\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(reference) ?? [];
  if (text === undefined) throw new Error(`The reference has no heading "${heading}".`);

  return text;
}

/** The names in the first cells of a part's tables, without their arguments. */
function listed(heading: string): readonly string[] {
  const body = section(heading).replaceAll(/^\|.*\n(?=\| ---)/gm, '');
  const cells = body.match(/^\| `[^|]+/gm) ?? [];

  return cells
    .flatMap((cell) => [...cell.replaceAll(/\(.*?\)/g, '').matchAll(/`(?<name>[\w-]+)[^`]*`/g)])
    .map(({ groups }) => groups?.['name'] ?? '');
}

/** What of these words a part of the reference has nowhere in code. */
function missing(words: readonly string[], text: string): readonly string[] {
  expect(words.length).toBeGreaterThan(0);
  const code = (text.match(/`[^`\n]+`/g) ?? []).join('\n');

  return words.filter((word) => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(code));
}

const sorted = (words: readonly string[]): readonly string[] => [...new Set(words)].sort();
const calls = membersOf('basket/basket.d.ts', 'Basket');
const files = entries.map(({ file }) => `${file}.d.ts`);

describe('the reference lists what exists, and nothing else', () => {
  test('of calls', () => {
    expect(calls).toContain('addMany');
    expect(sorted(listed('Calls'))).toEqual(sorted(calls));
  });

  test('of exports', () => {
    expect(sorted(listed('Set-up'))).toEqual(sorted(files.flatMap((file) => exportsOf(file, 'values'))));
    expect(sorted(listed('Types'))).toEqual(sorted(files.flatMap((file) => exportsOf(file, 'types'))));
  });

  test.each<[heading: string, file: string, ...names: string[]]>([
    ['Queries', 'pure/query.d.ts', 'OfOwner', 'Scope', 'Filter', 'Query'],
    ['Tasks', 'pure/view.d.ts', 'TaskView'],
    ['A registry', 'pure/registry.d.ts', 'RegistryOptions'],
    ['One add', 'basket/adding/prepare.d.ts', 'AddOptions'],
  ])('under "%s"', (heading, file, ...names) => {
    expect(sorted(listed(heading))).toEqual(sorted(names.flatMap((name) => membersOf(file, name))));
  });

  test('of the options of a task type, and of the jitters', () => {
    const jitters = wordsOf('pure/backoff.d.ts', 'Jitter');

    expect(sorted(listed('A task type'))).toEqual(
      sorted([...membersOf('pure/registry.d.ts', 'TaskOptions'), ...jitters]),
    );
  });

  test('of the options of createSend, and of what send sends', () => {
    const names = [...membersOf('http/options.d.ts', 'SendOptions'), ...membersOf('http/init.d.ts', 'SendInit')];

    expect(sorted(listed('createSend'))).toEqual(sorted(names));
  });

  test('of the options of httpTask, and of what a request has', () => {
    const page = pages.find(({ file }) => file === 'docs/http.md')?.text ?? '';
    const parts = [...(page.split('## What an add refuses')[0] ?? '').matchAll(/^\| `(?<name>\w+)` \|/gm)];

    expect(sorted(listed('httpTask'))).toEqual(sorted(membersOf('http/task.d.ts', 'HttpTaskOptions')));
    expect(sorted(parts.map(({ groups }) => groups?.['name'] ?? ''))).toEqual(
      sorted(membersOf('http/request.d.ts', 'HttpRequest')),
    );
  });

  test.each([
    ['openBasket', 'host/open.d.ts', 'OpenOptions'],
    ['serveBasket', 'host/serve.d.ts', 'ServeOptions'],
    ['runBasket', 'runner/run.d.ts', 'RunBasketOptions'],
  ])('of the options of %s', (call, file, name) => {
    const rows = section('Running').match(/^\| `\w+` \|[^|]+/gm) ?? [];
    const own = rows.filter((row) => row.includes(`\`${call}\``)).map((row) => /`(?<option>\w+)`/.exec(row)?.[1] ?? '');

    expect(sorted(own)).toEqual(sorted(membersOf(file, name)));
    expect(own.length).toBeLessThan(listed('Running').length);
  });

  test.each([
    ['Errors', () => wordsOf('pure/errors.d.ts', 'ErrorCode')],
    ['Problems of a worker', () => wordsOf('pure/errors.d.ts', 'WorkerProblem')],
    ['Reasons', () => valuesOf('pure/reasons.d.ts', 'Reason', 'reason')],
    ['Events', () => valuesOf('basket/context/messages.d.ts', 'Hint', 'event')],
    ['Ends', () => valuesOf('basket/telling/settled.d.ts', 'Outcome', 'state')],
  ])('under "%s"', (heading, words) => {
    expect(words().length).toBeGreaterThan(3);
    expect(sorted(listed(heading))).toEqual(sorted(words()));
  });
});

describe('the reference has', () => {
  test.each([
    ['A task type', 'pure/backoff.d.ts', 'Backoff'],
    ['Tasks', 'pure/view.d.ts', 'GateView'],
    ['Tasks', 'pure/record.d.ts', 'StoredError'],
    ['Tasks', 'pure/record.d.ts', 'Death'],
    ['Calls', 'basket/reading/count.d.ts', 'Count'],
    ['Calls', 'basket/telling/watch.d.ts', 'Snapshot'],
    ['Calls', 'basket/telling/watch.d.ts', 'Watched'],
    ['Calls', 'basket/telling/watch.d.ts', 'WatchOptions'],
    ['Health', 'basket/reading/health.d.ts', 'Health'],
    ['Health', 'basket/reading/backlog.d.ts', 'BlockedLane'],
    ['Health', 'ports/storage.d.ts', 'StorageHealth'],
    ['Health', 'basket/reading/health.d.ts', 'ClosedGate'],
    ['Health', 'basket/reading/health.d.ts', 'RegistryDifference'],
    ['Health', 'basket/context/own-worker.d.ts', 'WorkerHealth'],
    ['Events', 'basket/context/messages.d.ts', 'Hint'],
    ['Reasons', 'pure/reasons.d.ts', 'Reason'],
    ['Ends', 'basket/telling/settled.d.ts', 'Outcome'],
    ['Types', 'runner/term/leader.d.ts', 'AttemptParts'],
    ['Types', 'runner/term/leader.d.ts', 'WithSession'],
    ['Types', 'pure/verdict.d.ts', 'UnavailableOptions'],
    ['Types', 'pure/verdict.d.ts', 'FailureOptions'],
  ])('under "%s", of %s, every member of %s', (heading, file, name) => {
    expect(missing(membersOf(file, name), section(heading))).toEqual([]);
  });

  test.each([
    ['Events', 'basket/context/messages.d.ts', 'Hint'],
    ['Health', 'basket/context/own-worker.d.ts', 'WorkerHealth'],
    ['Health', 'basket/reading/backlog.d.ts', 'BlockedLane'],
    ['Tasks', 'pure/record.d.ts', 'Death'],
    ['Tasks', 'pure/options.d.ts', 'PriorityName'],
    ['One add', 'pure/options.d.ts', 'PriorityName'],
  ])('under "%s", of %s, every word of %s', (heading, file, name) => {
    expect(missing(wordsOf(file, name), section(heading))).toEqual([]);
  });
});

test('every call that the manual names exists', () => {
  // `basket.ts` is the file of the first task.
  const named = [...manual.matchAll(/\bbasket\.(?!ts\b)(?<call>\w+)/g)].map(({ groups }) => groups?.['call'] ?? '');

  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((call) => !calls.includes(call))).toEqual([]);
});

/** The default that the reference gives an option of a task type. */
function defaultOf(option: string): string | undefined {
  return new RegExp(`^\\| \`${option}\` \\| (?<value>[^|]+) \\|`, 'm')
    .exec(section('A task type'))
    ?.groups?.['value']?.replaceAll(/[`,]/g, '');
}

test('the defaults of a task type are those of the manual', () => {
  const { version, timeout, onDead, priority, lane, backoff, failureLimit } = task() as TaskTypeParts;

  expect(defaultOf('version')).toBe(String(version));
  expect(defaultOf('timeout')).toBe(String(timeout));
  expect(defaultOf('onDead')).toBe(onDead);
  expect(defaultOf('priority')).toBe(priorityName(priority));
  expect([defaultOf('lane'), defaultOf('failureLimit')]).toEqual(['none', 'none']);
  expect([lane, failureLimit]).toEqual([undefined, undefined]);
  expect(backoff).toEqual({ base: 1_000, factor: 2, cap: 300_000, jitter: 'equal' });
  expect(section('A task type')).toContain('`base` is 1,000, `factor` 2, `cap` 300,000');
  expect(section('A task type')).toContain('| `equal` (default) |');
});

test.each(['equal', 'full', 'none'] as const)('the waits of jitter %s are as the manual computes them', (jitter) => {
  const row = new RegExp(`^\\| \`${jitter}\`[^|]*\\| \`(?<formula>[^\`]+)\``, 'm').exec(section('A task type'));
  const formula = (row?.groups?.['formula'] ?? '').replaceAll('×', '*').replaceAll('−', '-');
  // oxlint-disable-next-line typescript/no-implied-eval -- the formula of the manual is what is tested
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
