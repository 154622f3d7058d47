import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import { premiseLines } from './simulate/premises.js';
import { createReport } from './simulate/report.js';
import { simulate } from './simulate/simulate.js';

const options = { seed: 10, steps: 150 };

test('scenarios 38, 39, 48 and 55: a short simulation finds nothing, and meets what it is there for', async () => {
  const { violation, report, steps } = await simulate(options);

  expect(violation?.what).toBeUndefined();
  expect(steps).toBe(options.steps);
  expect(report.count('audit', 'found')).toBe(0);
  for (const group of ['kills', 'faults', 'letters', 'paying', 'verdicts', 'gates'] as const) {
    expect(report.count(group), group).toBeGreaterThan(0);
  }
});

test('the same seed gives the same trace, and another seed another', async () => {
  const short = { ...options, steps: 60 };
  const first = await simulate(short);
  const second = await simulate(short);
  const other = await simulate({ ...short, seed: short.seed + 1 });

  expect(second.trace).toBe(first.trace);
  expect(other.trace).not.toBe(first.trace);
});

test('a run says how often each premise was met, and names those that were met too seldom', () => {
  const report = createReport();
  report.met('other', 'attempts cut off', 10);
  report.met('kills', 'with a transaction open', 9);
  const lines = premiseLines(report, 2_000);
  const last = lines.at(-1);

  expect(lines).toContain('      10  deaths: a runner died with handlers');
  expect(last).toContain('fewer than 10 times');
  expect(last).not.toContain('a runner died with handlers');
  expect(last).toContain('a context died in a transaction');
});

test('the model of the manual imports nothing of the library, nor of the simulation', () => {
  const folder = path.join(import.meta.dirname, 'simulate/model');
  for (const file of readdirSync(folder)) {
    const imported = [...readFileSync(path.join(folder, file), 'utf8').matchAll(/from '([^']*)'/g)];
    expect(
      imported.map(([, name = '']) => name).filter((name) => !/^\.\/[a-z]+\.js$/.test(name)),
      file,
    ).toEqual([]);
  }
});
