import { expect, test } from 'vitest';

import { playRound } from './round.js';

/** `npm run fuzz -- --seed N --rounds N` sets these; `npm test` plays the same few each time. */
const seed = Number(process.env['TASKBASKET_FUZZ_SEED'] ?? 1);
const rounds = Number(process.env['TASKBASKET_FUZZ_ROUNDS'] ?? 20);

test(`strange rows and records harm nobody else: ${rounds} rounds from seed ${seed}`, async () => {
  const failed: string[] = [];
  for (let round = seed; round < seed + rounds; round += 1) {
    const { said, problems, ended } = await playRound(round);
    if (problems.length > 0) failed.push([`seed ${round}: ${said.join('; ')}`, ...problems].join('\n    '));
    // What goes round and round would disturb all later rounds.
    if (!ended) break;
  }

  expect(failed.join('\n')).toBe('');
}, 3_600_000);
