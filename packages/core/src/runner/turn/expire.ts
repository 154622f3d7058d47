import { toldOf } from '../../basket/context/messages.js';
import { above, expiryMark, readExpiry } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import { laneMarkOf } from '../../pure/record.js';
import { rowOf } from '../../pure/stored.js';
import { expired, isOver } from '../../pure/transitions.js';
import { walk } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import type { Leader } from '../term/leader.js';
import { runs } from '../term/leader.js';
import type { Draft } from './draft.js';
import { asRewritten, isReplaced } from './replace.js';
import { payFor } from './settle.js';

/** A turn searches for so many tasks that have expired, because other writes wait for it. */
const expiredATurn = 64;

/**
 * Makes tasks dead whose time is over, the earliest first, and notes when the next task expires. A claimed task is left,
 * because its end decides.
 */
export async function expireDue(leader: Leader, draft: Draft): Promise<void> {
  const { memory, moment, stores, running } = draft;
  if (memory.expires > moment.wall) return;

  const due: TaskRow[] = [];
  const last = expiryMark(moment.wall);
  let next: string | undefined;
  const range = IDBKeyRange.bound('X', above('X'));
  await walk(stores.tasks.index(marksIndex).openCursor(range), (cursor) => {
    const mark = cursor.key as string;
    if (mark > last || due.length === expiredATurn) {
      next = mark;

      return false;
    }
    const row = rowOf(cursor.value);
    if (row !== undefined && mayExpire(row, moment.wall) && !runs(running, row)) due.push(row);
    cursor.continue();

    return true;
  });
  memory.expires = next === undefined ? Number.POSITIVE_INFINITY : readExpiry(next);
  for (const row of due)
    if (!(await isReplaced(leader, draft, row))) await bury(leader, draft, expired(asRewritten(draft, row), moment));
}

/** Writes a task that is dead now without an attempt, and pays its lane. */
export async function bury(leader: Leader, draft: Draft, row: TaskRow): Promise<void> {
  draft.stores.tasks.put(row);
  draft.gone.add(row.seq);
  draft.hints.push({ ...toldOf(row), event: 'settled', state: 'dead' });
  draft.wrote = true;

  await payFor(leader, draft, { lanes: [laneMarkOf(row)], ids: [] });
}

/** A strange row is never written. The end of a claim deletes a row whose task was cancelled. */
function mayExpire(row: TaskRow, wall: number): boolean {
  return row.strange !== true && row.cancelled !== true && isOver(row, wall);
}
