import type { RandomBytes } from './ids.js';

/**
 * Everything timed, random or shared, so that the whole library also runs in a simulation. IndexedDB itself is not a
 * port: it is always real, in Node an implementation of it.
 */
export interface Ports {
  readonly clock: Clock;
  /** A random number from 0 to below 1, for waits. It may be seeded, so nothing that must be unique is made from it. */
  readonly random: () => number;
  /** For what must be unique: ids, stamps, nonces, names of locks. */
  readonly randomBytes: RandomBytes;
  readonly locks: Locks;
  readonly channel: (name: string) => Channel;
  /** Calls `back` when this context is online again. Returns a function that stops this. Default: the platform's. */
  readonly online?: ((back: () => void) => () => void) | undefined;
  /**
   * Called at the instants at which a simulation may kill the context; absent otherwise. If a transaction is passed, it
   * has all its requests and is not committed yet.
   */
  readonly reach?: ((point: CrashPoint, transaction?: IDBTransaction) => Promise<void>) | undefined;
}

/** The instants at which a simulation kills: before a transaction, before it commits, after it completed. */
export type CrashPoint = `${Work}:${'before' | 'requests' | 'complete'}`;

/** What a transaction is for. */
export type Work = 'add' | 'body' | 'command' | 'tidy' | 'session' | 'takeover' | 'turn' | 'save' | 'audit' | 'reserve';

/** Time, in milliseconds. */
export interface Clock {
  /** The wall clock, which may jump forward and back. */
  readonly wall: () => number;
  /** A clock that never goes back. Two contexts may have different times. */
  readonly monotonic: () => number;
  /** Calls `ring` once, after `wait` milliseconds or the longest timer. Returns a function that stops it. */
  readonly timer: (wait: number, ring: () => void) => () => void;
  /** Resolves after one turn of the event loop. */
  readonly turnOfTheLoop: () => Promise<void>;
}

/** The part of the Web Locks API that is used. */
export interface Locks {
  /**
   * Waits for the lock, calls `held`, and holds the lock until the promise of `held` settles; then resolves. Rejects if
   * the signal aborts while it waits. Rejects also if the lock is stolen, although `held` goes on: then stop at once.
   */
  readonly request: (name: string, options: LockOptions, held: () => Promise<void>) => Promise<void>;
  /** The names of the locks that somebody holds now, in this context or another, and that begin with `start`. */
  readonly held: (start: string) => Promise<readonly string[]>;
}

/** How a lock is asked for. A browser takes one of these options alone. */
export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Takes the lock from its holder at once, before all requests that wait. */
  readonly steal?: true;
}

/** Says "look again" to every other context of the origin. Messages may be lost. */
export interface Channel {
  readonly post: (message: unknown) => void;
  readonly listen: (listener: (message: unknown) => void) => void;
  readonly close: () => void;
}
