import { isAway, nextChange } from '../../pure/gate.js';
import type { Candidate } from '../../pure/next-row.js';
import { nextInOrder, nextProbe } from '../../pure/next-row.js';
import { claimAlone } from './alone.js';
import { claimNext } from './claim.js';
import type { TaskRow } from '../../pure/record.js';
import type { Draft } from './draft.js';
import { createHeads } from './heads.js';
import type { Alone, Fairness, Leader } from '../term/leader.js';
import { aloneWindow } from '../term/leader.js';
import type { Reader } from './reader.js';
import { clockOf, openReaders } from './reader.js';
import type { Claiming } from './room.js';
import { checkingTime, gateOf, hasRoom, isCutShort, roomInGate } from './room.js';

/** What a turn has claimed. */
export interface Claimed extends Readonly<Pick<Claiming, 'attempts' | 'alone' | 'fairness'>> {
  /** Whether it stopped before it had checked every row that is due. */
  readonly again: boolean;
  /** Milliseconds until a row or a gate is due. */
  readonly alarm: number;
}

/**
 * Of so many claims in a row, one is for the lowest priority that has a row due, and one for the normal priority. Probes
 * and tasks that run alone do not count, because they could otherwise use up these shares.
 */
const claimsPerShare = 8;

/**
 * Checks the rows that are due, and claims those that may run. The claims are committed with the turn's transaction.
 */
export async function claimDue(leader: Leader, draft: Draft): Promise<Claimed> {
  const { alone, fairness } = leader.remembered;
  const until = leader.context.ports.clock.monotonic() + checkingTime;
  const heads = createHeads(draft);
  const claiming: Claiming = { leader, draft, heads, attempts: [], alone, fairness, checks: 0, until };
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

/**
 * Claims rows as long as there is room: probes, and other rows by priority, alternately. So destinations that hang
 * cannot take every slot with their probes, and other tasks cannot keep a probe waiting.
 */
async function claimInOrder(claiming: Claiming): Promise<void> {
  const readers = await openReaders(claiming, [0, 1, 2]);
  const probing = readers.filter(({ source }) => isAway(gateOf(claiming, source.route.gate)));
  const others = readers.filter((reader) => !probing.includes(reader));
  const away = inTurns(probing, claiming.fairness);

  while (hasRoom(claiming)) {
    const { passedOver, probeNext } = claiming.fairness;
    const found = probeNext ? await probeOf(claiming, away, probing) : undefined;
    const next = found ?? (await nextOf(claiming, others)) ?? (await probeOf(claiming, away, probing));
    if (next === undefined) break;
    if ((await claimNext(claiming, next.reader, next.row)) !== 'claim') continue;
    claiming.fairness = probing.includes(next.reader)
      ? { ...claiming.fairness, probed: next.row.gate, probeNext: false }
      : {
          ...claiming.fairness,
          passedOver: (passedOver + 1) % claimsPerShare,
          freshNext: !next.fresh,
          probeNext: true,
        };
  }

  await Promise.all(readers.map((reader) => reader.close()));
}

/** The gates that probe, by their names: first those after the one that probed last, so that gates probe in turns. */
function inTurns(probing: readonly Reader[], { probed }: Fairness): Set<string> {
  const gates = [...new Set(probing.map(({ source }) => source.route.gate))].sort();

  return new Set([...gates.filter((gate) => gate > probed), ...gates]);
}

/** The row that probes next, whatever its priority. Gates that have none now are taken out of `away`. */
async function probeOf(claiming: Claiming, away: Set<string>, probing: readonly Reader[]): Promise<Due | undefined> {
  for (const gate of away) {
    const due = await dueIn(probing.filter(({ source }) => source.route.gate === gate));
    const next = roomInGate(claiming, { gate }) > 0 ? nextProbe(due) : undefined;
    if (next !== undefined) return next;
    away.delete(gate);
  }

  return undefined;
}

/** The row that is next: of the first priority with a row due. */
async function nextOf({ fairness }: Claiming, readers: readonly Reader[]): Promise<Due | undefined> {
  for (const rank of ranksFor(fairness)) {
    const due = await dueIn(readers.filter(({ source }) => source.rank === rank));
    const found = nextInOrder(due, fairness.freshNext);
    if (found !== undefined) return found;
  }

  return undefined;
}

/** The ranks of priorities, in the order in which a claim looks for a row. */
function ranksFor({ passedOver }: Fairness): readonly number[] {
  if (passedOver === claimsPerShare - 1) return [2, 1, 0];

  return passedOver === claimsPerShare / 2 - 1 ? [1, 0, 2] : [0, 1, 2];
}

/** The next row of a reader. */
interface Due extends Candidate {
  readonly reader: Reader;
  readonly row: TaskRow;
}

async function dueIn(readers: readonly Reader[]): Promise<readonly Due[]> {
  await Promise.all(readers.map((reader) => reader.fill()));

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
  const waits = [...ends.map((end) => end - moment.now), memory.expires - moment.wall].filter((wait) => wait > 0);

  return Math.min(Number.POSITIVE_INFINITY, ...times, ...waits);
}
