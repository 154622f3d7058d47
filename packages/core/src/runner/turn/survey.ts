import type { Ready } from '../../pure/key.js';
import { above, beyond, beyondOwner, beyondRoute, readReady } from '../../pure/key.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { rangeAfter } from '../../store/by-state.js';
import type { Stores } from '../../store/requests.js';
import { answer, walk } from '../../store/requests.js';
import { readyIndex } from '../../store/setup.js';
import type { Memory } from '../term/memory.js';
import { mayRun, noteSource } from '../term/memory.js';

/**
 * Finds the prefixes that have rows to check, and forgets when the next task expires. Each prefix takes one step, however
 * many rows it has. Routes that do not run now are skipped.
 */
export async function survey(stores: Pick<Stores, 'tasks'>, registry: AnyRegistry, memory: Memory): Promise<void> {
  const index = stores.tasks.index(readyIndex);
  memory.expires = 0;
  await Promise.all([
    surveyFresh(index, registry, memory),
    search(index, registry, memory, '@', above('@')),
    search(index, registry, memory, '!', above('!')),
  ]);
}

/**
 * Reads prefixes that have a position from there, because the database keeps deleted rows for a while and would step
 * over them again. Searches between these prefixes for new ones.
 */
async function surveyFresh(index: IDBIndex, registry: AnyRegistry, memory: Memory): Promise<void> {
  const known = [...memory.positions.keys()].filter((prefix) => prefix.startsWith('F')).sort();
  const gaps = [...known.map((prefix) => `${prefix}\u0000`), 'F'].sort().map((start) => {
    const end = known.find((prefix) => prefix >= start) ?? above('F');

    return search(index, registry, memory, start, end);
  });

  const fromPosition = async (prefix: string): Promise<void> => {
    const ready = readReady(prefix);
    if (ready === undefined || !mayRun(registry, memory, ready.route)) return;

    const range = rangeAfter(prefix, memory.positions.get(prefix) ?? 0);
    if ((await answer(index.getKey(range))) !== undefined) noteSource(memory, ready);
  };

  await Promise.all([...gaps, ...known.map(fromPosition)]);
}

/** Notes the prefixes from `start` to below `end`. Each one takes one step, and so does each key of strange rows. */
async function search(
  index: IDBIndex,
  registry: AnyRegistry,
  memory: Memory,
  start: string,
  end: string,
): Promise<void> {
  if (start >= end) return;

  await walk(index.openKeyCursor(IDBKeyRange.bound([start], [end], false, true)), (cursor) => {
    const [key] = cursor.key as [string, number];
    const ready = readReady(key);
    const runs = ready !== undefined && mayRun(registry, memory, ready.route);
    if (runs) noteSource(memory, ready);
    const goOn = ready === undefined ? `${key}\u0000` : runs ? beyond(ready.prefix) : beyondSkipped(ready, memory);
    const below = goOn < end;
    if (below) cursor.continue([goOn]);

    return below;
  });
}

/** Where a search goes on after a route that does not run now: beyond all routes of an owner who is not signed in. */
function beyondSkipped({ letter, route }: Ready, memory: Memory): string {
  const { owner } = route;

  return owner === null || owner === memory.signedIn.owner ? beyondRoute(letter, route) : beyondOwner(letter, owner);
}
