import { TaskbasketError } from '../pure/errors.js';
import { idMark, readReady } from '../pure/key.js';
import { checkId } from '../pure/options.js';
import type { Death, OutcomeRow, StoredError } from '../pure/record.js';
import type { Stores } from '../store/requests.js';
import { answer } from '../store/requests.js';
import { rowOfId } from '../store/rows.js';
import { marksIndex } from '../store/setup.js';
import { look } from '../store/transact.js';
import type { BasketContext } from './context.js';
import type { Recent } from './recent.js';
import { isLoss } from './recent.js';

/**
 * How a task ended.
 *
 * - `done`: with what its handler returned. `unstorable` says why that is not there, if it could not be stored.
 * - `dead`: it waits for a decision; after `retry` or `update` it may be asked again.
 * - `cancelled`, `purged`: removed. `replaced`: by another, which stands for it.
 * - `gone`: it is not there, and nothing is stored of its end. It succeeded without a result, or never was.
 */
export type Outcome<Result = unknown> =
  | { readonly state: 'done'; readonly result: Result; readonly unstorable?: string }
  | { readonly state: 'dead'; readonly because: Death['reason']; readonly error: StoredError | undefined }
  | { readonly state: 'cancelled' | 'purged' | 'gone' }
  | { readonly state: 'replaced'; readonly by: string };

/** A lost "look again" costs no more than this, in milliseconds. */
const poll = 60_000;

/** Those who wait for the end of one task. */
interface Waiting {
  /** It was there, or was added here: if it goes without an outcome, it succeeded without a result. */
  seen: boolean;
  readonly told: ((outcome: Outcome) => void)[];
  readonly failed: ((error: unknown) => void)[];
}

/** Waits for the ends of tasks: one look at the database for all that are waited for. */
export function createSettled(context: BasketContext, added: Recent): (id: string) => Promise<Outcome> {
  const waiting = new Map<string, Waiting>();
  let looking = false;
  let lookAgain = false;
  let stop: (() => void) | undefined;

  async function lookAtAll(): Promise<void> {
    lookAgain = looking;
    if (looking) return;

    looking = true;
    try {
      const asked = [...waiting];
      const found = await look(context, (stores) => Promise.all(asked.map(([id, one]) => outcomeOf(stores, id, one))), [
        'tasks',
        'outcomes',
      ]);
      for (const [place, [id, one]] of asked.entries()) {
        const outcome = found[place];
        if (outcome === undefined) continue;
        waiting.delete(id);
        for (const tell of one.told) tell(outcome);
      }
    } catch (error) {
      // Closed for good, or there is no database: nobody may wait for ever. What passes by itself is looked at again.
      if (error instanceof TaskbasketError) giveUp(error);
    } finally {
      looking = false;
    }
    if (waiting.size === 0) stop?.();
    else if (lookAgain) await lookAtAll();
  }

  function giveUp(error: unknown): void {
    for (const { failed } of waiting.values()) for (const fail of failed) fail(error);
    waiting.clear();
  }

  function start(): void {
    let stopTimer = (): void => undefined;
    const pollAgain = (): void => {
      stopTimer = context.ports.clock.timer(poll, () => {
        void lookAtAll(); // It never rejects.
        pollAgain();
      });
    };
    const stopHearing = context.hub.hear((message) => {
      // What was in a database that is gone did not succeed.
      if (isLoss(message)) for (const one of waiting.values()) one.seen = false;
      void lookAtAll(); // It never rejects.
    });
    pollAgain();
    stop = () => {
      stopHearing();
      stopTimer();
      stop = undefined;
    };
  }

  context.closed.signal.addEventListener('abort', () => {
    giveUp(new TaskbasketError('closed', 'This basket was closed. Ask another one, by the id.'));
    stop?.();
  });

  return async (id) => {
    checkId(id);

    return new Promise((resolve, reject) => {
      const one = waiting.get(id) ?? { seen: added.has(id), told: [], failed: [] };
      one.told.push(resolve);
      one.failed.push(reject);
      waiting.set(id, one);
      if (stop === undefined) start();
      void lookAtAll(); // It never rejects.
    });
  };
}

/** The end of a task, or `undefined`: it is still to come. */
async function outcomeOf(
  stores: Pick<Stores, 'tasks' | 'outcomes'>,
  id: string,
  one: Waiting,
): Promise<Outcome | undefined> {
  const [row, found] = await Promise.all([
    rowOfId(stores, id),
    answer(stores.outcomes.index(marksIndex).get(idMark(id))) as Promise<OutcomeRow | undefined>,
  ]);
  if (row !== undefined && row.cancelled !== true) {
    one.seen = true;
    if (readReady(row.ready)?.letter !== 'D') return undefined;

    return { state: 'dead', because: row.dead?.reason ?? 'permanent', error: row.lastError };
  }
  if (found === undefined) return one.seen ? { state: 'done', result: undefined } : { state: 'gone' };

  const { state, result, unstorable, by } = found;
  if (state === 'done') return { state, result, ...(unstorable === undefined ? {} : { unstorable }) };
  if (state === 'replaced') return { state, by: by ?? '' };

  return { state: state === 'dead' ? 'gone' : state };
}
