import { createDestination } from './destination.js';
import type { Destination, Waits } from './destination.js';
import { createPauses } from './pauses.js';
import type { NamesOf, Pause } from './pauses.js';
import type { End, Session } from './rules.js';
import { forbids, hasLeft } from './rules.js';
import type { Added, Ended, Gone, Moment, Start, Task } from './tasks.js';

/**
 * What may start now, by the manual: docs/order.md, options.md, control.md, handlers.md, sign-in.md and deploys.md. It is told what was
 * added, commanded and answered, in the order in which that was stored, and imports nothing of the library. Each call that
 * gives back a text says what is wrong.
 */
export interface Model {
  /** A task was added, behind all that were added before. */
  readonly added: (task: Added) => void;
  readonly gone: (id: string, end: Gone) => void;
  /** The destination of a task that is done has answered. */
  readonly answered: (id: string, gate: string, at: Moment) => void;
  /** Another task took its place. `isMerged`: with its payload. */
  readonly replaced: (id: string, by: string | undefined, isMerged: boolean) => void;
  /** Nothing is kept of its end any more. */
  readonly forgotten: (id: string) => void;
  /** A task is dead without an attempt: its time is over, or a parent was cancelled. */
  readonly died: (id: string, reason: string, at: Moment) => string | undefined;
  /** Its attempt has ended, and it is still there. */
  readonly ended: (id: string, how: Ended, at: Moment) => void;
  /** The date for which a task waited has come; another thing holds it now. The wall clock may go back later. */
  readonly reached: (id: string) => void;
  readonly retried: (id: string) => void;
  readonly updated: (id: string, gate: string) => void;
  /** A task that runs was cancelled. */
  readonly cancelled: (id: string) => void;
  readonly strange: (id: string) => void;
  readonly signedIn: (owner: string | null) => void;
  /** The app declares a session from now on. */
  readonly declared: () => void;
  /** A task that had no owner has one. */
  readonly adopted: (id: string, owner: string) => void;
  readonly paused: (pauses: readonly Pause[]) => void;
  /** These pauses ended; or `undefined`: all, except those of other owners than `here`. Without a session: all. */
  readonly resumed: (pauses: readonly Pause[] | undefined, here: string | undefined) => void;
  /** Everything of an owner was removed, also what was paused. */
  readonly purged: (owner: string) => void;
  readonly lost: () => void;
  /** A page is visible or online again; or a person wants the probe of a destination. */
  readonly woken: (at: Moment, gate?: string) => void;
  readonly starts: (id: string, at: Start) => string | undefined;
  /** What may start, as far as tasks and destinations that are not away go. */
  readonly mayStart: (at: Moment, namesOf: NamesOf) => ReadonlySet<string>;
}

/** A model of an empty basket, in which nobody is signed in. */
export function createModel(waits: Waits): Model {
  const tasks = new Map<string, Task>();
  const ends = new Map<string, End>();
  const gates = new Map<string, Destination>();
  const session: Session = { isDeclared: false, owner: null };
  const pauses = createPauses();
  let place = 0;

  function gateOf({ gate }: Pick<Task, 'gate'>): Destination {
    const known = gates.get(gate) ?? createDestination(waits);
    gates.set(gate, known);

    return known;
  }
  function change(id: string, to: (task: Task) => void): void {
    const task = tasks.get(id);
    if (task !== undefined) to(task);
  }
  /** These tasks, and those that took the place of them. A set that grows is walked to its end. */
  function awaited(ids: readonly string[]): Set<string> {
    const all = new Set(ids);
    for (const id of all) {
      const { by } = ends.get(id) ?? {};
      if (by !== undefined) all.add(by);
    }

    return all;
  }
  /** Somebody has decided about a task. */
  function anew(task: Task): void {
    task.runsWithout ||= task.state === 'orphaned';
    if (task.state !== 'queued') task.expiresAt = undefined;
    Object.assign(task, { state: 'queued', failures: 0, interruptions: 0, wait: undefined });
  }

  return {
    added(task) {
      place += 1;
      const fresh = { state: 'queued', running: false, started: false, failures: 0, interruptions: 0 } as const;
      const more = { place, leftBefore: false, wait: undefined, awaits: awaited(task.after) };
      tasks.set(task.id, { ...task, ...fresh, ...more });
      ends.delete(task.id);
    },

    gone(id, end) {
      ends.set(id, {
        end,
        owner: tasks.get(id)?.owner ?? null,
        place: end === 'replaced' ? tasks.get(id)?.place : undefined,
      });
      tasks.delete(id);
      pauses.ended([id]);
    },
    answered: (id, gate, at) => gateOf({ gate }).heard(id, { kind: 'done' }, at),
    forgotten: (id) => void ends.delete(id),
    replaced(id, by, isMerged) {
      const { owner = null, place: was } = ends.get(id) ?? {};
      ends.set(id, { end: 'replaced', owner, by, place: was });
      for (const task of tasks.values()) if (task.awaits.has(id) && by !== undefined) task.awaits.add(by);
      change(by ?? '', (task) => void (task.merges ||= isMerged));
    },

    died(id, reason, { wall }) {
      const task = tasks.get(id);
      if (task === undefined) return 'there is no such task';
      const isOver = task.expiresAt !== undefined && task.expiresAt <= wall;
      task.state = reason === 'expired' ? 'expired' : 'orphaned';

      return reason !== 'expired' || isOver ? undefined : `its time is ${task.expiresAt}, and it is ${wall}`;
    },

    ended: (id, how, at) =>
      change(id, (task) => {
        task.running = false;
        task.started ||= how.kind !== 'unstarted';
        if (how.kind === 'cut off') task.interruptions += 1;
        else if (how.kind !== 'returned' && how.kind !== 'unstarted') task.interruptions = 0;
        task.wait = undefined;
        gateOf(task).heard(id, how, at);
        const after = (least: number): void => void (task.wait = { until: at.now + least, isDate: false });
        if (how.kind === 'failure') after(task.leastWait((task.failures += 1)));
        if (how.kind === 'cut off' && how.isKnown && task.interruptions >= 3)
          after(task.leastWait(task.interruptions - 2));
        if (how.kind === 'later' && 'for' in how) after(Math.max(1_000, how.for));
        if (how.kind === 'later' && 'date' in how)
          task.wait = { until: Math.max(how.date, at.wall + 1_000), isDate: true };
        if (task.state !== 'queued') return;
        if (how.kind === 'dead' || task.failures >= task.failureLimit) task.state = 'dead';
        // Who takes over does not look at dates. A turn does, and the wall clock may have been put back meanwhile.
        else if (how.kind !== 'cut off' && task.expiresAt !== undefined && task.expiresAt <= at.wall)
          task.state = 'expired';
      }),

    reached: (id) => change(id, (task) => void (task.wait = undefined)),
    retried: (id) => change(id, anew),

    updated: (id, gate) =>
      change(id, (task) => {
        // What a person has corrected is sent before the later tasks of its key.
        task.started ||= task.state !== 'queued';
        anew(task);
        task.gate = gate;
      }),

    cancelled(id) {
      change(id, (task) => void (task.state = 'cancelled'));
      pauses.ended([id]);
    },
    strange: (id) => change(id, (task) => void Object.assign(task, { leftBefore: hasLeft(task), state: 'strange' })),
    signedIn: (who) => void (session.owner = who),
    declared: () => void (session.isDeclared = true),
    adopted: (id, who) => change(id, (task) => void (task.owner = who)),

    paused: pauses.begun,
    resumed(some, here) {
      if (some !== undefined) pauses.ended(some);
      else {
        const isTheirs = (owner: string | null | undefined): boolean => owner === (here ?? null) || owner === null;
        pauses.endedWhere((one) => {
          const owner = typeof one === 'string' ? tasks.get(one)?.owner : one.owner;

          return !session.isDeclared || owner === undefined || isTheirs(owner);
        });
      }
    },
    purged: (owner) => pauses.endedWhere((one) => typeof one === 'object' && one.owner === owner),

    lost() {
      for (const map of [tasks, ends, gates]) map.clear();
      pauses.endedWhere(() => true);
      session.owner = null;
    },

    woken({ now }, gate) {
      for (const [name, one] of gates) if (gate === undefined || gate === name) one.woken(gate !== undefined, now);
    },

    starts(id, at) {
      const task = tasks.get(id);
      if (task === undefined) return 'there is no such task';
      const running = [...tasks.values()].filter((one) => one.running);
      const through = running.filter(({ gate }) => gate === task.gate).map((one) => one.id);
      const alone = [task, ...running].some(({ interruptions }) => interruptions >= 3) ? 1 : 0;
      const wrong = [
        forbids(task, tasks, ends, session, at, at.merges),
        at.reads ? undefined : 'this build cannot read it',
        pauses.holds(task, at.namesOf) ? 'it is paused' : undefined,
        running.length < at.slots + alone ? undefined : `${running.length} run, in ${at.slots} slots`,
        running.filter(({ type }) => at.isSame(type)).length < at.most ? undefined : `${at.most} of its type run`,
        gateOf(task).forbids(id, through, at),
      ];
      task.running = true;
      gateOf(task).started(id);

      return wrong.find((one) => one !== undefined);
    },

    mayStart: (at, namesOf) =>
      new Set(
        [...tasks.values()].flatMap((task) => {
          const forbidden = forbids(task, tasks, ends, session, at, () => true) !== undefined;
          const isHeld = gateOf(task).isAway() || forbidden || pauses.holds(task, namesOf);

          return isHeld ? [] : [task.id];
        }),
      ),
  };
}
