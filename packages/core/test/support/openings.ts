import { vi } from 'vitest';

/** The openings of databases in this process. Each can be held back, as another tab does that changes the version. */
export interface Openings {
  /** From now on no database opens until it is let. */
  readonly hold: () => void;
  /** Lets the first opening that waits go on, or fail. */
  readonly letFirst: () => void;
  readonly failFirst: () => void;
  readonly letLast: () => void;
  /** Lets all openings go on, also those to come. */
  readonly letAll: () => void;
  /** How many openings wait. */
  readonly waiting: () => number;
  /** How many openings were asked for. */
  readonly asked: () => number;
  /** The connections that are open. */
  readonly connections: ReadonlySet<IDBDatabase>;
  /** How many connections were opened, also those that were closed at once. */
  readonly opened: () => number;
}

/** Watches all openings until the end of the test. */
export function watchOpenings(): Openings {
  const open = indexedDB.open.bind(indexedDB);
  const close = Object.getOwnPropertyDescriptor(IDBDatabase.prototype, 'close')?.value as IDBDatabase['close'];
  const connections = new Set<IDBDatabase>();
  const waiting: { readonly go: () => void; readonly fail: () => void }[] = [];
  let holding = false;
  let asked = 0;
  let opened = 0;

  const really = (...what: Parameters<typeof open>): IDBOpenDBRequest => {
    const request = open(...what);
    request.addEventListener('success', () => {
      opened += 1;
      connections.add(request.result);
    });

    return request;
  };
  vi.spyOn(indexedDB, 'open').mockImplementation((...what) => {
    asked += 1;
    if (!holding) return really(...what);

    const listeners: [string, (event: Event) => void][] = [];
    let real: IDBOpenDBRequest | undefined;
    waiting.push({
      go() {
        real = really(...what);
        for (const [type, listener] of listeners) real.addEventListener(type, listener);
      },
      fail() {
        for (const [type, listener] of listeners) if (type === 'error') listener(new Event(type));
      },
    });

    return new Proxy(Object.create(IDBOpenDBRequest.prototype) as IDBOpenDBRequest, {
      get(_, name) {
        if (name === 'addEventListener') {
          return (type: string, listener: (event: Event) => void) => void listeners.push([type, listener]);
        }
        if (name === 'removeEventListener') return () => undefined;

        return real === undefined ? undefined : (Reflect.get(real, name) as unknown);
      },
    });
  });
  vi.spyOn(IDBDatabase.prototype, 'close').mockImplementation(function closed(this: IDBDatabase) {
    connections.delete(this);
    close.call(this);
  });

  return {
    hold() {
      holding = true;
    },
    letFirst: () => waiting.shift()?.go(),
    letLast: () => waiting.pop()?.go(),
    failFirst: () => waiting.shift()?.fail(),
    letAll() {
      holding = false;
      for (const { go } of waiting.splice(0)) go();
    },
    waiting: () => waiting.length,
    asked: () => asked,
    connections,
    opened: () => opened,
  };
}

/** The browser closes a connection by itself, because site data was cleared, say. */
export function terminate(connection: IDBDatabase): void {
  connection.close();
  // What the in-memory IndexedDB takes for an event.
  const event = { type: 'close', initialized: true, eventPath: [], CAPTURING_PHASE: 1, AT_TARGET: 2 };
  connection.dispatchEvent(event as unknown as Event);
}
