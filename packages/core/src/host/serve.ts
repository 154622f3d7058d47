import type { Endpoint } from 'comlink';
import { expose } from 'comlink';

import { platformContext } from '../basket/basket.js';
import type { BasketContext } from '../basket/context/context.js';
import { randomText } from '../ports/ids.js';
import { checkParts, checkWhole, must } from '../pure/options.js';
import { endedWithin } from '../ports/wait.js';
import { defined, partOf } from '../pure/parts.js';
import type { AnyRegistry } from '../pure/registry.js';
import { versionsOf } from '../pure/find-type.js';
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
   * A whole number, from 0, that your app raises with each deploy. Give `openBasket` the same number. A worker of a
   * higher build takes over from a worker of a lower one; so a rollback needs a higher number too. Default 0.
   *
   * @example
   * serveBasket(tasks, handlers, { build: 42 }); // and `build: 42` for openBasket
   */
  readonly build?: number | undefined;
  /**
   * How many attempts run at once. Default 6. One more may run, because a task that must run alone waits for the others
   * for 10 s at most.
   */
  readonly concurrency?: number | undefined;
}

/** How long an answer waits for the database to open, in milliseconds. */
const openingWait = 150;

/** The part of a worker's global scope that is used. */
export interface WorkerScope extends Endpoint {
  readonly onconnect?: unknown;
  readonly close: () => void;
}

/**
 * Runs a basket's tasks in this worker, a SharedWorker or a dedicated one. Of all contexts only one runs tasks at a
 * time; the others wait until it is gone. Call it at the top of the worker's script, synchronously, because a `connect`
 * event that comes before the call is lost.
 *
 * @example
 * // tasks.worker.ts
 * serveBasket(tasks, {
 *   async saveNote(note, { signal, idempotencyKey }) {
 *     const headers = { 'Idempotency-Key': `"${idempotencyKey}"` };
 *     const url = `/api/notes/${note.id}`;
 *     const response = await fetch(url, { method: 'PUT', body: note.text, headers, redirect: 'manual', signal });
 *     ensureOk(response);
 *     return (await response.json()) as { version: number };
 *   },
 *   savePhoto: sendPhoto,
 *   ping: () => undefined,
 * });
 *
 * @throws TaskbasketError `option`, if a type has no handler, a handler has no type, an option is wrong, or this is no
 * worker.
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
  // A page would give its window to whoever sends it a message, and close it after a deploy.
  const isWorker = !('Window' in globalThis) && typeof addEventListener === 'function';
  must(isWorker, 'The place of serveBasket', 'the script of a worker (a page calls runBasket)', globalThis);

  serveIn(
    globalThis as unknown as WorkerScope,
    platformContext(registry, build),
    handlers as Readonly<Record<string, AnyHandler>>,
    concurrency,
  );
}

/** Serves a basket in the scope of a worker: answers pages, runs tasks, and closes the scope at the end. */
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
      // A newer page asks for this worker's URL and gets this old code, which no reload replaces while a tab is open.
      // So the worker retires. It answers first, because a worker without running tasks closes at once.
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

/** Holds a lock while the worker lives. A page that is granted it knows that the worker is gone. */
async function holdWhileAlive(context: BasketContext, name: string, retiring: AbortSignal): Promise<void> {
  const forever = (): Promise<void> => new Promise(() => undefined);
  await context.ports.locks.request(name, { signal: retiring }, forever).catch(() => undefined); // Stolen: nothing is lost.
}

/** The longest wait before the next try to lead, in milliseconds. */
const longestWait = 60_000;

/**
 * Runs tasks until the worker retires. If the worker cannot lead now, because of the database, a page may repair that
 * by opening the database. So the worker tries again when a page says "look again", and after a minute at the latest.
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
      await run(context, handlers, { signal: retiring, retires: true, concurrency });
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
