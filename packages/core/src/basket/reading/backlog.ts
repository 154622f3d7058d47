import type { Letter, Ready } from '../../pure/key.js';
import { alone, beyond, timePart } from '../../pure/key.js';
import { aheadOf } from '../../pure/reasons.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';
import { laneOf, stateKeys } from '../../pure/record.js';
import { isDead } from '../../pure/state.js';
import { behind, prefixesOf, rowsByState } from '../../store/by-state.js';
import { headOfLane, numbersOf, rowsAfter } from '../../store/rows.js';
import type { BasketContext } from '../context/context.js';
import type { FactStores } from './facts.js';
import { factsOf } from './facts.js';

/** A lane that stands still. */
export interface BlockedLane {
  readonly lane: string;
  /** The id of the task that stands at its head. */
  readonly by: string;
  /** `dead`: it waits for `retry`, `update` or `cancel`. `unreadable`: for a build that can decode it. */
  readonly because: 'dead' | 'unreadable';
}

/** What of the queue a person should know of. */
export interface Backlog {
  readonly oldest: TaskRow | undefined;
  readonly blockedLanes: readonly BlockedLane[];
  readonly aloneTasks: readonly string[];
  /** A task that could have run for a while. */
  readonly waiting: TaskRow | undefined;
}

/** So many of each kind are told. The first rows of all, as many, are read for one that is not dead. */
const told = 100;

/** So many dead and unreadable rows are read for the lanes that stand still behind them. */
const holders = 256;

/** Rows lie together by letter, route and rank. At most so many such prefixes of a letter are visited. */
const visited = 200;

/** At most so many rows of a prefix, and of all together, are tried for a task that could run. */
const tried = 16;
const triedInAll = 512;

/** Reads a bounded part of the queue, however much lies in it. `works`: somebody runs tasks, and does not hang. */
export async function backlogOf(
  context: BasketContext,
  stores: FactStores,
  runner: RunnerRow | undefined,
  works: boolean,
  since: number,
): Promise<Backlog> {
  const positions = await numbersOf(stores, stateKeys.positions);
  /** What is due since then. The runner has passed what lies at or below its position. */
  const due = ({ prefix, letter, when }: Ready): IDBKeyRange =>
    when === undefined
      ? behind(prefix, positions[prefix] ?? 0)
      : upTo(prefix, `${prefix}|${timePart(letter === '@' ? since + aheadOf(runner) : since)}\uffff`);

  const [first, holding, poisonous, candidates] = await Promise.all([
    rowsAfter(stores, 0, told),
    rowsUnder(stores, ['D', 'U'], ({ prefix }) => upTo(prefix), holders),
    rowsUnder(stores, ['@', '!'], ({ prefix, rank }) => (rank === alone ? upTo(prefix) : undefined), told),
    rowsUnder(stores, ['@', '!', 'F'], due, triedInAll, tried),
  ]);
  const heads = await Promise.all(holding.map((row) => headOfLane(stores, laneOf(row))));
  const old = candidates.filter(({ addedAt }) => addedAt <= since);
  const { reasonsOf } = await factsOf(context, stores, old, works);

  return {
    oldest: first.find(({ ready }) => !ready.startsWith('D')),
    // A task that left its lane when it died does not lead the lane.
    blockedLanes: holding
      .filter(({ seq }, place) => heads[place]?.seq === seq)
      .map((row): BlockedLane => ({ lane: row.lane ?? '', by: row.id, because: isDead(row) ? 'dead' : 'unreadable' }))
      .slice(0, told),
    aloneTasks: poisonous.map(({ id }) => id),
    waiting: old.find((row) => reasonsOf?.(row).every(({ reason }) => reason === 'no-runner')),
  };
}

/** All rows of a prefix, or those up to a `ready` key. */
function upTo(prefix: string, end: string = beyond(prefix)): IDBKeyRange {
  return IDBKeyRange.bound([prefix], [end]);
}

/** Rows of some letters: of each prefix those of its range, so many of each and of all at most. */
async function rowsUnder(
  stores: FactStores,
  letters: readonly Letter[],
  rangeOf: (ready: Ready) => IDBKeyRange | undefined,
  most: number,
  each: number = most,
): Promise<readonly TaskRow[]> {
  const rows: TaskRow[] = [];
  const prefixes = await Promise.all(letters.map((letter) => prefixesOf(stores, letter, visited)));
  for (const ready of prefixes.flat()) {
    const range = rangeOf(ready);
    if (range !== undefined) rows.push(...(await rowsByState(stores, range, Math.min(each, most - rows.length))));
    if (rows.length >= most) break;
  }

  return rows;
}
