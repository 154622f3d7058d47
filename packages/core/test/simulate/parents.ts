import type { TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { readyOf, runnerOf } from './contents.js';
import type { World } from './world.js';

/** What has become of a parent, as the journal knows it. */
export interface ParentFacts {
  /** The id of the parent, or of the task that replaced it. */
  readonly id: string;
  readonly is: 'ended' | 'cancelled' | 'queued' | 'running' | 'dead' | 'unreadable';
  /** What its handler gave back. */
  readonly result: unknown;
}

/** The parents of a row, in the order in which its add named them. */
export function parentsOf(world: World, contents: Contents, row: TaskRow): readonly ParentFacts[] {
  return (world.byId.get(row.id)?.after ?? []).map((id) => parentOf(world, contents, row, id));
}

/** What its parents mean for a row, as the manual says it. */
export function parentsSay(world: World, contents: Contents, row: TaskRow): 'die' | 'hold' | undefined {
  const parents = parentsOf(world, contents, row);
  const runsWithout = world.byId.get(row.id)?.onParent === 'run';
  if (!runsWithout && parents.some(({ is }) => is === 'cancelled')) return 'die';

  return parents.some(lives) ? 'hold' : undefined;
}

/** Whether a child waits for this parent. */
export function lives({ is }: ParentFacts): boolean {
  return is !== 'ended' && is !== 'cancelled';
}

/** One parent. It stands until its claim has ended; a child does not wait for a task that was added after it. */
function parentOf(world: World, contents: Contents, child: TaskRow, named: string): ParentFacts {
  for (let id = named; ;) {
    const told = world.byId.get(id);
    const row = told?.state === 'stored' ? contents.tasks.get(told.seq ?? 0) : undefined;
    // These contents may be of before an adoption, which the journal knows already.
    const owner = row === undefined ? told?.owner : row.owner;
    const runs = runnerOf(contents)?.running.some((claim) => claim.id === id) === true;
    // A claim whose row is gone does not say whose it is: whoever names it waits until it ends.
    const isOther = owner !== null && owner !== child.owner && !(runs && row === undefined);
    if (told === undefined || isOther) return { id, is: 'ended', result: undefined };
    if ((runs || row !== undefined) && id === named && (told.seq ?? 0) > child.seq)
      return { id, is: 'ended', result: undefined };
    if (runs) return { id, is: 'running', result: undefined };
    if (row !== undefined) return { id, is: stateOf(world, row), result: undefined };
    if (told.state !== 'ended' || told.era < world.losses) return { id, is: 'ended', result: undefined };
    // A row that was removed by hand may have been cancelled before.
    const isCancelled = [...contents.outcomes.values()].some((one) => one.id === id && one.state === 'cancelled');
    if (told.end === 'cancelled' || isCancelled) return { id, is: 'cancelled', result: undefined };
    if (told.end !== 'replaced' || told.replacedBy === undefined)
      return { id, is: 'ended', result: told.end === 'done' ? told.result : undefined };
    if (id === named && (told.seq ?? 0) > child.seq) return { id, is: 'ended', result: undefined };
    id = told.replacedBy;
  }
}

function stateOf(world: World, row: TaskRow): ParentFacts['is'] {
  const { letter } = world.foreign.has(row.seq) ? { letter: 'U' } : readyOf(row);

  return letter === 'D' ? 'dead' : letter === 'U' ? 'unreadable' : 'queued';
}

/** The mark by which the children of a task are found. Written out here: what is checked must not check itself. */
export function parentMarkOf(id: string): string {
  return `W${id.replaceAll('%', '%25').replaceAll('|', '%7C')}`;
}

/** Whether a row is found as a child of one of these tasks, or of one of which they have taken the place. */
export function isChildOf(row: TaskRow, ids: ReadonlySet<string>, moves: Moves = new Map()): boolean {
  return row.marks.some((mark) => {
    const id = mark.startsWith('W') ? mark.slice(1).replaceAll('%7C', '|').replaceAll('%25', '%') : '';

    let by = moves.get(id);
    while (by !== undefined && !ids.has(by)) by = moves.get(by);

    return ids.has(id) || by !== undefined;
  });
}

/** The tasks that were replaced, each with the one that took its place. */
export type Moves = ReadonlyMap<string, string | undefined>;

/** The marks of its parents that a row must have, and those that it may have: of tasks that replaced a parent. */
export function waitMarksOf(world: World, row: TaskRow): { readonly must: readonly string[]; readonly may: string[] } {
  const after = world.byId.get(row.id)?.after ?? [];
  const may: string[] = [];
  for (const id of after) {
    for (let by = world.byId.get(id)?.replacedBy; by !== undefined; by = world.byId.get(by)?.replacedBy)
      may.push(parentMarkOf(by));
  }

  return { must: [...new Set(after.map(parentMarkOf))], may };
}

/** These rows, their children, and the children of these; of the children of what is nobody's those that are seen. */
export function withChildren(
  rows: readonly TaskRow[],
  contents: Contents,
  moves: Moves,
  isSeen: (row: TaskRow) => boolean,
): readonly TaskRow[] {
  const all = new Map(rows.map((row) => [row.seq, row]));
  for (let next = rows; next.length > 0;) {
    const before = next;
    const idsFor = (child: TaskRow): ReadonlySet<string> =>
      new Set(
        before.filter(({ owner }) => owner === child.owner || (owner === null && isSeen(child))).map(({ id }) => id),
      );
    next = [...contents.tasks.values()].filter(
      (row) => row.cancelled !== true && !all.has(row.seq) && isChildOf(row, idsFor(row), moves),
    );
    for (const row of next) all.set(row.seq, row);
  }

  return [...all.values()].sort((one, other) => one.seq - other.seq);
}
