import { TaskbasketError } from '../../pure/errors.js';
import type { AnyRegistry } from '../../pure/registry.js';
import type { Session } from '../../pure/session.js';
import type { RunningAttempt } from '../term/leader.js';

/**
 * Gives the session of an attempt, with the values at its claim. It gives `undefined` if the registry declares no
 * session.
 *
 * @throws TaskbasketError `signed-out`, when the handler reads the session of a task without an owner.
 */
export function sessionOf(
  registry: AnyRegistry,
  { row: { owner, type }, signedIn }: Pick<RunningAttempt, 'row' | 'signedIn'>,
): () => Session<object> | undefined {
  if (registry.session === undefined) return () => undefined;
  if (owner === null) {
    return () => {
      const why = `A task "${type}" has no owner, so its attempts have no session.`;
      throw new TaskbasketError('signed-out', `${why} Do not read session in its handler.`);
    };
  }
  const session = Object.freeze({ ...signedIn.values, owner });

  return () => session;
}
