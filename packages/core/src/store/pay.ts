import { readReady } from '../pure/key.js';
import type { Claim, TaskRow } from '../pure/record.js';
import { isClaimed, laneMarkOf } from '../pure/record.js';
import type { Moment } from '../pure/transitions.js';
import { paid } from '../pure/transitions.js';
import { childrenOf } from './parents.js';
import type { Stores } from './requests.js';
import { endClaim, headOfLane } from './rows.js';

/** What was in the way of other tasks, and is not any more. */
export interface Freed {
  /** The marks of the lanes whose heads may have changed. A lane may be named twice; `undefined` stands for no lane. */
  readonly lanes: readonly (string | undefined)[];
  /** The ids of the tasks that are gone. */
  readonly ids: readonly string[];
}

/** What rows free that are deleted. */
export function freedBy(rows: readonly TaskRow[]): Freed {
  return { lanes: rows.map(laneMarkOf), ids: rows.map(({ id }) => id) };
}

/** What ended claims free: their lanes, and the children of those whose task is `gone`. */
export function freedByClaims(claims: readonly Claim[], gone: readonly Claim[]): Freed {
  return { lanes: claims.map(({ lane }) => lane), ids: gone.map(({ id }) => id) };
}

/** Ends claims, as `endClaim` does. Resolves with what they free. */
export async function endClaims(
  stores: Pick<Stores, 'tasks' | 'payloads'>,
  claims: readonly Claim[],
  next: (row: TaskRow) => TaskRow | undefined,
): Promise<Freed> {
  const rows = await Promise.all(claims.map((claim) => endClaim(stores, claim, next)));

  return freedByClaims(
    claims,
    claims.filter((_, place) => rows[place] === undefined),
  );
}

/** What was paid. */
export interface Paid {
  /** The `seq` of the head of each lane that was freed. `undefined`: the lane has no row. */
  readonly heads: ReadonlyMap<string, number | undefined>;
  /** The rows that were written. */
  readonly written: readonly TaskRow[];
}

/**
 * Brings back the heads of lanes, and the children of tasks, in the transaction that removed what was before them. A
 * head that `needsNothing` stays as it is: it is claimed, and its own end pays the lane, or the runner has not read it
 * yet. Of the children only held ones are written, and those that wait for their date too: a fresh one that the runner
 * has passed waits in its lane too.
 */
export async function pay(
  stores: Pick<Stores, 'tasks'>,
  { lanes, ids }: Freed,
  moment: Moment,
  needsNothing: (head: TaskRow) => boolean,
): Promise<Paid> {
  const named = [...new Set(lanes)].filter((lane) => lane !== undefined);
  const [heads, children] = await Promise.all([
    Promise.all(named.map((lane) => headOfLane(stores, lane))),
    childrenOf(stores, ids),
  ]);
  const freed = [
    ...heads.filter((head) => head !== undefined && !needsNothing(head)),
    ...children.filter(({ ready }) => readReady(ready)?.letter !== 'F'),
  ] as readonly TaskRow[];
  const written = freed.flatMap((row) => paid(row, moment) ?? []);
  for (const row of written) stores.tasks.put(row);

  return { heads: new Map(named.map((lane, place) => [lane, heads[place]?.seq])), written };
}

/** Pays in a page. A page does not know the runner's clock, and the time 0 means "at once". */
export async function payAtOnce(
  stores: Pick<Stores, 'tasks'>,
  freed: Freed,
  wall: number,
  claims: readonly Claim[],
): Promise<void> {
  await pay(stores, freed, { now: 0, wall }, (head) => isClaimed(head, claims));
}
