import { newStamp, stampLength } from '../../ports/ids.js';
import { isQuota, messageOf, TaskbasketError } from '../../pure/errors.js';
import type { TaskRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { transactWithReserve } from '../../store/reserve.js';
import { read, transact } from '../../store/transact.js';
import { isRefusal, notChanged } from '../adding/refusal.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import type { Hint } from '../context/messages.js';

/** So many characters of stamps are kept, the newest first. */
export const stampsKept: number = 64 * stampLength;

/** What a command changed, and what is told of it. */
export interface Edited {
  readonly found: readonly TaskRow[];
  readonly hints: readonly Hint[];
  /** Whether anything was changed. Default: if a row was found, or there is something to tell. */
  readonly changed?: boolean;
}

/** One try of a command: its stamp, the stamps that it found, and what it changed if it came to its end. */
interface Try {
  readonly stamp: string;
  before: string;
  done?: Edited;
}

/**
 * Runs one transaction of a page's command and resolves with the rows that it changed. The transaction puts a random
 * stamp before those of earlier commands. A runner that reads another stamp forgets the rows that it has read. If the
 * transaction seems to have failed, the command checks for its stamp, because it may have been committed all the same.
 *
 * If the browser has no room, the command is called once more with `full`. It may then only delete, because browsers
 * commit that at a full disk. Instead of putting a stamp, the transaction deletes all stamps.
 *
 * @throws TaskbasketError `quota`, `not-stored`: nothing was changed. `unknown-outcome`: nobody knows.
 */
export async function edit(
  context: BasketContext,
  command: (stores: Stores, full: boolean) => Promise<Edited>,
  work: 'command' | 'tidy' | 'session' = 'command',
): Promise<readonly TaskRow[]> {
  const one: Try = { stamp: newStamp(context.ports.randomBytes), before: '' };
  const body = async (stores: Stores, full = false): Promise<Edited> => {
    delete one.done;
    const edited = await command(stores, full);
    if (isChange(edited)) {
      // If all stamps are deleted, and there was none, nobody could tell whether that was committed.
      one.before = (await stampsOf(stores)) || (full ? one.stamp : '');
      if (full) stores.state.delete(stateKeys.edits);
      else stores.state.put(`${one.stamp}${one.before}`.slice(0, stampsKept), stateKeys.edits);
    }
    one.done = edited;

    return edited;
  };
  const end = underway(context);
  const options = { durability: work === 'tidy' ? 'relaxed' : 'strict' } as const;
  // A page need not tidy, because the runner does it before it starts a task. So the reserve stays for the writes by which
  // tasks are sent and cancelled.
  const run = work === 'tidy' ? transact : transactWithReserve;
  const edited = await run(context, work, body, options)
    .catch((error: unknown) => {
      if (!isQuota(error) || work === 'tidy') throw error;

      return transact(context, work, (stores) => body(stores, true), options);
    })
    .catch(async (error: unknown) => {
      if (one.done !== undefined && !isRefusal(error) && (await isCommitted(context, one, error))) return one.done;

      throw notChanged(error);
    })
    .finally(end);
  if (isChange(edited)) context.hub.say({ kind: 'look', hints: edited.hints });

  return edited.found;
}

function isChange({ found, hints, changed = found.length + hints.length > 0 }: Edited): boolean {
  return changed;
}

async function stampsOf({ state }: Pick<Stores, 'state'>): Promise<string> {
  const stored: unknown = await answer(state.get(stateKeys.edits));

  return typeof stored === 'string' ? stored : '';
}

/** Whether a command was committed. Nobody knows if its stamp may have been pushed out, or deleted with all others. */
async function isCommitted(context: BasketContext, { stamp, before }: Try, cause: unknown): Promise<boolean> {
  const stamps = await read(context, stampsOf, ['state']).catch(() => undefined);
  if (stamps?.includes(stamp) === true) return true;

  // If an older stamp is still there, a stamp of this command would be there too.
  const newest = before.slice(0, stampLength);
  const complete = stamps !== undefined && (newest === '' ? stamps.length < stampsKept : stamps.includes(newest));
  if (complete) return false;

  throw new TaskbasketError(
    'unknown-outcome',
    `Whether the tasks were changed is not known: ${messageOf(cause)} Look for them with get or list, later.`,
    cause,
  );
}
