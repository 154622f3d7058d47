import { defaultBackoff } from '../../pure/backoff.js';
import type { GateRow } from '../../pure/gate.js';
import { currentGate, gateClosed, gatePassed, gateWoken, isAway, isClosed, toBlame } from '../../pure/gate.js';
import { stateKeys } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { blamed } from '../../pure/transitions.js';
import { rowOfId } from '../../store/rows.js';
import type { Draft } from './draft.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { runs } from '../term/leader.js';
import { note } from '../term/memory.js';
import { isTypeFull } from './room.js';

/**
 * Writes what the ends of attempts say about their destinations, and lets the tasks back off that an answer proves
 * wrong. Attempts that end in one turn count as ending together. So answers are written last: one answer shows that the
 * destination is there.
 */
export async function settleGates(leader: Leader, draft: Draft, ended: readonly RunningAttempt[]): Promise<void> {
  for (const attempt of ended) settleAway(leader, draft, attempt);
  const wrong = new Set(ended.flatMap((attempt) => settleAnswer(leader, draft, attempt)));
  for (const { row, verdict } of ended) if (verdict?.kind !== 'unavailable') wrong.delete(row.id);
  await Promise.all([...wrong].map((id) => blame(leader, draft, id)));
}

/** Brings the probes of all closed gates forward, into the next `spread` milliseconds. */
export function wakeGates({ context }: Leader, draft: Draft, spread: number): void {
  const { memory, moment } = draft;
  for (const gate of memory.gates.values()) {
    keep(draft, gate.name, gate, gateWoken(gate, moment.now, spread, context.ports.random));
  }
}

/** Deletes the records of gates for which no task waits: a probe is due and has room, and yet nothing was claimed. */
export function dropGates(leader: Leader, draft: Draft, claimed: readonly RunningAttempt[]): void {
  const { concurrency, signals } = leader;
  const { registry } = leader.context;
  const running = [...draft.running.values(), ...claimed];
  if (signals.stopping || running.length >= concurrency) return;

  const { now } = draft.moment;
  for (const gate of draft.memory.gates.values()) {
    const past = isAway(gate) ? now >= Math.max(gate.until, gate.floor ?? 0) : !currentGate(gate, now, registry.gates);
    // Tasks of a type of which as many run as may wait for this gate too.
    const sources = [...draft.memory.sources.values()].filter(({ route }) => route.gate === gate.name);
    const isFull = sources.some(({ route }) => isTypeFull(leader, running, route.type));
    if (past && !isFull && !running.some(({ row }) => row.gate === gate.name)) keep(draft, gate.name, gate, undefined);
  }
}

function settleAway({ context }: Leader, draft: Draft, { verdict, row, probe, startedAt }: RunningAttempt): void {
  if (verdict?.kind !== 'unavailable') return;

  const { registry, ports } = context;
  const { now } = draft.moment;
  const found = draft.memory.gates.get(row.gate);
  const { error, retryAfter } = verdict;
  const closing = { now, name: row.gate, reason: error.message, status: error.status, retryAfter };
  const gate = currentGate(found, now, registry.gates);
  const attempt = { id: row.id, probe, startedAt };
  keep(draft, row.gate, found, gateClosed(gate, attempt, closing, registry.gates, ports.random));
}

/** Writes what an answer says about a destination. Returns the ids of the tasks that it proves wrong. */
function settleAnswer(leader: Leader, draft: Draft, attempt: RunningAttempt): readonly string[] {
  const { verdict, row } = attempt;
  const found = draft.memory.gates.get(row.gate);
  if (found === undefined || verdict === undefined || !answered.has(verdict.kind)) return [];

  const { now } = draft.moment;
  const before = currentGate(found, now, leader.context.registry.gates);
  const gate = gatePassed(before, attempt, now, leader.concurrency);
  keep(draft, row.gate, found, gate);

  return before === undefined || gate === before ? [] : toBlame(before, row.id, now);
}

/** The verdicts that show that the destination was reached. Other verdicts say nothing about it. */
const answered: ReadonlySet<string> = new Set(['success', 'failure', 'permanent', 'later', 'signed-out']);

function keep(draft: Draft, name: string, found: GateRow | undefined, gate: GateRow | undefined): void {
  const { memory, stores, hints } = draft;
  if (gate === found) return;
  draft.wrote = true;
  const closed = isClosed(gate);
  if (closed !== isClosed(found))
    hints.push({ event: 'gate', gate: name, closed, reason: (gate ?? found)?.reason ?? '' });

  if (gate === undefined) {
    memory.gates.delete(name);
    stores.state.delete(stateKeys.gate(name));
  } else {
    memory.gates.set(name, gate);
    stores.state.put(gate, stateKeys.gate(name));
  }
}

/** Lets a task back off by itself, unless it is gone, runs, or waits for something else. */
async function blame(leader: Leader, { stores, moment, memory, running }: Draft, id: string): Promise<void> {
  const { registry, ports } = leader.context;
  const row = await rowOfId(stores, id);
  if (row === undefined || runs(running, row)) return;

  const next = blamed(row, moment, findType(registry, row.type)?.backoff ?? defaultBackoff, ports.random);
  if (next === undefined) return;
  stores.tasks.put(next);
  note(memory, next.ready, registry);
}
