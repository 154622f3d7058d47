import type { Basket } from '../../src/basket/basket.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { messageOf, TaskbasketError } from '../../src/pure/errors.js';

/** What the app was told of one task, and what the server saw of it. */
interface Entry {
  readonly name: string;
  /** `stored`: the add resolved. `refused`: it rejected. `unknown`: it rejected, and nobody knows. */
  told: 'asked' | 'stored' | 'refused' | 'unknown';
  /** The app was told that the task was removed. */
  removed: boolean;
  arrivals: number;
  /** Arrivals before it was removed. */
  arrivedBefore: number;
  /** What it has to arrive with, and what it last arrived with. */
  expected: string | undefined;
  content: string | undefined;
  /** The app expects it to stay dead. */
  staysDead: boolean;
}

/** What the app knows and the server saw, counted outside of the library. */
export interface Ledger {
  /** Notes that the app asks for a task. */
  readonly ask: (name: string, options?: { readonly staysDead?: boolean }) => void;
  /** Calls, and notes how the call of the app ended. Never rejects. */
  readonly call: <Result>(what: string, go: () => Promise<Result>) => Promise<Result | undefined>;
  /** Calls an add of these tasks, and notes whether they are stored. */
  readonly add: (names: readonly string[], go: () => Promise<unknown>) => Promise<void>;
  readonly remove: (name: string, go: () => Promise<number>) => Promise<void>;
  /** The app was told that the task has this content from now on. */
  readonly expect: (name: string, content: string) => void;
  /** The server saw the effect of a task. */
  readonly arrive: (name: string, content: string) => void;
  /** The calls that have not ended. */
  readonly pending: () => readonly string[];
  /** What is wrong at the end, each in a sentence. */
  readonly problems: (left: readonly { readonly name: string; readonly state: string }[]) => readonly string[];
}

/** An empty ledger. */
export function createLedger(): Ledger {
  const entries = new Map<string, Entry>();
  const pending = new Set<string>();
  const wrong: string[] = [];

  function entry(name: string): Entry {
    const found = entries.get(name);
    if (found === undefined) throw new Error(`Nobody asked for ${name}.`);

    return found;
  }

  async function call<Result>(what: string, go: () => Promise<Result>): Promise<Result | undefined> {
    pending.add(what);
    try {
      return await go();
    } catch (error) {
      if (!(error instanceof TaskbasketError))
        wrong.push(`${what} failed with no error of the library: ${messageOf(error)}`);
      throw error;
    } finally {
      pending.delete(what);
    }
  }

  return {
    ask(name, { staysDead = false } = {}) {
      const contents = { expected: undefined, content: undefined };
      entries.set(name, { name, told: 'asked', removed: false, arrivals: 0, arrivedBefore: 0, staysDead, ...contents });
    },

    call: (what, go) => call(what, go).catch(() => undefined),

    async add(names, go) {
      const end = await call(`add of ${names.join(', ')}`, go).then(
        () => 'stored' as const,
        (error: unknown) =>
          error instanceof TaskbasketError && error.code === 'unknown-outcome'
            ? ('unknown' as const)
            : ('refused' as const),
      );
      for (const name of names) entry(name).told = end;
    },

    async remove(name, go) {
      const removed = await call(`cancel of ${name}`, go).catch(() => undefined);
      if (removed !== 1) return;
      entry(name).removed = true;
      entry(name).arrivedBefore = entry(name).arrivals;
    },

    expect(name, content) {
      entry(name).expected = content;
    },

    arrive(name, content) {
      entry(name).arrivals += 1;
      entry(name).content = content;
    },

    pending: () => [...pending],

    problems(left) {
      const there = new Map(left.map(({ name, state }) => [name, state]));
      for (const name of pending) wrong.push(`${name} has not ended`);
      for (const { name, told, removed, arrivals, arrivedBefore, staysDead, expected, content } of entries.values()) {
        const state = there.get(name);
        if (told === 'asked') wrong.push(`the add of ${name} has not ended`);
        if (told === 'refused' && (arrivals > 0 || state !== undefined))
          wrong.push(`${name} was refused, and is there`);
        if (removed && (arrivals > arrivedBefore || state !== undefined))
          wrong.push(`${name} was cancelled, and is there`);
        if (told === 'stored' && !removed && !staysDead && arrivals === 0)
          wrong.push(`${name} was stored, and is lost`);
        if (told === 'stored' && staysDead && state !== 'dead') wrong.push(`${name} was to stay dead, and is ${state}`);
        if (expected !== undefined && expected !== content)
          wrong.push(`${name} arrived as ${content}, not ${expected}`);
        if (state !== undefined && !staysDead) wrong.push(`${name} is left, ${state}`);
      }

      return wrong;
    },
  };
}

/** Everything that is left in a basket. */
export async function leftIn<R extends AnyRegistry>(
  basket: Basket<R>,
): Promise<readonly { readonly name: string; readonly state: string }[]> {
  const tasks = (await basket.list({ limit: 1_000 })) as readonly {
    readonly payload?: unknown;
    readonly state: string;
  }[];

  return tasks.map(({ payload, state }) => ({
    name: String((payload as { name?: unknown } | undefined)?.name),
    state,
  }));
}
