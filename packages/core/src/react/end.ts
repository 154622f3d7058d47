import type { AnyRegistry, Basket, Outcome, ResultOf, TaskId, Watched } from '../index.js';

/**
 * The end of a task, as a live value. `settled` tells an end once. So this calls `settled` again at each change of the
 * task until the end is final, because a dead task may run again, and the owner of the task may sign in.
 */
export function createEnd<R extends AnyRegistry, Name extends keyof R['types'] & string>(
  basket: Basket<R>,
  id: TaskId<Name> | undefined,
): Watched<Outcome<ResultOf<R, Name>> | undefined> {
  if (id === undefined) return { get: () => undefined, subscribe: () => () => undefined };

  const watched = basket.watch({ id });
  let end: Outcome<ResultOf<R, Name>> | undefined;

  return {
    get: () => (end?.state === 'dead' && watched.get().tasks[0]?.state !== 'dead' ? undefined : end),

    subscribe(listener) {
      let asks = false;
      let stopped = false;
      const tell = (): void => listener(end);
      const ask = async (): Promise<void> => {
        asks = true;
        const found = await basket.settled(id).catch(() => undefined); // Nobody may see it, or the basket is closed.
        asks = false;
        if (stopped) return;
        if (watched.get().loaded && (found?.state !== 'gone' || watched.get().tasks.length === 0)) end = found;
        tell();
      };
      const stop = watched.subscribe(({ loaded, tasks }) => {
        // The end of another owner's task is not shown. A task that was gone may be added later.
        if (!loaded || (end?.state === 'gone' && tasks.length > 0)) end = undefined;
        if (loaded && !asks && (end === undefined || end.state === 'dead')) void ask(); // It never rejects.
        tell();
      });

      return () => {
        stopped = true;
        end = undefined; // Another owner may sign in before the next listener comes.
        stop();
      };
    },
  };
}
