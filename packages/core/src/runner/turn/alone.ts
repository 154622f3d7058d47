import { alone } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import { rankOf } from '../../pure/transitions.js';
import type { Claiming } from './claiming.js';
import { apply, looksPerTurn, lookAt, openReaders, roomInGate } from './claiming.js';
import type { Alone } from '../term/leader.js';
import { aloneWindow } from '../term/leader.js';
import type { Reader } from './reader.js';

/**
 * The task that runs alone: it waits until the others have ended, ten seconds at most, and for ten seconds after it
 * started nothing else does. Between two of them the others have their turn.
 */
export async function claimAlone(claiming: Claiming): Promise<Alone> {
  const { leader, draft } = claiming;
  const { now } = draft.moment;
  const state = leader.alone;

  if (state.phase === 'running') {
    if (!draft.running.has(state.claim)) return { phase: 'rest' };
    if (now < state.since + aloneWindow) return state;
  }
  const stillRuns = [...draft.running.values()].some((attempt) => rankOf(attempt.row) === alone);
  if (state.phase === 'rest' || stillRuns) return state.phase === 'rest' ? state : { phase: 'none' };

  const readers = await openReaders(claiming, alone);
  const since = state.phase === 'clearing' ? state.since : now;
  const cleared = draft.running.size === 0 || now >= since + aloneWindow;
  const found = await firstOf(claiming, readers, cleared);
  await Promise.all(readers.map((reader) => reader.close()));
  if (found === undefined) return { phase: 'none' };

  const { id } = found;
  if (!cleared) return { phase: 'clearing', id, since };

  const [attempt] = claiming.attempts;

  return attempt === undefined ? { phase: 'none' } : { phase: 'running', id, claim: attempt.claim.claim, since: now };
}

/** The task that may run alone now; claims it if it is its time. */
async function firstOf(claiming: Claiming, readers: readonly Reader[], claims: boolean): Promise<TaskRow | undefined> {
  for (const reader of readers) {
    for (;;) {
      await reader.fill();
      const row = reader.peek();
      if (row === undefined || claiming.looks >= looksPerTurn) break;
      if (roomInGate(claiming, row) === 0) {
        reader.stop();
        break;
      }
      if (!claims && lookAt(claiming, row) === 'claim') {
        reader.stop();

        return row;
      }
      if (apply(claiming, reader, row)) return row;
    }
  }

  return undefined;
}
