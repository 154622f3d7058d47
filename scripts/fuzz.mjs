// Plays databases that were changed by hand: packages/core/test/fuzz. Exit code 1: it found something.
//
//   npm run fuzz -- --seed 7 --rounds 100      seeds 7 to 106; a seed that is found red is played again with --rounds 1
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureInstalled } from './setup.mjs';
import { Failure, bin, main, root, run } from './steps.mjs';

const core = path.join(root, 'packages/core');

await main(async () => {
  const { values } = parseArgs({
    options: { seed: { type: 'string', default: '1' }, rounds: { type: 'string', default: '100' } },
  });
  const { seed, rounds } = values;
  if (![seed, rounds].every((text) => /^\d{1,9}$/.test(text))) {
    throw new Failure('Say it in whole numbers: npm run fuzz -- --seed 7 --rounds 100');
  }
  await ensureInstalled();
  const env = { TASKBASKET_FUZZ_SEED: seed, TASKBASKET_FUZZ_ROUNDS: rounds };
  return (await run(bin('vitest', core), ['run', 'test/fuzz'], { cwd: core, env, show: true })).code;
});
