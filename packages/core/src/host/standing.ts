import type { WorkerHealth } from '../basket/context/own-worker.js';
import type { WorkerError } from '../pure/errors.js';
import { callSafely } from '../pure/errors.js';
import { defined } from '../pure/parts.js';
import { numbersIn } from '../pure/stored.js';
import type { HelloAnswer } from './messages.js';
import { problemOf } from './problems.js';

/**
 * What a page knows of its worker.
 *
 *     starting ── an answer ──→ running ── the worker is gone ──→ starting
 *        │                       │   ↑
 *        └────── a problem ──→ failed ── an answer without trouble
 */
export interface Standing {
  /** The worker is being constructed, and has not answered. */
  readonly start: () => void;
  /** The worker has answered. An answer with `trouble` is a problem. Any other answer ends the problem. */
  readonly hear: (answer: HelloAnswer) => void;
  /** Tells the app of a problem, unless the app was told the same problem last. */
  readonly fail: (error: WorkerError) => void;
  readonly health: () => WorkerHealth;
}

/**
 * Makes the standing of a worker of which nothing is known yet. `notStarted` is called when a worker that was starting
 * has a problem: until then nobody may say that no worker runs tasks.
 */
export function createStanding(
  onError: ((error: WorkerError) => void) | undefined,
  notStarted: () => void = () => undefined,
): Standing {
  let health: WorkerHealth = { state: 'starting' };
  let told: string | undefined;

  function fail(error: WorkerError): void {
    const { problem, message } = error;
    // A worker whose script did not start cannot answer either, and why it did not start says more.
    if (problem === 'silent' && health.state === 'failed' && health.problem === 'failed') return;
    const { state } = health;
    health = { state: 'failed', problem, message };
    if (state === 'starting') notStarted();
    if (told === message) return;
    told = message;
    // Without a listener the error is reported as uncaught, but not in Node, where that would end the process.
    const tell = onError ?? (typeof reportError === 'function' ? reportError : () => undefined);
    callSafely(tell, error);
  }

  return {
    start() {
      health = { state: 'starting' };
    },

    hear({ build, types, trouble }) {
      // A script that is not of this library may answer too, so each part of the answer is checked.
      if (typeof trouble === 'string') {
        fail(problemOf('database', `The worker can run no task. ${trouble}`));

        return;
      }
      told = undefined;
      health = { state: 'running', build, ...defined({ types: types === undefined ? types : numbersIn(types) }) };
    },

    fail,
    health: () => health,
  };
}
