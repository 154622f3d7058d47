/** The next row of a source that has rows due. */
export interface Candidate {
  /** Whether it was never tried. */
  readonly fresh: boolean;
  /** How late it is, in milliseconds. A fresh row counts as infinitely late. */
  readonly lateness: number;
  readonly seq: number;
}

/**
 * The row of one gate that probes. Whatever the priorities, a task that was never tried probes first, and then the task that was
 * tried longest ago. So two tasks that always find the destination away cannot keep the others waiting.
 */
export function nextProbe<Row extends Candidate>(due: readonly Row[]): Row | undefined {
  return leastBy(due, ({ lateness }) => -lateness);
}

/**
 * The row of one priority that is tried next: the most overdue row, or if it is the turn of the fresh ones, the oldest
 * fresh row.
 */
export function nextInOrder<Row extends Candidate>(due: readonly Row[], freshNext: boolean): Row | undefined {
  const first = (fresh: boolean): Row | undefined =>
    leastBy(
      due.filter((row) => row.fresh === fresh),
      ({ seq, lateness }) => (fresh ? seq : -lateness),
    );

  return first(freshNext) ?? first(!freshNext);
}

function leastBy<Item>(items: readonly Item[], value: (item: Item) => number): Item | undefined {
  let least: Item | undefined;
  for (const item of items) if (least === undefined || value(item) < value(least)) least = item;

  return least;
}
