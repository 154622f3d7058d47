import { allNames, currentName, everyName, namesEver } from './aliases.js';
import type { Route } from './key.js';
import { readyPrefix } from './key.js';
import type { Owner } from './owner.js';
import { isForAll } from './owner.js';
import { defined } from './parts.js';
import type { Asker, Scope, Wanted } from './query.js';
import { fits, readPaused, stepAt } from './query.js';
import type { TaskRow } from './record.js';

/**
 * A pause as it is stored: of one task, by its id, or of the tasks that fit. Its types have the names that they had when
 * it was stored.
 */
export interface Pause {
  readonly id?: string;
  /** Whose tasks it holds; `null`: those of nobody. Absent: everybody's. */
  readonly owner?: Owner;
  /** Everybody's tasks are meant. If `owner` is absent too, the pause was stored before the app declared a session. */
  readonly everyOwner?: true;
  readonly types?: readonly string[];
  /** The earlier names of these types. They hold for a runner of an older build, which does not know the names of now. */
  readonly earlier?: readonly string[];
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
 * Checks and copies the scope that `resume` was given, as one pause for each owner whose tasks are meant. `resume` looks
 * for all of these pauses, because in an earlier build other types may have belonged to nobody.
 *
 * @throws TaskbasketError `option`, `signed-out`.
 */
export function readPauses(asker: Asker, given: Scope): readonly Pause[] {
  const { wanted, type } = readPaused(asker, given);
  const { owners, lane, gate } = wanted;
  const types = type === undefined ? undefined : namesNow(asker.registry, [type].flat());
  const everyOwner = asker.registry.session !== undefined && owners === undefined ? true : undefined;
  const pause: Pause = defined({ types, lane, gate, everyOwner });

  return owners?.map(({ owner }) => ({ ...pause, owner })) ?? [pause];
}

/**
 * The pauses that `pause` stores for a scope: for each owner who may have such tasks.
 *
 * @throws TaskbasketError `option`, `signed-out`.
 */
export function newPauses(asker: Asker, given: Scope): readonly Pause[] {
  const { registry } = asker;
  const isNobodys = (name: string): boolean => isForAll(registry, name);
  const hasAny = ({ owner, types }: Pause): boolean =>
    owner === null
      ? (types ?? allNames(registry)).some(isNobodys)
      : owner === undefined || types?.every(isNobodys) !== true;

  return readPauses(asker, given)
    .filter(hasAny)
    .map((pause) => {
      const earlier = pause.types?.flatMap((name) => everyName(registry, name).slice(1)) ?? [];

      return earlier.length === 0 ? pause : { ...pause, earlier };
    });
}

/** The key of a pause in the state store. Equal pauses have the same key; different pauses have different keys. */
export function pauseKey(pause: Pause): string {
  const sorted = Object.entries(pause).sort(([one], [other]) => (one < other ? -1 : 1));

  return `paused:${JSON.stringify(sorted)}`;
}

/**
 * The pause with the same parts that was stored before the app declared a session. It belongs to nobody, so `resume` of
 * any owner ends it too.
 */
export function withoutOwner({ owner: _, ...parts }: Pause): Pause {
  return parts;
}

/** What `pause` was given, as `resume` takes it from this context. */
function shownPause({ registry, here }: Asker, { id, types: type, owner, ...parts }: Pause): string | Scope {
  const isOther = registry.session !== undefined && typeof owner === 'string' && owner !== here.owner;

  return id ?? { ...parts, ...defined({ type }), ...(isOther ? { owner } : {}) };
}

/** Pauses as `resume` takes them from this context. Several that look the same here are one: `resume` ends all of them. */
export function shownPauses(asker: Asker, pauses: Iterable<Holding>): readonly (string | Scope)[] {
  const shown = [...pauses].map(({ pause }) => shownPause(asker, pause));

  return [...new Map(shown.map((one) => [JSON.stringify(one), one])).values()];
}

/** Names of types as this build has them, each once and in order. A build before may have named some differently. */
function namesNow(registry: Asker['registry'], names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => currentName(registry, name)))].sort();
}

/** The pauses as this build reads them: types have the names of now, and tasks with their earlier names fit too. */
export function holdingOf(registry: Asker['registry'], pauses: readonly Pause[]): Pauses {
  const holding = ({ id, types, lane, gate, owner }: Pause, earlier: readonly string[] = []): Wanted | undefined => {
    if (id !== undefined) return undefined;
    const names = types && namesEver(registry, [...types, ...earlier]);
    const owners = owner === undefined ? undefined : [{ owner, types: names }];

    return { owners, types: names, lane, gate };
  };

  // A later version may know more parts. Without them the pause holds more, and can be ended here.
  const known = ({ id, owner, everyOwner, types: names, lane, gate }: Pause): Pause => {
    const types = names && namesNow(registry, names);

    return defined({ id, owner, types, lane, gate, everyOwner: registry.session && everyOwner });
  };

  return new Map(
    pauses.map((stored) => {
      const pause = known(stored);

      return [pauseKey(stored), { pause, wanted: holding(pause, stored.earlier) }];
    }),
  );
}

/** The pauses that hold a row. */
export function pausesOf(row: TaskRow, pauses: Pauses): readonly Holding[] {
  return [...pauses.values()].filter(({ pause, wanted }) =>
    wanted === undefined ? pause.id === row.id : fits(row, wanted),
  );
}

/** Whether a pause holds every task of a route, so that its rows need not be read. */
export function isRoutePaused(route: Route, pauses: Pauses): boolean {
  const key = readyPrefix('F', route, 1);

  return [...pauses.values()].some(
    ({ wanted }) => wanted !== undefined && wanted.lane === undefined && stepAt(key, wanted).from !== undefined,
  );
}
