import { nameOf } from '../pure/errors.js';
import { longestTimer } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import { createLocalLocks } from './local-locks.js';
import type { Channel, Clock, Locks, Ports } from './ports.js';

/**
 * Makes the ports of the platform: a browser's page or worker, or Node. No global is used before this is called.
 *
 * Without Web Locks (in Node, or in a page that is not a secure context) the locks are those of this process. The epoch
 * in the database still keeps a second runner from writing.
 */
export function platformPorts(): Ports {
  return {
    clock: platformClock,
    // An app may have replaced Math.random, and NaN would make a row that never runs.
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
      // Some test environments have no MessageChannel.
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

/**
 * Web Locks, or locks of this process where there are none, or the browser refuses them (in a frame without an origin).
 */
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

    async held(start) {
      try {
        const { held = [] } = await manager.query();

        return held.flatMap(({ name = '' }) => (name.startsWith(start) ? [name] : []));
      } catch {
        return local.held(start);
      }
    },
  };
}

/** The locks of this process. Two copies of the library share them. */
function processLocks(): Locks {
  const place = globalThis as { [locksOfThisProcess]?: Locks };
  place[locksOfThisProcess] ??= createLocalLocks();

  return place[locksOfThisProcess];
}

const locksOfThisProcess = Symbol.for('taskbasket.locks');

/** Calls `back` when this context is online again. Returns a function that stops this. Node has no such event. */
export function platformOnline(back: () => void): () => void {
  const scope = globalThis as Partial<Pick<typeof globalThis, 'addEventListener' | 'removeEventListener'>>;
  scope.addEventListener?.('online', back);

  return () => scope.removeEventListener?.('online', back);
}

/** A channel. Throws where the platform has none, or refuses one. A lost message costs time, never a task. */
function platformChannel(name: string): Channel {
  const channel = new BroadcastChannel(name);
  // An open channel would keep a Node process alive, also for a basket that only listens.
  (channel as { unref?: () => void }).unref?.();

  return {
    post: (message) => channel.postMessage(message),
    listen: (listener) => channel.addEventListener('message', (event: MessageEvent<unknown>) => listener(event.data)),
    close: () => channel.close(),
  };
}
