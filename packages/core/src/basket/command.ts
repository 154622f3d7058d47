import { gateForward } from '../pure/gate.js';
import { idMark, laneMark, readReady } from '../pure/key.js';
import type { OutcomeRow, TaskRow } from '../pure/record.js';
import { stateKeys } from '../pure/record.js';
import { cancelledWhileRunning, revived } from '../pure/transitions.js';
import { randomText } from '../ports/ids.js';
import { payLane } from '../store/pay.js';
import type { Stores } from '../store/requests.js';
import { deleteTasks, gateRows, rowOfId, runnerRow } from '../store/rows.js';
import { transact } from '../store/transact.js';
import type { BasketContext } from './context.js';

/**
 * Removes a task. One that runs is aborted and does not come back; its lane moves on when its handler has ended, or
 * lost its slot. Resolves, durably, with whether there was one.
 */
export function cancel(context: BasketContext, id: string): Promise<boolean> {
  return edit(context, async (stores) => {
    const row = await rowOfId(stores, id);
    if (row === undefined || row.cancelled === true) return false;

    const runner = await runnerRow(stores);
    const claims = runner?.running ?? [];
    stores.outcomes.add(outcomeOf(row, context.ports.clock.wall()));

    if (claims.some((claim) => claim.seq === row.seq && claim.id === row.id)) {
      stores.tasks.put(cancelledWhileRunning(row));

      return true;
    }

    deleteTasks(stores, [row]);
    if (row.lane !== undefined) {
      // 0 is a page's "at once".
      const moment = { now: 0, wall: context.ports.clock.wall() };
      const isClaimed = (head: TaskRow): boolean => claims.some((claim) => claim.seq === head.seq);
      await payLane(stores, laneMark(row.owner, row.lane), moment, isClaimed);
    }

    return true;
  });
}

/**
 * Tries a task that waits for its backoff, or that is dead, again at once: its counters but `attempts` are set back, and
 * the probe of its gate, if that is closed, is brought forward. Resolves, durably, with whether there was one.
 */
export function retry(context: BasketContext, id: string): Promise<boolean> {
  return edit(context, async (stores) => {
    const row = await rowOfId(stores, id);
    if (row === undefined || row.cancelled === true) return false;

    const runner = await runnerRow(stores);
    const claimed = runner?.running.some((claim) => claim.seq === row.seq && claim.id === row.id) ?? false;
    if (!claimed && waitsForRetry(row)) stores.tasks.put(revived(row));

    const gate = (await gateRows(stores)).get(row.gate);
    if (gate !== undefined) stores.state.put(gateForward(gate), stateKeys.gate(gate.name));

    return true;
  });
}

/** Dead, in its backoff, or asked by its handler to wait for a date. A date given at the add stays. */
function waitsForRetry(row: TaskRow): boolean {
  const letter = readReady(row.ready)?.letter;

  return letter === '@' || letter === 'D' || (letter === '!' && row.attempts > 0);
}

/**
 * One transaction of a page's command. Whatever it writes puts a fresh random stamp beside it, so that a runner forgets
 * what it has read; random and not counted, so that it can be put blind.
 */
async function edit(context: BasketContext, command: (stores: Stores) => Promise<boolean>): Promise<boolean> {
  const found = await transact(context, 'command', async (stores) => {
    const done = await command(stores);
    if (done) stores.state.put(randomText(context.ports.random, 12), stateKeys.edits);

    return done;
  });
  if (found) context.hub.say({ kind: 'look' });

  return found;
}

function outcomeOf(row: TaskRow, at: number): OutcomeRow {
  return { id: row.id, type: row.type, owner: row.owner, state: 'cancelled', at, marks: [idMark(row.id)] };
}
