import type { Letter, Ready } from '../../pure/key.js';
import { aloneRank, beyond, timePart } from '../../pure/key.js';
import type { Wanted } from '../../pure/query.js';
import { fits, isMeant } from '../../pure/query.js';
import { clockOffset } from '../../pure/reasons.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';
import { laneMarkOf, stateKeys } from '../../pure/record.js';
import { isDead } from '../../pure/state.js';
import { prefixesOf, rangeAfter, rowsByState } from '../../store/by-state.js';
import { headOfLane, numbersOf, rowsAfter } from '../../store/rows.js';
import type { BasketContext } from '../context/context.js';
import type { FactStores } from './facts.js';
import { factsOf } from './facts.js';

/** A lane that a dead or unreadable task stops. */
export interface BlockedLane {
  readonly lane: string;
  /** The id of that task, which is the head of the lane. */
  readonly by: string;
  /**
   * `dead`: the task waits for `retry`, `update` or `cancel`. `unreadable`: it waits for a build that can decode it.
   */
  readonly because: 'dead' | 'unreadable';
}

/** The part of `health` that is read from the tasks. */
export interface Backlog {
  readonly oldest: TaskRow | undefined;
  readonly blockedLanes: readonly BlockedLane[];
  readonly aloneTasks: readonly string[];
  /** A task that could have run for a while. */
  readonly waiting: TaskRow | undefined;
}

/** How many of each kind are told at most, and how many of the first rows are searched for one that is not dead. */
const told = 100;

/** How many dead and unreadable rows are read at most, to find the lanes that they stop. */
const holders = 256;

/** How many prefixes of a letter are read at most. */
const visited = 200;

/** How many rows of one prefix, and of all together, are searched at most for a task that could run. */
const tried = 16;
const triedInAll = 512;

/** What must be known to read the backlog. */
interface BacklogFacts {
  /** Whose tasks are told. */
  readonly wanted: Wanted;
  readonly runner: RunnerRow | undefined;
  /** There is a runner, and it does not hang. */
  readonly works: boolean;
  readonly since: number;
}

/** Reads a bounded number of rows, however many there are. */
export async function backlogOf(
  context: BasketContext,
  stores: FactStores,
  { wanted, runner, works, since }: BacklogFacts,
): Promise<Backlog> {
  const positions = await numbersOf(stores, stateKeys.positions);
  const offset = clockOffset(runner, context.ports.clock.wall());
  /** The rows of a prefix that have been due since then. Fresh rows up to its position the runner has read. */
  const due = ({ prefix, letter, when }: Ready): IDBKeyRange =>
    when === undefined
      ? rangeAfter(prefix, positions[prefix] ?? 0)
      : upTo(prefix, `${prefix}|${timePart(letter === '@' ? since + offset : since)}\uffff`);

  const [first, holding, poisonous, candidates] = await Promise.all([
    rowsAfter(stores, 0, told),
    rowsUnder(stores, wanted, ['D', 'U'], ({ prefix }) => upTo(prefix), holders),
    rowsUnder(stores, wanted, ['@', '!'], ({ prefix, rank }) => (rank === aloneRank ? upTo(prefix) : undefined), told),
    rowsUnder(stores, wanted, ['@', '!', 'F'], due, triedInAll, tried),
  ]);
  const heads = await Promise.all(holding.map((row) => headOfLane(stores, laneMarkOf(row))));
  const old = candidates.filter(({ addedAt }) => addedAt <= since);
  const { reasonsOf } = await factsOf(context, stores, old, works);

  return {
    oldest: first.find((row) => !row.ready.startsWith('D') && fits(row, wanted)),
    // A dead task that has left its lane (`skip`) does not stop it.
    blockedLanes: holding
      .filter(({ seq }, place) => heads[place]?.seq === seq)
      .map((row): BlockedLane => ({ lane: row.lane ?? '', by: row.id, because: isDead(row) ? 'dead' : 'unreadable' }))
      .slice(0, told),
    aloneTasks: poisonous.map(({ id }) => id),
    waiting: old.find((row) => reasonsOf?.(row).every(({ reason }) => reason === 'no-runner' || reason === 'no-room')),
  };
}

/** The range of all rows of a prefix, or of those up to a `ready` key. */
function upTo(prefix: string, end: string = beyond(prefix)): IDBKeyRange {
  return IDBKeyRange.bound([prefix], [end]);
}

/**
 * Rows of some letters, of the owners that are wanted. Reads at most `each` rows of the range of each prefix, and at most
 * `most` rows in all.
 */
async function rowsUnder(
  stores: FactStores,
  wanted: Wanted,
  letters: readonly Letter[],
  rangeOf: (ready: Ready) => IDBKeyRange | undefined,
  most: number,
  each: number = most,
): Promise<readonly TaskRow[]> {
  const rows: TaskRow[] = [];
  const prefixes = await Promise.all(letters.map((letter) => prefixesOf(stores, letter, visited)));
  for (const ready of prefixes.flat()) {
    const range = isMeant(wanted.owners, ready.route) ? rangeOf(ready) : undefined;
    if (range !== undefined) rows.push(...(await rowsByState(stores, range, Math.min(each, most - rows.length))));
    if (rows.length >= most) break;
  }

  return rows;
}
