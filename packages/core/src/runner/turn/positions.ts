import { stateKeys } from '../../pure/record.js';
import { behind } from '../../store/by-state.js';
import { answer } from '../../store/requests.js';
import { readyIndex } from '../../store/setup.js';
import type { Memory } from '../term/memory.js';
import type { Draft } from './draft.js';

/** Positions are stored at the latest after so many turns. A lost position costs a second reading, and nothing else. */
const turnsPerPosition = 32;

/** So many positions are kept of prefixes without rows. One turn asks of so many prefixes whether they have rows. */
const positionsKept = 8;
const positionsASlice = 1_024;

/** Stores the positions if they have moved on, and the turn was idle or many turns have not; returns the memory after that. */
export async function storePositions(draft: Draft, idle: boolean): Promise<Memory> {
  const { stores, memory } = draft;
  const stored = hasMovedOn(memory) && (idle || memory.unstored >= turnsPerPosition);
  if (!stored) return { ...memory, unstored: memory.unstored + 1 };

  await forgetUnused(draft);
  stores.state.put(Object.fromEntries(memory.positions), stateKeys.positions);

  return { ...memory, stored: new Map(memory.positions), unstored: 0 };
}

/**
 * Forgets the positions of prefixes under which no row lies, but for the last few that were read: each known prefix costs
 * every survey two requests. What lies under a prefix that comes back is read from the beginning.
 */
async function forgetUnused({ stores, memory }: Draft): Promise<void> {
  const { positions, sources } = memory;
  const unread = [...positions].filter(([prefix]) => !sources.has(prefix));
  const old = unread.slice(0, -positionsKept).slice(0, positionsASlice);
  const index = stores.tasks.index(readyIndex);
  const rows = await Promise.all(old.map(([prefix]) => answer(index.getKey(behind(prefix, 0)))));
  for (const [place, [prefix, position]] of old.entries()) {
    positions.delete(prefix);
    // A prefix that has rows comes last, so that the next time is for others.
    if (rows[place] !== undefined) positions.set(prefix, position);
  }
}

function hasMovedOn(memory: Memory): boolean {
  return [...memory.positions].some(([prefix, position]) => memory.stored.get(prefix) !== position);
}
