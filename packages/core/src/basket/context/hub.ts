import type { Channel } from '../../ports/ports.js';
import { callSafely } from '../../pure/errors.js';
import type { Owner } from '../../pure/owner.js';
import { defined, partOf } from '../../pure/parts.js';
import type { StoredError } from '../../pure/record.js';
import type { Replaced } from '../../store/replace.js';

/**
 * An event: something that has happened and is committed. Each event may be lost. A message has at most 100 of them. An
 * event of a task says whose task it is (`owner`); `null`: nobody's.
 *
 * - `added`: a page has added a task.
 * - `started`: a handler was called, for the `number`th time for this task.
 * - `failed`: an attempt ended with this `error`, or this build could not read the payload. `dead` says whether the task is
 *   dead now; otherwise it stays queued.
 * - `settled`: the task ended, or is dead. `replaced`: the task with the id `by` took its place.
 * - `gate`: a gate has closed, for this `reason`, or (`closed` is false) its destination answers again.
 * - `session`: `signed-in`: another `owner` is signed in, or (`null`) nobody is. `signed-out`: no page gives values for
 *   this owner, or the server of this `gate` refuses them. The tasks wait, uncounted, until `signIn` is called again.
 * - `lost`: the database of this name was deleted with all tasks in it, and a new, empty database was made. `tasks` is how
 *   many tasks this context last found in it, by a `list` or a `watch` of all tasks. `undefined`: it listed none, or not all.
 */
export type Hint =
  | (OfTask & { readonly event: 'added' })
  | (OfTask & { readonly event: 'started'; readonly number: number })
  | (OfTask & { readonly event: 'failed'; readonly error: StoredError; readonly dead: boolean })
  | (OfTask & { readonly event: 'settled'; readonly state: 'done' | 'dead' | 'cancelled' | 'purged' })
  | (OfTask & { readonly event: 'settled'; readonly state: 'replaced'; readonly by: string })
  | { readonly event: 'gate'; readonly gate: string; readonly closed: boolean; readonly reason: string }
  | {
      readonly event: 'session';
      readonly owner: string | null;
      readonly state: 'signed-in' | 'signed-out';
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
  return { ...toldOf(row), event: 'settled', state: 'replaced', by };
}

/** At most so many hints go in one message, because a drain of thousands must not flood the channel. */
const hintsAMessage = 100;

/**
 * What contexts tell each other. Each message may be lost. What must be kept is in the database, never in a message.
 *
 * - `look`: "look again". A page added or changed something; the runner and every watch read the database. `returned`:
 *   this page was in the back/forward cache, and heard nothing meanwhile.
 * - `changed`: the runner wrote, or a page's worker did not start; every watch reads the database.
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
      readonly kind: 'look' | 'changed' | 'closed' | 'taken' | 'lost';
      readonly hints?: readonly Hint[];
      /** Every task that succeeded, without a limit, because nothing else tells of a success without a result. */
      readonly done?: readonly string[];
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
  /** Which context answers. */
  readonly page?: string | undefined;
  readonly values?: unknown;
  /** Another one for other values. */
  readonly edition?: string | undefined;
}

/** Brings messages from and to the parts of a context. */
export interface Hub {
  /**
   * Tells the parts of this context and all other contexts. Messages of one kind within a turn of the loop become one.
   */
  readonly say: (message: Message) => void;
  readonly hear: (listener: (message: Message) => void) => () => void;
  /** Tells only other contexts to look again. This page is closed now, and work that began here would evict it. */
  readonly leave: () => void;
  /** Closes the channel while the page is in the back/forward cache, because a message would evict the page. */
  readonly suspend: () => void;
  readonly resume: () => void;
  /** Whether this context hears others now. */
  readonly connected: () => boolean;
  /** Whether the page is in the back/forward cache. Work that begins then evicts the page. */
  readonly away: () => boolean;
  /** Removes all listeners. `say` still tells other contexts, because a write may end later. */
  readonly close: () => void;
}

/** Makes a hub. Its channel is opened for the first message or the first listener. */
export function createHub(openChannel: () => Channel, turnOfTheLoop: () => Promise<void>): Hub {
  const listeners = new Set<(message: Message) => void>();
  const unsaid = new Map<string, Message>();
  let channel: Channel | undefined;
  let flushing = false;
  let suspended = false;
  let closed = false;

  /** A browser may refuse a channel (in a frame without an origin, say) or a message. That costs time, never a task. */
  function onChannel(use?: (open: Channel) => void): void {
    if (suspended) return;
    try {
      channel ??= listening(openChannel());
      use?.(channel);
    } catch {
      // The next message tries again.
    }
  }

  function listening(opened: Channel): Channel {
    opened.listen((received) => {
      const message = messageIn(received);
      if (message !== undefined) tell(message);
    });

    return opened;
  }

  function post(message: Message): void {
    onChannel((open) => open.post(message));
    if (closed) closeChannel();
  }

  /** Calls each listener, also if another one throws. */
  function tell(message: Message): void {
    for (const listener of listeners) callSafely(listener, message);
  }

  /** Says the first message at once, because a tab may close on the next line; then once for each turn of the loop. */
  async function flush(): Promise<void> {
    flushing = true;
    while (unsaid.size > 0) {
      const messages = [...unsaid.values()];
      unsaid.clear();
      for (const message of messages) {
        post(message);
        tell(message);
      }
      await turnOfTheLoop();
    }
    flushing = false;
  }

  function closeChannel(): void {
    channel?.close();
    channel = undefined;
  }

  return {
    say(message) {
      if (closed) return post(message);
      // A visible page and a hidden page say different things, so their messages are not merged.
      const key = keyOf(message, unsaid.size);
      unsaid.set(key, merged(unsaid.get(key), message));
      if (!flushing) void flush(); // A message that is not said costs time only.
    },

    hear(listener) {
      if (closed) return () => undefined;
      listeners.add(listener);
      onChannel();

      return () => listeners.delete(listener);
    },

    leave: () => post({ kind: 'look' }),

    suspend() {
      suspended = true;
      closeChannel();
    },

    connected: () => channel !== undefined,

    away: () => suspended,

    resume() {
      suspended = false;
      if (listeners.size > 0) onChannel();
      tell({ kind: 'look', returned: true });
    },

    close() {
      closed = true;
      listeners.clear();
      for (const message of unsaid.values()) post(message);
      unsaid.clear();
      closeChannel();
    },
  };
}

/** Messages with the same key become one. Each message about values is said. */
function keyOf(message: Message, place: number): string {
  if (message.kind === 'values') return `values ${place}`;

  return message.kind === 'wake' ? JSON.stringify(message) : message.kind;
}

/** The events of a message. `undefined`: anything may have happened. */
export function hintsIn(message: Message): readonly Hint[] | undefined {
  return 'hints' in message ? message.hints : undefined;
}

/** The ids of the tasks that have ended, according to a message. `undefined`: any task may have ended. */
export function endedIn(message: Message): readonly string[] | undefined {
  const hints = hintsIn(message);
  if (hints === undefined || hints.length >= hintsAMessage) return undefined;

  return hints.flatMap((hint) => (hint.event === 'settled' ? [hint.id] : []));
}

/** The ids of the tasks that succeeded, according to a message. */
export function doneIn(message: Message | undefined): readonly string[] {
  return message !== undefined && 'done' in message ? (message.done ?? []) : [];
}

/** Merges two messages of a kind: the later one, with the events of both. */
function merged(earlier: Message | undefined, later: Message): Message {
  const added = hintsIn(later) ?? [];
  const hints = [...((earlier && hintsIn(earlier)) ?? []), ...added];
  if (hints.length === 0) return later;
  const done = added.flatMap((hint) => (hint.event === 'settled' && hint.state === 'done' ? [hint.id] : []));

  return { ...later, hints: hints.slice(0, hintsAMessage), done: [...doneIn(earlier), ...done] } as Message;
}

/** The kinds of message that may have hints. */
const kinds: ReadonlySet<unknown> = new Set(['look', 'changed', 'closed', 'taken', 'lost']);

/** Checks a message that was received, because any code of the origin may post on the channel. */
function messageIn(received: unknown): Message | undefined {
  const part = (name: string): unknown => partOf(received, name);
  const [kind, visible, build, hints, done] = ['kind', 'visible', 'build', 'hints', 'done'].map(part);
  if (kind === 'wake')
    return typeof visible === 'boolean' ? { kind, visible, online: part('online') === true } : undefined;
  if (kind === 'alive') return { kind };
  if (kind === 'hello') return Number.isSafeInteger(build) ? { kind, build: build as number } : undefined;
  if (kind === 'values') return valuesIn(received as ValuesMessage);
  if (!kinds.has(kind)) return undefined;
  // Hints that cannot be read are left out. A message without hints may mean anything, so nothing is missed.
  const readable = Array.isArray(hints) && hints.every((hint) => typeof partOf(hint, 'event') === 'string');
  const told = {
    hints: readable ? hints.slice(0, hintsAMessage) : undefined,
    done: Array.isArray(done) ? done : undefined,
  };

  return { kind, ...defined(told) } as Message;
}

const steps: ReadonlySet<unknown> = new Set(['new', 'wanted', 'here', 'asked', 'given']);

function valuesIn({ kind, step, owner, question, page, values, edition }: ValuesMessage): Message | undefined {
  const texts = [question, page, edition].every((one) => one === undefined || typeof one === 'string');

  return texts && steps.has(step) && typeof owner === 'string'
    ? { kind, step, owner, question, page, values, edition }
    : undefined;
}
