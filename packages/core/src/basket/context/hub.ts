import type { Channel } from '../../ports/ports.js';
import { callSafely } from '../../pure/errors.js';
import type { Message } from './messages.js';
import { mergeKeyOf, merged, messageIn } from './messages.js';

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

  /** Calls each listener, also if another one throws. A listener that begins to hear meanwhile hears the next message. */
  function tell(message: Message): void {
    for (const listener of new Set(listeners)) if (listeners.has(listener)) callSafely(listener, message);
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
      if (closed) return post(merged(undefined, message));
      // A visible page and a hidden page say different things, so their messages are not merged.
      const key = mergeKeyOf(message, unsaid.size);
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
