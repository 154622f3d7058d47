/** Reads the JSON reports of Vitest and Playwright: how many passed, and the names of those that failed. */
import { existsSync } from 'node:fs';
import path from 'node:path';

import { readJson, root } from './steps.mjs';

/**
 * @typedef {{ name: string, title: string, file: string, line?: number, message: string }} FailedTest
 * @typedef {{ passed: number, skipped: number, failed: FailedTest[] }} Report
 */

export const vitestReport = 'test-results/vitest.json';
export const playwrightReport = 'test-results/playwright.json';

const none = { passed: 0, skipped: 0, failed: [] };

/** @returns {Report} */
export function readVitest(directory = root) {
  const file = path.join(directory, vitestReport);
  if (!existsSync(file)) return none;
  const tests = readJson(file).testResults.flatMap((suite) =>
    suite.assertionResults.map((test) => ({
      status: test.status,
      name: [path.relative(directory, suite.name), ...test.ancestorTitles, test.title].join(' > '),
      title: test.fullName,
      file: suite.name,
      message: test.failureMessages?.[0] ?? '',
    })),
  );

  return report(tests, 'passed', ['pending', 'skipped', 'todo', 'disabled']);
}

/** @returns {Report} */
export function readPlaywright(directory = root) {
  return report(playwrightTests(path.join(directory, playwrightReport)), 'expected', ['skipped']);
}

/** All tests of a report of Playwright; none if there is no report. `skip`: why a test was skipped, in its own words. */
export function playwrightTests(file) {
  if (!existsSync(file)) return [];
  const { suites, config } = readJson(file);
  const walk = (suite, titles) => [
    ...(suite.suites ?? []).flatMap((inner) => walk(inner, [...titles, inner.title])),
    ...(suite.specs ?? []).flatMap((spec) =>
      spec.tests.map((test) => ({
        status: test.status,
        name: [...titles, spec.title].join(' > '),
        title: spec.title,
        file: path.join(config.rootDir, spec.file),
        line: spec.line,
        skip: test.annotations.find(({ type }) => type === 'skip')?.description,
        message: test.results.findLast((result) => result.error)?.error.message ?? '',
      })),
    ),
  ];

  return suites.flatMap((suite) => walk(suite, [suite.title]));
}

/** @returns {Report} */
function report(tests, passed, skipped) {
  return {
    passed: tests.filter((test) => test.status === passed).length,
    skipped: tests.filter((test) => skipped.includes(test.status)).length,
    failed: tests.filter((test) => test.status !== passed && !skipped.includes(test.status)),
  };
}
