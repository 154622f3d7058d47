import type { Basket } from '../basket/basket.js';
import { contextOf } from '../basket/basket.js';
import type { BasketContext } from '../basket/context/context.js';
import { checkParts, wrongOption } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import type { AnyRegistry, PayloadOf, ResultOf } from '../pure/registry.js';
import type { AnyHandler, Handler } from './term/leader.js';
import { run } from './run.js';

/** One handler for each type of a registry. */
export type Handlers<R extends AnyRegistry> = {
  readonly [Name in keyof R['types']]: Handler<PayloadOf<R, Name>, ResultOf<R, Name>>;
};

/** Options of `runBasket`. */
export interface RunBasketOptions {
  /** Stops the runner: running attempts are aborted and waited for, 10 s at most. */
  readonly signal?: AbortSignal | undefined;
  /** How many attempts run at once. Default 6. A task that must run alone is started beside them after 10 s, as one more. */
  readonly concurrency?: number | undefined;
}

/**
 * Runs a basket's tasks in this context, whichever it is (a page, Node with an IndexedDB), while it is the one runner of
 * all; `serveBasket` is the same in a worker. It takes a basket, since a page has one; a worker has only the registry.
 *
 * Resolves when the signal has aborted and every attempt has ended, or has lost its slot 10 s after.
 *
 * @throws TaskbasketError `option`, for a missing or surplus handler; `no-database`, `stores-missing` or `closed`, if it
 * can never lead.
 */
export function runBasket<R extends AnyRegistry>(
  basket: Basket<R>,
  handlers: Handlers<R>,
  options: RunBasketOptions = {},
): Promise<void> {
  return start(contextOf(basket), handlers as Readonly<Record<string, AnyHandler>>, options);
}

async function start(
  context: BasketContext,
  handlers: Readonly<Record<string, AnyHandler>>,
  given: RunBasketOptions,
): Promise<void> {
  const options = checkParts(given, 'The options of runBasket', ['signal', 'concurrency']);
  const { signal } = options;
  if (signal !== undefined && typeof partOf(signal, 'addEventListener') !== 'function') {
    throw wrongOption('signal', 'an AbortSignal', signal);
  }

  await run(context, handlers, options);
}
