import { basketClosed, TaskbasketError } from '../../pure/errors.js';
import { checkParts, checkSignal } from '../../pure/options.js';
import type { Owner } from '../../pure/owner.js';
import type { Scope, Wanted } from '../../pure/query.js';
import { isNobodys, readScope } from '../../pure/query.js';
import { awaitedBy } from '../../pure/reasons.js';
import type { TaskRow } from '../../pure/record.js';
import { isDead } from '../../pure/state.js';
import { isFinal } from '../../store/opened.js';
import { rowsOfIds } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { isLed } from '../context/context.js';
import type { Facts, FactStores } from '../reading/facts.js';
import { factsOf, factStores } from '../reading/facts.js';
import { pageOf } from '../reading/page.js';
import { createLooks } from './looks.js';

/** The options of `whenIdle`. */
export interface IdleOptions {
  /** Ends the wait: the promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** How many tasks are read in one transaction. */
const slice = 256;

/** Resolves when no task of a scope is left that will run by itself. The database is read as a watch reads it. */
export async function whenIdle(context: BasketContext, scope: Scope = {}, options: IdleOptions = {}): Promise<void> {
  const wanted = readScope(context, scope);
  const { owner } = context.here;
  const follows = wanted.owners !== undefined && scope.owner === undefined && !isNobodys(context.registry, wanted);
  const asker = follows && typeof owner === 'string' ? owner : undefined;
  const { signal } = checkParts(options, 'The options of whenIdle', ['signal']);
  checkSignal(signal);
  const { closed } = context;
  let heard = false;
  let end = (): void => undefined;

  const idle = new Promise<void>((resolve, reject) => {
    const looks = createLooks(
      context,
      async () => {
        try {
          // Before the last `signIn` of this context is stored, its own owner may seem to be absent.
          await context.here.inTurn('store', () => Promise.resolve());
          heard = false;
          const found = await isMoving(context, wanted, asker);
          if (asker !== undefined && context.here.owner !== asker) throw ownerLeft(asker);
          // A task that moved from one slice of a long reading to another may have been missed.
          if (!found.moving && !(found.slices > 1 && heard)) resolve();
        } catch (error) {
          // After any other error it is read again.
          if (isFinal(error)) reject(error);
        }
      },
      (message) => {
        heard ||= message?.kind !== 'progress';
      },
    );
    const stop = (): void => reject(signal?.aborted === true ? signal.reason : basketClosed());
    const ends = [closed.signal, ...(signal === undefined ? [] : [signal])];
    for (const one of ends) one.addEventListener('abort', stop);
    end = () => {
      looks.stop();
      for (const one of ends) one.removeEventListener('abort', stop);
    };
    if (ends.some(({ aborted }) => aborted)) return stop();
    looks.start();
    looks.look();
  });

  await idle.finally(end);
}

/**
 * Whether a task of a scope will run by itself, and in how many transactions that was read. Rejects if there is an `asker`
 * who is not signed in on this device any more.
 */
async function isMoving(
  context: BasketContext,
  wanted: Wanted,
  asker: string | undefined,
): Promise<{ readonly moving: boolean; readonly slices: number }> {
  const reading: Reading = { context, led: await isLed(context), still: new Set() };
  let cursor = Number.NEGATIVE_INFINITY;
  for (let slices = 1; ; slices += 1) {
    const facts = await pageOf(context, { wanted, cursor }, slice, reading.led);
    if (asker !== undefined && facts.owner !== asker) throw ownerLeft(asker);
    for (const row of facts.rows) {
      // Whoever asks for the tasks of every owner does not wait for those of absent ones.
      if (wanted.owners !== undefined && isOut(row, facts)) throw ownerLeft(row.owner);
      if (await moves(reading, row, facts)) return { moving: true, slices };
    }
    if (facts.rows.length < slice) return { moving: false, slices };
    cursor = facts.rows.at(-1)?.seq ?? cursor;
  }
}

/** One reading of the tasks of a scope. */
interface Reading {
  readonly context: BasketContext;
  readonly led: boolean;
  /** The ids of the tasks that were found to wait for a decision. */
  readonly still: Set<string>;
}

/** Whether a task will run by itself: neither it, nor a task that goes before it, waits for a decision. */
async function moves({ context, led, still }: Reading, row: TaskRow, facts: Facts): Promise<boolean> {
  const awaited = facts.reasonsOf?.(row).map(awaitedBy) ?? [];
  const before = awaited.flatMap((one) => (typeof one === 'object' ? one.id : []));
  let free = !isOut(row, facts) && !awaited.includes('decision') && !before.some((one) => still.has(one));
  if (free && before.length > 0) {
    const find = async (stores: FactStores) => factsOf(context, stores, await rowsOfIds(stores, before), led);
    const found = await read(context, find, factStores);
    // A task that is dead by now may have left the lane. If somebody else has signed in meanwhile, other tasks run. In both
    // cases the next look decides.
    const left = found.owner !== facts.owner;
    for (const one of found.rows) free &&= left || isDead(one) || (await moves({ context, led, still }, one, found));
  }
  if (!free) still.add(row.id);

  return free;
}

/** Whether the owner of a task is not signed in, by the last call of any context. Missing values come by themselves. */
function isOut(row: TaskRow, { owner, reasonsOf }: Facts): boolean {
  return row.owner !== owner && (reasonsOf?.(row) ?? []).some(({ reason }) => reason === 'signed-out');
}

function ownerLeft(owner: Owner): TaskbasketError {
  return new TaskbasketError('signed-out', `"${owner}" is not signed in. Ask again after a signIn with this owner.`);
}
