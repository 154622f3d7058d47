import { randomText } from '../../ports/ids.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { gateForward } from '../../pure/gate.js';
import { idMark, readReady } from '../../pure/key.js';
import type { Claim, OutcomeRow, TaskRow } from '../../pure/record.js';
import { isClaimed, laneOf, stateKeys } from '../../pure/record.js';
import { cancelledWhileRunning, revived } from '../../pure/transitions.js';
import { payLanes } from '../../store/pay.js';
import type { SparingStores, Stores } from '../../store/requests.js';
import { answer, sparing } from '../../store/requests.js';
import { deleteTasks, gatesNamed, rowOfId, runnerRow } from '../../store/rows.js';
import { look, transact } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import type { Hint } from '../context/hub.js';
import type { Filter } from '../reading/query.js';
import { checkFilter, rowsOf } from '../reading/query.js';
import { isRefusal, notChanged } from '../adding/refusal.js';

/** So many tasks of a query are changed in one transaction. */
const slice = 256;

/**
 * Removes tasks. One that runs is aborted and does not come back; its lane moves on when its handler has ended, or lost
 * its slot. Resolves, durably, with how many there were.
 */
export function cancel(context: BasketContext, which: string | Filter): Promise<number> {
  return forEach(context, which, async (stores, rows, claims) => {
    const wall = context.ports.clock.wall();
    const running = rows.filter((row) => isClaimed(row, claims));
    const others = rows.filter((row) => !running.includes(row));
    for (const row of rows) stores.outcomes.add(outcomeOf(row, wall));
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
  const letter = readReady(row.ready)?.letter;

  return letter === '@' || letter === 'D' || (letter === '!' && row.attempts > 0);
}

type Change = (stores: SparingStores, rows: readonly TaskRow[], claims: readonly Claim[]) => Promise<readonly Hint[]>;

/** Changes one task by its id, or all that fit a query, slice by slice; each slice is durable by itself. */
async function forEach(context: BasketContext, which: string | Filter, change: Change): Promise<number> {
  if (typeof which !== 'string') checkFilter(which);

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

  return row === undefined || row.cancelled === true ? [] : [row];
}

/** What a command changed, and what is told of it. */
interface Edited {
  readonly found: readonly TaskRow[];
  readonly hints: readonly Hint[];
}

/**
 * One transaction of a page's command; gives back the rows that it changed. Whatever it writes puts a fresh random stamp
 * beside it, so that a runner forgets what it has read; random and not counted, so that it can be put blind. By the same
 * stamp it is found out whether a transaction that was told as failed was committed all the same.
 *
 * @throws TaskbasketError `quota`, `not-stored`: nothing was changed. `unknown-outcome`: the stamp could not be read.
 */
export async function edit(
  context: BasketContext,
  command: (stores: SparingStores) => Promise<Edited>,
): Promise<readonly TaskRow[]> {
  const stamp = randomText(context.ports.random, 12);
  let done = undefined as Edited | undefined;
  const body = async (stores: SparingStores): Promise<Edited> => {
    done = undefined;
    const edited = await command(stores);
    if (edited.found.length > 0) stores.state.put(stamp, stateKeys.edits);
    done = edited;

    return edited;
  };
  const end = underway(context);
  const { found, hints } = await sparing(false, (scope) => transact(context, 'command', body, { scope }))
    .catch(async (error: unknown) => {
      if (done !== undefined && !isRefusal(error) && (await isStamped(context, stamp, error))) return done;

      throw notChanged(error);
    })
    .finally(end);
  if (found.length > 0) context.hub.say({ kind: 'look', hints });

  return found;
}

async function isStamped(context: BasketContext, stamp: string, cause: unknown): Promise<boolean> {
  try {
    return (await look(context, ({ state }) => answer(state.get(stateKeys.edits)), ['state'])) === stamp;
  } catch {
    const why = `Whether this was changed is not known: ${messageOf(cause)}`;

    throw new TaskbasketError('unknown-outcome', `${why} Look at the tasks with get or list, later.`, cause);
  }
}

function outcomeOf(row: TaskRow, at: number): OutcomeRow {
  return { id: row.id, type: row.type, owner: row.owner, state: 'cancelled', at, marks: [idMark(row.id)] };
}
