import { checkId } from '../../pure/options.js';
import type { Query, WantedPage } from '../../pure/query.js';
import { readQuery } from '../../pure/query.js';
import type { TaskRow } from '../../pure/record.js';
import type { TaskView } from '../../pure/view.js';
import { taskView } from '../../pure/view.js';
import { rowOfId } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { withReasons } from './explain.js';
import type { Facts, PageStores } from './page.js';
import { pageOf, withFacts } from './page.js';
import type { Known, Payloads } from './payloads.js';
import { longestDecoding } from './payloads.js';

/** What reading needs beside its context. */
export interface ReadingContext extends BasketContext {
  readonly payloads: Payloads;
}

/** A watch shows a task whose decoder takes longer, in milliseconds, without its payload until it has ended. */
const patienceOfWatch = 100;

/** One task, or `undefined`: it is done, cancelled, or never was. */
export async function get(context: ReadingContext, id: string): Promise<TaskView | undefined> {
  checkId(id);
  const found = await read(
    context,
    async (stores) => {
      const row = await rowOfId(stores, id);

      return withFacts(stores, row === undefined ? [] : [row]);
    },
    ['tasks', 'state'],
  );

  return (await views(context, found, new Map(), longestDecoding))[0];
}

/** The tasks that fit, in the order in which they were added. */
export async function list(context: ReadingContext, query: Query = {}): Promise<readonly TaskView[]> {
  const wanted = readQuery(query);

  return views(context, await pageOf(context, wanted, wanted.limit, withFacts), new Map(), longestDecoding);
}

/** A page as a watch shows it. */
export interface Page {
  readonly tasks: readonly TaskView[];
  /** Whether there are more than the query's limit. */
  readonly more: boolean;
  /** Resolves when a decoder of the page has ended or is given up; `undefined`: none is under way. */
  readonly later: Promise<void> | undefined;
}

/** One page. The payloads that a watch has read before are `known`, and are read once. */
export async function page(context: ReadingContext, query: WantedPage, known: Known, reasons: boolean): Promise<Page> {
  const { limit } = query;
  const facts = (stores: PageStores, rows: readonly TaskRow[]): Promise<Facts> =>
    reasons ? withReasons(context, stores, rows) : withFacts(stores, rows);
  const [found, led] = await Promise.all([
    pageOf(context, query, limit + 1, facts),
    reasons && context.ports.locks.held(context.names.runnerLock),
  ]);
  const rows = found.rows.slice(0, limit);
  const tasks = await views(context, { ...found, rows }, known, patienceOfWatch, led);

  return { tasks, more: found.rows.length > limit, later: context.payloads.ended(rows) };
}

async function views(
  { payloads, ports }: ReadingContext,
  { rows, runner, gates, reasonsOf }: Facts,
  known: Known,
  patience: number,
  led = false,
): Promise<readonly TaskView[]> {
  const shown = await payloads.read(rows, known, patience);
  const wall = ports.clock.wall();

  return shown.map(({ row, decoded = { payload: undefined } }) => {
    const payload = decoded === 'unreadable' ? undefined : decoded;
    const view = taskView(row, { runner, gate: gates.get(row.gate), wall, read: payload });

    return reasonsOf === undefined ? view : { ...view, reasons: reasonsOf(row, led) };
  });
}
