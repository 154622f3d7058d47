/** Figures of several runs, printed as one table: medians with (least–greatest), and the ratio to the first row. */

/** A table that is filled run by run. `ratio`: whether each column is compared to its first figure. */
export function createSheet(title, { ratio = true } = {}) {
  /** @type {Map<string, Map<string, number[]>>} */
  const rows = new Map();

  return {
    /** Notes one figure. Rows and columns come in the order of the first run; its first row is what the others are compared to. */
    note(row, column, figure) {
      const cells = rows.get(row) ?? new Map();
      rows.set(row, cells);
      cells.set(column, [...(cells.get(column) ?? []), figure]);
    },

    print() {
      const columns = [...new Set([...rows.values()].flatMap((cells) => [...cells.keys()]))];
      console.log(`\n### ${title}\n`);
      console.log(`| case | ${columns.join(' | ')} |`);
      console.log(`|---|${columns.map(() => '---:|').join('')}`);
      for (const [row, cells] of rows) {
        const shown = columns.map((column) => cell(cells.get(column), ratio ? baseOf(rows, column) : undefined));
        console.log(`| ${row} | ${shown.join(' | ')} |`);
      }
    },
  };
}

function baseOf(rows, column) {
  const first = [...rows.values()].find((cells) => cells.has(column));

  return median(first.get(column));
}

function cell(figures, base) {
  if (figures === undefined) return '–';

  const middle = median(figures);
  const range = figures.length > 1 ? ` (${short(Math.min(...figures))}–${short(Math.max(...figures))})` : '';
  const compared = base === undefined ? '' : ` **×${short(middle / base)}**`;

  return short(middle) + range + compared;
}

export function median(figures) {
  const sorted = figures.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);

  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits that count. */
function short(figure) {
  if (figure === 0) return '0';

  return Math.abs(figure) >= 100 ? Math.round(figure).toLocaleString('en') : figure.toPrecision(3);
}

/** The list, begun at another place in each run, so that nothing is always first. */
export function turned(list, run) {
  const start = run % list.length;

  return [...list.slice(start), ...list.slice(0, start)];
}
