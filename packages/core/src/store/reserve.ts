import type { Work } from '../ports/ports.js';
import { isQuota } from '../pure/errors.js';
import { stateKeys } from '../pure/record.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import type { TransactContext, TransactOptions } from './transact.js';
import { read, transact } from './transact.js';

/**
 * The reserve: a megabyte that is stored only to be deleted. When the browser has no room, its room is for the writes by
 * which tasks are sent and cancelled, and so free more. No task is added into it. Decision 0015 says how it was tried.
 *
 * Its bytes are random, because a browser would compress others. A browser gives 65,536 random bytes at a time.
 */
const pieces = 16;
const pieceSize = 65_536;

/** Its transactions name the store `state` alone. */
const stateOnly = { scope: ['state'] } as const;

/** Stores the reserve, if there is none and the browser has room for it. */
export async function keepReserve(context: TransactContext): Promise<void> {
  if (await read(context, hasReserve, ['state'])) return;

  const bytes = Array.from({ length: pieces }, () => context.ports.randomBytes(pieceSize));
  try {
    await transact(context, 'reserve', ({ state }) => state.put(bytes, stateKeys.reserve), {
      ...stateOnly,
      durability: 'relaxed',
    });
  } catch (error) {
    if (!isQuota(error)) throw error;
  }
}

/** Whether there is a reserve. If there is none although a runner has led, the browser has no room. */
export async function hasReserve({ state }: Pick<Stores, 'state'>): Promise<boolean> {
  return (await answer(state.getKey(stateKeys.reserve))) !== undefined;
}

/**
 * Runs a transaction as `transact` does. If there is no room for it, deletes the reserve and runs it a second time, unless
 * `gone` has aborted, because the runner that asked has stopped.
 */
export async function transactWithReserve<Result>(
  context: TransactContext,
  work: Work,
  body: (stores: Stores) => Promise<Result>,
  options: TransactOptions<keyof Stores> = {},
  gone?: AbortSignal,
): Promise<Result> {
  const isGone = (): boolean => gone?.aborted === true;
  try {
    return await transact(context, work, body, options);
  } catch (error) {
    const madeRoom = isQuota(error) && !isGone() && (await giveUpReserve(context).catch(() => false));
    if (!madeRoom || isGone()) throw error;

    return transact(context, work, body, options);
  }
}

/** Deletes the reserve, in a transaction of its own: only then is its room free. Resolves with whether there was one. */
function giveUpReserve(context: TransactContext): Promise<boolean> {
  const body = async (stores: Pick<Stores, 'state'>): Promise<boolean> => {
    const had = await hasReserve(stores);
    stores.state.delete(stateKeys.reserve);

    return had;
  };

  return transact(context, 'reserve', body, stateOnly);
}
