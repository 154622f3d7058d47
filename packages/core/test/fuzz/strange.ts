import type { Chance } from '../simulate/chance.js';
import type { Contents } from '../support/database.js';
import { hostileNames } from '../support/names.js';

type Plain = Record<string, unknown>;

/** A database that was changed by hand, and what was changed in it. */
export interface Strange {
  readonly contents: Contents;
  /** One sentence a change. */
  readonly said: readonly string[];
  /** The ids, lanes and marks of the rows that were changed, as they were and as they are: nobody can say how those go on. */
  readonly touched: ReadonlySet<unknown>;
  /** Keys of records of the state store that were changed. */
  readonly records: ReadonlySet<string>;
}

/** A value that no field expects, but that IndexedDB stores. */
function strangeValue(chance: Chance): unknown {
  const make = chance.pick<() => unknown>([
    () => null,
    () => undefined,
    () => chance.pick([0, 1, -1, 2, 1.5, -0, 1e15, -1e15, 2 ** 31, Number.MAX_SAFE_INTEGER]),
    () => chance.pick([Number.NaN, Infinity, -Infinity, Number.MAX_VALUE]),
    () => chance.pick([true, false, 10n, '']),
    () => chance.pick(hostileNames),
    () => chance.pick([[], {}, [null], [[]], [1, 'a'], { a: 1 }, { length: 3 }]),
    () =>
      chance.pick([new Date(1_700_000_000_000), new Date(Number.NaN), new Uint8Array(3), new Map(), new Set(), /a/]),
    () => [chance.pick(hostileNames)],
    () => chance.pick(['F|send|1|send|1', 'D', 'U|note|1|note|1', '@|send|1|send|1|zzzzzzzzz', 'Lx', 'Ifresh', 'L|g']),
  ]);

  return make();
}

/** A `ready` key that resembles one of ours. */
function strangeReady(chance: Chance, ready: unknown): unknown {
  if (typeof ready !== 'string' || chance.is(0.2)) return strangeValue(chance);
  const parts = ready.split('|');
  const place = chance.below(parts.length);
  const spliced = (deleted: number, ...put: readonly string[]): string =>
    [...parts.slice(0, place), ...put, ...parts.slice(place + deleted)].join('|');
  const odd = ['', 'v2', '-1', '1e3', 'NaN', '%41', '\uFFFF', '007', 'send'];

  return chance.pick<() => unknown>([
    () => ready.slice(0, chance.below(ready.length + 1)),
    () => `${ready}|${chance.pick(['zzz', '', '1', '000000000', '~'])}`,
    () => spliced(1),
    () => spliced(1, chance.pick(odd)),
    () => spliced(0, 'more'),
    () => chance.pick(['F', '@', '!', 'H', 'U', 'D', 'Z', '\uFFFF', '', 'f']) + ready.slice(1),
    () => `${ready.charAt(0)}${chance.pick(['\uFFFF', '\u0000', '|', '||||', '|||||'])}`,
    () => ready.replace('|', '\uFFFF'),
  ])();
}

/** A deep copy of what structured clone can copy. */
function copyOf<Value>(value: Value): Value {
  return structuredClone(value);
}

/** Changes a database in a few places. The same chance gives the same changes. */
export function makeStrange(fixture: Contents, chance: Chance): Strange {
  // A Blob of Node does not survive its structured clone; rows and records hold none.
  const tasks = copyOf(fixture.tasks) as unknown as Plain[];
  const outcomes = copyOf(fixture.outcomes) as unknown as Plain[];
  const state = new Map(copyOf([...fixture.state]));
  const payloads = new Map(fixture.payloads);
  const bodies = new Map(fixture.bodies);
  const said: string[] = [];
  const touched = new Set<unknown>();
  const records = new Set<string>();

  function touch(row: Plain | undefined): void {
    if (row === undefined) return;
    for (const part of [row['id'], row['lane'], row['seq'], ...(Array.isArray(row['marks']) ? row['marks'] : [])]) {
      if (part !== undefined) touched.add(part);
    }
  }

  /** Changes one field of an object, or drops it, or invents one; goes down into objects at times. */
  function changeIn(what: string, value: Plain | unknown[]): void {
    const object = value as Plain;
    const names = Object.keys(object);
    const name = names.length === 0 || chance.is(0.08) ? chance.pick(hostileNames) : chance.pick(names);
    const inner = object[name];
    if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner) && chance.is(0.6)) {
      return changeIn(`${what}.${name}`, inner as Plain);
    }
    if (names.includes(name) && chance.is(0.25)) {
      delete object[name];
      said.push(`${what} loses ${name}`);

      return;
    }
    const next = name === 'ready' ? strangeReady(chance, inner) : strangeValue(chance);
    Object.defineProperty(object, name, { value: next, writable: true, enumerable: true, configurable: true });
    said.push(`${what}.${name} becomes ${shown(next)}`);
  }

  function changeRow(): void {
    const place = chance.below(tasks.length);
    const row = tasks[place];
    if (row === undefined) return;
    const what = `task ${String(row['id'])}`;
    touch(row);
    const how = chance.below(12);
    if (how === 0) {
      tasks.splice(place, 1);
      said.push(`${what} is deleted`);
    } else if (how === 1) {
      const seq = chance.pick<unknown>([0, -1, 0.5, 1e6, 'text', [1], new Date(0), -Infinity, '']);
      tasks.push({ ...copyOf(row), seq });
      said.push(`${what} is there once more, as seq ${shown(seq)}`);
      touched.add(seq);
    } else if (how === 2) {
      const seq = 1_000 + chance.below(100);
      const invented = chance.is(0.5)
        ? { seq }
        : { seq, id: chance.pick(hostileNames), ready: strangeReady(chance, row['ready']) };
      tasks.push(invented);
      touch(invented);
      said.push(`an invented row ${shown(invented)}`);
    } else {
      for (let n = chance.pick([1, 1, 1, 2, 4]); n > 0; n -= 1) changeIn(what, row);
      // Without a key it is no row at all.
      if (!isKey(row['seq'])) row['seq'] = 2_000 + chance.below(1_000);
      touch(row);
    }
  }

  function changeRecord(): void {
    const key = chance.is(0.85)
      ? chance.pick([...state.keys(), 'runner', 'positions'])
      : chance.pick([
          'gate:',
          'gate:photo',
          'unreadable',
          'bodies',
          'edits',
          'owner',
          'paused:',
          'deposed:',
          'gate:a|',
        ]);
    const value = state.get(key);
    records.add(key);
    if (typeof value === 'object' && value !== null && chance.is(0.8)) {
      for (let n = chance.pick([1, 1, 2, 4]); n > 0; n -= 1) changeIn(`record ${key}`, value as Plain);
    } else if (chance.is(0.3)) {
      state.delete(key);
      said.push(`record ${key} is deleted`);
    } else {
      const next = strangeValue(chance);
      state.set(key, next);
      said.push(`record ${key} becomes ${shown(next)}`);
    }
  }

  function changeOutcome(): void {
    const row = chance.pick(outcomes);
    changeIn(`outcome ${String(row['id'])}`, row);
    if (!isKey(row['n'])) row['n'] = 100 + chance.below(100);
  }

  function changePayload(): void {
    const store = chance.pick([payloads, bodies].filter(({ size }) => size > 0));
    const key = chance.pick([...store.keys()]);
    touched.add(key);
    for (const row of tasks) if (row['ref'] === key) touch(row);
    if (chance.is(0.5)) store.delete(key);
    else store.set(chance.is(0.5) ? key : chance.pick(hostileNames), strangeValue(chance));
    said.push(`payload ${key} is changed`);
  }

  for (let n = chance.pick([1, 1, 2, 3, 6]); n > 0; n -= 1) {
    chance.weighted([
      [6, changeRow],
      [3, changeRecord],
      [1, changeOutcome],
      [1, changePayload],
    ])?.();
  }

  return { contents: { tasks, payloads, bodies, outcomes, state } as unknown as Contents, said, touched, records };
}

/** Whether a value may be a key of a store that counts its keys, and leaves it numbers to count on with. */
function isKey(value: unknown): boolean {
  if (typeof value === 'number' && value > 1e15) return false;
  try {
    return indexedDB.cmp(value, value) === 0;
  } catch {
    return false;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' || typeof inner === 'number' || inner === undefined ? String(inner) : inner,
  );

  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}
