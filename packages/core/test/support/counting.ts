/** What is left behind: listeners on any target, timers, open ports and channels. Counted from the start to the end. */
export interface Counting {
  /** Listeners that were added, and neither removed nor ended by their signal. */
  readonly listeners: () => number;
  /** The timers that are set. */
  readonly timers: () => number;
  /** Ports and channels that were opened and not closed. */
  readonly ports: () => number;
  readonly end: () => void;
}

/** Counts from now on. As in a browser, a listener that is added twice is there once. */
export function startCounting(): Counting {
  /** Of each target and event the listeners, each with the signal that ends it. */
  const listeners = new Map<EventTarget, Map<string, Map<unknown, AbortSignal | undefined>>>();
  const timers = new Set<unknown>();
  const ports = new Set<unknown>();
  const undo: (() => void)[] = [];

  function replace<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name, by: Owner[Name]): void {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { configurable: true, writable: true, value: by });
    undo.push(() => {
      if (own === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, own);
    });
  }

  function there(target: EventTarget, type: string): Map<unknown, AbortSignal | undefined> {
    const types = listeners.get(target) ?? new Map<string, Map<unknown, AbortSignal | undefined>>();
    listeners.set(target, types);
    const known = types.get(type) ?? new Map<unknown, AbortSignal | undefined>();
    types.set(type, known);

    return known;
  }

  const add = methodOf(EventTarget.prototype, 'addEventListener');
  const remove = methodOf(EventTarget.prototype, 'removeEventListener');
  replace(EventTarget.prototype, 'addEventListener', function (this: EventTarget, type, listener, options) {
    const signal = typeof options === 'object' ? options.signal : undefined;
    there(this, type).set(listener, signal);
    add.call(this, type, listener, options);
  });
  replace(EventTarget.prototype, 'removeEventListener', function (this: EventTarget, type, listener, options) {
    there(this, type).delete(listener);
    remove.call(this, type, listener, options);
  });

  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const counted = (ring: (...args: unknown[]) => void, wait?: number, ...args: unknown[]): unknown => {
    const timer = set(() => {
      timers.delete(timer);
      ring(...args);
    }, wait);
    timers.add(timer);

    return timer;
  };
  replace(globalThis, 'setTimeout', counted as typeof setTimeout);
  replace(globalThis, 'clearTimeout', (timer: Parameters<typeof clear>[0]) => {
    timers.delete(timer);
    clear(timer);
  });

  for (const prototype of [MessagePort.prototype, BroadcastChannel.prototype]) {
    const close = prototype.close;
    replace(prototype, 'close', function (this: unknown) {
      ports.delete(this);
      listeners.delete(this as EventTarget);
      close.call(this);
    });
  }
  const Channel = MessageChannel;
  replace(
    globalThis,
    'MessageChannel',
    class extends Channel {
      constructor() {
        super();
        ports.add(this.port1);
      }
    },
  );
  const Broadcast = BroadcastChannel;
  replace(
    globalThis,
    'BroadcastChannel',
    class extends Broadcast {
      constructor(name: string) {
        super(name);
        ports.add(this);
      }
    },
  );

  /** How many are left on a target. A signal that has aborted tells nobody any more. */
  function sizeOf(
    target: EventTarget,
    types: ReadonlyMap<string, ReadonlyMap<unknown, AbortSignal | undefined>>,
  ): number {
    if (target instanceof AbortSignal && target.aborted) return 0;

    return [...types]
      .filter(([type]) => !ofNode.has(type))
      .flatMap(([, known]) => [...known.values()])
      .filter((signal) => signal?.aborted !== true).length;
  }

  return {
    listeners: () => [...listeners].reduce((sum, [target, types]) => sum + sizeOf(target, types), 0),
    timers: () => timers.size,
    ports: () => ports.size,

    end() {
      for (const one of undo.reverse()) one();
    },
  };
}

/** Node's own, on each port. */
const ofNode: ReadonlySet<string> = new Set(['newListener', 'removeListener']);

function methodOf<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name): Owner[Name] {
  return Object.getOwnPropertyDescriptor(owner, name)?.value as Owner[Name];
}
