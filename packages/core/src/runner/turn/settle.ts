import { messageOf } from '../../pure/errors.js';
import { idMark } from '../../pure/key.js';
import type { Claim, OutcomeRow, TaskRow } from '../../pure/record.js';
import { storeFor, weigh } from '../../pure/size.js';
import { settled } from '../../pure/transitions.js';
import { keepOutcome } from '../../store/outcomes.js';
import { payLanes } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { deletePayload } from '../../store/payloads.js';
import { claimedRow, deleteTasks } from '../../store/rows.js';
import type { Draft } from './draft.js';
import { settleGates } from './gates.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { runs } from '../term/leader.js';
import { isToBeRead, note } from '../term/memory.js';

/** A result is given up after it alone made so many turns fail; so is the word that the task is done. */
const triesToKeep = 3;

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
  const { registry } = leader.context;
  const needsNothing = (row: TaskRow): boolean => runs(running, row) || isToBeRead(memory, row, registry);
  for (const { lane, head, written } of await payLanes(stores, lanes, moment, needsNothing)) {
    heads.set(lane, head);
    if (written !== undefined) note(memory, written.ready, registry);
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
      await keepResult(stores, row, verdict.result, attempt.refusals ?? 0, moment.wall);
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
 * The ended attempts that this turn settles: all, unless a turn that kept results has failed. Then one turn keeps none of
 * those results, which shows whether anything can be written, and the turns after it keep one each. So a result is given
 * up for what it caused itself, and for nothing else.
 */
export function toSettle(leader: Leader): readonly RunningAttempt[] {
  const ended = [...leader.running.values()].filter((attempt) => attempt.verdict !== undefined);
  const doubtful = ended.filter((attempt) => attempt.refusals !== undefined);
  if (doubtful.length === 0) return ended;

  const [next] = doubtful.sort((one, other) => (one.refusals ?? 0) - (other.refusals ?? 0));
  const certain = ended.filter((attempt) => !hasResult(attempt));

  return leader.remembered.spared || next === undefined ? certain : [...certain, next];
}

/** Takes note of the results that a turn would have kept, after it failed. Gives back whether there were any. */
export function doubt(written: readonly RunningAttempt[]): boolean {
  const kept = written.filter(hasResult);
  for (const attempt of kept) attempt.refusals = attempt.refusals === undefined ? 0 : attempt.refusals + 1;

  return kept.length > 0;
}

function hasResult({ verdict }: RunningAttempt): boolean {
  return verdict?.kind === 'success' && verdict.result !== undefined;
}

/**
 * A result that cannot be stored, or that the disk refuses, must not keep its task from ending, nor all others from
 * running: what is kept then is that it is done, and at last not even that.
 */
async function keepResult(stores: Stores, row: TaskRow, result: unknown, refusals: number, at: number): Promise<void> {
  const { id, type, owner } = row;
  const outcome: OutcomeRow = { id, type, owner, state: 'done', at, marks: [idMark(id)] };
  if (refusals >= 2 * triesToKeep) return;
  if (refusals >= triesToKeep) {
    return keepOutcome(stores, { ...outcome, unstorable: 'It was refused when it was written.' });
  }

  let kept: Promise<void>;
  try {
    if (storeFor(weigh(result)) === 'bodies') throw new RangeError('It is a Blob, or larger than 256 KB.');
    kept = keepOutcome(stores, { ...outcome, result });
  } catch (error) {
    kept = keepOutcome(stores, { ...outcome, unstorable: messageOf(error) });
  }

  return kept;
}
