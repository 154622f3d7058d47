import { beyond, isBodyKey, ownerMark, ownerPart } from '../../pure/key.js';
import { checkText } from '../../pure/options.js';
import { checkSession } from '../../pure/owner.js';
import { readCommand } from '../../pure/query.js';
import { stateKeys } from '../../pure/record.js';
import { cancelledRows, deleteTasks, numbersOf } from '../../store/rows.js';
import { deposeClaims } from '../../store/deposed.js';
import { forgetPauses, pausesNow } from '../../store/pauses.js';
import { freedBy, payAtOnce } from '../../store/pay.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { read, transact } from '../../store/transact.js';
import { notChanged } from '../adding/refusal.js';
import type { BasketContext } from '../context/context.js';
import { toldOf } from '../context/messages.js';
import { changeAll } from './command.js';
import { edit } from './edit.js';

/**
 * Removes everything of an owner: tasks, also those that run, their payloads and bodies, bodies without a task, and what
 * is stored of how tasks ended. Resolves with how many tasks were removed, once the bodies are gone.
 */
export async function purge(context: BasketContext, owner: string): Promise<number> {
  checkSession(context.registry, 'purge');
  checkText(owner, 'The owner that purge takes');
  const wanted = readCommand(context, { owner });
  const start = `${ownerPart(owner)}|`;
  const range = IDBKeyRange.bound(start, beyond(ownerPart(owner)), false, true);

  return context.edits(undefined, async () => {
    // The bodies of this owner, also those without a task. They are read first, so that the body of a task that is added
    // meanwhile stays. Those of adopted tasks, whose keys begin with no owner, are added below.
    const bodies = new Set(await read(context, (stores) => answer(stores.bodies.getAllKeys(range)), ['bodies']));
    const removed = await changeAll(
      context,
      wanted,
      'newest first',
      () => false,
      async (stores, rows, claims) => {
        for (const { ref = '' } of rows) if (isBodyKey(ref)) bodies.add(ref);
        deleteTasks(stores, rows);
        await deposeClaims(stores, rows);
        await forgetPauses(stores, rows);
        await payAtOnce(stores, freedBy(rows), context.ports.clock.wall(), claims);

        return rows.map((row) => ({ ...toldOf(row), event: 'settled', state: 'purged' }));
      },
    );
    await edit(context, async (stores, full) => {
      const cancelled = (await cancelledRows(stores)).filter((row) => row.owner === owner);
      for (const { ref = '' } of cancelled) if (isBodyKey(ref)) bodies.add(ref);
      deleteTasks(stores, cancelled);
      const ends = await answer(stores.outcomes.index(marksIndex).getAllKeys(ownerMark(owner)));
      for (const n of ends) stores.outcomes.delete(n);
      const pauses = [...(await pausesNow(context.registry, stores))].filter(([, one]) => one.pause.owner === owner);
      for (const [key] of pauses) stores.state.delete(key);
      // Both records name owners. The runner stores its positions anew, and reads more rows until then.
      stores.state.delete(stateKeys.positions);
      const orphans = Object.entries(await numbersOf(stores, stateKeys.bodies)).filter(
        ([key]) => !key.startsWith(start),
      );
      if (full || orphans.length === 0) stores.state.delete(stateKeys.bodies);
      else stores.state.put(Object.fromEntries(orphans), stateKeys.bodies);

      return { found: cancelled, hints: [], changed: true };
    });
    const drop = (stores: { readonly bodies: IDBObjectStore }): void =>
      bodies.forEach((key) => stores.bodies.delete(key));
    await transact(context, 'body', drop, { scope: ['bodies'] }).catch((error: unknown) => {
      throw notChanged(error);
    });

    return removed;
  });
}
