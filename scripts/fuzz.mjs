/** Plays databases that were changed by hand: packages/core/test/fuzz. */
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
    'its own; play a seed that is red again with --rounds 1. Exit code 1: something was found.',
  options: {
    seed: { value: 'N', default: '1', does: 'The first seed.' },
    rounds: { value: 'N', default: '100', does: 'How many seeds are played, one after the other.' },
  },
  example: 'npm run fuzz -- --seed 7 --rounds 100',
};

await main(async () => {
  const { values } = readOptions(usage);
  const env = {
    TASKBASKET_FUZZ_SEED: String(wholeNumber('seed', values.seed, 0)),
    TASKBASKET_FUZZ_ROUNDS: String(wholeNumber('rounds', values.rounds)),
  };
  await ensureInstalled();

  return (await run(bin('vitest', core), ['run', 'test/fuzz'], { cwd: core, env, show: true })).code;
});
