import { currentGate } from '../../pure/gate.js';
import { checkId } from '../../pure/options.js';
import type { Reason } from '../../pure/reasons.js';
import { aheadOf, reasonsOf } from '../../pure/reasons.js';
import type { TaskRow } from '../../pure/record.js';
import { laneOf } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import type { Stores } from '../../store/requests.js';
import { claimedRow, gatesNamed, headOfLane, rowOfId, runnerRow } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';

/** Every reason why a task is not running now; none: nothing is in its way, and it is about to run. */
export async function explain(context: BasketContext, id: string): Promise<readonly Reason[]> {
  checkId(id);
  const wall = context.ports.clock.wall();
  const [facts, led] = await Promise.all([
    look(context, (stores) => factsOf(context, stores, id, wall), ['tasks', 'state']),
    context.ports.locks.held(context.names.runnerLock),
  ]);
  if (facts === undefined) return [{ reason: 'gone' }];

  const { row } = facts;

  return reasonsOf(row, { ...facts, type: findType(context.registry, row.type), led, wall });
}

async function factsOf({ registry }: BasketContext, stores: Pick<Stores, 'tasks' | 'state'>, id: string, wall: number) {
  const row = await rowOfId(stores, id);
  if (row === undefined) return undefined;

  const [runner, gates, head] = await Promise.all([
    runnerRow(stores),
    gatesNamed(stores, [row.gate]),
    headOfLane(stores, laneOf(row)),
  ]);
  const gate = currentGate(gates.get(row.gate), wall + aheadOf(runner), registry.gates);
  const running: readonly (TaskRow | undefined)[] =
    gate === undefined ? [] : await Promise.all((runner?.running ?? []).map((claim) => claimedRow(stores, claim)));

  return { row, runner, gate, head, through: running.filter((one) => one?.gate === row.gate).length };
}
