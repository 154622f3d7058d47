import type { BasketContext } from '../basket/context/context.js';
import type { WorkerHealth } from '../basket/context/own-worker.js';
import { waited, within } from '../ports/wait.js';
import { retryDelay } from '../pure/backoff.js';
import { messageOf, WorkerError } from '../pure/errors.js';
import type { WorkerFactory } from './connect.js';
import type { Greeted } from './greet.js';
import { dedicatedPatience, greeted, hello, untilGone } from './greet.js';
import { outdatedWorker, problemOf, silentWorker } from './problems.js';
import { createStanding } from './standing.js';

/**
 * How long after the first answer of a worker, and after each "look again", the page asks whether the worker is still
 * there, in milliseconds. An idle worker is not asked.
 */
const askAfter = 2_000;

/**
 * How long a SharedWorker has to answer, in milliseconds. So the app hears within 5 s that it hangs, and within 8 s of a
 * dedicated worker, which has longer.
 */
const patience = 3_000;

/** How long `health` waits for an answer, in milliseconds. */
const healthWait = 1_000;

/** What a page can do with its worker. */
export interface Attendance {
  readonly leave: () => void;
  /** Lets go of the worker while the page is in the back/forward cache, because a message would evict the page. */
  readonly suspend: () => void;
  readonly resume: () => void;
  /** Asks the worker at once whether it is there, because phones kill workers without a word. */
  readonly ask: () => void;
  readonly health: () => Promise<WorkerHealth>;
  /** Whether the worker has not answered yet, and nothing is known to be wrong with it. */
  readonly starts: () => boolean;
}

/**
 * Keeps a worker running while this page is open. Each visit constructs the worker, greets it, and ends when the worker
 * is gone or silent, or the page is closed. The next visit begins at once, or after a wait if the worker has failed.
 */
export function attendWorker(
  context: BasketContext,
  factory: WorkerFactory,
  onError: ((error: WorkerError) => void) | undefined,
): Attendance {
  const { clock, random } = context.ports;
  const standing = createStanding(onError, () => context.hub.say({ kind: 'changed' }));
  const page = { away: false, left: false };
  /** Its signal ends whatever a visit has begun: listeners, timers, the request for the alive lock. */
  let visiting = new AbortController();
  let wake = (): void => undefined;
  let failures = 0;
  /** The alive lock of the last worker, if that was of an older build. */
  let outdated: string | undefined;
  /** Asks the worker of this visit. Resolves when it has answered or its time is up. Never rejects. */
  let ask: ((quietly: boolean) => Promise<void>) | undefined;

  async function attend(): Promise<void> {
    while (!page.left) {
      visiting = new AbortController();
      const { signal } = visiting;
      const asked = woken(); // A question that comes while the visit greets counts too: the next visit then begins at once.
      try {
        await visit(signal);
        standing.start();
      } catch (error) {
        if (!signal.aborted) {
          failures += 1;
          const known = error instanceof WorkerError ? error : problemOf('failed', messageOf(error), error);
          standing.fail(known);
          if (known.problem === 'unsupported') return; // It stays so, and a timer would keep a server's process alive.
          await Promise.race([
            asked,
            waited(clock, retryDelay({ base: 5_000, cap: 60_000 }, failures, random), signal),
          ]);
        }
      }
      visiting.abort();
      while (page.away && !page.left) await woken();
    }
  }

  /** Resolves when the worker is gone, or the signal aborts. Rejects with what is wrong with the worker. */
  async function visit(signal: AbortSignal): Promise<void> {
    const worker = await greeted(context, factory, signal, failures);
    try {
      // A worker of an older build retires when a newer page greets it, which takes some seconds. If another old one comes
      // then, its script is old.
      const { build, alive } = worker.answer;
      const before = outdated;
      outdated = build < context.build ? alive : undefined;
      if (before !== undefined && outdated !== undefined && outdated !== before)
        throw outdatedWorker(context.build, build);

      failures = 0;
      standing.hear(worker.answer);
      await Promise.race([untilGone(context, worker, signal), untilSilent(worker, signal)]);
    } finally {
      ask = undefined;
      worker.close();
    }
  }

  /** Rejects if the worker does not answer. Resolves if it does not answer a quiet question, or the signal aborts. */
  function untilSilent(worker: Greeted, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let asking: Promise<void> | undefined;
      let toAsk = false;

      ask = (quietly) => {
        asking ??= within(clock, worker.shared ? patience : dedicatedPatience, hello(context, worker), silentWorker)
          .then(({ answer }) => standing.hear(answer), quietly ? () => resolve() : reject)
          .finally(() => {
            asking = undefined;
          });

        return asking;
      };
      const askSoon = async (): Promise<void> => {
        if (toAsk) return;
        toAsk = true;
        await waited(clock, askAfter, signal);
        toAsk = false;
        if (!signal.aborted) await ask?.(false);
      };
      const stopHearing = context.hub.hear(({ kind }) => {
        if (kind === 'look') void askSoon(); // It never rejects.
      });
      const end = (): void => {
        stopHearing();
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
      void askSoon(); // It never rejects. By then the worker knows whether it can open the database.
    });
  }

  function woken(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  /** Ends the visit and whatever waits. */
  function stop(): void {
    visiting.abort();
    wake();
  }

  void attend(); // It never rejects.

  return {
    leave() {
      page.left = true;
      stop();
    },

    suspend() {
      page.away = true;
      stop();
    },

    resume() {
      page.away = false;
      wake();
    },

    ask() {
      if (ask === undefined) wake();
      else void ask(true); // It never rejects.
    },

    async health() {
      if (ask === undefined) return standing.health();

      const late = ({ problem, message }: WorkerError): WorkerHealth => ({ state: 'failed', problem, message });

      return within(clock, healthWait, ask(false), silentWorker).then(standing.health, late);
    },

    starts: () => standing.health().state === 'starting',
  };
}
