import { must } from './options.js';

/** A registry's aliases: the current name of each earlier name. */
export interface HasAliases {
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * Turns the aliases of each type into the current name of each alias. Refuses an alias that is also a type, or stands
 * twice.
 */
export function aliasesOf(types: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, string> {
  const current = new Map<string, string>();
  for (const [name, aliases] of types) {
    for (const alias of aliases) {
      const isFree = !types.has(alias) && !current.has(alias);
      must(isFree, `An alias of "${name}"`, 'a name that no type and no other alias has', alias);
      current.set(alias, name);
    }
  }

  return current;
}

/** The name that the type of a stored task has now. The task may have been added under an earlier name. */
export function currentName({ aliases }: HasAliases, name: string): string {
  return aliases.get(name) ?? name;
}

/** All names of a type: that of now, and the earlier ones. */
export function everyName({ aliases }: HasAliases, name: string): readonly string[] {
  return [name, ...[...aliases].filter(([, current]) => current === name).map(([alias]) => alias)];
}

/** All names of some types, each once and in order: a task may have been added under an earlier name of its type. */
export function namesEver(registry: HasAliases, names: readonly string[]): readonly string[] {
  return [...new Set(names.flatMap((name) => everyName(registry, name)))].sort();
}

/** All names of all types of a registry: those of now, and the earlier ones. */
export function allNames({ types, aliases }: HasAliases & { readonly types: object }): readonly string[] {
  return [...Object.keys(types), ...aliases.keys()];
}
