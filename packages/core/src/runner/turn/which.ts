import { isAway } from '../../pure/gate.js';
import { claimAlone } from './alone.js';
import { claimNext } from './claim.js';
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
    const reader = await nextReader(order, claiming.freshNext);
    const row = reader?.peek();
    if (reader === undefined || row === undefined) break;
    if ((await claimNext(claiming, reader, row)) !== 'claim') continue;
    claiming.freshNext = !isFresh(reader);
    claiming.passedOver = isShare ? 0 : claiming.passedOver + 1;
  }

  await Promise.all(readers.map((reader) => reader.close()));
}

/**
 * Claims probes. Whatever the priorities, a task that was never tried probes first, and then the task that was tried
 * longest ago. So two tasks that always find the destination away cannot keep the others waiting.
 */
async function claimProbes(claiming: Claiming, readers: readonly Reader[]): Promise<void> {
  for (const gate of new Set(readers.map(({ source }) => source.route.gate))) {
    if (!isAway(gateOf(claiming, gate))) continue;

    const bound = readers.filter(({ source }) => source.route.gate === gate);
    while (hasRoom(claiming) && roomInGate(claiming, { gate }) > 0) {
      await Promise.all(bound.map((reader) => reader.fill()));
      const due = bound.filter((reader) => reader.peek() !== undefined);
      const reader = leastBy(due, ({ lateness }) => -lateness());
      const row = reader?.peek();
      if (reader === undefined || row === undefined) break;
      await claimNext(claiming, reader, row);
    }
  }
}

/** The reader whose row is next: of the first priority with a row due, the most overdue row or the oldest. */
async function nextReader(ranks: readonly (readonly Reader[])[], freshNext: boolean): Promise<Reader | undefined> {
  for (const readers of ranks) {
    await Promise.all(readers.map((reader) => reader.fill()));
    const due = readers.filter((reader) => reader.peek() !== undefined);
    const fresh = leastBy(due.filter(isFresh), (reader) => reader.peek()?.seq ?? 0);
    const overdue = due.filter((reader) => !isFresh(reader));
    const timed = leastBy(overdue, (reader) => -reader.lateness());
    const found = freshNext ? (fresh ?? timed) : (timed ?? fresh);
    if (found !== undefined) return found;
  }

  return undefined;
}

function isFresh(reader: Reader): boolean {
  return reader.source.letter === 'F';
}

function leastBy<Item>(items: readonly Item[], value: (item: Item) => number): Item | undefined {
  let least: Item | undefined;
  for (const item of items) if (least === undefined || value(item) < value(least)) least = item;

  return least;
}

/** Milliseconds until a row or a gate is due. A row that had to wait is checked again after an end or an edit. */
function alarmOf({ context }: Leader, { memory, moment }: Draft, state: Alone): number {
  const times = [...memory.sources.values()].flatMap((source) => {
    const wait = source.next - clockOf(source, moment);

    return source.letter !== 'F' && wait > 0 ? [wait] : [];
  });
  // At these times a gate may be probed, or its slow start no longer counts.
  const { cap } = context.registry.gates;
  const ends = [...memory.gates.values()].map((gate) => (isAway(gate) ? gate.until : (gate.slow?.at ?? 0) + cap + 1));
  if (state.phase === 'clearing' || state.phase === 'running') ends.push(state.since + aloneWindow);
  const ahead = [...ends.map((end) => end - moment.now), memory.expires - moment.wall].filter((wait) => wait > 0);

  return Math.min(Number.POSITIVE_INFINITY, ...times, ...ahead);
}
