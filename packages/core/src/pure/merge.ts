import { atOnce } from './codec.js';
import { copyOf } from './copy.js';
import { callSafely } from './errors.js';
import { findType } from './find-type.js';
import type { TaskRow } from './record.js';
import { withPayload } from './record.js';
import type { AnyRegistry } from './registry.js';
import { smallCopy } from './size.js';
import { isOver } from './transitions.js';

/** Whether the next task of the same key is merged with a task, and does not just replace it. The rows say so in each build. */
export function isMerged(row: TaskRow, next: TaskRow): boolean {
  return row.merges === true || next.merges === true;
}

/**
 * The row of the later of two tasks, with the payload that their type makes of both. `undefined`: both tasks stay. That
 * is so if this build has no `merge`, or another version of the type; if a payload is not in its row; if the time of one
 * of them is over; and if `merge` says so or throws, or what it returns does not fit into a row.
 */
export function withMerged(
  registry: Pick<AnyRegistry, 'types' | 'aliases'>,
  row: TaskRow,
  next: TaskRow,
  wall: number,
): TaskRow | undefined {
  const type = findType(registry, next.type);
  const mayMerge = (one: TaskRow): boolean =>
    one.version === type?.version && one.ref === undefined && !isOver(one, wall);
  if (type?.merge === undefined || !mayMerge(row) || !mayMerge(next)) return undefined;

  let merged: unknown;
  try {
    // The app gets copies, because it might change them and then refuse.
    const [earlier, later] = [row, next].map(({ payload }) => atOnce(type.codec.decode(copyOf(payload)), 'The codec'));
    callSafely(({ merge }) => {
      merged = atOnce(merge?.(earlier, later), 'merge');
    }, type);
    if (merged === undefined) return undefined;
    const inline = smallCopy(atOnce(type.codec.encode(merged), 'The codec'));

    return { ...withPayload(next, { inline }, type.version), merges: true };
  } catch {
    return undefined; // The codec cannot read one of them now, or the result is too large.
  }
}
