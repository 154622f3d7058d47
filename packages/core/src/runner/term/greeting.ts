import type { BasketContext } from '../../basket/context/context.js';

/** A hello is said again after so many milliseconds, because a message may be lost, and the leader may stand still. */
const greetEvery = 60_000;

/** A hello without an answer is said again after so many milliseconds, and so many times in all. */
const askEvery = 1_000;
const asks = 5;

/** Greets the leader until the returned function is called. Calls `silent` if the leader does not answer. */
export type Greet = (silent: () => void) => () => void;

/**
 * Makes what a runner says while it waits for the lock: a hello, at once, each minute, and whenever a runner of an older
 * build says that it leads. An older leader hands over then, and every leader answers. A leader that has not answered for
 * 5 s is silent. That is told once a minute at most. Time in which this context is frozen counts as one second.
 */
export function createGreeting({ hub, ports, build }: BasketContext): Greet {
  const { clock } = ports;
  let toldAt = Number.NEGATIVE_INFINITY;

  return (silent) => {
    let unanswered = 0;
    let stopTimer = (): void => undefined;
    const say = (): void => hub.say({ kind: 'hello', build });

    function askAfter(wait: number): void {
      stopTimer();
      stopTimer = clock.timer(wait, ask);
    }

    function ask(): void {
      const isSilent = unanswered === asks;
      unanswered = isSilent ? 0 : unanswered + 1;
      askAfter(isSilent ? greetEvery : askEvery);
      say();
      // Without a channel no answer can come.
      if (!isSilent || !hub.connected() || clock.monotonic() - toldAt < greetEvery) return;
      toldAt = clock.monotonic();
      silent();
    }

    const stopHearing = hub.hear((message) => {
      if (message.kind === 'hello' && message.build < build) say();
      if (message.kind !== 'alive' || unanswered === 0) return;
      unanswered = 0;
      askAfter(greetEvery);
    });
    ask();

    return () => {
      stopHearing();
      stopTimer();
    };
  };
}

/** Answers each hello, so that nobody takes the lock from this runner. Returns a function that stops this. */
export function answerGreetings({ hub }: BasketContext): () => void {
  return hub.hear(({ kind }) => {
    if (kind === 'hello') hub.say({ kind: 'alive' });
  });
}
