import type { Channel, Ports } from '../../ports/ports.js';
import { createIds, randomText } from '../../ports/ids.js';
import type { OwnerHere } from '../../pure/owner.js';
import { isSeen } from '../../pure/owner.js';
import type { TaskRow } from '../../pure/record.js';
import type { Line } from '../../pure/line.js';
import { createLine } from '../../pure/line.js';
import type { AnyRegistry } from '../../pure/registry.js';
import type { SerialQueue } from '../../pure/serial-queue.js';
import { createSerialQueue } from '../../pure/serial-queue.js';
import type { Database } from '../../store/connection.js';
import { createDatabase } from '../../store/connection.js';
import type { Here } from './here.js';
import { createHere } from './here.js';
import type { Hub } from './hub.js';
import { createHub } from './hub.js';
import type { WorkerHealth } from './own-worker.js';

/** What all parts of a basket share in one context (a page, a worker). */
export interface BasketContext {
  readonly registry: AnyRegistry;
  readonly ports: Ports;
  readonly database: Database;
  readonly hub: Hub;
  readonly newId: () => string;
  readonly names: Names;
  readonly build: number;
  /** Keeps the order of the calls that edit one task (the key is its id) or any tasks (the key is `undefined`). */
  readonly edits: SerialQueue;
  /** The line in which heavy bodies are stored one after the other. */
  readonly bodyLine: Line;
  /** Aborts when the basket is closed. */
  readonly closed: AbortController;
  /** The writes that have begun. A page that is closed meanwhile says "look again" as it closes. */
  readonly unfinished: Set<object>;
  /** How many tasks there were when this context last listed all of them. */
  readonly lastListed: { tasks: number | undefined };
  /** Who is signed in here. */
  readonly here: Here;
  /** Asks this context's own worker, which has a second to answer. `openBasket` sets this if it was given a worker. */
  askWorker: () => Promise<WorkerHealth>;
  /** Whether this context's own worker is starting. `openBasket` sets this too. */
  workerStarts: () => boolean;
}

/** The names of what a basket's contexts share. The build is not in them, because all builds share one basket. */
export interface Names {
  /** Held by the one runner. */
  readonly runnerLock: string;
  /** Held by a worker while it lives. The worker adds a name of its own. */
  readonly aliveLock: string;
  /** Held while handlers of an owner may run, for each owner and context. A random part and the owner follow. */
  readonly sendsLock: string;
  readonly channel: string;
}

/** A context of a basket on the given ports. */
export function createContext(registry: AnyRegistry, ports: Ports, build: number): BasketContext {
  const names = namesOf(registry);
  const openChannel = (): Channel => ports.channel(names.channel);
  const hub = createHub(openChannel, ports.clock.turnOfTheLoop);

  return {
    registry,
    ports,
    database: createDatabase(registry, {
      locks: ports.locks,
      runnerLock: names.runnerLock,
      clock: ports.clock,
      say: (kind) => hub.say({ kind }),
    }),
    hub,
    newId: createIds(ports.randomBytes),
    names,
    build,
    edits: createSerialQueue(),
    bodyLine: createLine(),
    closed: new AbortController(),
    unfinished: new Set(),
    lastListed: { tasks: undefined },
    here: createHere(),
    askWorker: () => Promise.resolve({ state: 'none' }),
    workerStarts: () => false,
  };
}

/** Whether there is a runner, in whichever context. */
export async function isLed({ ports, names }: Pick<BasketContext, 'ports' | 'names'>): Promise<boolean> {
  return (await ports.locks.held(names.runnerLock)).length > 0;
}

/** Says of a row whether this context finds it by its id, as of now: it is of who is signed in here, or of nobody. */
export function seenIn({ registry, here }: Pick<BasketContext, 'registry' | 'here'>): (row: TaskRow) => boolean {
  const { owner } = here;

  return (row) => isSeen(registry, row.owner, owner);
}

/** The length of the random part of the name of a lock, in characters. */
const nonceLength = 12;

/**
 * The name of a lock that shows that handlers of an owner may run: see `sending.ts`. No two locks have the same name. JSON
 * escapes half of a character (a lone surrogate), because Chromium 156 gives a lock whose name has one another name.
 */
export function sendsLockOf({ names, ports }: Pick<BasketContext, 'names' | 'ports'>, owner: string): string {
  return `${names.sendsLock}${randomText(ports.randomBytes, nonceLength)}:${JSON.stringify(owner)}`;
}

/** Whether such a lock is of this owner. */
export function isLockOf(names: Names, lock: string, owner: OwnerHere): boolean {
  return lock.slice(names.sendsLock.length + nonceLength + 1) === JSON.stringify(owner);
}

/**
 * Marks a write as unfinished. Returns a function that ends this. If the page is closed before the write completes, the
 * page says "look again" as it closes, because it cannot say anything later.
 */
export function underway({ unfinished }: Pick<BasketContext, 'unfinished'>): () => void {
  const write = {};
  unfinished.add(write);

  return () => unfinished.delete(write);
}

/**
 * Makes the names from database and bucket. No two pairs give the same names. As JSON, because `encodeURIComponent` throws
 * for half of a character (a lone surrogate).
 */
function namesOf(registry: AnyRegistry): Names {
  const basket = `taskbasket:${JSON.stringify(registry.name)}:${JSON.stringify(registry.bucket)}`;

  return {
    runnerLock: `${basket}:runner`,
    aliveLock: `${basket}:alive`,
    sendsLock: `${basket}:sends:`,
    channel: basket,
  };
}
