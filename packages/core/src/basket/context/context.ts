import type { Channel, Ports } from '../../ports/ports.js';
import { createIds } from '../../ports/ids.js';
import type { Line } from '../../pure/line.js';
import { createLine } from '../../pure/line.js';
import type { AnyRegistry } from '../../pure/registry.js';
import type { Turns } from '../../pure/turns.js';
import { createTurns } from '../../pure/turns.js';
import type { Database } from '../../store/connection.js';
import { createDatabase } from '../../store/connection.js';
import type { Hub } from './hub.js';
import { createHub } from './hub.js';
import type { WorkerHealth } from './own-worker.js';

/** What all of a basket's parts share, in one context (a page, a worker). */
export interface BasketContext {
  readonly registry: AnyRegistry;
  readonly ports: Ports;
  readonly database: Database;
  readonly hub: Hub;
  readonly newId: () => string;
  readonly names: Names;
  readonly build: number;
  /** Keeps the order of the calls that edit tasks: under a task's id, or for all tasks. */
  readonly edits: Turns;
  /** In which heavy bodies are stored. */
  readonly bodyLine: Line;
  /** Aborts when the basket is closed. */
  readonly closed: AbortController;
  /** What is being written. A page that is put away meanwhile says "look again" as it goes. */
  readonly unfinished: Set<object>;
  /** Asks this context's own worker how it fares; it has a second to answer. Whoever opens the worker puts this here. */
  askWorker: () => Promise<WorkerHealth>;
}

/** The names of what a basket's contexts share. They carry no build: all builds are one basket. */
export interface Names {
  /** Held by the one runner. */
  readonly runnerLock: string;
  /** Held by a worker for as long as it lives; completed by the worker's own name. */
  readonly aliveLock: string;
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
    edits: createTurns(),
    bodyLine: createLine(),
    closed: new AbortController(),
    unfinished: new Set(),
    askWorker: () => Promise.resolve({ state: 'none' }),
  };
}

/** Whether somebody runs tasks, in whichever context. */
export function isLed({ ports, names }: Pick<BasketContext, 'ports' | 'names'>): Promise<boolean> {
  return ports.locks.held(names.runnerLock);
}

/**
 * Marks a write as unfinished; gives back what ends that. If the page is closed before the write completes, the page says
 * "look again" as it closes, because it could not say so later.
 */
export function underway({ unfinished }: Pick<BasketContext, 'unfinished'>): () => void {
  const write = {};
  unfinished.add(write);

  return () => unfinished.delete(write);
}

/** Database and bucket as one text, so that no two pairs give the same. */
function namesOf(registry: AnyRegistry): Names {
  const basket = `taskbasket:${encodeURIComponent(registry.name)}:${encodeURIComponent(registry.bucket)}`;

  return { runnerLock: `${basket}:runner`, aliveLock: `${basket}:alive`, channel: basket };
}
