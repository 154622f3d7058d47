import { allowance, isProbe } from '../pure/gate.js';
import { alone, laneMark } from '../pure/key.js';
import { look } from '../pure/look.js';
import type { Claim, TaskRow } from '../pure/record.js';
import { findType } from '../pure/registry.js';
import { dueOn, held, rankOf } from '../pure/transitions.js';
import { answer } from '../store/requests.js';
import type { Draft } from './draft.js';
import type { Alone, Leader, RunningAttempt } from './leader.js';
import { note } from './memory.js';
import type { Heads, Reader } from './reader.js';
import { clockOf, createHeads, createReader } from './reader.js';

/** What a turn claims. The draft's memory has moved on with it. */
export interface Claimed {
  readonly attempts: readonly RunningAttempt[];
  readonly alone: Alone;
  /** It stopped before everything due had been looked at. */
  readonly again: boolean;
  /** Milliseconds until something that is still to come is due. */
  readonly alarm: number;
}

/** So many rows are looked at in one turn, so that its transaction stays short. */
const looksPerTurn = 1_024;

/** One claim in so many is for the lowest priority that has something due. */
const shareOfTheLowest = 8;

/** How long nothing else is claimed before, and after, a task that runs alone starts; in milliseconds. */
export const aloneWindow = 10_000;

/** The state of one turn's claiming. */
interface Claiming {
  readonly leader: Leader;
  readonly draft: Draft;
  readonly heads: Heads;
  readonly attempts: RunningAttempt[];
  looks: number;
}

/** Looks at what is due and claims what may run. The claims become durable with the turn's transaction. */
export async function claimDue(leader: Leader, draft: Draft): Promise<Claimed> {
  const claiming: Claiming = { leader, draft, heads: createHeads(draft.stores), attempts: [], looks: 0 };
  const nobody = leader.stopping || leader.concurrency <= draft.running.size;
  const next = leader.stopping ? leader.alone : await claimAlone(claiming);
  const ordinary = !nobody && (next.phase === 'none' || next.phase === 'rest');

  const more = ordinary ? await claimInOrder(claiming) : false;
  await readPayloads(claiming);
  if (claiming.attempts.length > 0) draft.wrote = true;

  return {
    attempts: claiming.attempts,
    alone: ordinary && next.phase === 'rest' ? { phase: 'none' } : next,
    again: more || (ordinary && next.phase === 'rest'),
    alarm: alarmOf(draft, next),
  };
}

/**
 * The task that runs alone: it waits until the others have ended, ten seconds at most, and for ten seconds after it
 * started nothing else does. Between two of them the others have their turn.
 */
async function claimAlone(claiming: Claiming): Promise<Alone> {
  const { leader, draft } = claiming;
  const { now } = draft.moment;
  const state = leader.alone;

  if (state.phase === 'running') {
    if (!draft.running.has(state.claim)) return { phase: 'rest' };
    if (now < state.since + aloneWindow) return state;
  }
  const stillRuns = [...draft.running.values()].some((attempt) => rankOf(attempt.row) === alone);
  if (state.phase === 'rest' || stillRuns) return state.phase === 'rest' ? state : { phase: 'none' };

  const readers = await openReaders(claiming, alone);
  const since = state.phase === 'clearing' ? state.since : now;
  const cleared = draft.running.size === 0 || now >= since + aloneWindow;
  const found = await firstOf(claiming, readers, cleared);
  await Promise.all(readers.map((reader) => reader.close()));
  if (!found) return { phase: 'none' };
  if (!cleared) return { phase: 'clearing', since };

  const [attempt] = claiming.attempts;

  return attempt === undefined ? { phase: 'none' } : { phase: 'running', claim: attempt.claim.claim, since: now };
}

/** Whether there is a task that may run alone now; claims it if it is its time. */
async function firstOf(claiming: Claiming, readers: readonly Reader[], claims: boolean): Promise<boolean> {
  for (const reader of readers) {
    for (;;) {
      await reader.fill();
      const row = reader.peek();
      if (row === undefined || claiming.looks >= looksPerTurn) break;
      if (roomInGate(claiming, row) === 0) {
        reader.stop();
        break;
      }
      if (!claims && lookAt(claiming, row) === 'claim') {
        reader.stop();

        return true;
      }
      if (apply(claiming, reader, row)) return true;
    }
  }

  return false;
}

/** Claims by priority, timed and fresh in turn, until all slots are taken; gives back whether something was left unread. */
async function claimInOrder(claiming: Claiming): Promise<boolean> {
  const { leader, draft } = claiming;
  const ranks = await Promise.all(([0, 1, 2] as const).map((rank) => openReaders(claiming, rank)));
  const hasRoom = (): boolean => draft.running.size + claiming.attempts.length < leader.concurrency;
  let timedNext = true;

  while (hasRoom() && claiming.looks < looksPerTurn) {
    const count = leader.claims + claiming.attempts.length;
    const order = count % shareOfTheLowest === shareOfTheLowest - 1 ? [...ranks].reverse() : ranks;
    const reader = await nextReader(order, timedNext);
    if (reader === undefined) break;

    const row = reader.peek();
    if (row === undefined) break;
    if (roomInGate(claiming, row) === 0) reader.stop();
    else if (apply(claiming, reader, row)) timedNext = reader.source.letter === 'F';
  }

  const readers = ranks.flat();
  await Promise.all(readers.map((reader) => reader.close()));

  return claiming.looks >= looksPerTurn;
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

/** Readers of every source of a rank that may have something due, and whose gate lets something through. */
async function openReaders(claiming: Claiming, rank: number): Promise<readonly Reader[]> {
  const { draft, heads } = claiming;
  const open = [...draft.memory.sources.values()].filter((source) => {
    if (source.rank !== rank || source.from > clockOf(source, draft.moment)) return false;

    return roomInGate(claiming, source.route) > 0;
  });
  const readers = open.map((source) => createReader(draft, source, heads));
  await Promise.all(readers.map((reader) => reader.fill()));

  return readers;
}

/** How many more may start through a row's gate, with what this turn has claimed. */
function roomInGate(claiming: Claiming, { gate }: { readonly gate: string }): number {
  const { draft, attempts } = claiming;
  const through = [...draft.running.values(), ...attempts].filter((attempt) => attempt.row.gate === gate);

  return allowance(draft.memory.gates.get(gate), draft.moment.now, through);
}

function lookAt({ draft, heads, attempts }: Claiming, row: TaskRow): ReturnType<typeof look> {
  const taken = [...draft.running.values(), ...attempts];
  const lane = row.lane === undefined ? undefined : laneMark(row.owner, row.lane);

  return look(row, {
    head: heads.of(row),
    laneTaken: lane !== undefined && taken.some(({ claim }) => claim.lane === lane),
    claimed: taken.some(({ claim }) => claim.seq === row.seq),
    wall: draft.moment.wall,
  });
}

/** Does what the look at a row says; gives back whether it was claimed. */
function apply(claiming: Claiming, reader: Reader, row: TaskRow): boolean {
  const { leader, draft } = claiming;
  const found = lookAt(claiming, row);
  claiming.looks += 1;
  reader.take(found === 'wait');

  if (found === 'claim') {
    claiming.attempts.push(attemptOf(claiming, row));

    return true;
  }

  if (found === 'hold' || found === 'date') {
    const next = found === 'hold' ? held(row) : dueOn(row, row.runAt ?? draft.moment.wall);
    draft.stores.tasks.put(next);
    draft.wrote = true;
    note(draft.memory, next.ready, leader.context.registry);
  }

  return false;
}

function attemptOf({ leader, draft, attempts }: Claiming, row: TaskRow): RunningAttempt {
  const { registry, ports } = leader.context;
  const type = findType(registry, row.type);
  if (type === undefined) throw new Error(`A task of the unknown type "${row.type}" was read as if it could run.`);

  const claim: Claim = {
    claim: leader.nextClaim + attempts.length,
    seq: row.seq,
    id: row.id,
    ...(row.lane === undefined ? {} : { lane: laneMark(row.owner, row.lane) }),
    ...(row.ref === undefined ? {} : { ref: row.ref }),
  };

  return {
    claim,
    row,
    type,
    stored: { value: row.payload },
    probe: isProbe(draft.memory.gates.get(row.gate)),
    startedAt: draft.moment.now,
    controller: new AbortController(),
    deadline: ports.clock.monotonic() + (row.timeout ?? type.timeout),
    abandonAt: undefined,
    abortedFor: undefined,
    started: false,
    touched: false,
    verdict: undefined,
    over: false,
  };
}

/** Reads the payloads that lie apart, in the transaction of their claim. */
async function readPayloads({ draft, attempts }: Claiming): Promise<void> {
  await Promise.all(
    attempts.map(async (attempt) => {
      if (attempt.claim.ref === undefined) return;

      const value: unknown = await answer(draft.stores.payloads.get(attempt.claim.ref));
      attempt.stored = value === undefined ? { lost: true } : { value };
    }),
  );
}

/** Milliseconds until the next time that is still to come. What is due and had to wait is woken by an end or an edit. */
function alarmOf({ memory, moment }: Draft, state: Alone): number {
  const times = [...memory.sources.values()].flatMap((source) => {
    const wait = source.next - clockOf(source, moment);

    return source.letter !== 'F' && wait > 0 ? [wait] : [];
  });
  const gates = [...memory.gates.values()].flatMap((gate) =>
    gate.open === undefined && gate.until > moment.now ? [gate.until - moment.now] : [],
  );
  const windows =
    state.phase === 'clearing' || state.phase === 'running' ? [state.since + aloneWindow - moment.now] : [];
  const ahead = windows.filter((wait) => wait > 0);

  return Math.min(Number.POSITIVE_INFINITY, ...times, ...gates, ...ahead);
}
