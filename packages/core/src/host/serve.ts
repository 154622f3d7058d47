import type { Endpoint } from 'comlink';
import { expose } from 'comlink';

import { platformContext } from '../basket/basket.js';
import type { BasketContext } from '../basket/context/context.js';
import { randomText } from '../ports/ids.js';
import { waited } from '../ports/wait.js';
import { checkWhole } from '../pure/options.js';
import { defined } from '../pure/parts.js';
import type { AnyRegistry } from '../pure/registry.js';
import { versionsOf } from '../pure/registry.js';
import { createBell } from '../runner/term/bell.js';
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

/** What is used of a worker's global scope. */
interface WorkerScope extends Endpoint {
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
 * @throws TaskbasketError `option`, for a missing or surplus handler, or an option that can't be.
 */
export function serveBasket<R extends AnyRegistry>(
  registry: R,
  handlers: Handlers<R>,
  options: ServeOptions = {},
): void {
  const { build = 0, concurrency = 6 } = options;
  checkHandlers(registry, handlers);
  checkWhole(concurrency, 'concurrency');

  const context = platformContext(registry, build);
  const scope = globalThis as unknown as WorkerScope;
  const retiring = new AbortController();
  const alive = `${context.names.aliveLock}:${randomText(context.ports.randomBytes, 12)}`;

  const face: HostFace = Object.freeze({
    async hello(hello: Hello): Promise<HelloAnswer> {
      // A newer page under our own URL: we are the old code, which no reload replaces while a tab is open.
      if (hello.protocol === protocol && hello.build > build) retiring.abort();
      await opened(context);
      const trouble = context.database.trouble()?.message;

      return {
        protocol,
        basket: context.names.channel,
        build,
        alive,
        types: versionsOf(registry),
        ...defined({ trouble }),
      };
    },
  });
  listen(scope, face);

  void holdWhileAlive(context, alive, retiring.signal);
  void runForever(context, handlers as Readonly<Record<string, AnyHandler>>, concurrency, retiring.signal).then(() => {
    context.hub.close();
    context.database.close();
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

/** Resolves when the database could be opened, or not; an answer waits no longer than this, in milliseconds. */
const openingWait = 150;

async function opened(context: BasketContext): Promise<void> {
  const begun = context.database.begin('readonly', ['state']).catch(() => undefined); // The database remembers why.
  await Promise.race([begun, waited(context.ports.clock, openingWait)]);
}

/** Pages queue for this lock: whoever is granted it knows that the worker is gone. */
async function holdWhileAlive(context: BasketContext, name: string, retiring: AbortSignal): Promise<void> {
  const forever = (): Promise<void> => new Promise(() => undefined);
  await context.ports.locks.request(name, { signal: retiring }, forever).catch(() => undefined); // Stolen: nothing is lost.
}

/** In milliseconds. */
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
      const bell = createBell();
      const stopHearing = context.hub.hear(({ kind }) => {
        if (kind === 'look') bell.ring();
      });
      await bell.rungWithin(clock, patience.failed());
      stopHearing();
    }
  }
}
