import { allNames } from './aliases.js';
import { TaskbasketError } from './errors.js';
import { checkText } from './options.js';
import type { AnyRegistry, TaskTypeParts } from './registry.js';
import { findType } from './find-type.js';

/** Whose a task is. `null`: it belongs to nobody. */
export type Owner = string | null;

/** Who is signed in in a context; `undefined` before its first `signIn` or `signOut`. */
export type OwnerHere = Owner | undefined;

/** The record of who is signed in, by the last call of any context. Its owner's tasks run. */
export interface SessionRow {
  readonly owner: Owner;
  /** The app gave values for this owner, so a runner asks a page for them. */
  readonly asks?: true;
}

/**
 * Whether the tasks of a route run while `signedInOwner` is signed in, by the last call of any context. A task without an
 * owner runs if its type has `owner: 'none'`, or the registry declares no session. Another task runs while its owner is
 * signed in.
 */
export function runsFor(
  registry: Pick<AnyRegistry, 'types' | 'aliases' | 'session'>,
  route: { readonly owner: Owner; readonly type: string },
  signedInOwner: Owner,
): boolean {
  if (registry.session === undefined) return route.owner === null;

  return route.owner === null ? isForAll(registry, route.type) : route.owner === signedInOwner;
}

/**
 * Whose a new task is: nobody's if its type has `owner: 'none'`, or else that of the option, or of the context.
 *
 * @throws TaskbasketError `signed-out`, `option`.
 */
export function ownerOf(
  { session }: Pick<AnyRegistry, 'session'>,
  here: OwnerHere,
  name: string,
  type: TaskTypeParts,
  given: string | undefined,
): Owner {
  if (given !== undefined) {
    const why = session === undefined ? 'The registry declares no session' : `The type "${name}" has no owner`;
    const takes = session !== undefined && type.owner !== 'none';
    if (!takes) throw new TaskbasketError('option', `${why}, so leave the option owner out.`);
    checkText(given, 'The option owner');
  }
  if (session === undefined || type.owner === 'none') return null;
  const owner = given ?? here;
  if (typeof owner === 'string') return owner;

  const remedy = 'Call basket.signIn first; in a service worker, pass the option owner.';
  throw new TaskbasketError('signed-out', `Nobody is signed in here, and a task "${name}" needs an owner. ${remedy}`);
}

/** Whether the tasks of a type belong to nobody, although the registry declares a session. */
export function isForAll(registry: Pick<AnyRegistry, 'types' | 'aliases'>, name: string): boolean {
  return findType(registry, name)?.owner === 'none';
}

/** The names, also the earlier ones, of the types whose tasks have an owner. */
export function sessionTypes(registry: Pick<AnyRegistry, 'types' | 'aliases'>): readonly string[] {
  return allNames(registry).filter((name) => !isForAll(registry, name));
}

/**
 * Whether a context finds a task by its id: it is of who is signed in there, or of nobody. Without a declared session
 * it finds every task.
 */
export function isSeen({ session }: Pick<AnyRegistry, 'session'>, owner: Owner, here: OwnerHere): boolean {
  return session === undefined || owner === null || owner === here;
}

/** Refuses a call that needs a declared session. */
export function checkSession({ session }: Pick<AnyRegistry, 'session'>, call: string): void {
  if (session !== undefined) return;

  const remedy = 'Pass { session: session() } to defineTasks.';
  throw new TaskbasketError('option', `The registry declares no session, so ${call} cannot be called. ${remedy}`);
}
