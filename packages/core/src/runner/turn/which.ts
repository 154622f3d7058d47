import { isAway, nextChange } from '../../pure/gate.js';
import type { Candidate } from '../../pure/next-row.js';
import { nextInOrder, nextProbe } from '../../pure/next-row.js';
import { claimAlone } from './alone.js';
import { claimNext } from './claim.js';
import type { TaskRow } from '../../pure/record.js';
import type { Draft } from './draft.js';
import type { Alone, Leader } from '../term/leader.js';
import { aloneWindow } from '../term/leader.js';
import type { Source } from '../term/memory.js';
import type { Reader } from './reader.js';
import { clockOf, createHeads, openReaders } from './reader.js';
import type { Claiming } from './room.js';
import { checkingTime, gateOf, hasRoom, hasRouteRoom, isCutShort, roomInGate } from './room.js';

/** What a turn has claimed. */
export interface Claimed extends Readonly<Pick<Claiming, 'attempts' | 'alone' | 'passedOver' | 'freshNext'>> {
  /** Whether it stopped before it had checked every row that is due. */
  readonly again: boolean;
  /** Milliseconds until a row or a gate is due. */
  readonly alarm: number;
}

/**
 * One claim in so many is for the lowest priority that has a row due. Probes, and tasks that run alone, do not count,
 * because they could otherwise use up this share.
 */
const shareOfTheLowest = 8;

/**
 * Checks the rows that are due, and claims those that may run. The claims are committed with the turn's transaction.
 */
export async function claimDue(leader: Leader, draft: Draft): Promise<Claimed> {
  const { alone, passedOver, freshNext = false } = leader.remembered;
  const until = leader.context.ports.clock.monotonic() + checkingTime;
  const heads = createHeads(draft);
  const claiming: Claiming = { leader, draft, heads, attempts: [], alone, passedOver, freshNext, checks: 0, until };
  // The next turn claims, once the lock of the owner is held.
  if (!leader.sending.covers(draft.memory.signedIn.owner)) return { ...claiming, again: true, alarm: 0 };
  if (!leader.signals.stopping) claiming.alone = await claimAlone(claiming);
  const next = claiming.alone;
  const rested = hasRoom(claiming) && next.phase === 'rest';
  if (hasRoom(claiming)) await claimInOrder(claiming);
  // The task that waits to run alone is stored too, and also that there is none any more.
  if (claiming.attempts.length > 0 || next.phase !== alone.phase) draft.wrote = true;

  return {
    ...claiming,
    alone: rested ? { phase: 'none' } : next,
    again: rested || isCutShort(claiming),
    alarm: alarmOf(leader, draft, next),
  };
}

/** Claims rows by priority, timed and fresh ones alternately, as long as there is room. */
async function claimInOrder(claiming: Claiming): Promise<void> {
  const { draft, heads } = claiming;
  const isOpen = ({ route }: Source): boolean => hasRouteRoom(claiming, route);
  const ranks = await Promise.all([0, 1, 2].map((rank) => openReaders(draft, rank, heads, isOpen)));
  const readers = ranks.flat();

  await claimProbes(claiming, readers);
  while (hasRoom(claiming)) {
    const isShare = claiming.passedOver + 1 === shareOfTheLowest;
    const order = isShare ? [...ranks].reverse() : ranks;
    const next = await nextOf(order, claiming.freshNext);
    if (next === undefined) break;
    if ((await claimNext(claiming, next.reader, next.row)) !== 'claim') continue;
    claiming.freshNext = !next.fresh;
    claiming.passedOver = isShare ? 0 : claiming.passedOver + 1;
  }

  await Promise.all(readers.map((reader) => reader.close()));
}

/** Claims probes, whatever the priorities. */
async function claimProbes(claiming: Claiming, readers: readonly Reader[]): Promise<void> {
  for (const gate of new Set(readers.map(({ source }) => source.route.gate))) {
    if (!isAway(gateOf(claiming, gate))) continue;

    const bound = readers.filter(({ source }) => source.route.gate === gate);
    while (hasRoom(claiming) && roomInGate(claiming, { gate }) > 0) {
      await Promise.all(bound.map((reader) => reader.fill()));
      const next = nextProbe(dueIn(bound));
      if (next === undefined) break;
      await claimNext(claiming, next.reader, next.row);
    }
  }
}

/** The row that is next: of the first priority with a row due. */
async function nextOf(ranks: readonly (readonly Reader[])[], freshNext: boolean): Promise<Due | undefined> {
  for (const readers of ranks) {
    await Promise.all(readers.map((reader) => reader.fill()));
    const found = nextInOrder(dueIn(readers), freshNext);
    if (found !== undefined) return found;
  }

  return undefined;
}

/** The next row of a reader. */
interface Due extends Candidate {
  readonly reader: Reader;
  readonly row: TaskRow;
}

function dueIn(readers: readonly Reader[]): readonly Due[] {
  return readers.flatMap((reader) => {
    const row = reader.peek();
    const fresh = reader.source.letter === 'F';

    return row === undefined ? [] : [{ reader, row, fresh, lateness: reader.lateness(), seq: row.seq }];
  });
}

/** Milliseconds until a row or a gate is due. A row that had to wait is checked again after an end or an edit. */
function alarmOf({ context }: Leader, { memory, moment }: Draft, state: Alone): number {
  const times = [...memory.sources.values()].flatMap((source) => {
    const wait = source.next - clockOf(source, moment);

    return source.letter !== 'F' && wait > 0 ? [wait] : [];
  });
  const ends = [...memory.gates.values()].map((gate) => nextChange(gate, context.registry.gates));
  if (state.phase === 'clearing' || state.phase === 'running') ends.push(state.since + aloneWindow);
  const ahead = [...ends.map((end) => end - moment.now), memory.expires - moment.wall].filter((wait) => wait > 0);

  return Math.min(Number.POSITIVE_INFINITY, ...times, ...ahead);
}
