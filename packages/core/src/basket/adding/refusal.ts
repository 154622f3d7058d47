import { isQuota, messageOf, nameOf, TaskbasketError } from '../../pure/errors.js';
import { notStorable } from './encode.js';

/**
 * The errors by which a browser says that it stored nothing. After any other, the transaction may have been committed.
 */
const refusals: ReadonlySet<string> = new Set([
  'QuotaExceededError',
  'DataCloneError',
  'DataError',
  'ConstraintError',
  'InvalidStateError',
]);

/** Whether an error says for sure that nothing was stored. */
export function isRefusal(error: unknown): boolean {
  return error instanceof TaskbasketError ? error.code !== 'unknown-outcome' : refusals.has(nameOf(error));
}

/** The error for a task that the browser did not store. */
export function notStored({ type }: { readonly type: string }, error: unknown): TaskbasketError {
  return nameOf(error) === 'DataCloneError' ? notStorable(type, error) : refused(`task "${type}"`, error);
}

/** The error for a change of tasks that the browser did not store: nothing was changed. */
export function notChanged(error: unknown): TaskbasketError {
  return refused('change', error);
}

function refused(what: string, error: unknown): TaskbasketError {
  if (error instanceof TaskbasketError) return error;
  if (isQuota(error)) {
    const why = `There is no room for the ${what}, so it was not stored.`;

    return new TaskbasketError('quota', `${why} Free some space.`, error);
  }

  return new TaskbasketError('not-stored', `The ${what} was not stored: ${messageOf(error)}`, error);
}
