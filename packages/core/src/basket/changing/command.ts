import { gateForward } from '../../pure/gate.js';
import { idMark, readReady } from '../../pure/key.js';
import type { Claim, OutcomeRow, TaskRow } from '../../pure/record.js';
import { isClaimed, laneOf, stateKeys } from '../../pure/record.js';
import { cancelledWhileRunning, revived } from '../../pure/transitions.js';
import { keepOutcome } from '../../store/outcomes.js';
import { payLanes } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { deleteTasks, gatesNamed, rowOfId, runnerRow } from '../../store/rows.js';
import type { BasketContext } from '../context/context.js';
import type { Hint } from '../context/hub.js';
import type { Filter } from '../reading/query.js';
import { checkFilter, rowsOf } from '../reading/query.js';
import { edit } from './edit.js';

/** So many tasks of a query are changed in one transaction. */
const slice = 256;

/**
 * Removes tasks. One that runs is aborted and does not come back; its lane moves on when its handler has ended, or lost
 * its slot. Resolves, durably, with how many there were.
 */
export function cancel(context: BasketContext, which: string | Filter): Promise<number> {
  return forEach(context, which, async (stores, rows, claims) => {
    const wall = context.ports.clock.wall();
    // A strange row is not written, so it goes at once. Its attempt finds it gone.
    const running = rows.filter((row) => row.strange !== true && isClaimed(row, claims));
    const others = rows.filter((row) => !running.includes(row));
    await Promise.all(rows.map((row) => keepOutcome(stores, outcomeOf(row, wall))));
    for (const row of running) stores.tasks.put(cancelledWhileRunning(row));
    deleteTasks(stores, others);

    // 0 is a page's "at once".
    await payLanes(stores, others.map(laneOf), { now: 0, wall }, (head) => isClaimed(head, claims));

    return rows.map(({ id, type }) => ({ event: 'settled', id, type, state: 'cancelled' }));
  });
}

/**
 * Tries tasks that wait for their backoff, or that are dead, again at once: their counters but `attempts` are set back,
 * and the probes of their gates, if those are closed, are brought forward. Resolves, durably, with how many there were.
 */
export function retry(context: BasketContext, which: string | Filter): Promise<number> {
  return forEach(context, which, async (stores, rows, claims) => {
    for (const row of rows) if (!isClaimed(row, claims) && waitsForRetry(row)) stores.tasks.put(revived(row));

    const gates = await gatesNamed(
      stores,
      rows.map(({ gate }) => gate),
    );
    for (const [name, gate] of gates) {
      stores.state.put(gateForward(gate, context.ports.clock.wall()), stateKeys.gate(name));
    }

    return [];
  });
}

/** Dead, in its backoff, or asked by its handler to wait for a date. A date given at the add stays. */
function waitsForRetry(row: TaskRow): boolean {
  const letter = row.strange === true ? undefined : readReady(row.ready)?.letter;

  return letter === '@' || letter === 'D' || (letter === '!' && row.attempts > 0);
}

type Change = (stores: Stores, rows: readonly TaskRow[], claims: readonly Claim[]) => Promise<readonly Hint[]>;

/** Changes one task by its id, or all that fit a query, slice by slice; each slice is durable by itself. */
async function forEach(context: BasketContext, given: string | Filter, change: Change): Promise<number> {
  if (typeof given === 'string') return context.edits(given, () => changeEach(context, given, change));

  checkFilter(given);
  const which: Filter = { ...given, ...(Array.isArray(given.type) && { type: [...given.type] }) };

  return context.edits(undefined, () => changeEach(context, which, change));
}

async function changeEach(context: BasketContext, which: string | Filter, change: Change): Promise<number> {
  let count = 0;
  let after = 0;
  for (;;) {
    const rows = await edit(context, async (stores) => {
      const found = await rowsFor(stores, which, after);
      const runner = found.length === 0 ? undefined : await runnerRow(stores);

      return { found, hints: found.length === 0 ? [] : await change(stores, found, runner?.running ?? []) };
    });
    count += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < slice || typeof which === 'string') return count;
    after = last.seq;
  }
}

async function rowsFor(
  stores: Pick<Stores, 'tasks'>,
  which: string | Filter,
  after: number,
): Promise<readonly TaskRow[]> {
  if (typeof which !== 'string') {
    const { type, state, lane } = which;

    return rowsOf(stores, { type, state, lane, after }, slice);
  }
  const row = await rowOfId(stores, which);

  return row === undefined ? [] : [row];
}

function outcomeOf(row: TaskRow, at: number): OutcomeRow {
  return { id: row.id, type: row.type, owner: row.owner, state: 'cancelled', at, marks: [idMark(row.id)] };
}
