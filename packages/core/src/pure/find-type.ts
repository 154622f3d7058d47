import { currentName } from './aliases.js';
import { messageOf, TaskbasketError } from './errors.js';
import type { AnyRegistry, TaskTypeParts } from './registry.js';

/** The part of a registry in which types are found. */
type Types = Pick<AnyRegistry, 'types' | 'aliases'>;

/** The type of a stored task, which may have been added under an earlier name. `undefined`: the registry has none. */
export function findType({ types, aliases }: Types, name: string): TaskTypeParts | undefined {
  const current = currentName({ aliases }, name);

  return typeof current === 'string' && Object.hasOwn(types, current) ? (types[current] as TaskTypeParts) : undefined;
}

/**
 * A type of the registry, by its name of now.
 *
 * @throws TaskbasketError `unknown-type`.
 */
export function typeOf(registry: Types, name: string): TaskTypeParts {
  const found = findType(registry, name);
  if (found !== undefined && currentName(registry, name) === name) return found;

  const why = `There is no task type "${messageOf(name)}" in this registry.`;
  throw new TaskbasketError('unknown-type', `${why} It has: ${Object.keys(registry.types).join(', ')}.`);
}

/** A version of each type, by the name of the type. */
export type Versions = Readonly<Record<string, number>>;

/** The version of each of a registry's types, also under their earlier names. */
export function versionsOf(registry: Types): Versions {
  return ofEach(registry, ({ version }) => version);
}

/** The oldest version of each of them that is read: the same, if the type has no upgrade. */
export function oldestOf(registry: Types): Versions {
  return ofEach(registry, ({ version, upgrade }) => version - Object.keys(upgrade).length);
}

function ofEach({ types, aliases }: Types, give: (type: TaskTypeParts) => number): Versions {
  const names = [...Object.keys(types).map((name) => [name, name] as const), ...aliases];

  return Object.fromEntries(names.map(([name, current]) => [name, give(types[current] as TaskTypeParts)]));
}
