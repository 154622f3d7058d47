import type { BasketContext } from '../../basket/context/context.js';
import { TaskbasketError } from '../../pure/errors.js';
import type { TaskRow } from '../../pure/record.js';
import type { Session } from '../../pure/session.js';

/** The values for an owner, as far as this context has them. */
export function valuesOf({ here }: Pick<BasketContext, 'here'>, owner: string): unknown {
  return here.owner === owner ? here.values : undefined;
}

/**
 * Gives the session of an attempt, with the values of now. It gives `undefined` if the registry declares no session.
 *
 * @throws TaskbasketError `signed-out`, when the handler reads the session of a task without an owner.
 */
export function sessionOf(
  context: Pick<BasketContext, 'registry' | 'here'>,
  { owner, type }: Pick<TaskRow, 'owner' | 'type'>,
): () => Session<object> | undefined {
  if (context.registry.session === undefined) return () => undefined;
  if (owner === null) {
    return () => {
      const why = `A task "${type}" has no owner, so its attempts have no session.`;
      throw new TaskbasketError('signed-out', `${why} Do not read it in the handler.`);
    };
  }
  const session = Object.freeze({ ...(valuesOf(context, owner) as object | undefined), owner });

  return () => session;
}
