import { callSafely } from '../../pure/errors.js';
import { checkListener, checkOneOf, checkParts } from '../../pure/options.js';
import type { OfOwner } from '../../pure/query.js';
import { isMeant, ownerParts, ownersOf } from '../../pure/query.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { currentName } from '../../pure/aliases.js';
import { storedOwner } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Hint } from '../context/messages.js';
import { hintsIn } from '../context/messages.js';

/** The name of an event of `on`. */
export type EventName = Hint['event'];

/** What the listener of an event is called with. */
export type EventOf<Name extends EventName> = Extract<Hint, { readonly event: Name }>;

const names: readonly EventName[] = ['added', 'started', 'progress', 'failed', 'settled', 'gate', 'session', 'lost'];

/**
 * Calls the listener with each event of this name, here or in any other context. Returns a function that stops this.
 */
export function on(
  context: BasketContext,
  name: EventName,
  listener: (event: Hint) => void,
  whose: OfOwner = {},
): () => void {
  checkOneOf(name, 'An event', names);
  checkListener(listener);
  const { hub, registry, lastListed } = context;
  const parts = checkParts(whose, 'The options of on', ownerParts);
  ownersOf(context, parts); // Refuses what is wrong at the call.
  let tasks: number | undefined;
  let stopped = false;

  const stopHearing = hub.hear((message) => {
    // Now, because `lastListed` may be that of the new database when `lost` comes.
    if (message.kind === 'taken') tasks = lastListed.tasks;
    const lost: Hint = { event: 'lost', database: registry.name, tasks };
    for (const hint of message.kind === 'lost' ? [lost] : hintsIn(message)) {
      if (stopped || hint.event !== name) continue;
      if ('type' in hint && !isMeant(ownersOf(context, parts), hint)) continue;
      callSafely(listener, named(registry, hint));
    }
    if (name === 'session' && message.kind === 'look' && message.returned === true) void tellMissed();
    if (message.kind === 'lost') tasks = lastListed.tasks = undefined; // What was found is gone.
  });

  /** A page that was put away has not heard who signed in meanwhile. */
  async function tellMissed(): Promise<void> {
    const owner = await read(context, storedOwner, ['state']).catch(() => undefined); // Then nothing is known.
    const { owner: own } = context.here;
    if (stopped || owner === undefined || own === undefined || owner === own) return;
    callSafely(listener, { event: 'session', owner, state: 'changed' });
  }

  return () => {
    stopped = true; // A message may have more events.
    stopHearing();
  };
}

/** The event under the name that the type of its task has now. */
function named(registry: AnyRegistry, hint: Hint): Hint {
  return 'type' in hint ? { ...hint, type: currentName(registry, hint.type) } : hint;
}
