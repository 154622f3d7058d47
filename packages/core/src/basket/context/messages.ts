import type { Owner } from '../../pure/owner.js';
import { defined, partOf } from '../../pure/parts.js';
import type { StoredError } from '../../pure/record.js';
import type { Replaced } from '../../store/replace.js';

/**
 * An event: something that has happened and is committed. Each event may be lost. A message has at most 100 of them. An
 * event of a task says whose task it is (`owner`); `null`: nobody's.
 *
 * - `added`: a page has added a task.
 * - `started`: the runner has taken the task for the `number`th time. It calls the handler next; if it cannot read the
 *   payload, `failed` follows instead.
 * - `failed`: an attempt ended with this `error`, or this build could not read the payload. `dead` says whether the task
 *   is dead now; otherwise it stays queued.
 * - `progress`: a running handler told this `value` by `attempt.progress`. `number` is that of the attempt.
 * - `settled`: the task ended, or is dead. `replaced`: the task with the id `by` took its place.
 * - `gate`: a gate has closed, for this `reason`. Or (`closed` is false) the gate is open again, because its destination
 *   has answered, or because no task waits for it any more; then `reason` says why it had closed.
 * - `session`: `changed`: another `owner` is signed in, or (`null`) nobody is. `signed-out`: no page gives values for
 *   this owner, or the server of this `gate` refuses them. The tasks wait, uncounted, until `signIn` is called again, or
 *   the function that `signIn` got gives values that the server accepts.
 * - `lost`: the database of this name was deleted with all tasks in it, and a new, empty database was made. `tasks` is
 *   how many tasks this context last found in it, by a `list` or a `watch` of all tasks. `undefined`: it listed none, or
 *   not all.
 */
export type Hint =
  | (OfTask & { readonly event: 'added' })
  | (OfTask & { readonly event: 'started'; readonly number: number })
  | (OfTask & { readonly event: 'progress'; readonly number: number; readonly value: unknown })
  | (OfTask & { readonly event: 'failed'; readonly error: StoredError; readonly dead: boolean })
  | (OfTask & { readonly event: 'settled'; readonly state: 'done' | 'dead' | 'cancelled' | 'purged' })
  | (OfTask & { readonly event: 'settled'; readonly state: 'replaced'; readonly by: string })
  | { readonly event: 'gate'; readonly gate: string; readonly closed: boolean; readonly reason: string }
  | {
      readonly event: 'session';
      readonly owner: string | null;
      readonly state: 'changed' | 'signed-out';
      readonly gate?: string | undefined;
    }
  | { readonly event: 'lost'; readonly database: string; readonly tasks: number | undefined };

/** The task of an event. */
export interface OfTask {
  readonly id: string;
  readonly type: string;
  readonly owner: Owner;
}

/** What an event says of its task. */
export function toldOf({ id, type, owner }: OfTask): OfTask {
  return { id, type, owner };
}

/** The event of a task that was replaced. */
export function replacedHint({ row, by }: Replaced): Hint {
  return { ...toldOf(row), event: 'settled', state: 'replaced', by: by.id };
}

/** At most so many hints go in one message, because a drain of thousands must not flood the channel. */
const hintsAMessage = 100;

/**
 * What contexts tell each other. Each message may be lost. What must be kept is in the database, never in a message.
 *
 * - `look`: "look again". A page added or changed something; the runner and every watch read the database. `returned`:
 *   this page was in the back/forward cache, and heard nothing meanwhile.
 * - `changed`: the runner wrote, or a page's worker did not start; every watch reads the database.
 * - `progress`: a running handler told how far it is. Nothing was written.
 * - `hello`: a runner of this build waits for the lock, or leads; a runner of a lower build hands over.
 * - `alive`: the answer to a `hello`, by the runner that has the lock.
 * - `wake`: a page is visible, or is back online; the runner brings the probes of closed gates forward.
 * - `closed`: a gate is closed, and a task may wait for it. A visible page answers with `wake` after a while.
 * - `values`: how a runner gets the values of who is signed in: see `runner/term/values.ts`.
 * - `taken`: the database was taken away, and may have been deleted. A task that was in it need not have succeeded.
 * - `lost`: the database was deleted, and a new, empty one was made.
 */
export type Message =
  | {
      readonly kind: 'look' | 'changed' | 'progress' | 'closed' | 'taken' | 'lost';
      readonly hints?: readonly Hint[];
      /** Every task that succeeded, without a limit, because nothing else tells of a success without a result. */
      readonly done?: readonly string[];
      /** Every task that `purge` removed, without a limit, because nothing else tells of that. */
      readonly purged?: readonly string[];
      readonly returned?: true;
    }
  | { readonly kind: 'hello'; readonly build: number }
  | { readonly kind: 'alive' }
  | { readonly kind: 'wake'; readonly visible: boolean; readonly online?: boolean }
  | ValuesMessage;

/** A question for values, or an answer. Values are in messages and in memory only, and never stored. */
export interface ValuesMessage {
  readonly kind: 'values';
  readonly step: 'new' | 'wanted' | 'here' | 'asked' | 'given';
  readonly owner: string;
  readonly question?: string | undefined;
  /** Which context answers: the `valuesId` of its last sign-in. So a context that signs in again counts as another page. */
  readonly page?: string | undefined;
  readonly values?: unknown;
  /** Another one for other values. */
  readonly valuesId?: string | undefined;
  /** Why it is asked: whether a server has refused the last values. An older build does not say it. */
  readonly refused?: boolean | undefined;
}

/** Messages with the same key become one. Each message about values is said. */
export function mergeKeyOf(message: Message, place: number): string {
  if (message.kind === 'values') return `values ${place}`;

  return message.kind === 'wake' ? JSON.stringify(message) : message.kind;
}

/** The events of a message, as far as it tells them. */
export function hintsIn(message: Message | undefined): readonly Hint[] {
  return (partOf(message, 'hints') ?? []) as readonly Hint[];
}

/** The ids of the tasks that have ended, according to a message. `undefined`: any task may have ended. */
export function endedIn(message: Message): readonly string[] | undefined {
  const hints = hintsIn(message);
  if (partOf(message, 'hints') === undefined || hints.length >= hintsAMessage) return undefined;

  return hints.flatMap((hint) => (hint.event === 'settled' ? [hint.id] : []));
}

/** The ids of the tasks that ended in this way, according to a message. */
export function endedAs(end: 'done' | 'purged', message: Message | undefined): readonly string[] {
  return (partOf(message, end) ?? []) as readonly string[];
}

/** Merges two messages of a kind: the later one, with the events of both. */
export function merged(earlier: Message | undefined, later: Message): Message {
  const added = hintsIn(later);
  const hints = [...hintsIn(earlier), ...added];
  if (hints.length === 0) return later;
  const ids = (end: 'done' | 'purged'): readonly string[] => [
    ...endedAs(end, earlier),
    ...added.flatMap((hint) => (hint.event === 'settled' && hint.state === end ? [hint.id] : [])),
  ];

  return { ...later, hints: hints.slice(0, hintsAMessage), done: ids('done'), purged: ids('purged') } as Message;
}

/** The kinds of message that may have hints. */
const kinds: ReadonlySet<unknown> = new Set(['look', 'changed', 'progress', 'closed', 'taken', 'lost']);

/** Checks a message that was received, because any code of the origin may post on the channel. */
export function messageIn(received: unknown): Message | undefined {
  const part = (name: string): unknown => partOf(received, name);
  const [kind, visible, build] = ['kind', 'visible', 'build'].map(part);
  const lists = ['hints', 'done', 'purged'].map(part).map((one) => (Array.isArray(one) ? one : undefined));
  const [hints, done, purged] = lists;
  if (kind === 'wake')
    return typeof visible === 'boolean' ? { kind, visible, online: part('online') === true } : undefined;
  if (kind === 'alive') return { kind };
  if (kind === 'hello') return Number.isSafeInteger(build) ? { kind, build: build as number } : undefined;
  if (kind === 'values') return valuesIn(received as ValuesMessage);
  if (!kinds.has(kind)) return undefined;
  // Hints that cannot be read are left out. A message without hints may mean anything, so nothing is missed.
  const readable = hints?.every((hint) => typeof partOf(hint, 'event') === 'string') === true;

  return { kind, ...defined({ hints: readable ? hints.slice(0, hintsAMessage) : undefined, done, purged }) } as Message;
}

const steps: ReadonlySet<unknown> = new Set(['new', 'wanted', 'here', 'asked', 'given']);

function valuesIn(message: ValuesMessage): Message | undefined {
  const { kind, step, owner, question, page, values, valuesId, refused } = message;
  const texts = [question, page, valuesId].every((one) => one === undefined || typeof one === 'string');

  return texts && steps.has(step) && typeof owner === 'string'
    ? { kind, step, owner, question, page, values, valuesId, refused }
    : undefined;
}
