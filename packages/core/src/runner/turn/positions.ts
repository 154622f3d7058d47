import { stateKeys } from '../../pure/record.js';
import { rangeAfter } from '../../store/by-state.js';
import { answer } from '../../store/requests.js';
import { readyIndex } from '../../store/setup.js';
import type { Memory } from '../term/memory.js';
import type { Draft } from './draft.js';

/** Positions are stored at the latest after so many turns. If one is lost, its rows are read a second time. */
const turnsPerPosition = 32;

/** How many positions of prefixes without rows are kept, and how many prefixes one turn checks for rows. */
const positionsKept = 8;
const positionsASlice = 1_024;

/** Stores changed positions if the turn was idle, or if many turns have not done so. Returns the new memory. */
export async function storePositions(draft: Draft, idle: boolean): Promise<Memory> {
  const { stores, memory } = draft;
  const stored = hasMovedOn(memory) && (idle || memory.unstored >= turnsPerPosition);
  if (!stored) return { ...memory, unstored: memory.unstored + 1 };

  await forgetUnused(draft);
  stores.state.put(Object.fromEntries(memory.positions), stateKeys.positions);

  return { ...memory, stored: new Map(memory.positions), unstored: 0 };
}

/**
 * Forgets the positions of prefixes without rows, except the last few that were read, because each position costs every
 * survey two requests. If such a prefix gets rows again, it is read from the beginning.
 */
async function forgetUnused({ stores, memory }: Draft): Promise<void> {
  const { positions, sources } = memory;
  const unread = [...positions].filter(([prefix]) => !sources.has(prefix));
  const old = unread.slice(0, -positionsKept).slice(0, positionsASlice);
  const index = stores.tasks.index(readyIndex);
  const rows = await Promise.all(old.map(([prefix]) => answer(index.getKey(rangeAfter(prefix, 0)))));
  for (const [place, [prefix, position]] of old.entries()) {
    positions.delete(prefix);
    // A prefix that has rows is put last, so that other prefixes are checked next time.
    if (rows[place] !== undefined) positions.set(prefix, position);
  }
}

function hasMovedOn(memory: Memory): boolean {
  return [...memory.positions].some(([prefix, position]) => memory.stored.get(prefix) !== position);
}
