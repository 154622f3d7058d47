import { messageOf } from '../../pure/errors.js';
import { toldOf } from '../../basket/context/messages.js';
import type { Claim, TaskRow } from '../../pure/record.js';
import { outcomeOf } from '../../pure/record.js';
import { storeFor, weigh } from '../../pure/size.js';
import { settled } from '../../pure/transitions.js';
import { keepOutcome } from '../../store/outcomes.js';
import { payLanes } from '../../store/pay.js';
import { forgetPauses } from '../../store/pauses.js';
import type { Stores } from '../../store/requests.js';
import { deletePayload } from '../../store/payloads.js';
import { claimedRow, deleteTasks } from '../../store/rows.js';
import type { Draft } from './draft.js';
import { settleGates } from './gates.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { runs } from '../term/leader.js';
import { isToBeRead, note } from '../term/memory.js';

/** If a result alone made so many turns fail, it is not stored; after as many more, neither is its outcome. */
const triesToKeep = 3;

/** Writes how each attempt ended, and pays its lane. */
export async function settle(leader: Leader, draft: Draft, ended: readonly RunningAttempt[]): Promise<void> {
  const done = (await Promise.all(ended.map((attempt) => settleOne(leader, draft, attempt)))).flat();
  deleteTasks(draft.stores, done);
  if (draft.memory.pauses.size > 0) await forgetPauses(draft.stores, done);
  await settleGates(leader, draft, ended);
  if (ended.length > 0) draft.wrote = true;

  await payFor(
    leader,
    draft,
    ended.map(({ claim }) => claim),
  );
}

/** A task that has ended, with the mark of its lane. */
export type Ended = Pick<Claim, 'id' | 'lane'>;

/** Brings back the heads of the lanes in which tasks have ended. */
export async function payFor(leader: Leader, draft: Draft, ended: readonly Ended[]): Promise<void> {
  const { stores, moment, running, heads, memory } = draft;
  const lanes = ended.map(({ lane }) => lane);
  const { registry } = leader.context;
  const needsNothing = (row: TaskRow): boolean => runs(running, row) || isToBeRead(memory, row, registry);
  for (const { lane, head, written } of await payLanes(stores, lanes, moment, needsNothing)) {
    heads.set(lane, head);
    if (written !== undefined) note(memory, written.ready, registry);
  }
}

/** Writes how one attempt ended. Resolves with its row if that must be deleted. */
async function settleOne(
  leader: Leader,
  { stores, moment, memory, hints }: Draft,
  attempt: RunningAttempt,
): Promise<readonly TaskRow[]> {
  const { claim, verdict, type } = attempt;
  if (verdict === undefined) return [];

  const row = verdict.kind === 'success' && !attempt.touched ? attempt.row : await claimedRow(stores, claim);
  if (row === undefined) {
    // The row was deleted while the task ran. Whoever deleted it wrote the outcome.
    deletePayload(stores, claim);

    return [];
  }

  const next = settled(row, verdict, moment, type, leader.context.ports.random);
  if (next === undefined) {
    if (verdict.kind === 'success' && verdict.result !== undefined && row.cancelled !== true) {
      await keepResult(stores, row, verdict.result, attempt.refusals ?? 0, moment.wall);
    }
    // If the task was cancelled while it ran, `cancel` has already said so.
    if (row.cancelled !== true) hints.push({ ...toldOf(row), event: 'settled', state: 'done' });

    return [row];
  }

  // A row that became strange while its task ran stays as it is.
  if (row.strange === true) return [];
  stores.tasks.put(next);
  note(memory, next.ready, leader.context.registry);
  const dead = next.dead !== undefined;
  if ('error' in verdict) hints.push({ ...toldOf(row), event: 'failed', error: verdict.error, dead });
  if (dead) hints.push({ ...toldOf(row), event: 'settled', state: 'dead' });

  return [];
}

/**
 * The ended attempts that this turn settles: all, unless a turn that wrote results has failed. Then one turn writes
 * none of those results, which shows whether anything can be written, and each turn after it writes one. So a result is
 * given up only if it made turns fail itself.
 */
export function toSettle(leader: Leader): readonly RunningAttempt[] {
  const ended = [...leader.running.values()].filter((attempt) => attempt.verdict !== undefined);
  const doubtful = ended.filter((attempt) => attempt.refusals !== undefined);
  if (doubtful.length === 0) return ended;

  const [next] = doubtful.sort((one, other) => (one.refusals ?? 0) - (other.refusals ?? 0));
  const certain = ended.filter((attempt) => !hasResult(attempt));

  return leader.remembered.spared || next === undefined ? certain : [...certain, next];
}

/** Notes the results that a turn tried to write before it failed. Returns whether there were any. */
export function doubt(written: readonly RunningAttempt[]): boolean {
  const kept = written.filter(hasResult);
  for (const attempt of kept) attempt.refusals = attempt.refusals === undefined ? 0 : attempt.refusals + 1;

  return kept.length > 0;
}

function hasResult({ verdict }: RunningAttempt): boolean {
  return verdict?.kind === 'success' && verdict.result !== undefined;
}

/**
 * Stores the result of a task. If it cannot be stored, or made several turns fail, an outcome without it is stored, and
 * at last none. So its task ends, and other tasks run.
 */
async function keepResult(stores: Stores, row: TaskRow, result: unknown, refusals: number, at: number): Promise<void> {
  const outcome = outcomeOf(row, 'done', at);
  if (refusals >= 2 * triesToKeep) return;
  if (refusals >= triesToKeep) {
    return keepOutcome(stores, { ...outcome, unstorable: 'It was refused when it was written.' });
  }

  try {
    if (storeFor(weigh(result)) === 'bodies') throw new RangeError('It is a Blob, or larger than 256 KB.');
    // Not awaited: the next line is for a result that cannot be stored at all. Any other error ends the turn.
    return keepOutcome(stores, { ...outcome, result });
  } catch (error) {
    return keepOutcome(stores, { ...outcome, unstorable: messageOf(error) });
  }
}
