/** Reads the JSON reports of Vitest and Playwright: how many passed, and which failed. Tells what failed. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { readJson, root, tail } from './steps.mjs';

/**
 * @typedef {{ name: string, title: string, file: string, line?: number, message: string }} FailedTest
 * @typedef {{ passed: number, skipped: number, failed: FailedTest[] }} Report
 */

export const vitestReport = 'test-results/vitest.json';
export const playwrightReport = 'test-results/playwright.json';

/** @type {Report} */
export const none = { passed: 0, skipped: 0, failed: [] };

/** More failed tests have one cause. */
const toldTests = 40;

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
        // It failed, and passed when it was tried again, as one file allows. The list of the run shows both.
        status: test.status === 'flaky' ? 'expected' : test.status,
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

/**
 * How many tests passed and failed, and what failed, in words: each failed test with the first lines of its error, and each step
 * that failed without a failed test with the last lines that it printed. Such a step counts as one failed test.
 *
 * @param {Record<string, Report>} reports by the name of the step
 * @param {ReadonlyMap<string, string>} failedSteps the name of each step that failed, and what it printed
 */
export function summary(reports, failedSteps) {
  const all = Object.entries(reports);
  const tests = all.flatMap(([step, { failed }]) => failed.map((test) => ({ step, ...test })));
  const others = [...failedSteps].filter(([name]) => !tests.some(({ step }) => step === name));
  const told = [
    ...tests.slice(0, toldTests).map(({ step, name, message }) => `${step}: ${name}\n${indented(firstLines(message))}`),
    ...(tests.length > toldTests ? [`${tests.length - toldTests} more tests failed.`] : []),
    ...others.map(([name, printed]) => `${name}, without a failed test:\n${indented(tail(printed).split('\n'))}`),
  ];

  return {
    passed: all.reduce((sum, [, { passed }]) => sum + passed, 0),
    failed: tests.length + others.length,
    told: told.join('\n'),
  };
}

/** Vitest puts the stack behind the message, Playwright the lines of the test. */
function firstLines(message) {
  const lines = stripVTControlCharacters(message).split('\n');

  return lines.filter((line) => line.trim() !== '').slice(0, 3);
}

function indented(lines) {
  return lines.map((line) => `  ${line.trimEnd().slice(0, 400)}`).join('\n');
}
