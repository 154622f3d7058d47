import { currentGate } from '../../pure/gate.js';
import { checkId } from '../../pure/options.js';
import type { Reason } from '../../pure/reasons.js';
import { aheadOf, reasonsOf } from '../../pure/reasons.js';
import type { TaskRow } from '../../pure/record.js';
import { laneOf } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import { claimedRow, headOfLane, rowOfId } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Facts, PageStores } from './page.js';
import { withFacts } from './page.js';

/** So many tasks are explained in one transaction. */
const slice = 256;

type Explained = ReadonlyMap<string, readonly Reason[]>;

/**
 * Gives every reason why a task is not running now; none: nothing is in its way, and it is about to run. What is asked
 * for in one run of the app's code is read together.
 */
export function createExplain(context: BasketContext): (id: string) => Promise<readonly Reason[]> {
  let next: { readonly ids: Set<string>; readonly explained: Promise<Explained> } | undefined;

  async function explainNext(ids: ReadonlySet<string>): Promise<Explained> {
    await Promise.resolve(); // Whoever asks in the same run of code is heard.
    next = undefined;
    const led = context.ports.locks.held(context.names.runnerLock);
    const all = new Map<string, readonly Reason[]>();
    for (let place = 0; place < ids.size; place += slice) {
      const some = [...ids].slice(place, place + slice);
      const facts = await read(context, (stores) => factsOf(context, stores, some), ['tasks', 'state']);
      for (const row of facts.rows) all.set(row.id, facts.reasonsOf?.(row, await led) ?? []);
    }

    return all;
  }

  return async (id) => {
    checkId(id);
    if (next === undefined) {
      const ids = new Set<string>();
      next = { ids, explained: explainNext(ids) };
    }
    next.ids.add(id);

    return (await next.explained).get(id) ?? [{ reason: 'gone' }];
  };
}

async function factsOf(context: BasketContext, stores: PageStores, ids: readonly string[]): Promise<Facts> {
  const rows = await Promise.all(ids.map((id) => rowOfId(stores, id)));

  return withReasons(
    context,
    stores,
    rows.filter((row) => row !== undefined),
  );
}

/** The facts of rows, with what their reasons follow from. */
export async function withReasons(
  { registry, ports }: BasketContext,
  stores: PageStores,
  rows: readonly TaskRow[],
): Promise<Facts> {
  const facts = await withFacts(stores, rows);
  const { runner, gates } = facts;
  const wall = ports.clock.wall();
  const lanes = [...new Set(rows.map(laneOf))];
  const [heads, running] = await Promise.all([
    Promise.all(lanes.map((lane) => headOfLane(stores, lane))),
    gates.size === 0 ? [] : Promise.all((runner?.running ?? []).map((claim) => claimedRow(stores, claim))),
  ]);

  return {
    ...facts,
    reasonsOf: (row, led) =>
      reasonsOf(row, {
        type: findType(registry, row.type),
        runner,
        led,
        head: heads[lanes.indexOf(laneOf(row))],
        gate: currentGate(gates.get(row.gate), wall + aheadOf(runner), registry.gates),
        through: running.filter((one) => one?.gate === row.gate).length,
        wall,
      }),
  };
}
