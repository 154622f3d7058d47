import { expect, test } from 'vitest';

import { faultKinds } from './faults.js';
import { playOnce } from './sweep.js';

/** `npm run sweep` sets these; `npm test` plays a sample. */
const every = Number(process.env['TASKBASKET_SWEEP_EVERY'] ?? 397);
const only = process.env['TASKBASKET_SWEEP_AT'];

test(`scenario 48: every request of the database fails once, and nothing is lost, stuck or unhandled (each ${every}th)`, async () => {
  const clean = await playOnce();
  expect(clean.problems).toEqual([]);
  expect(clean.requests).toBeGreaterThan(500);

  const failed: string[] = [];
  let swept = 0;
  for (let at = Number(only ?? 0); at < clean.requests; at += every) {
    for (const kind of faultKinds) {
      const played = await playOnce({ at, kind });
      swept += 1;
      if (played.failed === undefined) failed.push(`request ${at} was not made`);
      for (const problem of played.problems) failed.push(`request ${at}, ${kind}: ${played.failed}\n    ${problem}`);
    }
    if (only !== undefined) break;
  }
  process.stdout.write(
    `The clean run made ${clean.requests} requests. ${swept / faultKinds.length} of them failed once in each of ${faultKinds.length} ways: ${faultKinds.join(', ')}.\n`,
  );

  expect(failed.join('\n')).toBe('');
}, 7_200_000);
