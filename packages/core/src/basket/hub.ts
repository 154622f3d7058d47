import type { Channel } from '../ports/ports.js';

/**
 * What contexts tell each other. Hints only: each may be lost, and nothing durable goes through one.
 *
 * - `look`: a page added or changed something; the runner and every watcher look again.
 * - `changed`: the runner wrote; watchers look again.
 * - `hello`: a runner of this build is about to queue for the lock; an older holder hands over.
 */
export type Message = { readonly kind: 'look' | 'changed' } | { readonly kind: 'hello'; readonly build: number };

/** Where a context's parts hear and say what happened. */
export interface Hub {
  /** Says it to this context's own parts and to all others, once for all that is said within a turn of the loop. */
  readonly say: (message: Message) => void;
  readonly hear: (listener: (message: Message) => void) => () => void;
  /** Closes the channel while the page is put away: a message to it would evict it. */
  readonly suspend: () => void;
  readonly resume: () => void;
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

  function opened(): Channel | undefined {
    if (closed || suspended || channel !== undefined) return channel;

    channel = openChannel();
    channel.listen((message) => {
      if (isMessage(message)) tell(message);
    });

    return channel;
  }

  function tell(message: Message): void {
    for (const listener of listeners) listener(message);
  }

  /** The first is said at once, what follows within a turn of the loop together: a tab may close on the next line. */
  async function flush(): Promise<void> {
    flushing = true;
    while (unsaid.size > 0) {
      const messages = [...unsaid.values()];
      unsaid.clear();
      for (const message of messages) {
        opened()?.post(message);
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
      if (closed) return;
      unsaid.set(message.kind, message);
      if (!flushing) void flush(); // A message that is not said costs time only.
    },

    hear(listener) {
      listeners.add(listener);
      opened();

      return () => listeners.delete(listener);
    },

    suspend() {
      suspended = true;
      closeChannel();
    },

    resume() {
      suspended = false;
      if (listeners.size > 0) opened();
      tell({ kind: 'look' });
    },

    close() {
      closed = true;
      unsaid.clear();
      listeners.clear();
      closeChannel();
    },
  };
}

function isMessage(message: unknown): message is Message {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false;

  return message.kind === 'hello' ? 'build' in message && typeof message.build === 'number' : true;
}
