/** Plays databases that were changed by hand (packages/core/test/fuzz), and the tests of random values. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { readOptions, wholeNumber } from './options.mjs';
import { ensureInstalled } from './setup.mjs';
import { bin, main, root, run } from './steps.mjs';

const core = path.join(root, 'packages/core');

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm run fuzz --',
  does:
    'Changes, drops and invents fields of stored rows and records, and does everything with them. Each seed is a round of\n' +
    'its own; play a seed that is red again with --rounds 1. Then plays each test of random values with the first seed.\n' +
    'Exit code 1: something was found.',
  options: {
    seed: { value: 'N', default: '1', does: 'The first seed.' },
    rounds: { value: 'N', default: '100', does: 'How many seeds are played, one after the other.' },
    times: { value: 'N', default: '10', does: 'How many times as many random values each test draws as in npm test.' },
  },
  example: 'npm run fuzz -- --seed 7 --rounds 100 --times 10',
};

await main(async () => {
  const { values } = readOptions(usage);
  const env = {
    TASKBASKET_FUZZ_SEED: String(wholeNumber('seed', values.seed, 0)),
    TASKBASKET_FUZZ_ROUNDS: String(wholeNumber('rounds', values.rounds)),
    TASKBASKET_FUZZ_TIMES: String(wholeNumber('times', values.times)),
  };
  await ensureInstalled();

  const args = ['run', '--testTimeout=3600000', 'test/fuzz', ...randomTests()];

  return (await run(bin('vitest', core), args, { cwd: core, env, show: true })).code;
});

/** The files of tests that draw random values. */
function randomTests() {
  return readdirSync(path.join(core, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join('test', file))
    .filter((file) => readFileSync(path.join(core, file), 'utf8').includes('support/property.js'));
}
