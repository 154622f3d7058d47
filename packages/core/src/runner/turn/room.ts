import type { Check } from '../../pure/check.js';
import { check } from '../../pure/check.js';
import type { GateRow } from '../../pure/gate.js';
import { allowance, currentGate, keeps } from '../../pure/gate.js';
import type { Route } from '../../pure/key.js';
import { aloneRank } from '../../pure/key.js';
import type { Parent } from '../../pure/parents.js';
import { pausesOf } from '../../pure/pause.js';
import type { TaskRow } from '../../pure/record.js';
import { laneMarkOf } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import type { Alone, Fairness, Leader, RunningAttempt } from '../term/leader.js';
import { aloneWindow } from '../term/leader.js';
import type { Source } from '../term/memory.js';
import type { Draft } from './draft.js';
import type { Heads } from './heads.js';

/**
 * A turn checks so many rows at most, and begins no check after so many milliseconds, because other writes wait for it.
 */
const checksPerTurn = 1_024;
export const checkingTime = 50;

/** The claims of a turn that is under way. */
export interface Claiming {
  readonly leader: Leader;
  readonly draft: Draft;
  readonly heads: Heads;
  /** The attempts that were claimed so far. Each is also in the running set of the draft. */
  readonly attempts: RunningAttempt[];
  /** The task that runs alone, or waits for that. */
  alone: Alone;
  fairness: Fairness;
  checks: number;
  /** No check begins later, by the monotonic clock. */
  readonly until: number;
}

/**
 * What becomes of a row: what its check says, or
 *
 * - `full`: nothing more starts in this turn.
 * - `closed`: nothing more goes through the gate of the row, or no more of its type may run.
 * - `clearing`: the row must run alone, and others still run.
 */
export type Room = Check | 'full' | 'closed' | 'clearing';

/** Says whether a row may start now, and if not, why not. Every limit is checked here. */
export function roomFor(claiming: Claiming, source: Source, row: TaskRow, parents: readonly Parent[]): Room {
  const runsAlone = source.rank === aloneRank;
  if (runsAlone ? !hasChecks(claiming) : !hasRoom(claiming)) return 'full';
  if (!hasRouteRoom(claiming, row)) return 'closed';

  const found = checkOf(claiming, row, parents);
  if (found !== 'claim') return found;

  const gate = gateOf(claiming, row.gate);
  if (keeps(gate, row.id) && claiming.draft.moment.now < gate.until) return 'wait';

  return runsAlone && !isCleared(claiming) ? 'clearing' : 'claim';
}

/** Whether there is a slot for a task that need not run alone, and no task runs alone. */
export function hasRoom(claiming: Claiming): boolean {
  const { leader, draft, alone } = claiming;
  const isFull = draft.running.size >= leader.concurrency;

  return !isFull && hasChecks(claiming) && (alone.phase === 'none' || alone.phase === 'rest');
}

function hasChecks(claiming: Claiming): boolean {
  return !claiming.leader.signals.stopping && !isCutShort(claiming);
}

/** Whether a turn must leave rows to the next one. A turn checks at least one row, however slow the device is. */
export function isCutShort({ leader, checks, until }: Claiming): boolean {
  return checks >= checksPerTurn || (checks > 0 && leader.context.ports.clock.monotonic() >= until);
}

/** Whether one more task of a route may start: its gate lets it through, and fewer of its type run than may. */
export function hasRouteRoom(claiming: Claiming, route: Pick<Route, 'type' | 'gate'>): boolean {
  return roomInGate(claiming, route) > 0 && !isTypeFull(claiming.leader, claiming.draft, route.type);
}

/** Whether as many tasks of a type run as may run at once. */
export function isTypeFull({ context }: Leader, { running }: Draft, type: string): boolean {
  const found = findType(context.registry, type);
  const most = found?.concurrency ?? Number.POSITIVE_INFINITY;

  return [...running.values()].filter((attempt) => attempt.type === found).length >= most;
}

/** How many more tasks may start through a gate. */
export function roomInGate(claiming: Claiming, { gate }: { readonly gate: string }): number {
  const { leader, draft } = claiming;
  const through = [...draft.running.values()].filter((attempt) => attempt.row.gate === gate);

  return allowance(gateOf(claiming, gate), draft.moment.now, through, leader.context.registry.gates.cap);
}

/** A gate's record as it counts now. */
export function gateOf({ leader, draft }: Claiming, name: string): GateRow | undefined {
  return currentGate(draft.memory.gates.get(name), draft.moment.now, leader.context.registry.gates);
}

/** Since when the next task that must run alone waits for the others, by the runner's clock. */
export function clearingSince({ alone, draft }: Claiming): number {
  return alone.phase === 'clearing' ? alone.since : draft.moment.now;
}

function isCleared(claiming: Claiming): boolean {
  const { moment, running } = claiming.draft;

  return running.size === 0 || moment.now >= clearingSince(claiming) + aloneWindow;
}

function checkOf({ draft, heads }: Claiming, row: TaskRow, parents: readonly Parent[]): Check {
  const taken = [...draft.running.values()];
  const lane = laneMarkOf(row);

  if (draft.gone.has(row.seq)) return 'pass';

  return check(row, {
    head: heads.of(row),
    parents,
    laneTaken: lane !== undefined && taken.some(({ claim }) => claim.lane === lane),
    claimed: taken.some(({ claim }) => claim.seq === row.seq),
    paused: pausesOf(row, draft.memory.pauses).length > 0,
    wall: draft.moment.wall,
  });
}
