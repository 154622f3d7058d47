import { toldOf } from '../../basket/context/messages.js';
import { addStorable, doneWith } from '../../pure/outcome.js';
import type { TaskRow } from '../../pure/record.js';
import { outcomeOf } from '../../pure/record.js';
import { settled } from '../../pure/transitions.js';
import { keepOutcome } from '../../store/outcomes.js';
import { forgetPauses } from '../../store/pauses.js';
import type { Freed } from '../../store/pay.js';
import { freedByClaims, pay } from '../../store/pay.js';
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

/** Writes how each attempt ended, and pays its lane, and its children if its task is gone. */
export async function settle(leader: Leader, draft: Draft, ended: readonly RunningAttempt[]): Promise<void> {
  const ends = await Promise.all(ended.map((attempt) => settleOne(leader, draft, attempt)));
  const done = ends.filter((end) => typeof end === 'object');
  deleteTasks(draft.stores, done);
  await settleGates(leader, draft, ended);
  if (ended.length > 0) draft.wrote = true;

  const claims = ended.map(({ claim }) => claim);
  const gone = claims.filter((_, place) => ends[place] !== 'stays');
  if (draft.memory.pauses.size > 0) await forgetPauses(draft.stores, gone);
  await payFor(leader, draft, freedByClaims(claims, gone));
}

/** Brings back the heads of lanes, and the children of tasks. */
export async function payFor(leader: Leader, draft: Draft, { lanes, ids }: Freed): Promise<void> {
  const { stores, moment, running, memory } = draft;
  const { registry } = leader.context;
  const needsNothing = (row: TaskRow): boolean => runs(running, row) || isToBeRead(memory, row, registry);
  const freed = { lanes, ids: memory.children ? ids : [] };
  const { heads, written } = await pay(stores, freed, moment, needsNothing);
  for (const [lane, head] of heads) draft.heads.set(lane, head);
  for (const { ready } of written) note(memory, ready, registry);
}

/** Writes how one attempt ended. Resolves with its row if that must be deleted, or says whether the row is gone. */
async function settleOne(
  leader: Leader,
  { stores, moment, memory, hints }: Draft,
  attempt: RunningAttempt,
): Promise<TaskRow | 'gone' | 'stays'> {
  const { claim, verdict, type } = attempt;
  if (verdict === undefined) return 'stays';

  const row = verdict.kind === 'success' && !attempt.touched ? attempt.row : await claimedRow(stores, claim);
  if (row === undefined) {
    // The row was deleted while the task ran, by `completeTx` for example. Whoever deleted it wrote the outcome.
    deletePayload(stores, claim);
    attempt.says = []; // An earlier turn, which was aborted, may have noted a success.

    return 'gone';
  }

  const next = settled(row, verdict, moment, type, leader.context.ports.random);
  if (next === undefined) {
    if (verdict.kind === 'success' && verdict.result !== undefined && row.cancelled !== true) {
      await keepResult(stores, row, verdict.result, attempt.refusals ?? 0, moment.wall);
    }
    // If the task was cancelled while it ran, `cancel` has already said so.
    attempt.says = row.cancelled === true ? [] : [{ ...toldOf(row), event: 'settled', state: 'done' }];
    hints.push(...attempt.says);

    return row;
  }

  // A row that became strange while its task ran stays as it is.
  if (row.strange === true) return 'stays';
  stores.tasks.put(next);
  note(memory, next.ready, leader.context.registry);
  const dead = next.dead !== undefined;
  if ('error' in verdict) hints.push({ ...toldOf(row), event: 'failed', error: verdict.error, dead });
  if (dead) hints.push({ ...toldOf(row), event: 'settled', state: 'dead' });

  return 'stays';
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
 * Stores the result of a task. If it made several turns fail, an outcome without it is stored, and at last none. So its
 * task ends, and other tasks run.
 */
async function keepResult(stores: Stores, row: TaskRow, result: unknown, refusals: number, at: number): Promise<void> {
  if (refusals >= 2 * triesToKeep) return;
  const refused = { ...outcomeOf(row, 'done', at), unstorable: 'It was refused when it was written.' };
  const outcome = refusals >= triesToKeep ? refused : doneWith(row, result, at);
  await addStorable(outcome, (one) => keepOutcome(stores, one));
}
