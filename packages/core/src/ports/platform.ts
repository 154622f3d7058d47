import { nameOf } from '../pure/errors.js';
import { longestTimer } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import { createLocalLocks } from './local-locks.js';
import type { Channel, Clock, Locks, Ports } from './ports.js';

/**
 * The ports as the platform has them: a browser's page or worker, or Node. No global is touched before this is called.
 *
 * Without Web Locks (Node; a page that is not a secure context) locks are those of this process: the epoch in the
 * database still keeps a second runner from writing.
 */
export function platformPorts(): Ports {
  return {
    clock: platformClock,
    // Not Math.random: an app may have put anything in its place, and NaN would make a row that never runs.
    random: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    locks: platformLocks(),
    channel: platformChannel,
  };
}

const platformClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),

  timer(wait, ring) {
    const timer = setTimeout(ring, Math.min(Math.max(0, wait), longestTimer));

    return () => clearTimeout(timer);
  },

  turnOfTheLoop() {
    return new Promise((resolve) => {
      // Some test environments have no channels.
      if (typeof MessageChannel !== 'function') return void setTimeout(resolve);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    });
  },
};

/** Web Locks. Where there are none, or the browser refuses them (a frame without an origin), locks of this process. */
function platformLocks(): Locks {
  const manager = partOf(partOf(globalThis, 'navigator'), 'locks') as LockManager | undefined;
  const local = processLocks();
  if (typeof partOf(manager, 'request') !== 'function' || manager === undefined) return local;

  return {
    async request(name, options, held) {
      try {
        await manager.request(name, options, held);
      } catch (error) {
        if (nameOf(error) !== 'SecurityError') throw error;
        await local.request(name, options, held);
      }
    },

    async held(name) {
      try {
        const { held = [] } = await manager.query();

        return held.some((lock) => lock.name === name);
      } catch {
        return local.held(name);
      }
    },
  };
}

/** One set of locks for the whole process, also if the library was loaded twice. */
function processLocks(): Locks {
  const place = globalThis as { [locksOfThisProcess]?: Locks };
  place[locksOfThisProcess] ??= createLocalLocks();

  return place[locksOfThisProcess];
}

const locksOfThisProcess = Symbol.for('taskbasket.locks');

/** Calls back when this context is told that it is online again: for runners alone. Node has no such event. */
export function platformOnline(back: () => void): () => void {
  const scope = globalThis as Partial<Pick<typeof globalThis, 'addEventListener' | 'removeEventListener'>>;
  scope.addEventListener?.('online', back);

  return () => scope.removeEventListener?.('online', back);
}

function platformChannel(name: string): Channel {
  if (typeof BroadcastChannel === 'undefined') return silentChannel;

  const channel = new BroadcastChannel(name);
  // Node keeps a process alive for an open channel; it must not, for a basket that only listens.
  (channel as { unref?: () => void }).unref?.();

  return {
    post: (message) => channel.postMessage(message),
    listen: (listener) => channel.addEventListener('message', (event: MessageEvent<unknown>) => listener(event.data)),
    close: () => channel.close(),
  };
}

/** A lost message costs time, never a task. */
const silentChannel: Channel = { post: () => undefined, listen: () => undefined, close: () => undefined };
