/**
 * The lab's registry: one a database, with task types that behave as their payload says.
 */
import { type SessionType, defineTasks, session, task } from 'taskbasket';

import type { Setup } from './setup.js';

/** How a handler ends, if not by the server's answer. */
export interface Failing {
  /** `throw`: an error; `permanent`, `later`, `unavailable`: the typed ones. */
  readonly how: 'throw' | 'permanent' | 'later' | 'unavailable';
  /** Only for the first so many attempts; left out: for all. */
  readonly attempts?: number;
  /** For `later` and `unavailable`: milliseconds. */
  readonly ms?: number;
  readonly message?: string;
}

export interface LabPayload {
  /** Where it is posted: /api/echo/:name */
  readonly name: string;
  readonly lane?: string;
  readonly gate?: string;
  readonly text?: string;
  /** Fails before anything is posted. */
  readonly fail?: Failing;
  /** Is posted in place of the payload. */
  readonly blob?: Blob;
  /** `slow`: milliseconds before it is posted; 1,000 if left out. `hang`: milliseconds; for ever if left out. */
  readonly ms?: number;
  /** `slow`: heeds no signal, as a handler does that forgot to pass it on. */
  readonly deaf?: boolean;
  /** `count`: how often it failed, as the handler saved it. */
  readonly failures?: number;
}

/** What handlers know of who is signed in. */
export interface LabValues {
  readonly token: string;
}

/** The registry; `open` is the app's own, if the app made the database. */
export function labTasks(setup: Setup, open?: () => PromiseLike<{ readonly name: string; close(): void }>) {
  const { base, cap, jitter, failureLimit, database, bucket } = setup;
  const options = {
    lane: (payload: LabPayload) => payload.lane,
    gate: (payload: LabPayload) => payload.gate,
    backoff: { base, cap, ...(jitter === '' ? {} : { jitter }) },
    ...(failureLimit === 0 ? {} : { failureLimit }),
  };
  const types = {
    /** Posts its payload, and returns what the server answered. */
    ask: task<LabPayload, { readonly name: string }>(options),
    /** Posts its payload. */
    send: task<LabPayload>(options),
    /** Waits, then posts its payload. Stops when its signal is aborted, if it is not deaf. */
    slow: task<LabPayload>(options),
    /** Posts its payload, and then never ends, whatever its signal says. */
    never: task<LabPayload>(options),
    /** Keeps its worker in a loop, so that nothing else there goes on; then posts its payload. */
    hang: task<LabPayload>(options),
    /** Fails while the server's mood is not `up`, and saves the number of its failures in its payload; then posts that. */
    count: task<LabPayload>(options),
  };
  // Its type says that there is a session: tests that sign nobody in have none.
  const declared = (setup.session ? { session: session<LabValues>() } : {}) as { session: SessionType<LabValues> };
  return defineTasks(database, types, { bucket, gates: { base, cap }, ...(open ? { open } : {}), ...declared });
}

export type LabTasks = ReturnType<typeof labTasks>;
