import type { BasketContext } from '../basket/context/context.js';
import { waited, within } from '../ports/wait.js';
import type { WorkerConnection, WorkerFactory } from './connect.js';
import { connect } from './connect.js';
import type { HelloAnswer } from './messages.js';
import { isHelloAnswer, protocol } from './messages.js';
import { otherRegistry, problemOf, silentWorker } from './problems.js';

/**
 * How long each try waits for an answer, in milliseconds. A second try with a SharedWorker connects to the same worker
 * again.
 */
const deadlines: readonly number[] = [250, 1_000, 3_000];

/** How long a worker has to answer after its alive lock was granted to the page, in milliseconds. */
const lastQuestion = 250;

/** How long a dedicated worker has, in milliseconds. It is ended if it is silent, and a handler may block it for 5 s. */
export const dedicatedPatience = 6_000;

/**
 * How long to wait before the lock is requested again, if it was granted although the worker lives, in milliseconds.
 */
const lockAgainAfter = 1_000;

/** A worker that has answered. */
export interface Greeted extends WorkerConnection {
  readonly answer: HelloAnswer;
}

/**
 * Constructs the worker, and again at each deadline, until a connection answers. Closes all other connections. A dedicated
 * worker has longer deadlines after each of the `failures` so far, because closing ends it while it is still being loaded.
 */
export async function greeted(
  context: BasketContext,
  factory: WorkerFactory,
  gone: AbortSignal,
  failures: number,
): Promise<Greeted> {
  const connections: WorkerConnection[] = [];
  const answers: Promise<Greeted>[] = [aborted(gone)];
  let kept: Greeted | undefined;

  try {
    for (const deadline of deadlines) {
      if (connections.every((connection) => connection.shared)) {
        const connection = connect(factory);
        connections.push(connection);
        // A dedicated worker has the event of each error of its script, and may answer all the same.
        const failed = connection.failed.catch((error: unknown) =>
          waited(context.ports.clock, lastQuestion, gone).then(() => Promise.reject(error)),
        );
        answers.push(failed, hello(context, connection));
      }

      const longer = connections.at(-1)?.shared === true ? 1 : Math.min(1 + failures, 10);
      const late = waited(context.ports.clock, deadline * longer, gone).then(() => undefined);
      const first = await Promise.race([...answers, late]);
      if (first === undefined) continue;
      kept = first;

      return kept;
    }

    throw silentWorker();
  } finally {
    for (const connection of connections) if (connection.hello !== kept?.hello) connection.close();
  }
}

/** Asks a worker who it is. Waits without a limit. */
export async function hello(context: BasketContext, connection: WorkerConnection): Promise<Greeted> {
  const { channel: basket } = context.names;
  const answer: unknown = await connection.hello({ protocol, basket, build: context.build });
  if (!isHelloAnswer(answer)) {
    const why = 'The worker does not answer as serveBasket does.';
    throw problemOf('mismatch', `${why} Call serveBasket in its script, and build page and worker together.`);
  }
  if (answer.basket !== basket) throw otherRegistry(answer.basket, basket);

  return { ...connection, answer };
}

/** Resolves when the worker is gone: this page got its lock, and it does not answer. Rejects when the signal aborts. */
export async function untilGone(context: BasketContext, greeting: Greeted, signal: AbortSignal): Promise<void> {
  const { locks, clock } = context.ports;
  for (;;) {
    await locks.request(greeting.answer.alive, { signal }, () => Promise.resolve());
    const limit = greeting.shared ? lastQuestion : dedicatedPatience;
    try {
      await within(clock, limit, hello(context, greeting), silentWorker);
    } catch {
      return;
    }

    // The worker retires, or its lock was stolen. Check again a little later.
    await waited(clock, lockAgainAfter, signal);
  }
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  const end = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  end.catch(() => undefined); // If the worker could not be constructed, nobody waits for this.

  return end;
}
