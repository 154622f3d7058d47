import type { GateRow } from '../../pure/gate.js';
import { allowance, currentGate, isAway, keeps } from '../../pure/gate.js';
import { look } from '../../pure/look.js';
import { defined } from '../../pure/parts.js';
import type { Claim, TaskRow } from '../../pure/record.js';
import { laneOf } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import { dueOn, held } from '../../pure/transitions.js';
import type { Draft } from './draft.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { note } from '../term/memory.js';
import type { Heads, Reader } from './reader.js';
import { clockOf, createReader } from './reader.js';

/** So many rows are looked at in one turn, so that its transaction stays short. */
export const looksPerTurn = 1_024;

/** The state of one turn's claiming. */
export interface Claiming {
  readonly leader: Leader;
  readonly draft: Draft;
  readonly heads: Heads;
  /** What has been claimed so far. */
  readonly attempts: RunningAttempt[];
  looks: number;
}

/** Whether there is room for another claim, in the slots and in the turn. */
export function goesOn({ leader, draft, attempts, looks }: Claiming): boolean {
  return draft.running.size + attempts.length < leader.concurrency && looks < looksPerTurn;
}

/** Readers of every source of a rank that may have something due, and whose gate lets something through. */
export async function openReaders(claiming: Claiming, rank: number): Promise<readonly Reader[]> {
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
export function roomInGate(claiming: Claiming, { gate }: { readonly gate: string }): number {
  const { draft, attempts } = claiming;
  const through = [...draft.running.values(), ...attempts].filter((attempt) => attempt.row.gate === gate);

  return allowance(gateOf(claiming, gate), draft.moment.now, through);
}

/** A gate's record as it counts now. */
export function gateOf({ leader, draft }: Claiming, name: string): GateRow | undefined {
  return currentGate(draft.memory.gates.get(name), draft.moment.now, leader.context.registry.gates);
}

/** The one look before every claim, with what this turn has claimed. */
export function lookAt(claiming: Claiming, row: TaskRow): ReturnType<typeof look> {
  const { draft, heads, attempts } = claiming;
  const taken = [...draft.running.values(), ...attempts];
  const lane = laneOf(row);
  const found = look(row, {
    head: heads.of(row),
    laneTaken: lane !== undefined && taken.some(({ claim }) => claim.lane === lane),
    claimed: taken.some(({ claim }) => claim.seq === row.seq),
    wall: draft.moment.wall,
  });
  const gate = gateOf(claiming, row.gate);

  return found === 'claim' && keeps(gate, row.id) && draft.moment.now < gate.until ? 'wait' : found;
}

/** Does what the look at a row says; gives back whether it was claimed. */
export function apply(claiming: Claiming, reader: Reader, row: TaskRow): boolean {
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

function attemptOf(claiming: Claiming, row: TaskRow): RunningAttempt {
  const { leader, draft, attempts } = claiming;
  const { registry, ports } = leader.context;
  const type = findType(registry, row.type);
  if (type === undefined) throw new Error(`A task of the unknown type "${row.type}" was read as if it could run.`);

  const claim: Claim = {
    claim: leader.nextClaim + attempts.length,
    seq: row.seq,
    id: row.id,
    ...defined({ lane: laneOf(row), ref: row.ref }),
  };

  return {
    claim,
    row,
    type,
    stored: row.ref === undefined ? { value: row.payload } : undefined,
    probe: isAway(gateOf(claiming, row.gate)),
    startedAt: draft.moment.now,
    controller: new AbortController(),
    deadline: ports.clock.monotonic() + (row.timeout ?? type.timeout),
    abandonAt: undefined,
    abortedFor: undefined,
    started: false,
    touched: false,
    verdict: undefined,
    refusals: undefined,
    over: false,
  };
}
