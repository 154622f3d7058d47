import type { Route } from './key.js';
import { readyPrefix } from './key.js';
import type { Owner } from './owner.js';
import { isForAll } from './owner.js';
import { defined } from './parts.js';
import type { Asker, Scope, Wanted } from './query.js';
import { fits, readPaused, stepAt, wantedOf } from './query.js';
import type { TaskRow } from './record.js';

/** A pause as it is stored: of one task, by its id, or of the tasks that fit. Names of types are as they were given. */
export interface Pause {
  readonly id?: string;
  /** Whose tasks it holds; `null`: those of nobody. Absent: everybody's. */
  readonly owner?: Owner;
  readonly types?: readonly string[];
  readonly lane?: string;
  readonly gate?: string;
}

/** A pause that holds, as this build reads it. */
export interface Holding {
  readonly pause: Pause;
  /** `undefined`: it holds one task, by its id. */
  readonly wanted: Wanted | undefined;
}

/** The pauses that hold, by their keys in the state store. */
export type Pauses = ReadonlyMap<string, Holding>;

/**
 * Checks and copies the scope that `pause` or `resume` was given, as one pause for each owner whose tasks are meant.
 *
 * @throws TaskbasketError `option`, `signed-out`.
 */
export function readPauses(asker: Asker, given: Scope): readonly Pause[] {
  const { wanted, type } = readPaused(asker, given);
  const { owners, lane, gate } = wanted;
  const types = type === undefined ? undefined : [...new Set([type].flat())].sort();
  const pause: Pause = defined({ types, lane, gate });
  const isNobodys = types?.every((name) => isForAll(asker.registry, name)) ?? false;
  const hasAny = (owner: Owner, names: Wanted['types']): boolean => (owner === null ? names?.length !== 0 : !isNobodys);

  return owners?.flatMap((one) => (hasAny(one.owner, one.types) ? { ...pause, owner: one.owner } : [])) ?? [pause];
}

/** The key of a pause in the state store. Equal pauses have the same key; different pauses have different keys. */
export function pauseKey(pause: Pause): string {
  const sorted = Object.entries(pause).sort(([one], [other]) => (one < other ? -1 : 1));

  return `paused:${JSON.stringify(sorted)}`;
}

/** What `pause` was given, as `resume` takes it from this context. */
export function shownPause({ registry, here }: Asker, { id, types: type, owner, ...parts }: Pause): string | Scope {
  const isOther = registry.session !== undefined && owner !== null && owner !== here.owner;
  const whose = owner === undefined ? { everyOwner: true } : { owner };

  return id ?? ({ ...parts, ...defined({ type }), ...(isOther ? whose : {}) } as Scope);
}

/** Pauses as `resume` takes them from this context. One call of `pause` may have made several, for several owners. */
export function shownPauses(asker: Asker, pauses: Iterable<Holding>): readonly (string | Scope)[] {
  const shown = [...pauses].map(({ pause }) => shownPause(asker, pause));

  return [...new Map(shown.map((one) => [JSON.stringify(one), one])).values()];
}

/** The pauses as this build reads them: a type has its earlier names too. */
export function holdingOf(registry: Asker['registry'], pauses: readonly Pause[]): Pauses {
  const holding = ({ id, types: type, lane, gate, owner }: Pause): Wanted | undefined => {
    if (id !== undefined) return undefined;
    const wanted = wantedOf({ registry, here: { owner: null } }, { type, lane, gate, everyOwner: true });

    return owner === undefined ? wanted : { ...wanted, owners: [{ owner, types: wanted.types }] };
  };

  // A later version may know more parts. Without them the pause holds more, and can be ended here.
  const known = ({ id, owner, types, lane, gate }: Pause): Pause => defined({ id, owner, types, lane, gate });

  return new Map(pauses.map((pause) => [pauseKey(pause), { pause: known(pause), wanted: holding(pause) }]));
}

/** The pauses that hold a row. */
export function pausesOf(row: TaskRow, pauses: Pauses): readonly Pause[] {
  return [...pauses.values()]
    .filter(({ pause, wanted }) => (wanted === undefined ? pause.id === row.id : fits(row, wanted)))
    .map(({ pause }) => pause);
}

/** Whether a pause holds every task of a route, so that its rows need not be read. */
export function isRoutePaused(route: Route, pauses: Pauses): boolean {
  const key = readyPrefix('F', route, 1);

  return [...pauses.values()].some(
    ({ wanted }) => wanted !== undefined && wanted.lane === undefined && stepAt(key, wanted).from !== undefined,
  );
}
