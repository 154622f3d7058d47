import type { RandomBytes } from './ids.js';

/**
 * Everything timed, random or shared, so that the whole library also runs in a simulation. IndexedDB itself is not a
 * port: it is always real, in Node an implementation of it.
 */
export interface Ports {
  readonly clock: Clock;
  /** From 0 to below 1, for waits and how they are spread. An app may have seeded it: nothing that must be unique is made of it. */
  readonly random: () => number;
  /** For what must be unique: ids, stamps, nonces, names of locks. */
  readonly randomBytes: RandomBytes;
  readonly locks: Locks;
  readonly channel: (name: string) => Channel;
  /** Calls back when this context is told that it is online again, a hint only; returns what ends that. Left out: the platform's. */
  readonly online?: ((back: () => void) => () => void) | undefined;
  /**
   * Called at the instants at which a browser may die; there in a simulation only. A transaction that is passed has all
   * of its requests, and is not committed yet.
   */
  readonly reach?: ((point: CrashPoint, transaction?: IDBTransaction) => Promise<void>) | undefined;
}

/** The instants at which a simulation kills: before a transaction, before it commits, after it completed. */
export type CrashPoint = `${Work}:${'before' | 'requests' | 'complete'}`;

/** What a transaction is for. */
export type Work = 'add' | 'body' | 'command' | 'takeover' | 'turn' | 'save' | 'audit';

/** Time, in milliseconds. */
export interface Clock {
  /** The wall clock: may jump either way. */
  readonly wall: () => number;
  /** Never goes back while this context lives; says nothing about another context's. */
  readonly monotonic: () => number;
  /** Calls `ring` once, after a wait that is no longer than a timer holds. Returns what stops it. */
  readonly timer: (wait: number, ring: () => void) => () => void;
  /** Resolves after the event loop has gone round once: what ended meanwhile is settled together. */
  readonly turnOfTheLoop: () => Promise<void>;
}

/** The part of the Web Locks API that is used. */
export interface Locks {
  /**
   * Holds the lock until what `held` returns is settled; resolves then. Rejects if the signal aborts while it waits, or
   * if the lock is stolen, while `held` goes on: the rejection means "deposed, stop now".
   */
  readonly request: (name: string, options: LockOptions, held: () => Promise<void>) => Promise<void>;
  /** Whether somebody holds the lock now, in this context or another. */
  readonly held: (name: string) => Promise<boolean>;
}

/** How a lock is asked for. */
export interface LockOptions {
  readonly signal?: AbortSignal;
}

/** Says "look again" to every other context of the origin. Messages may be lost. */
export interface Channel {
  readonly post: (message: unknown) => void;
  readonly listen: (listener: (message: unknown) => void) => void;
  readonly close: () => void;
}
