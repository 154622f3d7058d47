import type { BasketContext } from '../../basket/context/context.js';

/** A hello is said again after so many milliseconds, because a message may be lost. */
const greetEvery = 60_000;

/**
 * Tells a runner of an older build to hand over: at once, each minute, and whenever a runner of an older build says
 * that it leads. Returns a function that stops this.
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
