import { laneMark } from '../../pure/key.js';
import type { Holding, Pause } from '../../pure/pause.js';
import { newPauses, pauseKey, readPauses, shownPauses, withoutOwner } from '../../pure/pause.js';
import type { Scope } from '../../pure/query.js';
import { ownersOf } from '../../pure/query.js';
import { isClaimed, laneMarkOf } from '../../pure/record.js';
import { paid } from '../../pure/transitions.js';
import { ownersWithLanes } from '../../store/find.js';
import { payAtOnce } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { claimsNow, rowsOfIds } from '../../store/rows.js';
import { marksIndex } from '../../store/setup.js';
import type { BasketContext } from '../context/context.js';
import { seenIn } from '../context/context.js';
import { pausesOfOwners } from '../reading/pauses.js';
import type { Edited } from './edit.js';
import { edit } from './edit.js';

/** Holds back a task, or all tasks that fit a scope, also those that are added later. A task that is absent is not. */
export async function pause(context: BasketContext, which: string | Scope): Promise<void> {
  const isSeen = seenIn(context);
  const given = typeof which === 'string' ? undefined : newPauses(context, which);
  const put = async (stores: Stores): Promise<Edited> => {
    const found = typeof which === 'string' ? (await rowsOfIds(stores, [which])).filter(isSeen) : [];
    const pauses: readonly Pause[] = given ?? found.map(({ id }) => ({ id }));
    for (const one of pauses) stores.state.put(one, pauseKey(one));

    return { found: [], hints: [], changed: pauses.length > 0 };
  };

  await context.edits(undefined, () => edit(context, put));
}

/** Ends an equal pause, or all pauses if none is given. Resolves with how many ended. */
export async function resume(context: BasketContext, ...which: (string | Scope)[]): Promise<number> {
  const isSeen = seenIn(context);
  // Somebody else may sign in while this waits.
  const asker = { registry: context.registry, here: { owner: context.here.owner } };
  const isAll = which.length === 0;
  const owners = isAll ? ownersOf(context, {}) : undefined;
  const ids = which.filter((one) => typeof one === 'string');
  // An argument that is undefined is refused, because it would end all pauses.
  const scopes = which.flatMap((one) => (typeof one === 'string' ? [] : readPauses(context, one)));
  let ended = 0;
  const end = async (stores: Stores): Promise<Edited> => {
    const seen = (await rowsOfIds(stores, ids)).filter(isSeen).map(({ id }) => ({ id }));
    const keys = [...scopes, ...scopes.map(withoutOwner), ...seen].map(pauseKey);
    const all = [...(await pausesOfOwners(context, stores, owners))];
    const ending = all.filter(([, one]) => isAll || keys.includes(pauseKey(one.pause)));
    for (const [key] of ending) stores.state.delete(key);
    const holding = ending.map(([, one]) => one);
    await payHeld(stores, holding, context);
    ended = shownPauses(asker, holding).length;

    return { found: [], hints: [], changed: ended > 0 };
  };
  await context.edits(undefined, () => edit(context, end));

  return ended;
}

/** Brings back what pauses may have held: the heads of lanes, and rows without a lane. Other rows keep their keys. */
async function payHeld(stores: Stores, ended: readonly Holding[], { ports }: BasketContext): Promise<void> {
  const ids = ended.flatMap(({ pause: { id } }) => id ?? []);
  const [rows, claims] = await Promise.all([rowsOfIds(stores, ids), claimsNow(stores)]);
  const lanes = ended.map((one) => one.pause).filter(({ lane }) => lane !== undefined);
  const moment = { now: 0, wall: ports.clock.wall() };
  for (const row of rows) {
    const due = row.lane === undefined && !isClaimed(row, claims) ? paid(row, moment) : undefined;
    if (due !== undefined) stores.tasks.put(due);
  }
  // A pause of everybody holds the lane of this name of each owner.
  const everybody = lanes.length === 0 ? [] : await ownersWithLanes(stores.tasks.index(marksIndex));
  const marks = lanes.flatMap(({ lane = '', owner }) =>
    (owner === undefined ? everybody : [owner]).map((one) => laneMark(one, lane)),
  );

  await payAtOnce(stores, { lanes: [...rows.map(laneMarkOf), ...marks], ids: [] }, moment.wall, claims);
}
