import type { BasketContext } from '../basket/context/context.js';
import type { WorkerHealth } from '../basket/context/own-worker.js';
import { waited, within } from '../ports/wait.js';
import { retryDelay } from '../pure/backoff.js';
import { messageOf, surface, WorkerError } from '../pure/errors.js';
import { defined } from '../pure/parts.js';
import type { WorkerFactory } from './connect.js';
import type { Greeted } from './greet.js';
import { aborted, greeted, hello, untilGone } from './greet.js';
import type { HelloAnswer } from './messages.js';
import { outdatedWorker, problemOf, silentWorker } from './problems.js';

/**
 * Once there is something to do, the worker is asked so much later, when it is at it, and has so long to answer, in
 * milliseconds. So one that hangs is told within 5 s, and one that nobody needs is left alone.
 */
const askAfter = 2_000;
const patience = 3_000;

/** `health` waits no longer than this, in milliseconds. */
const healthWait = 1_000;

/** A page's dealings with its worker. */
export interface Attendance {
  readonly leave: () => void;
  /** Lets go of the worker while the page is put away, where a message of its would evict it. */
  readonly suspend: () => void;
  readonly resume: () => void;
  readonly health: () => Promise<WorkerHealth>;
}

/**
 * Keeps a worker at work while this page is there: constructs it, greets it, queues for its alive lock, asks it whether
 * it still answers when there is something to do, and constructs it again when it has died.
 */
export function attendWorker(
  context: BasketContext,
  factory: WorkerFactory,
  onError: ((error: WorkerError) => void) | undefined,
): Attendance {
  const { clock, random } = context.ports;
  const page = { left: false, away: false };
  let stay = new AbortController();
  let wake = (): void => undefined;
  let stopHearing = (): void => undefined;
  let failures = 0;
  let told: string | undefined;
  let wasOutdated = false;
  let health: WorkerHealth = { state: 'starting' };
  /** Asks the worker that has answered; resolves with whether it still does. */
  let ask: (() => Promise<unknown>) | undefined;

  function tell(error: WorkerError): void {
    const { problem, message } = error;
    health = { state: 'failed', problem, message };
    if (told === message || page.left) return;
    told = message;
    if (onError === undefined) {
      // As an uncaught error where there is somebody to see it; not in a server-side render, which it would end.
      if (typeof reportError === 'function') reportError(error);

      return;
    }

    try {
      onError(error);
    } catch (thrown) {
      surface(thrown);
    }
  }

  function hear({ build, types, trouble }: HelloAnswer): void {
    if (trouble !== undefined) {
      tell(problemOf('database', `The worker that runs tasks can run none. ${trouble}`));

      return;
    }

    told = undefined;
    health = { state: 'running', build, ...defined({ types }) };
  }

  async function attend(): Promise<void> {
    while (!page.left) {
      const { signal } = stay;
      try {
        const connection = await greeted(context, factory, signal);
        const queued = new AbortController();
        try {
          // An older worker under our own URL retires at our hello, once; a second one of the same build comes again.
          const outdated = connection.answer.build < context.build;
          const again = outdated && wasOutdated;
          wasOutdated = outdated;
          if (again) throw outdatedWorker(context.build, connection.answer.build);

          failures = 0;
          hear(connection.answer);
          await Promise.race([untilGone(context, connection, queued.signal), aborted(signal), untilSilent(connection)]);
          health = { state: 'starting' };
        } finally {
          ask = undefined;
          stopHearing();
          connection.close();
          queued.abort();
        }
      } catch (error) {
        if (!signal.aborted) {
          failures += 1;
          const known = error instanceof WorkerError ? error : problemOf('failed', messageOf(error), error);
          tell(known);
          if (known.problem === 'unsupported') return; // None will come; and a timer would keep a server's process alive.
          await Promise.race([woken(), waited(clock, retryDelay({ base: 5_000, cap: 60_000 }, failures, random))]);
        }
      }
      while (page.away && !page.left) await woken();
    }
  }

  function woken(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  /** Rejects if the worker has something to do, or is asked how it fares, and does not answer. */
  function untilSilent(connection: Greeted): Promise<never> {
    return new Promise((_, reject) => {
      let asking: Promise<unknown> | undefined;
      let toAsk = false;

      ask = () => {
        asking ??= within(clock, patience, hello(context, connection), silentWorker)
          .then(({ answer }) => hear(answer), reject)
          .finally(() => {
            asking = undefined;
          });

        return asking;
      };
      stopHearing = context.hub.hear(({ kind }) => {
        if (kind !== 'look' || toAsk) return;
        toAsk = true;
        clock.timer(askAfter, () => {
          toAsk = false;
          void ask?.(); // It never rejects.
        });
      });
    });
  }

  void attend(); // It never rejects.

  return {
    leave() {
      page.left = true;
      stay.abort();
      wake();
    },

    suspend() {
      page.away = true;
      stay.abort();
    },

    resume() {
      page.away = false;
      if (stay.signal.aborted) stay = new AbortController();
      wake();
    },

    async health() {
      const late: WorkerHealth = { state: 'failed', problem: 'silent', message: silentWorker().message };
      if (ask === undefined) return health;

      return within(clock, healthWait, ask(), silentWorker).then(
        () => health,
        () => late,
      );
    },
  };
}
