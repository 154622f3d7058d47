import { parentMark } from '../../pure/key.js';
import { sessionTypes } from '../../pure/owner.js';
import type { Wanted } from '../../pure/query.js';
import { fits } from '../../pure/query.js';
import type { Claim, TaskRow } from '../../pure/record.js';
import { isClaimed, laneMarkOf } from '../../pure/record.js';
import { adopted } from '../../pure/transitions.js';
import type { Found, Place } from '../../store/find.js';
import { readOn, startOf } from '../../store/find.js';
import { freedBy, payAtOnce } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { rowsAt, runnerRow } from '../../store/rows.js';
import type { BasketContext } from '../context/context.js';

/** How many tasks are read at once. */
const slice = 1_024;

/**
 * Gives the tasks that were added before the registry declared a session to an owner. A runner of an older build may
 * still run some of them. These, the other tasks of their lanes, and all of their parents stay without an owner until the
 * next call, so that no order breaks. `gone` is the nonce of a runner that no longer runs: its claims do not count.
 */
export async function adopt(
  { registry, ports }: BasketContext,
  stores: Stores,
  owner: string,
  gone: string | undefined,
): Promise<readonly TaskRow[]> {
  const types = sessionTypes(registry);
  const owners = [{ owner: null, types }];
  const wanted: Wanted = { owners, types };
  const runner = await runnerRow(stores);
  const claims = runner === undefined || runner.epoch.nonce === gone ? [] : runner.running;
  const moment = { now: 0, wall: ports.clock.wall() };
  const found: TaskRow[] = [];
  let place: Place | undefined = startOf(wanted);
  while (place !== undefined) {
    const { seqs, next }: Found = await readOn(stores, wanted, place, slice);
    found.push(...(await rowsAt(stores, seqs)).filter((row) => row.strange !== true && fits(row, wanted)));
    place = next;
  }
  const free = freeOf(found, claims);
  for (const row of free) stores.tasks.put(adopted(row, owner, moment));
  // A task of a type without an owner may have waited behind them in their lane, or for one of them. It waits no more.
  await payAtOnce(stores, freedBy(free), moment.wall, claims);

  return free;
}

/** The rows that may get an owner: no row that stays without one stands behind them in a lane, or is their child. */
function freeOf(rows: readonly TaskRow[], claims: readonly Claim[]): readonly TaskRow[] {
  const awaited = new Set(claims.map(({ lane }) => lane));
  const stays = (row: TaskRow): boolean =>
    (row.lane !== undefined && awaited.has(laneMarkOf(row))) || awaited.has(parentMark(row.id));
  let free = rows.filter((row) => !isClaimed(row, claims));
  for (let staying = free.filter(stays); staying.length > 0; staying = free.filter(stays)) {
    free = free.filter((row) => !stays(row));
    for (const mark of staying.flatMap((row) => [laneMarkOf(row), ...row.marks])) awaited.add(mark);
  }

  return free;
}
