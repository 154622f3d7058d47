import type { Task } from './tasks.js';

/** What a pause holds: one task, or all that fit each part that is given. `owner: null`: nobody's tasks. */
export type Pause = string | PausedTasks;

interface PausedTasks {
  readonly type?: string | readonly string[];
  /** The earlier names of these types, for a build that knows no others. */
  readonly earlier?: readonly string[];
  readonly lane?: string;
  readonly gate?: string;
  readonly owner?: string | null;
  readonly everyOwner?: boolean;
}

/** The names that tasks of a type have, as a build reads them. */
export type NamesOf = (type: string) => readonly string[];

/** The set of pauses that stand. */
export interface Pauses {
  readonly begun: (pauses: readonly Pause[]) => void;
  readonly ended: (pauses: readonly Pause[]) => void;
  /** All pauses that fit have ended. */
  readonly endedWhere: (fits: (pause: Pause) => boolean) => void;
  readonly holds: (task: Task, namesOf: NamesOf) => boolean;
}

/** A set without pauses. */
export function createPauses(): Pauses {
  const standing = new Map<string, Pause>();

  return {
    begun(pauses) {
      for (const pause of pauses) standing.set(formOf(pause), pause);
    },
    ended(pauses) {
      for (const pause of pauses) standing.delete(formOf(pause));
    },
    endedWhere(fits) {
      for (const [form, pause] of standing) if (fits(pause)) standing.delete(form);
    },
    holds: (task, namesOf) => [...standing.values()].some((pause) => isHeldBy(pause, task, namesOf)),
  };
}

function isHeldBy(pause: Pause, task: Task, namesOf: NamesOf): boolean {
  if (typeof pause === 'string') return pause === task.id;
  const { type, earlier = [], lane = task.lane, gate = task.gate, owner = task.owner } = pause;
  const isOfType = type === undefined || [type, earlier].flat().some((name) => namesOf(name).includes(task.type));

  return isOfType && lane === task.lane && gate === task.gate && owner === task.owner;
}

/** Two pauses with the same parts are one. */
function formOf(pause: Pause): string {
  if (typeof pause === 'string') return `the task ${pause}`;
  const { type, lane, gate, owner, everyOwner } = pause;
  const types = type === undefined ? undefined : [...new Set([type].flat())].sort();

  return JSON.stringify({ types, lane, gate, owner, everyOwner });
}
