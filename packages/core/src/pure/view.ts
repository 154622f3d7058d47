import type { GateRow } from './gate.js';
import { keeps } from './gate.js';
import type { PriorityName } from './options.js';
import { priorityName } from './options.js';
import { readReady } from './key.js';
import { defined } from './parts.js';
import { clockOffset, dueAt } from './reasons.js';
import type { Death, RunnerRow, StoredError, TaskRow } from './record.js';
import { isClaimed } from './record.js';
import { isDead } from './state.js';

/** What `get`, `list` and `watch` show of a task. Times are in milliseconds of this device's wall clock. */
export interface TaskView<Name extends string = string, Payload = unknown> {
  readonly id: string;
  /** The number of the task in the order of adding. `list({ cursor: seq })` shows the tasks that follow. */
  readonly seq: number;
  readonly type: Name;
  /** Whose task it is. `null`: nobody's. */
  readonly owner: string | null;
  /** The version of the form in which the payload is stored. */
  readonly version: number;
  /** `undefined` if this build cannot read it (see `unreadable`), or, in a watch, has not decoded it yet. */
  readonly payload: Payload | undefined;
  /** `dead`: set aside until `retry`, `update` or `cancel`. */
  readonly state: 'queued' | 'dead';
  /** Whether a runner runs it, as far as the database knows. */
  readonly running: boolean;
  /** How many handlers were started, the running one included. */
  readonly attempts: number;
  /**
   * In a `watch`: what the running attempt last told by `attempt.progress` since this watch was subscribed. `undefined`
   * otherwise.
   */
  readonly progress: unknown;
  /** How many failures there were. */
  readonly failures: number;
  /** How often in a row the runner died during an attempt. */
  readonly interruptions: number;
  /** `undefined`: the task has no lane. */
  readonly lane: string | undefined;
  readonly gate: GateView;
  readonly priority: PriorityName;
  /** The time of the add. */
  readonly addedAt: number;
  /** The time of the next attempt, if that time is in the future. */
  readonly dueAt: number | undefined;
  /**
   * This build does not have the type or its version, or could not decode the payload within 10 s. The task is kept.
   */
  readonly unreadable: boolean;
  /** The latest error of an attempt, or of reading the payload. */
  readonly lastError: StoredError | undefined;
  /** Why and since when the task is dead. `undefined`: it is not. */
  readonly dead: Death | undefined;
}

/** The gate of a task. */
export interface GateView {
  readonly name: string;
  /** When the gate next lets a task through, to probe. Absent: the gate does not make this task wait. */
  readonly closedUntil?: number;
  /** The message of the error by which a task last found the destination away. */
  readonly reason?: string;
  /** The HTTP status of that error, if it had one. */
  readonly status?: number;
}

/** What a view is made of, beside the row. */
export interface ViewFacts {
  /** The name that the type has now. */
  readonly name: string;
  readonly runner: RunnerRow | undefined;
  readonly gate: GateRow | undefined;
  /** The wall clock now. */
  readonly wall: number;
  /** The decoded payload. `undefined`: the payload cannot be read. */
  readonly payload: { readonly payload: unknown } | undefined;
}

/** Makes the view of a row. */
export function taskView(row: TaskRow, facts: ViewFacts): TaskView {
  const { runner, payload } = facts;
  const ready = readReady(row.ready);
  const running = isClaimed(row, runner?.running);
  const offset = clockOffset(runner, facts.wall);

  return {
    id: row.id,
    seq: row.seq,
    type: facts.name,
    owner: row.owner,
    version: row.version,
    payload: payload?.payload,
    state: isDead(row) ? 'dead' : 'queued',
    running,
    attempts: row.attempts + (running ? 1 : 0),
    progress: undefined,
    failures: row.failures,
    interruptions: row.interruptions,
    lane: row.lane,
    gate: gateView(row, facts.gate, offset, facts.wall),
    priority: priorityName(row.priority),
    addedAt: row.addedAt,
    dueAt: running ? undefined : dueAt(ready, offset, facts.wall),
    unreadable: payload === undefined,
    lastError: row.lastError,
    dead: row.dead,
  };
}

function gateView({ gate: name, id }: TaskRow, gate: GateRow | undefined, offset: number, wall: number): GateView {
  if (!keeps(gate, id)) return { name };
  const { until, reason, status } = gate;

  return { name, closedUntil: Math.max(wall, until - offset), reason, ...defined({ status }) };
}
