import { aloneRank } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import { rankOf } from '../../pure/transitions.js';
import type { Alone } from '../term/leader.js';
import { aloneWindow } from '../term/leader.js';
import { claimNext } from './claim.js';
import type { Reader } from './reader.js';
import { openReaders } from './reader.js';
import type { Claiming } from './room.js';
import { clearingSince } from './room.js';

/**
 * Claims the next task that must run alone, or says why not. It waits until the other tasks have ended, ten seconds at
 * most. For ten seconds after it has started, nothing else is claimed. Between two such tasks, other tasks are claimed.
 */
export async function claimAlone(claiming: Claiming): Promise<Alone> {
  const { draft, alone: state } = claiming;
  const { now } = draft.moment;

  if (state.phase === 'running') {
    if (!draft.running.has(state.claim)) return { phase: 'rest' };
    if (now < state.since + aloneWindow) return state;
  }
  const stillRuns = [...draft.running.values()].some((attempt) => rankOf(attempt.row) === aloneRank);
  if (state.phase === 'rest' || stillRuns) return state.phase === 'rest' ? state : { phase: 'none' };

  const readers = await openReaders(claiming, [aloneRank]);
  const found = await firstOf(claiming, readers);
  await Promise.all(readers.map((reader) => reader.close()));
  if (found === undefined) return { phase: 'none' };

  const { id } = found;
  const [attempt] = claiming.attempts;

  return attempt === undefined
    ? { phase: 'clearing', id, since: clearingSince(claiming) }
    : { phase: 'running', id, claim: attempt.claim.claim, since: now };
}

/** The first task that may run alone. It has been claimed, or other tasks still run. */
async function firstOf(claiming: Claiming, readers: readonly Reader[]): Promise<TaskRow | undefined> {
  for (const reader of readers) {
    for (;;) {
      await reader.fill();
      const row = reader.peek();
      if (row === undefined) break;

      const room = await claimNext(claiming, reader, row);
      if (room === 'claim' || room === 'clearing') return row;
      if (room === 'full') return undefined;
    }
  }

  return undefined;
}
