import type { Basket } from '../basket/basket.js';
import { contextOf } from '../basket/basket.js';
import { checkParts, checkSignal } from '../pure/options.js';
import type { AnyRegistry, PayloadOf, ResultOf } from '../pure/registry.js';
import type { SessionOf } from '../pure/session.js';
import type { AnyHandler, Handler } from './term/leader.js';
import type { RunBasketOptions } from './run.js';
import { run } from './run.js';

/** One handler for each type of a registry. */
export type Handlers<R extends AnyRegistry> = {
  readonly [Name in keyof R['types']]: Handler<PayloadOf<R, Name>, ResultOf<R, Name>, SessionOf<R>, AnyResultOf<R>>;
};

/** What any handler of a registry returns, if it returns something. */
type AnyResultOf<R extends AnyRegistry> = Exclude<ResultOf<R, keyof R['types']>, void>;

/**
 * Runs a basket's tasks in this context: a page, or Node with an IndexedDB. In a worker, use `serveBasket`. Of all
 * contexts only one runs tasks at a time; the others wait until it is gone.
 *
 * Resolves after the signal has aborted, when every attempt has ended, at the latest 10 s after the abort.
 *
 * @example
 * const stopping = new AbortController();
 * const running = runBasket(basket, handlers, { signal: stopping.signal });
 *
 * @throws TaskbasketError `option`, if a type has no handler, a handler has no type, or an option is wrong.
 * `no-database`, `stores-missing`, `closed`, if this context can never run tasks.
 */
export async function runBasket<R extends AnyRegistry>(
  basket: Basket<R>,
  handlers: Handlers<R>,
  options: RunBasketOptions = {},
): Promise<void> {
  const parts = checkParts(options, 'The options of runBasket', ['signal', 'concurrency']);
  const { signal } = parts;
  checkSignal(signal);

  await run(contextOf(basket), handlers as Readonly<Record<string, AnyHandler>>, parts);
}
