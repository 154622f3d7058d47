import type { BasketContext } from '../../basket/context/context.js';

/** A hello may be lost: it is said again after so many milliseconds. */
const greetEvery = 60_000;

/**
 * Tells an older build that holds the lock to hand it over: at once, again each minute, since a message may be lost, and
 * whenever an older one says that it leads.
 */
export function greet(context: BasketContext): () => void {
  const { hub, ports, build } = context;
  let stopTimer = (): void => undefined;
  const say = (): void => {
    stopTimer();
    hub.say({ kind: 'hello', build });
    stopTimer = ports.clock.timer(greetEvery, say);
  };
  const stopHearing = hub.hear((message) => {
    if (message.kind === 'hello' && message.build < build) say();
  });
  say();

  return () => {
    stopHearing();
    stopTimer();
  };
}
