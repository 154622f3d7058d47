/** Lets every request of the database fail once: packages/core/test/sweep. */
import path from 'node:path';

import { readOptions, wholeNumber } from './options.mjs';
import { ensureInstalled } from './setup.mjs';
import { bin, main, root, run } from './steps.mjs';

const core = path.join(root, 'packages/core');

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm run sweep --',
  does:
    'Plays one long scenario as often as it makes requests to the database, and once more for each way to fail. Each time\n' +
    'another request fails: with an error, by an abort at the commit, by a closed connection, or without any event. Prints\n' +
    'how many requests there are, and how many failed. Exit code 1: something was lost, stuck or unhandled.',
  options: {
    every: { value: 'N', default: '1', does: 'Lets each Nth request fail only.' },
    at: { value: 'N', does: 'Lets this request fail alone, counted from 0.' },
  },
  example: 'npm run sweep -- --at 477',
};

await main(async () => {
  const { values } = readOptions(usage);
  const env = { TASKBASKET_SWEEP_EVERY: String(wholeNumber('every', values.every)) };
  if (values.at !== undefined) env.TASKBASKET_SWEEP_AT = String(wholeNumber('at', values.at, 0));
  await ensureInstalled();

  return (
    await run(bin('vitest', core), ['run', 'test/sweep', '--disable-console-intercept'], { cwd: core, env, show: true })
  ).code;
});
