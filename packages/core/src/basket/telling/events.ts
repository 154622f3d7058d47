import { callSafely } from '../../pure/errors.js';
import { checkOneOf, wrongOption } from '../../pure/options.js';
import type { BasketContext } from '../context/context.js';
import type { Hint } from '../context/hub.js';
import { hintsIn } from '../context/hub.js';

/** The name of an event of `on`. */
export type EventName = Hint['event'];

/** What the listener of an event is called with. */
export type EventOf<Name extends EventName> = Extract<Hint, { readonly event: Name }>;

const names: readonly EventName[] = ['added', 'started', 'failed', 'settled', 'gate', 'lost'];

/**
 * Calls the listener with each event of this name, here or in any other context. Returns a function that stops this.
 */
export function on(context: BasketContext, name: EventName, listener: (event: Hint) => void): () => void {
  checkOneOf(name, 'An event', names);
  if (typeof listener !== 'function') throw wrongOption('A listener', 'a function', listener);

  return context.hub.hear((message) => {
    const hints: readonly Hint[] = message.kind === 'lost' ? [{ event: 'lost' }] : (hintsIn(message) ?? []);
    for (const hint of hints) if (hint.event === name) callSafely(listener, hint);
  });
}
