import { defaultBackoff } from '../../pure/backoff.js';
import type { GateRow } from '../../pure/gate.js';
import { gateWoken, isClosed, isPast } from '../../pure/gate.js';
import { gateAfter } from '../../pure/gate-ends.js';
import { stateKeys } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { blamed } from '../../pure/transitions.js';
import { rowOfId } from '../../store/rows.js';
import type { Draft } from './draft.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { runs } from '../term/leader.js';
import { note } from '../term/memory.js';
import { isTypeFull } from './room.js';

/** Writes what the ends of attempts say about their destinations, and lets the tasks back off that an answer proves wrong. */
export async function settleGates(leader: Leader, draft: Draft, ended: readonly RunningAttempt[]): Promise<void> {
  const { context, concurrency } = leader;
  const rules = { backoff: context.registry.gates, concurrency, random: context.ports.random };
  const { gates } = draft.memory;
  const wrong = [...new Set(ended.map(({ row }) => row.gate))].map((name) => {
    const found = gates.get(name);
    const through = ended
      .filter(({ row }) => row.gate === name)
      .map(({ row, probe, startedAt, verdict }) => ({ id: row.id, owner: row.owner, probe, startedAt, verdict }));
    const after = gateAfter(name, found, through, draft.moment.now, rules);
    keep(draft, name, found, after.gate);

    return [...after.wrong];
  });
  await Promise.all(wrong.flat().map((id) => blame(leader, draft, id)));
}

/** Brings the probes of all closed gates forward, into the next `spread` milliseconds. */
export function wakeGates({ context }: Leader, draft: Draft, spread: number): void {
  const { memory, moment } = draft;
  for (const gate of memory.gates.values()) {
    keep(draft, gate.name, gate, gateWoken(gate, moment.now, spread, context.ports.random));
  }
}

/** Deletes the records of gates for which no task waits: a probe is due and has room, and yet nothing was claimed. */
export function dropGates(leader: Leader, draft: Draft): void {
  const { concurrency, signals } = leader;
  const { registry } = leader.context;
  const running = [...draft.running.values()];
  if (signals.stopping || running.length >= concurrency) return;

  const { now } = draft.moment;
  for (const gate of draft.memory.gates.values()) {
    // Tasks of a type of which as many run as may wait for this gate too.
    const sources = [...draft.memory.sources.values()].filter(({ route }) => route.gate === gate.name);
    const isFull = sources.some(({ route }) => isTypeFull(leader, draft, route.type));
    if (isPast(gate, now, registry.gates) && !isFull && !running.some(({ row }) => row.gate === gate.name))
      keep(draft, gate.name, gate, undefined);
  }
}

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
