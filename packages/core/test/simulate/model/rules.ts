import type { Gone, Merges, Moment, Task } from './tasks.js';

/** What is kept of a task that is gone; of one that was replaced, by which. */
export interface End {
  readonly end: Gone;
  readonly owner: string | null;
  readonly by?: string | undefined;
  /** Of one that was replaced: its place. */
  readonly place?: number | undefined;
}

/** Whether the app declares a session, and who is signed in. */
export interface Session {
  isDeclared: boolean;
  owner: string | null;
}

type Ends = ReadonlyMap<string, End>;

/** What forbids a task to start now, apart from destinations and slots; `undefined`: nothing. */
export function forbids(
  task: Task,
  tasks: ReadonlyMap<string, Task>,
  ends: Ends,
  { isDeclared, owner: signedIn }: Session,
  { now, wall }: Moment,
  merges: Merges,
): string | undefined {
  if (task.state !== 'queued') return `it is ${task.state}`;
  if (task.running) return 'it runs already';
  if (task.owner !== null && task.owner !== signedIn) return `it is ${task.owner}'s, and ${signedIn} is signed in`;
  if (task.owner === null && isDeclared && task.needsOwner) return 'it has no owner';
  if (task.runAt !== undefined && task.runAt > wall) return `it may not run before ${task.runAt}, and it is ${wall}`;
  if (task.expiresAt !== undefined && task.expiresAt <= wall)
    return `its time was ${task.expiresAt}, and it is ${wall}`;
  const { wait } = task;
  if (wait !== undefined && wait.until > (wait.isDate ? wall : now)) return `it waits until ${wait.until}`;

  const before = [...tasks.values()].find((one) => holdsBack(one, task));
  if (before !== undefined) return `${before.id} of its lane ${before.running ? 'runs' : 'has not ended'}`;
  const parent = task.after.map((id) => parentSays(task, id, tasks, ends)).find((said) => said !== undefined);
  if (parent !== undefined) return parent;
  const by = replacerOf(task, tasks, ends, wall, merges);

  return by === undefined ? undefined : `${by.id} replaces it`;
}

/** Tasks of one lane run one at a time, in order. A dead one stops its lane, unless its type says otherwise. */
function holdsBack(one: Task, task: Task): boolean {
  if (one === task || task.lane === undefined || one.lane !== task.lane || one.owner !== task.owner) return false;
  if (one.running) return true;

  return one.place < task.place && !hasLeft(one);
}

/** Whether a task has left its lane, for good or until somebody decides about it. */
export function hasLeft(task: Task): boolean {
  if (task.state === 'expired') return task.skipsExpired;
  if (task.state === 'strange') return task.leftBefore;

  return (task.state === 'dead' || task.state === 'orphaned') && task.skipsDead;
}

/** What a parent has to say: it has not ended, or was cancelled. What is not known, or of somebody else, has succeeded. */
function parentSays(child: Task, named: string, tasks: ReadonlyMap<string, Task>, ends: Ends): string | undefined {
  for (let id: string | undefined = named; id !== undefined;) {
    const parent = tasks.get(id);
    const end: End | undefined = parent === undefined ? ends.get(id) : undefined;
    const { owner = null } = parent ?? end ?? {};
    if (owner !== null && owner !== child.owner) return undefined;
    if (parent !== undefined)
      return id === named && parent.place > child.place ? undefined : `its parent ${id} is ${parent.state}`;
    if (id === named && (end?.place ?? 0) > child.place) return undefined;
    if (end?.end === 'cancelled') return child.runsWithout ? undefined : `its parent ${id} was cancelled`;
    id = end?.end === 'replaced' ? end.by : undefined;
  }

  return undefined;
}

/** A dead task waits for a person, and takes the place of no other one. */
const takesNoPlace: ReadonlySet<Task['state']> = new Set(['strange', 'dead', 'expired', 'orphaned']);

/** The next task of its key, if it takes the place of a task that was never started, with nothing of the lane between. */
function replacerOf(
  task: Task,
  tasks: ReadonlyMap<string, Task>,
  ends: Ends,
  wall: number,
  merges: Merges,
): Task | undefined {
  const all = [...tasks.values()];
  if (task.key === undefined || task.started) return undefined;
  const isMate = (one: Task): boolean => one.owner === task.owner && one.lane === task.lane;
  const later = all.filter((one) => one.place > task.place).sort((one, other) => one.place - other.place);
  const next = later.find(
    (one) => isMate(one) && one.type === task.type && one.key === task.key && one.state !== 'cancelled',
  );
  if (next === undefined || takesNoPlace.has(next.state) || next.after.join() !== task.after.join()) return undefined;
  const between = task.lane !== undefined && later.some((one) => isMate(one) && one.place < next.place);
  if (between) return undefined;
  // Only the later one waits for what was added between them.
  const placeOf = (id: string): number => tasks.get(id)?.place ?? ends.get(id)?.place ?? 0;
  if (task.after.some((id) => placeOf(id) > task.place && placeOf(id) < next.place)) return undefined;
  if (!task.merges && !next.merges) return next;
  // Nothing is merged into what was started; nor is what another task waits for, or whose time is over.
  const isOver = ({ expiresAt }: Task): boolean => expiresAt !== undefined && expiresAt <= wall;
  const isOpen = next.state === 'queued' && !next.started && !next.running && !isOver(next) && !isOver(task);
  const isAwaited = all.some(({ awaits }) => awaits.has(task.id));

  return isOpen && !isAwaited && merges(task.id, next.id) ? next : undefined;
}
