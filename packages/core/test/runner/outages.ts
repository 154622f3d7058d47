import type { BasketContext } from '../../src/basket/context/context.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { seeded } from '../support/chance.js';
import { freshName, rowsOf } from '../support/database.js';
import type { World } from '../support/world.js';
import { createWorld } from '../support/world.js';

/** How a server answers one request. */
export type Answer = 'ok' | '503' | '500';

/** A server, and what is to be sent there. Times are in milliseconds since the runner began. */
export interface Outage {
  readonly seed: number;
  /** How a request is answered that came at a time; `chance` is from the seed. */
  readonly server: (request: { readonly number: number; readonly at: number; readonly chance: number }) => Answer;
  readonly tasks?: number;
  readonly slots?: number;
  /** How long a request takes. */
  readonly takes?: (chance: number) => number;
  /** It is played for so long at most. */
  readonly until: number;
  /** Called with the world before time begins: pages that look, say. */
  readonly beside?: (world: World, page: Pick<BasketContext, 'hub' | 'ports'>) => void;
}

/** What happened. */
export interface Played {
  /** When each request was sent. */
  readonly sent: readonly number[];
  /** When each request was answered well. */
  readonly done: readonly number[];
  /** How many tasks are left. */
  readonly left: number;
}

/** Plays a basket with one destination in virtual time, until all is done or the time is up. */
export async function play(outage: Outage): Promise<Played> {
  const { seed, server, tasks: count = 100, slots = 6, takes = () => 30, until } = outage;
  const tasks = defineTasks(freshName(), { send: task<number>({ gate: 'server' }) });
  const world = createWorld(seed);
  const tab = world.open(tasks);
  const page = world.open(tasks);
  const random = seeded(seed * 7_919);
  const pause = (wait: number): Promise<void> =>
    new Promise((resolve) => {
      tab.context.ports.clock.timer(wait, resolve);
    });
  await tab.basket.addMany(Array.from({ length: count }, (_, number) => ['send', number] as const));

  const began = world.wall();
  const sent: number[] = [];
  const done: number[] = [];
  tab.run(
    {
      async send(number) {
        const at = world.wall() - began;
        sent.push(at);
        const answer = server({ number, at, chance: random() });
        await pause(takes(random()));
        if (answer === '503') throw new Unavailable({ message: 'The server answered 503.', status: 503 });
        if (answer === '500') throw new Error('The server answered 500.');
        done.push(world.wall() - began);
      },
    },
    { concurrency: slots },
  );
  outage.beside?.(world, page.context);
  const step = Math.min(until, 60_000);
  for (let passed = 0; passed < until && done.length < count; passed += step) await world.advance(step);
  const left = (await rowsOf(tasks)).length;
  tab.kill();
  page.kill();

  return { sent, done, left };
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length / 2;

  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}
