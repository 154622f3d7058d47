import { expect, test } from 'vitest';

import { attendWorker } from '../../src/host/client.js';
import { greeted } from '../../src/host/greet.js';
import { serveIn } from '../../src/host/serve.js';
import type { WorkerProblem } from '../../src/pure/errors.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import type { Port } from '../support/workers.js';
import { portTo } from '../support/workers.js';
import { createWorld } from '../support/world.js';

// A page that lets go of a dedicated worker ends it, in mid-request. A SharedWorker would live on.

interface Manner {
  /** How long the script of each worker takes to load, in milliseconds. */
  readonly loads?: number;
  /** For how long a handler blocks its thread after its request, in milliseconds. */
  readonly blocks?: number;
  /** Whether a line after `serveBasket` throws, of which the browser tells the page. */
  readonly throws?: boolean;
  /** Whether the page and its workers have no Web Locks, as on `http://`. */
  readonly ownLocks?: boolean;
}

/** A page with dedicated workers in memory, and what came of one task that is added in the tenth second. */
async function played({ loads = 0, blocks = 0, throws = false, ownLocks = false }: Manner) {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const sent: number[] = [];
  const told: WorkerProblem[] = [];
  let constructed = 0;
  const wait = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      world.alarm(milliseconds, resolve);
    });

  function factory(): Worker {
    constructed += 1;
    let tab: ReturnType<typeof start> | undefined;
    let ended = false;
    let held: (() => void)[] | undefined = [];
    const errors: ((event: unknown) => void)[] = [];
    const page: Port = portTo(
      () => inside,
      (deliver) => void (held?.push(deliver) ?? setImmediate(() => ended || deliver())),
    );
    const inside: Port = portTo(
      () => page,
      (deliver) => void setImmediate(deliver),
    );
    const letIn = (): void => {
      for (const deliver of held?.splice(0) ?? []) setImmediate(deliver);
      held = undefined;
    };
    const end = (): void => {
      ended = true;
      tab?.kill();
    };

    function start() {
      const started = world.open(tasks, { ownLocks });
      const scope = Object.assign(inside.endpoint, { close: end });
      const send = async (number: unknown): Promise<void> => {
        sent.push(number as number);
        await wait(1_900);
        if (blocks === 0) return;
        held = [];
        started.freeze();
        world.alarm(blocks, () => {
          started.thaw();
          letIn();
        });
        await wait(blocks);
      };
      serveIn(scope, started.context, { send }, 6);

      return started;
    }

    world.alarm(loads, () => {
      if (ended) return; // The browser stops loading a worker that was ended.
      tab = start();
      if (throws) for (const tell of errors) tell({ message: 'Uncaught TypeError: analytics is undefined' });
      letIn();
    });
    const { endpoint } = page;
    const hear = endpoint.addEventListener.bind(endpoint);

    // A dedicated worker has no `port`: it is one.
    return Object.assign(endpoint, {
      addEventListener(name: string, listener: (event: unknown) => void) {
        if (name === 'message') hear(name, listener);
        if (name === 'error') errors.push(listener);
      },
      terminate: end,
    }) as unknown as Worker;
  }

  const page = world.open(tasks, { ownLocks });
  attendWorker(page.context, factory, ({ problem }) => told.push(problem));
  await world.advance(10_000);
  await page.basket.add('send', 1);
  await world.advance(600_000);

  return { sent, told, constructed };
}

test.each([2_500, 4_500])('a handler that blocks its dedicated worker for %i ms is not cut off', async (blocks) => {
  expect(await played({ blocks })).toEqual({ sent: [1], told: [], constructed: 1 });
});

test('without Web Locks a handler that blocks its dedicated worker for 1.5 s is not cut off', async () => {
  expect(await played({ blocks: 1_500, ownLocks: true })).toEqual({ sent: [1], told: [], constructed: 1 });
});

test('a dedicated worker whose script takes 3.5 s to load is constructed once', async () => {
  expect(await played({ loads: 3_500 })).toEqual({ sent: [1], told: [], constructed: 1 });
});

test.each([6_000, 20_000])(
  'a dedicated worker whose script takes %i ms to load runs tasks in the end',
  async (loads) => {
    expect((await played({ loads })).sent).toEqual([1]);
  },
);

test('a dedicated worker of which another line throws after serveBasket is not ended, as a SharedWorker is not', async () => {
  expect(await played({ throws: true })).toEqual({ sent: [1], told: [], constructed: 1 });
});

test.each([9, 10, 1_000])(
  'after %i failures a dedicated worker that never answers is waited for 42.5 s, and no longer',
  async (failures) => {
    const world = createWorld();
    const { context } = world.open(defineTasks(freshName(), { send: task<number>() }));
    const mute: Port = portTo(
      () => mute,
      () => undefined,
    );
    const factory = () => Object.assign(mute.endpoint, { terminate: () => undefined }) as unknown as Worker;
    let problem: WorkerProblem | undefined;
    greeted(context, factory, new AbortController().signal, failures).catch((error: unknown) => {
      ({ problem } = error as { readonly problem: WorkerProblem });
    });
    await world.advance(42_499);
    expect(problem).toBeUndefined();
    await world.advance(1);
    expect(problem).toBe('silent');
  },
);
