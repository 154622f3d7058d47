import { messageOf } from '../../pure/errors.js';
import { idMark } from '../../pure/key.js';
import type { Claim, OutcomeRow, TaskRow } from '../../pure/record.js';
import { checkDepth, weigh } from '../../pure/size.js';
import { settled } from '../../pure/transitions.js';
import { payLanes } from '../../store/pay.js';
import type { SparingStores } from '../../store/requests.js';
import { claimedRow, deletePayload, deleteTasks } from '../../store/rows.js';
import type { Draft } from './draft.js';
import { settleGates } from './gates.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { runs } from '../term/leader.js';
import { note } from '../term/memory.js';

/** Writes how each attempt ended, and brings back what waited for it. */
export async function settle(leader: Leader, draft: Draft, ended: readonly RunningAttempt[]): Promise<void> {
  const done = await Promise.all(ended.map((attempt) => settleOne(leader, draft, attempt)));
  deleteTasks(draft.stores, done.flat());
  await settleGates(leader, draft, ended);
  if (ended.length > 0) draft.wrote = true;

  await payFor(
    leader,
    draft,
    ended.map(({ claim }) => claim),
  );
}

/** Brings back the heads of the lanes in which claims have ended. */
export async function payFor(leader: Leader, draft: Draft, ended: readonly Claim[]): Promise<void> {
  const { stores, moment, running, heads, memory } = draft;
  const lanes = ended.map(({ lane }) => lane);
  for (const { lane, head, written } of await payLanes(stores, lanes, moment, (row) => runs(running, row))) {
    heads.set(lane, head);
    if (written !== undefined) note(memory, written.ready, leader.context.registry);
  }
}

/** Writes one end; gives back the row that is to be deleted, if it is. */
async function settleOne(
  leader: Leader,
  { stores, moment, memory, hints }: Draft,
  attempt: RunningAttempt,
): Promise<readonly TaskRow[]> {
  const { claim, verdict, type } = attempt;
  if (verdict === undefined) return [];

  const row = verdict.kind === 'success' && !attempt.touched ? attempt.row : await claimedRow(stores, claim);
  if (row === undefined) {
    // Gone while it ran: its end was written by whoever removed it.
    deletePayload(stores, claim);

    return [];
  }

  const next = settled(row, verdict, moment, type, leader.context.ports.random);
  if (next === undefined) {
    if (verdict.kind === 'success' && verdict.result !== undefined && row.cancelled !== true) {
      keepResult(leader, stores, row, verdict.result, moment.wall);
    }
    // One that was cancelled while it ran was told then.
    if (row.cancelled !== true) hints.push({ event: 'settled', id: row.id, type: row.type, state: 'done' });

    return [row];
  }

  // A row that became strange while its task ran stays as it is.
  if (row.strange === true) return [];
  stores.tasks.put(next);
  note(memory, next.ready, leader.context.registry);
  const { id, type: name } = row;
  if (next.dead !== undefined) hints.push({ event: 'settled', id, type: name, state: 'dead' });
  else if ('error' in verdict) hints.push({ event: 'failed', id, type: name, error: verdict.error });

  return [];
}

/**
 * A result that can't be stored, or that the disk refuses, must not keep its task from ending, nor all others from
 * running: what is kept then is that it is done, and at last not even that.
 */
function keepResult(leader: Leader, stores: SparingStores, row: TaskRow, result: unknown, at: number): void {
  const { id, type, owner } = row;
  const outcome: OutcomeRow = { id, type, owner, state: 'done', at, marks: [idMark(id)] };
  if (leader.failedTurns >= 4) return;
  if (leader.failedTurns >= 2) {
    stores.outcomes.add({ ...outcome, unstorable: 'It was refused when it was written.' });

    return;
  }

  try {
    checkDepth(weigh(result));
    stores.outcomes.add({ ...outcome, result });
  } catch (error) {
    stores.outcomes.add({ ...outcome, unstorable: messageOf(error) });
  }
}
