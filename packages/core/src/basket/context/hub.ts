import type { Channel } from '../../ports/ports.js';
import { callSafely } from '../../pure/errors.js';
import { defined, partOf } from '../../pure/parts.js';
import type { StoredError } from '../../pure/record.js';

/**
 * Something that happened, told once it is durable. Each hint may be lost, and at most 100 go in one message.
 *
 * - `added`: a task was committed by a page. `started`: its handler was called, for the `number`th time.
 * - `failed`: an attempt ended with an error; the task stays. `settled`: the task came to this end.
 * - `gate`: a destination was found to be away, for the given reason (`closed`), or answers again.
 * - `lost`: the database was deleted under us; what was in it is gone, and an empty one takes its place.
 */
export type Hint =
  | { readonly event: 'added'; readonly id: string; readonly type: string }
  | { readonly event: 'started'; readonly id: string; readonly type: string; readonly number: number }
  | { readonly event: 'failed'; readonly id: string; readonly type: string; readonly error: StoredError }
  | {
      readonly event: 'settled';
      readonly id: string;
      readonly type: string;
      readonly state: 'done' | 'dead' | 'cancelled';
    }
  | { readonly event: 'gate'; readonly gate: string; readonly closed: boolean; readonly reason: string }
  | { readonly event: 'lost' };

/** At most so many hints go in one message, because a drain of thousands must not flood the channel. */
const hintsAMessage = 100;

/**
 * What contexts tell each other. Hints only: each may be lost, and nothing durable goes through one.
 *
 * - `look`: a page added or changed something; the runner and every watcher look again. `returned`: this page was put
 *   away, and has heard nothing meanwhile.
 * - `changed`: the runner wrote; watchers look again.
 * - `hello`: a runner of this build is about to queue for the lock; an older holder hands over.
 * - `wake`: a page is visible, or is back online; the runner brings the probes of closed gates forward.
 * - `closed`: a gate is closed, and something may wait for it. A visible page answers with `wake`, a while later.
 * - `taken`: the database was taken away, and may have been deleted: what was in it need not have succeeded.
 * - `lost`: the database was deleted, and has been made anew, empty.
 */
export type Message =
  | {
      readonly kind: 'look' | 'changed' | 'closed' | 'taken' | 'lost';
      readonly hints?: readonly Hint[];
      /** Every task that succeeded, however many hints were left out: of a success without a result nothing else tells. */
      readonly done?: readonly string[];
      readonly returned?: true;
    }
  | { readonly kind: 'hello'; readonly build: number }
  | { readonly kind: 'wake'; readonly visible: boolean; readonly online?: boolean };

/** Where a context's parts hear and say what happened. */
export interface Hub {
  /** Says it to this context's own parts and to all others, once for all that is said within a turn of the loop. */
  readonly say: (message: Message) => void;
  readonly hear: (listener: (message: Message) => void) => () => void;
  /** Says `look` to other contexts alone, as this page is put away: work that began here now would evict the page. */
  readonly leave: () => void;
  /** Closes the channel while the page is put away: a message to it would evict it. */
  readonly suspend: () => void;
  readonly resume: () => void;
  /** Whether the page is put away. Work that begins then evicts the page. */
  readonly away: () => boolean;
  /** Ends all hearing. `say` still tells other contexts what was written before, or is still being written. */
  readonly close: () => void;
}

/** A hub on a channel that is opened when something is first said or heard. */
export function createHub(openChannel: () => Channel, turnOfTheLoop: () => Promise<void>): Hub {
  const listeners = new Set<(message: Message) => void>();
  const unsaid = new Map<string, Message>();
  let channel: Channel | undefined;
  let flushing = false;
  let suspended = false;
  let closed = false;

  /** A browser may refuse channels, as in a frame without an origin, or a message. What is lost costs time, never a task. */
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

  /** Each listener hears it, also if another one throws. */
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
      // That a page is visible, and that it is not, are two messages.
      const key = message.kind === 'wake' ? JSON.stringify(message) : message.kind;
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

/** What a message says of what happened; `undefined`: it may be anything. */
export function hintsIn(message: Message): readonly Hint[] | undefined {
  return 'hints' in message ? message.hints : undefined;
}

/** Whose ends a message tells of; `undefined`: any task may have ended. */
export function endedIn(message: Message): readonly string[] | undefined {
  const hints = hintsIn(message);
  if (hints === undefined || hints.length >= hintsAMessage) return undefined;

  return hints.flatMap((hint) => (hint.event === 'settled' ? [hint.id] : []));
}

/** The tasks of which a message says that they succeeded. */
export function doneIn(message: Message | undefined): readonly string[] {
  return message !== undefined && 'done' in message ? (message.done ?? []) : [];
}

/** One message for two of a kind: the later one, with the hints of both. */
function merged(earlier: Message | undefined, later: Message): Message {
  const added = hintsIn(later) ?? [];
  const hints = [...((earlier && hintsIn(earlier)) ?? []), ...added];
  if (hints.length === 0) return later;
  const done = added.flatMap((hint) => (hint.event === 'settled' && hint.state === 'done' ? [hint.id] : []));

  return { ...later, hints: hints.slice(0, hintsAMessage), done: [...doneIn(earlier), ...done] } as Message;
}

/** What contexts say when something was written, or the database was taken away. */
const kinds: ReadonlySet<unknown> = new Set(['look', 'changed', 'closed', 'taken', 'lost']);

/** The message that another context sent, or nothing: any code of the origin may post on the channel. */
function messageIn(received: unknown): Message | undefined {
  const part = (name: string): unknown => partOf(received, name);
  const [kind, visible, build, hints, done] = ['kind', 'visible', 'build', 'hints', 'done'].map(part);
  if (kind === 'wake')
    return typeof visible === 'boolean' ? { kind, visible, online: part('online') === true } : undefined;
  if (kind === 'hello') return Number.isSafeInteger(build) ? { kind, build: build as number } : undefined;
  if (!kinds.has(kind)) return undefined;
  // A message without its hints may tell of anything, so nothing is missed.
  const readable = Array.isArray(hints) && hints.every((hint) => typeof partOf(hint, 'event') === 'string');
  const told = {
    hints: readable ? hints.slice(0, hintsAMessage) : undefined,
    done: Array.isArray(done) ? done : undefined,
  };

  return { kind, ...defined(told) } as Message;
}
