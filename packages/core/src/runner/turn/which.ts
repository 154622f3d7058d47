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
import { checkingTime, gateOf, hasRoom, isCutShort, roomInGate } from './room.js';

/** What a turn claims. The draft's memory has moved on with it. */
export interface Claimed extends Readonly<Pick<Claiming, 'attempts' | 'alone' | 'passedOver'>> {
  /** It stopped before everything due had been checked. */
  readonly again: boolean;
  /** Milliseconds until something that is still to come is due. */
  readonly alarm: number;
}

/**
 * One claim in so many is for the lowest priority that has something due. Probes, and tasks that run alone, go out of this
 * order, and do not count: else they could take the place of the lowest priority each time.
 */
const shareOfTheLowest = 8;

/** Checks what is due and claims what may run. The claims become durable with the turn's transaction. */
export async function claimDue(leader: Leader, draft: Draft): Promise<Claimed> {
  const { alone, passedOver } = leader.remembered;
  const until = leader.context.ports.clock.monotonic() + checkingTime;
  const heads = createHeads(draft);
  const claiming: Claiming = { leader, draft, heads, attempts: [], alone, passedOver, checks: 0, until };
  if (!leader.signals.stopping) claiming.alone = await claimAlone(claiming);
  const next = claiming.alone;
  const rested = hasRoom(claiming) && next.phase === 'rest';
  if (hasRoom(claiming)) await claimInOrder(claiming);
  // Who waits to run alone is stored too, and that nobody does any more.
  if (claiming.attempts.length > 0 || next.phase !== alone.phase) draft.wrote = true;

  return {
    ...claiming,
    alone: rested ? { phase: 'none' } : next,
    again: rested || isCutShort(claiming),
    alarm: alarmOf(leader, draft, next),
  };
}

/** Claims by priority, timed and fresh in turn, as long as there is room. */
async function claimInOrder(claiming: Claiming): Promise<void> {
  const { draft, heads } = claiming;
  const isOpen = ({ route }: Source): boolean => roomInGate(claiming, route) > 0;
  const ranks = await Promise.all([0, 1, 2].map((rank) => openReaders(draft, rank, heads, isOpen)));
  const readers = ranks.flat();
  let timedNext = true;

  await claimProbes(claiming, readers);
  while (hasRoom(claiming)) {
    const isShare = claiming.passedOver + 1 === shareOfTheLowest;
    const order = isShare ? [...ranks].reverse() : ranks;
    const reader = await nextReader(order, timedNext);
    const row = reader?.peek();
    if (reader === undefined || row === undefined) break;
    if (claimNext(claiming, reader, row) !== 'claim') continue;
    timedNext = isFresh(reader);
    claiming.passedOver = isShare ? 0 : claiming.passedOver + 1;
  }

  await Promise.all(readers.map((reader) => reader.close()));
}

/**
 * Whatever its priority, a task that was never tried probes first, and then the one that was tried longest ago. So no two
 * tasks that always find a destination away keep all others from getting through.
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
      claimNext(claiming, reader, row);
    }
  }
}

/** The reader of the first priority that has something; within it the latest of the timed, or the oldest of the fresh. */
async function nextReader(ranks: readonly (readonly Reader[])[], timedNext: boolean): Promise<Reader | undefined> {
  for (const readers of ranks) {
    await Promise.all(readers.map((reader) => reader.fill()));
    const due = readers.filter((reader) => reader.peek() !== undefined);
    const fresh = leastBy(due.filter(isFresh), (reader) => reader.peek()?.seq ?? 0);
    const timed = leastBy(
      due.filter((reader) => !isFresh(reader)),
      (reader) => -reader.lateness(),
    );
    const found = timedNext ? (timed ?? fresh) : (fresh ?? timed);
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

/** Milliseconds until the next time that is still to come. What is due and had to wait is woken by an end or an edit. */
function alarmOf({ context }: Leader, { memory, moment }: Draft, state: Alone): number {
  const times = [...memory.sources.values()].flatMap((source) => {
    const wait = source.next - clockOf(source, moment);

    return source.letter !== 'F' && wait > 0 ? [wait] : [];
  });
  // A gate may be probed then; a slow start counts as none then.
  const { cap } = context.registry.gates;
  const ends = [...memory.gates.values()].map((gate) => (isAway(gate) ? gate.until : (gate.slow?.at ?? 0) + cap + 1));
  if (state.phase === 'clearing' || state.phase === 'running') ends.push(state.since + aloneWindow);
  const ahead = ends.map((end) => end - moment.now).filter((wait) => wait > 0);

  return Math.min(Number.POSITIVE_INFINITY, ...times, ...ahead);
}
