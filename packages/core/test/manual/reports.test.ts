import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { expect, test } from 'vitest';

import { repository } from './blocks.js';

interface Reports {
  readonly readVitest: (directory: string) => unknown;
  readonly readPlaywright: (directory: string) => unknown;
  readonly summary: (
    reports: unknown,
    failedSteps: ReadonlyMap<string, string>,
  ) => { readonly passed: number; readonly failed: number; readonly told: string };
}

const { readVitest, readPlaywright, summary } = (await import(
  pathToFileURL(path.join(repository, 'scripts/reports.mjs')).href
)) as Reports;

/** What `npm test` says at its end of these reports. */
function said({ vitest = [], e2e = [], failedSteps = {} }: Partial<Given>): ReturnType<Reports['summary']> {
  const directory = mkdtempSync(path.join(tmpdir(), 'taskbasket-reports-'));
  try {
    mkdirSync(path.join(directory, 'test-results'));
    const write = (name: string, report: unknown): void =>
      writeFileSync(path.join(directory, 'test-results', name), JSON.stringify(report));
    write('vitest.json', {
      testResults: [{ name: path.join(directory, 'packages/core/test/a.test.ts'), assertionResults: vitest }],
    });
    write('playwright.json', {
      config: { rootDir: path.join(directory, 'e2e') },
      suites: [{ title: 'b.spec.ts', specs: e2e }],
    });

    return summary(
      { vitest: readVitest(directory), e2e: readPlaywright(directory) },
      new Map(Object.entries(failedSteps)),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Given {
  readonly vitest: readonly object[];
  readonly e2e: readonly object[];
  readonly failedSteps: Record<string, string>;
}

function unitTest(title: string, message?: string): object {
  return {
    status: message === undefined ? 'passed' : 'failed',
    ancestorTitles: ['a group'],
    title,
    fullName: `a group ${title}`,
    failureMessages: message === undefined ? [] : [message],
  };
}

function browserTest(title: string, message: string): object {
  return {
    title,
    file: 'b.spec.ts',
    line: 3,
    tests: [{ status: 'unexpected', annotations: [], results: [{ error: { message } }] }],
  };
}

test('a failed test is told by its program, its file, its whole name and the first lines of its error', () => {
  const { passed, failed, told } = said({
    vitest: [
      unitTest('adds'),
      unitTest('counts', 'AssertionError: expected 1 to be 2\n    at one\n    at two\n    at three'),
    ],
    e2e: [browserTest('reloads', '\u001b[31mError: expected\u001b[39m\n\nExpected: 1\nReceived: 2\n\nCall log')],
    failedSteps: { vitest: 'much', e2e: 'more' },
  });

  expect([passed, failed]).toEqual([1, 2]);
  expect(told.split('\n')).toEqual([
    'vitest: packages/core/test/a.test.ts > a group > counts',
    '  AssertionError: expected 1 to be 2',
    '      at one',
    '      at two',
    'e2e: b.spec.ts > reloads',
    '  Error: expected',
    '  Expected: 1',
    '  Received: 2',
  ]);
});

test('a step that failed without a failed test counts as one, and is told by the last lines that it printed', () => {
  const printed = Array.from({ length: 100 }, (_, line) => `line ${line}.`).join('\n');
  const { passed, failed, told } = said({
    vitest: [unitTest('adds')],
    failedSteps: { vitest: printed, lint: 'a.ts: bad' },
  });

  expect([passed, failed]).toEqual([1, 2]);
  expect(told).toMatch(/^vitest, without a failed test:\n {2}line 70\.\n/);
  expect(told).toMatch(/\n {2}line 99\.\nlint, without a failed test:\n {2}a\.ts: bad$/);
});

test('of very many failed tests the first 40 are told, and how many more there are', () => {
  const { failed, told } = said({ vitest: Array.from({ length: 45 }, (_, n) => unitTest(`test ${n}.`, 'Error: it')) });

  expect(failed).toBe(45);
  expect(told).toContain('test 39.');
  expect(told).not.toContain('test 40.');
  expect(told).toMatch(/\n5 more tests failed\.$/);
});

test('when nothing failed, nothing is told', () => {
  expect(said({ vitest: [unitTest('adds'), unitTest('counts')] })).toEqual({ passed: 2, failed: 0, told: '' });
});
