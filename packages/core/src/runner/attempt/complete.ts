import { toldOf } from '../../basket/context/messages.js';
import { TaskbasketError } from '../../pure/errors.js';
import { payloadKey } from '../../pure/key.js';
import { addStorable, doneWith } from '../../pure/outcome.js';
import type { OutcomeRow } from '../../pure/record.js';
import { deposedKey } from '../../pure/record.js';
import type { StoresOfApp } from '../../store/app-transaction.js';
import { appStores, finished } from '../../store/app-transaction.js';
import type { Stores } from '../../store/requests.js';
import { completed, lightStores } from '../../store/requests.js';
import type { AttemptParts, Leader, RunningAttempt } from '../term/leader.js';

/** Makes the `completeTx` of an attempt. It is synchronous: it waits for no answer. */
export function createComplete(
  leader: Leader,
  attempt: RunningAttempt,
): AttemptParts<unknown, unknown, unknown>['completeTx'] {
  const { context } = leader;
  const { row } = attempt;

  return (given, result) => {
    if (!mayComplete(attempt)) throw refused(attempt, 'This attempt has ended, was aborted, or is being ended');
    const stores = appStores(given, context.registry, 'completeTx', lightStores);
    // In a database that was deleted and made anew, the number of the row may be that of another task.
    const { connection } = leader.remembered;
    if (connection === undefined || !context.database.holds(connection)) {
      leader.poke();
      throw refused(attempt, 'The database was closed, and maybe deleted, a moment ago');
    }

    const at = context.ports.clock.wall();
    try {
      write(leader, attempt, stores, result === undefined ? undefined : doneWith(row, result, at));
    } catch (error) {
      throw finished('completeTx', error);
    }

    attempt.touched = true;
    attempt.completing = completed(stores.transaction).then(
      () => {
        attempt.completed = true;
        context.hub.say({ kind: 'changed', hints: [{ ...toldOf(row), event: 'settled', state: 'done' }] });
      },
      () => {
        attempt.completing = undefined;
      },
    );
  };
}

/**
 * Ends the task, and adds and deletes the keys of what may have deposed the attempt. If one of them is there, the
 * addition fails, and the whole transaction with it, also after `commit()`.
 */
function write(
  { epoch }: Leader,
  { row, claim }: RunningAttempt,
  { tasks, payloads, outcomes, state }: StoresOfApp<keyof Stores>,
  outcome: OutcomeRow | undefined,
): void {
  // First, because it is the only request that may be refused for what the app passed.
  if (outcome !== undefined) addStorable(outcome, (one) => outcomes.add(one));
  for (const key of [deposedKey(epoch), deposedKey(epoch, claim.claim)]) {
    // The app's own listeners could prevent that the error aborts the transaction.
    state.add(true, key).addEventListener('error', (event) => event.stopPropagation());
    state.delete(key);
  }
  tasks.delete(row.seq);
  // When the claim ends, the runner deletes a heavy payload, and the lane goes on.
  payloads.delete(payloadKey(row.id));
}

/** Whether a handler may still end its task. Its own success counts also after an abort for a stop, and so does this. */
function mayComplete({ over, verdict, abortedFor, completing, completed: done }: RunningAttempt): boolean {
  if (over || done || verdict !== undefined || completing !== undefined) return false;

  return abortedFor === undefined || abortedFor === 'stop';
}

function refused({ row }: RunningAttempt, why: string): TaskbasketError {
  return new TaskbasketError('closed', `${why}, so completeTx of "${row.type}" wrote nothing.`);
}
