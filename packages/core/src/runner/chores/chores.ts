import { keepReserve } from '../../store/reserve.js';
import type { Leader } from '../term/leader.js';
import { audit } from './audit.js';
import { collectBodies } from './bodies.js';
import { pruneOutcomes } from './outcomes.js';
import type { Chore } from './schedule.js';
import { tryUnreadable } from './unreadable.js';

const minute = 60_000;
const soon = 5 * 60_000;
const day = 24 * 60 * 60_000;

/** Lists the chores of a runner, and when each runs. */
export function choresOf(leader: Leader): readonly Chore[] {
  const signedIn = (): unknown => leader.remembered.memory?.signedIn;

  return [
    {
      run: () => tryUnreadable(leader),
      firstAfter: 0,
      every: Number.POSITIVE_INFINITY,
      anew: signedIn,
      place: 'beside',
    },
    { run: () => reserve(leader), firstAfter: minute, every: minute, place: 'beside' },
    { run: () => audit(leader), firstAfter: soon, every: day, place: 'between' },
    { run: () => pruneOutcomes(leader), firstAfter: soon, every: day, place: 'between' },
    { run: () => collectBodies(leader), firstAfter: soon, every: day, place: 'beside' },
  ];
}

/** Stores the reserve again after it was given up. */
async function* reserve({ context }: Leader): AsyncGenerator<void, void, undefined> {
  yield keepReserve(context);
}
