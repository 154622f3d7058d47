import { callSafely } from '../pure/errors.js';
import type { Row } from './row.js';
import type { InspectedTask } from './settings.js';

/** How long the page makes rows without a break, in milliseconds. */
const slice = 8;

/** The rows of a list. */
export interface Rows {
  /** Shows these tasks. A task that has a row keeps it, so that focus and selection stay. */
  readonly show: (tasks: readonly InspectedTask[]) => void;
  /** The next `show` shows each task anew, because words have changed. */
  readonly renew: () => void;
  readonly tick: () => void;
}

/**
 * Keeps a row for each task, in order.
 *
 * @param instead Gets the focus if the row that has it is removed, and no other row is left.
 */
export function createRows(list: HTMLElement, instead: HTMLElement, create: (task: InspectedTask) => Row): Rows {
  const rows = new Map<string, Row>();
  /** The task that each row shows now. */
  const shown = new WeakMap<Row, InspectedTask>();
  let latest: readonly InspectedTask[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function showAll(tasks: readonly InspectedTask[]): void {
    latest = tasks;
    clearTimeout(timer);
    const stay = new Set(tasks.map(({ id }) => id));
    for (const [id, row] of rows) if (!stay.has(id)) drop(id, row);
    walk(0, list.firstElementChild);
  }

  /** Shows the tasks from the place `from` on. `at` is the element that is in this place now. */
  function walk(from: number, at: Element | null): void {
    const end = performance.now() + slice;
    for (let place = from; place < latest.length; place += 1) {
      if (performance.now() > end) {
        timer = setTimeout(() => walk(place, at));
        return;
      }
      const task = latest[place] as InspectedTask;
      const row = rows.get(task.id) ?? create(task);
      rows.set(task.id, row);
      if (shown.get(row) !== task) callSafely(row.show, task);
      shown.set(row, task);
      // An element that is moved loses the focus, so an element that is in its place is not moved.
      if (row.item === at) at = at.nextElementSibling;
      else list.insertBefore(row.item, at);
    }
  }

  function drop(id: string, { item, gone }: Row): void {
    rows.delete(id);
    const hadFocus = item.matches(':focus-within');
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    gone();
    item.remove();
    if (!hadFocus) return;
    const next = [...rows.values()].find((row) => row.item === neighbour);
    (next?.title ?? instead).focus({ preventScroll: true });
  }

  return {
    show: showAll,
    renew() {
      for (const row of rows.values()) shown.delete(row);
    },
    tick() {
      for (const row of rows.values()) callSafely(row.tick, undefined);
    },
  };
}
