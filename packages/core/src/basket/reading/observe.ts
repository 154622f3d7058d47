import { isPromiseLike } from '../../pure/codec.js';
import type { GateRow } from '../../pure/gate.js';
import { checkId } from '../../pure/options.js';
import type { Query, WantedPage } from '../../pure/query.js';
import { readQuery } from '../../pure/query.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import type { TaskView } from '../../pure/view.js';
import { taskView } from '../../pure/view.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow, rowOfId } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Facts } from './page.js';
import { pageOf, withFacts } from './page.js';

/**
 * So long is waited for what an asynchronous decoder gives, in milliseconds: it takes a few, or waits for something (a key
 * that nobody unlocks) without which the other tasks can still be shown.
 */
const longestDecoding = 10_000;

/** A row with the stored payload that belongs to it, as read in one transaction. */
interface Loaded {
  readonly row: TaskRow;
  readonly stored: StoredPayload;
}

/** One task, or `undefined`: it is done, cancelled, or never was. */
export async function get(context: BasketContext, id: string): Promise<TaskView | undefined> {
  checkId(id);
  const found = await look(
    context,
    async (stores) => {
      const row = await rowOfId(stores, id);

      return withFacts(stores, row === undefined ? [] : [row]);
    },
    ['tasks', 'state'],
  );

  return (await views(context, found))[0];
}

/** The tasks that fit, in the order in which they were added. */
export async function list(context: BasketContext, query: Query = {}): Promise<readonly TaskView[]> {
  const read = readQuery(query);

  return views(context, await pageOf(context, read, read.limit));
}

/** One page, and whether there is more. */
export async function page(
  context: BasketContext,
  query: WantedPage,
): Promise<{ readonly tasks: readonly TaskView[]; readonly more: boolean }> {
  const { limit } = query;
  const found = await pageOf(context, query, limit + 1);
  const tasks = await views(context, { ...found, rows: found.rows.slice(0, limit) });

  return { tasks, more: found.rows.length > limit };
}

async function views(context: BasketContext, { rows, runner, gates }: Facts): Promise<readonly TaskView[]> {
  const loaded = await load(context, rows);

  return Promise.all(loaded.map((one) => viewOf(context, one, runner, gates)));
}

/**
 * The payloads of rows. Those that lie apart are read by themselves, so that nothing waits for a large one that is being
 * written. What has no payload then is looked at again: left out if its task has ended meanwhile, and lost only if its
 * row says that it should be there.
 */
async function load(context: BasketContext, rows: readonly TaskRow[]): Promise<readonly Loaded[]> {
  const inline = (row: TaskRow): Loaded => ({ row, stored: { value: row.payload } });
  if (rows.every(({ ref }) => ref === undefined)) return rows.map(inline);

  const found = await readPayloads(
    context,
    rows.flatMap(({ ref }) => ref ?? []),
  );
  const loaded = rows.map((row): Loaded =>
    row.ref === undefined ? inline(row) : { row, stored: found.get(row.ref) ?? { lost: true } },
  );
  const certain = loaded.map(async (one): Promise<readonly Loaded[]> => {
    if (!('lost' in one.stored)) return [one];
    const row = await look(context, (stores) => claimedRow(stores, one.row), ['tasks']);
    if (row === undefined) return [];

    return row.ref === one.row.ref ? [one] : load(context, [row]);
  });

  return (await Promise.all(certain)).flat();
}

async function viewOf(
  context: BasketContext,
  loaded: Loaded,
  runner: RunnerRow | undefined,
  gates: ReadonlyMap<string, GateRow>,
): Promise<TaskView> {
  const { row } = loaded;

  const wall = context.ports.clock.wall();

  return taskView(row, { runner, gate: gates.get(row.gate), wall, read: await decoded(context, loaded) });
}

/** The payload, or nothing if this build can't read it, or not in time; the task is kept in any case. */
async function decoded(context: BasketContext, { row, stored }: Loaded): Promise<{ payload: unknown } | undefined> {
  const type = findType(context.registry, row.type);
  if (type === undefined || type.version !== row.version || 'lost' in stored || row.strange === true) return undefined;

  try {
    const payload = type.codec.decode(stored.value);

    return { payload: isPromiseLike(payload) ? await inTime(context, payload) : payload };
  } catch {
    return undefined;
  }
}

/** Rejects if there is no answer in time. What comes later, also a rejection, is nobody's. */
function inTime({ ports }: BasketContext, answer: PromiseLike<unknown>): Promise<unknown> {
  let stop = (): void => undefined;
  const late = new Promise((_, reject) => {
    stop = ports.clock.timer(longestDecoding, reject);
  });

  return Promise.race([answer, late]).finally(stop);
}
