/**
 * Reads a part of any value. `undefined`: there is none, or reading it throws (a getter, a proxy). Never throws itself.
 */
export function partOf(value: unknown, name: PropertyKey): unknown {
  try {
    return typeof value === 'object' && value !== null && name in value
      ? (Reflect.get(value, name) as unknown)
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * An error, and the errors that led to it. Ten at most, because a longer chain may be a circle. Never throws itself.
 */
export function chainOf(error: unknown, behind: (one: unknown) => readonly unknown[]): readonly unknown[] {
  const chain = [error];
  for (const one of chain) {
    const more = behind(one).filter((part) => part !== undefined);
    chain.push(...more.slice(0, 10 - chain.length));
  }

  return chain;
}

/** The time of a date, also of a date of another frame; a number as it is; `undefined` for anything else. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  try {
    return Date.prototype.getTime.call(value);
  } catch {
    return undefined;
  }
}

/** Whether an object is a plain object, also of another frame: its prototype has no prototype. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;

  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * Whether a list has neither holes nor named parts: `Object.keys` then gives its indexes, in order, and nothing else.
 */
export function isDense(list: readonly unknown[]): boolean {
  const names = Object.keys(list);

  return names.length === list.length && (names.at(-1) ?? '-1') === `${list.length - 1}`;
}

type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** The fields that are not `undefined`, so that no field of a stored or told object is `undefined`. */
export function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  const there: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) there[name] = value;

  return there as Defined<Fields>;
}
