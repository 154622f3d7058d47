import { defaultBackoff } from '../../pure/backoff.js';
import type { GateRow } from '../../pure/gate.js';
import { currentGate, gateClosed, gatePassed, gateWoken, toBlame } from '../../pure/gate.js';
import { stateKeys } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import { blamed } from '../../pure/transitions.js';
import { rowOfId } from '../../store/rows.js';
import type { Draft } from './draft.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { runs } from '../term/leader.js';
import { note } from '../term/memory.js';

/** Writes what the ends of attempts say about their destinations, and puts off whom a gate was closed by alone. */
export async function settleGates(leader: Leader, draft: Draft, ended: readonly RunningAttempt[]): Promise<void> {
  const toPutOff = ended.flatMap((attempt) => settleGate(leader, draft, attempt) ?? []);
  await Promise.all(toPutOff.map((id) => blame(leader, draft, id)));
}

/** Brings the probes of all closed gates forward: this browser is online again, or a page visible. */
export function wakeGates(leader: Leader, draft: Draft, visible: boolean): void {
  const { memory, moment } = draft;
  for (const gate of memory.gates.values()) {
    const woken = gateWoken(gate, moment.now, visible, leader.context.ports.random);
    if (woken !== gate) draft.wrote = true;
    keep(draft, gate.name, gate, woken);
  }
}

/** Writes what one end says; gives back the id of the task that is to blame for the gate that it opened. */
function settleGate(leader: Leader, draft: Draft, attempt: RunningAttempt): string | undefined {
  const { verdict, row } = attempt;
  if (verdict === undefined) return undefined;

  const { registry, ports } = leader.context;
  const { now } = draft.moment;
  const found = draft.memory.gates.get(row.gate);
  if (verdict.kind === 'unavailable') {
    const closing = { now, name: row.gate, by: row.id, reason: verdict.error.message, retryAfter: verdict.retryAfter };
    keep(draft, row.gate, found, gateClosed(found, attempt, closing, registry.gates, ports.random));

    return undefined;
  }
  if (!answered.has(verdict.kind)) return undefined;

  const gate = gatePassed(currentGate(found, now, registry.gates), attempt, now, leader.concurrency);
  keep(draft, row.gate, found, gate);

  return toBlame(found, gate, row.id);
}

/** The ends by which a destination was reached; any other says nothing about it. */
const answered: ReadonlySet<string> = new Set(['success', 'failure', 'permanent', 'later']);

function keep(draft: Draft, name: string, found: GateRow | undefined, gate: GateRow | undefined): void {
  const { memory, stores, hints } = draft;
  if (gate === found) return;
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

function isClosed(gate: GateRow | undefined): boolean {
  return gate !== undefined && gate.open === undefined;
}

/** Lets a task back off by itself; one that is gone, or runs, or waits for something else, is left alone. */
async function blame(leader: Leader, { stores, moment, memory, running }: Draft, id: string): Promise<void> {
  const { registry, ports } = leader.context;
  const row = await rowOfId(stores, id);
  if (row === undefined || runs(running, row)) return;

  const next = blamed(row, moment, findType(registry, row.type)?.backoff ?? defaultBackoff, ports.random);
  if (next === undefined) return;
  stores.tasks.put(next);
  note(memory, next.ready, registry);
}
