import type { Durability } from '../../store/transact.js';
import type { Prepared } from './place.js';

/** The tasks of one lane that are being added, so that they keep the order of their calls. */
interface Line {
  /** What kind those are that have gone on and have not ended, and how many. Others wait for their end. */
  kind: string;
  open: number;
  readonly waiting: Waiting[];
}

interface Waiting {
  /** Absent while its codec is at work. */
  task?: Prepared;
  readonly durability: Durability;
  readonly resolve: (task: Prepared) => void;
  readonly reject: (error: unknown) => void;
}

/** Stores a task, with what else is added now. Resolves with it when it is committed. */
export type Store = (
  lane: string | undefined,
  ready: Prepared | Promise<Prepared>,
  durability?: Durability,
) => Promise<Prepared>;

/**
 * Keeps the order of the calls within a lane, whatever the tasks weigh and however long their codecs take. `kindOf` says
 * which of them keep their order by themselves, since they go the same way; `store` stores one.
 */
export function createLines(
  kindOf: (task: Prepared, durability: Durability) => string,
  store: (task: Prepared, durability: Durability) => Promise<void>,
): Store {
  const lines = new Map<string | undefined, Line>();

  /** Lets go on what stands in front of a line, together with others of its kind. */
  function advance(lane: string | undefined, line: Line): void {
    for (;;) {
      const [next] = line.waiting;
      if (next?.task === undefined) break;
      const { task, durability, resolve, reject } = next;
      const kind = kindOf(task, durability);
      if (line.open > 0 && line.kind !== kind) return;

      line.waiting.shift();
      line.kind = kind;
      line.open += 1;
      void store(task, durability)
        .then(() => resolve(task), reject)
        .then(() => {
          line.open -= 1;
          advance(lane, line);
        });
    }
    if (line.open === 0 && line.waiting.length === 0) lines.delete(lane);
  }

  return (lane, ready, durability = 'strict') => {
    // The common case, without a line to stand in.
    if (lane === undefined && 'id' in ready) return store(ready, durability).then(() => ready);

    return new Promise((resolve, reject) => {
      const line = lines.get(lane) ?? { kind: '', open: 0, waiting: [] };
      if (lane !== undefined) lines.set(lane, line);
      const one: Waiting = { durability, resolve, reject };
      line.waiting.push(one);

      const goOn = (task: Prepared): void => {
        one.task = task;
        advance(lane, line);
      };
      if ('id' in ready) {
        goOn(ready);

        return;
      }
      ready.then(goOn, (error: unknown) => {
        reject(error);
        line.waiting.splice(line.waiting.indexOf(one), 1);
        advance(lane, line);
      });
    });
  };
}
