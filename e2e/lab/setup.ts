/**
 * What page and worker of the lab agree on. A worker knows nothing but its name, so the setup travels in that.
 */

/** Who made the database: the library, or an app that keeps its notes next to the task stores. */
export type Maker = 'library' | 'raw' | 'idb' | 'dexie';

export interface Setup {
  readonly database: string;
  readonly bucket: string;
  readonly maker: Maker;
  /** The build that page and worker say they are. */
  readonly build: number;
  /** How many tasks the worker runs at once; 0: the library's own number. */
  readonly concurrency: number;
  /** Backoff of tasks and gates, milliseconds. */
  readonly base: number;
  readonly cap: number;
  /** The rule of chance of the backoff; empty: the library's own. */
  readonly jitter: '' | 'equal' | 'full' | 'none';
  /** Counted failures after which a task is dead; 0: never. */
  readonly failureLimit: number;
  /** The version of the app's database, if an app made it; from 2 on it has a store of photos. */
  readonly version: number;
  /** Whether tasks belong to who is signed in. */
  readonly session: boolean;
}

export const plainSetup: Omit<Setup, 'database'> = {
  bucket: 'taskbasket',
  maker: 'library',
  build: 0,
  concurrency: 0,
  base: 200,
  cap: 2_000,
  jitter: '',
  failureLimit: 0,
  version: 1,
  session: false,
};

/** The setup as the name of a worker: equal setups share one, others do not. */
export function nameOf(setup: Setup): string {
  return JSON.stringify({ ...plainSetup, ...setup });
}

export function setupIn(name: string): Setup {
  return JSON.parse(name) as Setup;
}
