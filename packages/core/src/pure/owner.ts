import type { Turns } from './turns.js';
import { TaskbasketError } from './errors.js';
import { checkText } from './options.js';
import type { AnyRegistry, TaskTypeParts } from './registry.js';
import { findType } from './find-type.js';

/** Whose a task is. `null`: it belongs to nobody. */
export type Owner = string | null;

/** Who is signed in, as a context knows it from its own calls. It holds from the call on. */
export interface Here {
  /** `null`: nobody, since `signOut`. `undefined`: neither `signIn` nor `signOut` was called. */
  owner: Owner | undefined;
  /** What `signIn` was given for this owner. */
  values: unknown;
  /** Another one for each call of `signIn`. */
  edition: string;
  /** Keeps the order of its calls. */
  readonly inTurn: Turns;
}

/** The record of who is signed in, by the last call of any context. Its owner's tasks run. */
export interface SessionRow {
  readonly owner: Owner;
  /** The app gave values for this owner, so a runner asks a page for them. */
  readonly asks?: true;
}

/**
 * Whether the tasks of a route run while `here` is signed in. A task without an owner runs if its type has `owner:
 * 'none'`, or the registry declares no session. Another task runs while its owner is signed in.
 */
export function runsFor(
  { types, aliases, session }: Pick<AnyRegistry, 'types' | 'aliases' | 'session'>,
  route: { readonly owner: Owner; readonly type: string },
  here: Owner,
): boolean {
  if (session === undefined) return route.owner === null;

  return route.owner === null ? findType({ types, aliases }, route.type)?.owner === 'none' : route.owner === here;
}

/**
 * Whose a new task is: nobody's if its type has `owner: 'none'`, or else that of the option, or of the context.
 *
 * @throws TaskbasketError `signed-out`, `option`.
 */
export function ownerOf(
  { session }: Pick<AnyRegistry, 'session'>,
  here: Here,
  name: string,
  type: TaskTypeParts,
  given: string | undefined,
): Owner {
  if (given !== undefined) {
    const why = session === undefined ? 'The registry declares no session' : `The type "${name}" has no owner`;
    const takes = session !== undefined && type.owner !== 'none';
    if (!takes) throw new TaskbasketError('option', `${why}, so an add cannot name one. Leave the option owner out.`);
    checkText(given, 'The option owner');
  }
  if (session === undefined || type.owner === 'none') return null;
  const owner = given ?? here.owner;
  if (typeof owner === 'string') return owner;

  const remedy = 'Call basket.signIn first; in a service worker, pass the option owner.';
  throw new TaskbasketError('signed-out', `Nobody is signed in here, and a task "${name}" needs an owner. ${remedy}`);
}

/** Refuses a call that needs a declared session. */
export function checkSession({ session }: Pick<AnyRegistry, 'session'>, call: string): void {
  if (session !== undefined) return;

  const remedy = 'Pass { session: session() } to defineTasks.';
  throw new TaskbasketError('option', `The registry declares no session, so ${call} cannot be called. ${remedy}`);
}
