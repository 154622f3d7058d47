import { replacedHint } from '../../basket/context/messages.js';
import type { TaskRow } from '../../pure/record.js';
import { keyMarkOf, laneMarkOf } from '../../pure/record.js';
import { replaceEarlier } from '../../store/replace.js';
import type { Leader } from '../term/leader.js';
import type { Draft } from './draft.js';
import { payFor } from './settle.js';

/**
 * Deletes the tasks of the row's key that a later task replaces, and pays their lanes. Resolves with whether the row is
 * one of them.
 */
export async function isReplaced(leader: Leader, draft: Draft, row: TaskRow): Promise<boolean> {
  const key = keyMarkOf(row);
  if (key === undefined || draft.gone.has(row.seq)) return draft.gone.has(row.seq);

  const claims = [...draft.running.values()].map(({ claim }) => claim);
  const { registry } = leader.context;
  const { replaced, written } = await replaceEarlier(draft.stores, registry, [key], claims, draft.moment.wall);
  for (const { row: one } of replaced) draft.gone.add(one.seq);
  for (const [seq, one] of written) draft.rewritten.set(seq, one);
  draft.hints.push(...replaced.map(replacedHint));
  draft.wrote ||= replaced.length > 0;
  const lanes = replaced.map(({ row: one }) => laneMarkOf(one));
  await payFor(leader, draft, { lanes, ids: [] });

  return draft.gone.has(row.seq);
}

/**
 * A row that was read in this turn, with the payload and the marks that it has now: the turn may have merged another task
 * into it, or have replaced a task for which it waits. It has the marks of both readings, because a turn only adds marks.
 */
export function asRewritten({ rewritten }: Draft, row: TaskRow): TaskRow {
  const now = rewritten.get(row.seq);

  return now === undefined ? row : { ...now, ready: row.ready, marks: [...new Set([...row.marks, ...now.marks])] };
}
