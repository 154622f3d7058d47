import { checkId } from '../../pure/options.js';
import type { Query, WantedPage } from '../../pure/query.js';
import { readQuery } from '../../pure/query.js';
import { currentName } from '../../pure/aliases.js';
import type { TaskView } from '../../pure/view.js';
import { taskView } from '../../pure/view.js';
import { rowsOfIds } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { isLed, seenIn } from '../context/context.js';
import type { Facts, FactStores } from './facts.js';
import { factsOf, factStores } from './facts.js';
import { pageOf } from './page.js';
import type { Known, Payloads } from './payloads.js';
import { longestDecoding } from './payloads.js';

/** What reading needs beside the context. */
export interface ReadingContext extends BasketContext {
  readonly payloads: Payloads;
}

/** How long a watch waits for a decoder, in milliseconds. Then it shows the task without its payload. */
const patienceOfWatch = 100;

/** Reads one task. `undefined`: it is done, was cancelled, or never existed. */
export async function get(context: ReadingContext, id: string): Promise<TaskView | undefined> {
  checkId(id);
  const isSeen = seenIn(context);
  const find = async (stores: FactStores): Promise<Facts> => {
    const rows = await rowsOfIds(stores, [id]);

    return factsOf(context, stores, rows.filter(isSeen));
  };
  const facts = await read(context, find, factStores);

  return (await shown(context, facts)).tasks[0];
}

/** Reads the tasks that fit, in the order in which they were added. */
export async function list(context: ReadingContext, query: Query = {}): Promise<readonly TaskView[]> {
  const wanted = readQuery(context, query);
  const facts = await pageOf(context, wanted, wanted.limit, undefined);

  return (await shown(context, facts)).tasks;
}

/** Tasks as they are shown. */
interface Shown {
  readonly tasks: readonly TaskView[];
  /** Resolves when one of the running decoders has ended or is given up. `undefined`: no decoder is running. */
  readonly later: Promise<void> | undefined;
}

/** Reads one page for a watch. The payloads that the watch has already read are in `known`, and are not read again. */
export async function page(
  context: ReadingContext,
  query: WantedPage,
  known: Known,
  reasons: boolean,
): Promise<Shown & { readonly more: boolean }> {
  const { limit } = query;
  const facts = await pageOf(context, query, limit + 1, reasons ? await isLed(context) : undefined);
  const rows = facts.rows.slice(0, limit);

  return { ...(await shown(context, { ...facts, rows }, known, patienceOfWatch)), more: facts.rows.length > limit };
}

async function shown(
  { payloads, ports, registry }: ReadingContext,
  { rows, runner, gateOf, reasonsOf }: Facts,
  known: Known = new Map(),
  patience = longestDecoding,
): Promise<Shown> {
  const found = await payloads(rows, known, patience);
  const wall = ports.clock.wall();
  const tasks = found.rows.map(({ row, payload }) => {
    const name = currentName(registry, row.type);
    const view = taskView(row, { name, runner, gate: gateOf(row), wall, payload });

    return reasonsOf === undefined ? view : { ...view, reasons: reasonsOf(row) };
  });

  return { tasks, later: found.later };
}
