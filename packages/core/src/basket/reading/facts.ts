import type { GateRow } from '../../pure/gate.js';
import { currentGate } from '../../pure/gate.js';
import type { Owner } from '../../pure/owner.js';
import { pausesOf, shownPauses } from '../../pure/pause.js';
import type { Reason } from '../../pure/reasons.js';
import { clockOffset, reasonsOf } from '../../pure/reasons.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';
import { laneMarkOf } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { parentsOf } from '../../store/parents.js';
import { pausesNow } from '../../store/pauses.js';
import type { Stores } from '../../store/requests.js';
import { hasReserve } from '../../store/reserve.js';
import { claimedRow, gatesNamed, headOfLane, runnerRow, storedOwner } from '../../store/rows.js';
import type { BasketContext } from '../context/context.js';

/** Rows, and what is shown with them, read in one transaction. */
export interface Facts {
  readonly rows: readonly TaskRow[];
  readonly runner: RunnerRow | undefined;
  /** The record of the gate of one of these rows, as it counts for the runner now. */
  readonly gateOf: (row: TaskRow) => GateRow | undefined;
  /** Who is signed in, by the last call of any context, if reasons were asked for. */
  readonly owner?: Owner;
  /** Gives the reasons of one of these rows, if they were asked for. */
  readonly reasonsOf?: (row: TaskRow) => readonly Reason[];
}

/** The stores from which rows and their facts are read. */
export type FactStores = Pick<Stores, 'tasks' | 'outcomes' | 'state'>;

/** The names of these stores. */
export const factStores: readonly (keyof FactStores)[] = ['tasks', 'outcomes', 'state'];

/** Reads the facts of rows. `led` says whether there is a runner; leave it out if no reasons are wanted. */
export async function factsOf(
  context: BasketContext,
  stores: FactStores,
  rows: readonly TaskRow[],
  led?: boolean,
): Promise<Facts> {
  const { registry, ports, workerStarts } = context;
  const names = rows.map(({ gate }) => gate);
  const [runner, gates] = await Promise.all([runnerRow(stores), gatesNamed(stores, names)]);
  const wall = ports.clock.wall();
  const gateOf = ({ gate }: TaskRow): GateRow | undefined =>
    currentGate(gates.get(gate), wall + clockOffset(runner, wall), registry.gates);
  if (led === undefined) return { rows, runner, gateOf };

  const lanes = [...new Set(rows.map(laneMarkOf))];
  const isLimited = rows.some(({ type }) => findType(registry, type)?.concurrency !== undefined);
  const claims = led ? (runner?.running ?? []) : [];
  const counted = gates.size > 0 || isLimited ? claims : [];
  const [full, heads, parents, running, owner, pauses] = await Promise.all([
    isFull(stores, runner),
    Promise.all(lanes.map((lane) => headOfLane(stores, lane))),
    Promise.all(rows.map((row) => parentsOf(stores, row, claims))),
    Promise.all(counted.map((claim) => claimedRow(stores, claim))),
    storedOwner(stores),
    pausesNow(registry, stores),
  ]);

  return {
    rows,
    runner,
    gateOf,
    owner,
    reasonsOf: (row) =>
      reasonsOf(row, {
        registry,
        owner,
        runner,
        led,
        starting: workerStarts(),
        full,
        head: heads[lanes.indexOf(laneMarkOf(row))],
        parents: parents[rows.indexOf(row)] ?? [],
        gate: gateOf(row),
        pauses: shownPauses(context, pausesOf(row, pauses)),
        through: running.filter((one) => one?.gate === row.gate).length,
        ofType: running.filter((one) => findType(registry, one?.type ?? '') === findType(registry, row.type)).length,
        wall,
      }),
  };
}

/** Whether the browser has no room: it refused a runner's reserve, or the reserve was given up and not stored again. */
export async function isFull(stores: Pick<Stores, 'state'>, runner: RunnerRow | undefined): Promise<boolean> {
  return runner !== undefined && !(await hasReserve(stores));
}
