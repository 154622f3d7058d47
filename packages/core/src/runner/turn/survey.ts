import type { Ready, Route } from '../../pure/key.js';
import { above, beyond, beyondOwner, beyondRoute, readReady } from '../../pure/key.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { behind } from '../../store/by-state.js';
import type { Stores } from '../../store/requests.js';
import { answer, walk } from '../../store/requests.js';
import { readyIndex } from '../../store/setup.js';
import type { Memory } from '../term/memory.js';
import { mayRun, noteFresh, noteTimed } from '../term/memory.js';

/**
 * Finds the prefixes that have rows to check, and forgets when the next task expires. Each prefix takes one step, however
 * many rows it has. Routes that do not run now are skipped.
 */
export async function survey(stores: Pick<Stores, 'tasks'>, registry: AnyRegistry, memory: Memory): Promise<void> {
  const index = stores.tasks.index(readyIndex);
  memory.expires = 0;
  await Promise.all([
    surveyFresh(index, registry, memory),
    surveyTimed(index, registry, memory, '@'),
    surveyTimed(index, registry, memory, '!'),
  ]);
}

async function surveyTimed(index: IDBIndex, registry: AnyRegistry, memory: Memory, letter: '@' | '!'): Promise<void> {
  await step(index, letter, above(letter), (ready) => {
    if (ready?.when === undefined) return undefined;
    if (!mayRun(registry, memory, ready.route)) return beyondSkipped(letter, memory, ready.route);

    noteTimed(memory, letter, ready.prefix, ready.route, ready.rank, ready.when);

    return beyond(ready.prefix);
  });
}

/**
 * Reads prefixes that have a position from there, because the database keeps deleted rows for a while and would step
 * over them again. Searches between these prefixes for new ones.
 */
async function surveyFresh(index: IDBIndex, registry: AnyRegistry, memory: Memory): Promise<void> {
  const known = [...memory.positions.keys()].filter((prefix) => prefix.startsWith('F')).sort();
  const gaps = [...known.map((prefix) => `${prefix}\u0000`), 'F'].sort().map((start) => {
    const end = known.find((prefix) => prefix >= start) ?? above('F');

    return { start, end };
  });

  const inGap = ({ start, end }: { start: string; end: string }): Promise<void> =>
    step(index, start, end, (ready) => {
      if (ready === undefined) return undefined;
      if (!mayRun(registry, memory, ready.route)) return beyondSkipped('F', memory, ready.route);

      noteFresh(memory, ready.prefix, ready.route, ready.rank);

      return `${ready.prefix}\u0000`;
    });

  const fromPosition = async (prefix: string): Promise<void> => {
    const ready = readReady(prefix);
    if (ready === undefined || !mayRun(registry, memory, ready.route)) return;

    const range = behind(prefix, memory.positions.get(prefix) ?? 0);
    if ((await answer(index.getKey(range))) !== undefined) noteFresh(memory, prefix, ready.route, ready.rank);
  };

  await Promise.all([...gaps.map(inGap), ...known.map(fromPosition)]);
}

/** Where a survey goes on after a route that does not run now: beyond all routes of an owner who is not signed in. */
function beyondSkipped(letter: string, memory: Memory, route: Route): string {
  const { owner } = route;

  return owner === null || owner === memory.signedIn.owner ? beyondRoute(letter, route) : beyondOwner(letter, owner);
}

/**
 * Steps through `ready` keys from `start` to below `end`. `next` returns the key at which to go on. If it returns
 * `undefined`, because the rows of this key are strange, the step goes to the next key.
 */
async function step(
  index: IDBIndex,
  start: string,
  end: string,
  next: (ready: Ready | undefined) => string | undefined,
): Promise<void> {
  if (start >= end) return;

  await walk(index.openKeyCursor(IDBKeyRange.bound([start], [end], false, true)), (cursor) => {
    const [ready] = cursor.key as [string, number];
    const goOn = next(readReady(ready)) ?? `${ready}\u0000`;
    const below = goOn < end;
    if (below) cursor.continue([goOn]);

    return below;
  });
}
