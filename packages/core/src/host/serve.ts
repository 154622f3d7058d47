import type { Endpoint } from 'comlink';
import { expose } from 'comlink';

import { platformContext } from '../basket/basket.js';
import type { BasketContext } from '../basket/context/context.js';
import { randomText } from '../ports/ids.js';
import { checkParts, checkWhole } from '../pure/options.js';
import { endedWithin } from '../ports/wait.js';
import { defined, partOf } from '../pure/parts.js';
import type { AnyRegistry } from '../pure/registry.js';
import { versionsOf } from '../pure/registry.js';
import type { AnyHandler } from '../runner/term/leader.js';
import type { Handlers } from '../runner/run-basket.js';
import { checkHandlers } from '../runner/term/checks.js';
import { run } from '../runner/run.js';
import { createPatience } from '../runner/term/patience.js';
import type { Hello, HelloAnswer, HostFace } from './messages.js';
import { protocol } from './messages.js';

/** Options of `serveBasket`. */
export interface ServeOptions {
  /**
   * A number of the app's, higher for each deploy, given to `openBasket` as well: a newer build takes the lead from an
   * older one. A rollback is a higher number too. Default 0.
   */
  readonly build?: number | undefined;
  /** How many attempts run at once. Default 6. A task that must run alone is started beside them after 10 s, as one more. */
  readonly concurrency?: number | undefined;
}

/** How long an answer waits for the database to open, in milliseconds. */
const openingWait = 150;

/** What is used of a worker's global scope. */
export interface WorkerScope extends Endpoint {
  readonly onconnect?: unknown;
  readonly close: () => void;
}

/**
 * Runs a basket's tasks in this worker, a SharedWorker or a dedicated one, for as long as it lives and is the one runner
 * of all. Call it at the top of the worker's script, synchronously: a `connect` that comes before it is lost.
 *
 * @example
 * // tasks.worker.ts
 * serveBasket(tasks, {
 *   async saveNote(note, { signal, idempotencyKey }) { … },
 * });
 *
 * @throws TaskbasketError `option`, for a missing or surplus handler, or an option that cannot be.
 */
export function serveBasket<R extends AnyRegistry>(
  registry: R,
  handlers: Handlers<R>,
  options: ServeOptions = {},
): void {
  const parts = checkParts(options, 'The options of serveBasket', ['build', 'concurrency']);
  const { build = 0, concurrency = 6 } = parts;
  checkHandlers(registry, handlers);
  checkWhole(concurrency, 'concurrency');

  serveIn(
    globalThis as unknown as WorkerScope,
    platformContext(registry, build),
    handlers as Readonly<Record<string, AnyHandler>>,
    concurrency,
  );
}

/** The same in any worker's scope: answers each page that connects, runs tasks, and closes the scope once it retires. */
export function serveIn(
  scope: WorkerScope,
  context: BasketContext,
  handlers: Readonly<Record<string, AnyHandler>>,
  concurrency: number,
): void {
  const { build, registry, names, database } = context;
  const retiring = new AbortController();
  const alive = `${names.aliveLock}:${randomText(context.ports.randomBytes, 12)}`;

  const face: HostFace = Object.freeze({
    async hello(hello: Hello): Promise<HelloAnswer> {
      const ours = partOf(hello, 'protocol') === protocol && partOf(hello, 'basket') === names.channel;
      await database.opened(openingWait).catch(() => undefined); // The database remembers why.
      // A newer page under our own URL: we are the old code, which no reload replaces while a tab is open. The answer goes
      // first, because a worker that has nothing to hand back is closed at once.
      if (ours && hello.build > build) void context.ports.clock.turnOfTheLoop().then(() => retiring.abort());
      const trouble = database.trouble()?.message;

      return {
        protocol,
        basket: names.channel,
        build,
        alive,
        types: versionsOf(registry),
        ...defined({ trouble }),
      };
    },
  });
  listen(scope, face);

  void holdWhileAlive(context, alive, retiring.signal);
  void runForever(context, handlers, concurrency, retiring.signal).then(() => {
    context.hub.close();
    database.close();
    scope.close();
  });
}

function listen(scope: WorkerScope, face: HostFace): void {
  if (!('onconnect' in scope)) {
    expose(face, scope);

    return;
  }

  scope.addEventListener('connect', (event) => {
    const [port] = (event as MessageEvent).ports;
    if (port !== undefined) expose(face, port);
  });
}

/** Pages queue for this lock: whoever is granted it knows that the worker is gone. */
async function holdWhileAlive(context: BasketContext, name: string, retiring: AbortSignal): Promise<void> {
  const forever = (): Promise<void> => new Promise(() => undefined);
  await context.ports.locks.request(name, { signal: retiring }, forever).catch(() => undefined); // Stolen: nothing is lost.
}

/** The longest wait before the next try to lead, in milliseconds. */
const longestWait = 60_000;

/**
 * Runs until the worker retires. What keeps it from leading now may be mended later, by a page that opens the database:
 * it is tried again when a page says that it added something, at the latest after a minute.
 */
export async function runForever(
  context: BasketContext,
  handlers: Readonly<Record<string, AnyHandler>>,
  concurrency: number,
  retiring: AbortSignal,
): Promise<void> {
  const { clock } = context.ports;
  const patience = createPatience(context.ports, { base: 1_000, cap: longestWait });
  while (!retiring.aborted) {
    try {
      await run(context, handlers, { signal: retiring, concurrency });
    } catch {
      let stopHearing = (): void => undefined;
      const heard = new Promise<void>((resolve) => {
        stopHearing = context.hub.hear(({ kind }) => {
          if (kind === 'look') resolve();
        });
      });
      await endedWithin(clock, [heard], patience.failed(), retiring);
      stopHearing();
    }
  }
}
