import { array, assert, asyncProperty, constantFrom } from '../support/property.js';
import { describe, expect, test } from 'vitest';

import { createBasket } from '../../src/basket/basket.js';
import type { WorkerProblem } from '../../src/pure/errors.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import type { Attendance } from '../../src/host/client.js';
import { attendWorker } from '../../src/host/client.js';
import { otherRegistry } from '../../src/host/problems.js';
import type { HelloAnswer } from '../../src/host/messages.js';
import { createStanding } from '../../src/host/standing.js';
import { freshName } from '../support/database.js';
import type { Manner } from '../support/workers.js';
import { createWorkers } from '../support/workers.js';
import { createWorld } from '../support/world.js';

/** A page that attends a worker, and all that the test turns. */
function opened(build = 0, manner: Manner = 'prompt', during: (signal: AbortSignal) => unknown = () => undefined) {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const done: number[] = [];
  const workers = createWorkers(world, tasks, {
    async send(number, { signal }) {
      done.push(number as number);
      await during(signal);
    },
  });
  const page = world.open(tasks, { build });
  const told: WorkerProblem[] = [];
  Object.assign(workers.script, { build, manner });
  const attendance = attendWorker(page.context, workers.factory, ({ problem }) => told.push(problem));
  page.context.askWorker = attendance.health;

  /** How the worker fares; asks it, and lets it have its time. */
  async function health(): Promise<unknown> {
    let found: unknown;
    void attendance.health().then((state) => {
      found = state;
    });
    await world.advance(1_000);

    return found;
  }

  return { tasks, world, done, workers, page, basket: page.basket, told, attendance, health };
}

/** As `attendPage` does at `pagehide` and `pageshow`. */
function putAway({ page, attendance }: { page: ReturnType<typeof opened>['page']; attendance: Attendance }) {
  page.context.hub.suspend();
  attendance.suspend();

  return () => {
    page.context.hub.resume();
    attendance.resume();
  };
}

describe('a page and its worker', () => {
  test('greet each other, the worker runs what the page adds, and nobody is told anything', async () => {
    const { world, basket, done, told, workers, health } = opened(3);
    await world.advance(100);
    expect(await health()).toEqual({ state: 'running', build: 3, types: { send: 1 } });
    await basket.add('send', 1);
    await world.advance(60_000);

    expect([done, told, workers.started(), workers.openPorts()]).toEqual([[1], [], 1, 1]);
  });

  test('a worker that hangs from its start is told after 4 s, once; what was told is taken back, and told again the second time', async () => {
    const { world, told, workers, health } = opened(0, 'hangs');
    await world.advance(4_200);
    expect(told).toEqual([]);
    await world.advance(100);
    expect(told).toEqual(['silent']);
    await world.advance(180_000);
    expect(told).toEqual(['silent']);
    expect(await health()).toMatchObject({ state: 'failed', problem: 'silent' });

    workers.current()?.treat('prompt');
    await world.advance(60_000);
    expect(await health()).toMatchObject({ state: 'running' });
    workers.current()?.treat('hangs');
    await world.advance(2_000);
    expect(await health()).toMatchObject({ state: 'failed', problem: 'silent' });
    await world.advance(60_000);
    expect(told).toEqual(['silent', 'silent']);
  });

  test('a worker that hangs a second time on one connection is told within 5 s after there is something to do', async () => {
    const { world, basket, told, workers } = opened();
    await world.advance(10_000);
    await basket.add('send', 1);
    workers.current()?.treat('hangs');
    await world.advance(4_000);
    workers.current()?.treat('prompt');
    await world.advance(10_000);
    expect([told, workers.openPorts()]).toEqual([[], 1]);

    workers.current()?.treat('hangs');
    await basket.add('send', 2);
    await world.advance(4_900);
    expect(told).toEqual([]);
    await world.advance(200);
    expect(told).toEqual(['silent']);
  });

  test('a worker that dies is replaced at once, and nobody is told', async () => {
    const { world, basket, done, told, workers, health } = opened();
    await world.advance(10_000);
    for (let time = 1; time <= 3; time += 1) {
      workers.current()?.kill();
      await world.advance(300);
      await basket.add('send', time);
      await world.advance(1_000);
    }

    expect([done, told, workers.started(), workers.openPorts()]).toEqual([[1, 2, 3], [], 4, 1]);
    expect(await health()).toMatchObject({ state: 'running' });
  });

  test('a worker that died is starting, and no longer running, until the next one answers', async () => {
    const { world, workers, attendance, health } = opened();
    await world.advance(10_000);
    workers.script.late = 2_000;
    workers.current()?.kill();
    await world.advance(500);
    expect([await attendance.health(), attendance.starts()]).toEqual([{ state: 'starting' }, true]);

    await world.advance(10_000);
    workers.script.late = 0;
    expect(await health()).toMatchObject({ state: 'running' });
    expect(attendance.starts()).toBe(false);
  });

  test('a worker that hangs when health asks it is told within 3 s, though there is nothing to do', async () => {
    const { world, told, workers, health } = opened();
    await world.advance(10_000);
    workers.current()?.treat('hangs');
    expect(await health()).toMatchObject({ state: 'failed', problem: 'silent' });
    await world.advance(2_100);

    expect(told).toEqual(['silent']);
  });

  test('a worker that a phone took away without a word is asked as soon as the page is visible, and replaced; nobody is told', async () => {
    const { world, told, workers, attendance, health } = opened();
    await world.advance(10_000);
    workers.current()?.treat('mute');
    await world.advance(60_000);
    expect(workers.started()).toBe(1);

    attendance.ask();
    await world.advance(3_100);
    expect([workers.started(), workers.openPorts(), told]).toEqual([2, 1, []]);
    expect(await health()).toMatchObject({ state: 'running' });
  });

  test('who comes back to a page whose SharedWorker was mute for ten minutes has it within 6 s', async () => {
    const waits: number[] = [];
    for (let phase = 0; phase < 100_000; phase += 7_000) {
      const { world, workers, basket, attendance, health } = opened(0, 'mute');
      await basket.add('send', 1);
      await world.advance(600_000 + phase);
      workers.script.manner = 'prompt';
      attendance.ask(); // The page is visible again.
      const from = world.wall();
      while (((await health()) as { state: string }).state !== 'running')
        expect(world.wall()).toBeLessThan(from + 90_000);
      waits.push(world.wall() - from);
      attendance.leave();
    }

    expect(waits.filter((wait) => wait > 6_000)).toEqual([]);
  });

  test('a page that becomes visible while it waits after a failure tries again at once', async () => {
    const { world, told, workers, attendance, health } = opened();
    workers.script.missing = true;
    workers.current()?.kill();
    await world.advance(300_000);
    expect(told).toEqual(['failed']);

    workers.script.missing = false;
    attendance.ask();
    await world.advance(10);
    expect(await health()).toMatchObject({ state: 'running' });
  });

  test('a worker that works again starts its waits anew: after the next failure the page tries again within 5 s', async () => {
    const { world, workers, health } = opened();
    workers.script.missing = true;
    workers.current()?.kill();
    await world.advance(600_000);
    workers.script.missing = false;
    await world.advance(60_000);
    expect(await health()).toMatchObject({ state: 'running' });

    workers.script.missing = true;
    workers.current()?.kill();
    await world.advance(1_000);
    workers.script.missing = false;
    await world.advance(5_000);
    expect(await health()).toMatchObject({ state: 'running' });
  });

  test.each([0, 7_000, 19_000, 31_000, 43_000])(
    'a page that is asked %i ms into its waits after a failure constructs a worker at once',
    async (into) => {
      const { world, workers, attendance } = opened();
      await world.advance(10_000);
      workers.script.missing = true;
      workers.current()?.kill();
      await world.advance(300_000 + into);
      workers.script.missing = false;
      attendance.ask();
      await world.settle();
      expect(workers.started()).toBe(2);
    },
  );

  test('a worker of an older build is told as a mismatch only if it comes twice in a row', async () => {
    const { world, workers, told } = opened(2);
    for (let time = 0; time < 3; time += 1) {
      await world.advance(10_000);
      workers.script.build = 1;
      workers.current()?.kill();
      await world.advance(300);
      workers.script.build = 2;
    }
    await world.advance(30_000);

    expect([told, workers.current()?.build, workers.started()]).toEqual([[], 2, 7]);
  });

  test('a worker whose lock is granted although it lives is asked once a second, not in a circle', async () => {
    const { world, workers, page, told, attendance } = opened();
    await world.advance(10_000);
    const { locks } = page.context.ports;
    let asked = 0;
    const granted = async (name: string, ...rest: [never, () => Promise<void>]): Promise<void> => {
      asked += 1;
      await (name.includes(':alive:') ? rest[1]() : locks.request(name, ...rest));
    };
    Object.assign(page.context.ports, { locks: { ...locks, request: granted } });
    const again = putAway({ page, attendance });
    await world.settle();
    again();
    await world.advance(10_000);

    expect(asked).toBeLessThan(13);
    expect([told, workers.started()]).toEqual([[], 1]);
  });

  test('a dedicated worker that is slow is constructed once, and ended when it is given up', async () => {
    const { world, page } = opened();
    let constructed = 0;
    let ended = 0;
    const nothing = (): void => undefined;
    const problems: WorkerProblem[] = [];
    const factory = (): Worker => {
      constructed += 1;

      return {
        addEventListener: nothing,
        removeEventListener: nothing,
        postMessage: nothing,
        terminate: () => (ended += 1),
      } as unknown as Worker;
    };
    attendWorker(page.context, factory, ({ problem }) => problems.push(problem));
    await world.advance(4_300);

    expect([constructed, ended, problems]).toEqual([1, 1, ['silent']]);
  });

  test('while a worker starts, no task says that nobody runs tasks; when it does not start, each says so at once', async () => {
    const world = createWorld();
    const { context } = world.open(defineTasks(freshName(), { send: task<number>() }));
    const nothing = (): void => undefined;
    const worker = {
      addEventListener: nothing,
      removeEventListener: nothing,
      postMessage: nothing,
      terminate: nothing,
    };
    const { starts } = attendWorker(context, () => worker as unknown as Worker, nothing);
    context.workerStarts = starts;
    const basket = createBasket(context);
    await basket.add('send', 1);
    const watched = basket.watch({}, { reasons: true });
    watched.subscribe(nothing);
    await world.advance(4_200);
    expect(watched.get().tasks).toMatchObject([{ reasons: [] }]);

    await world.advance(100);
    expect(watched.get().tasks).toMatchObject([{ reasons: [{ reason: 'no-runner' }] }]);
  });

  test('a worker that did not start keeps its cause while it is silent, until it answers', async () => {
    const { world, told, workers, health } = opened();
    workers.script.missing = true;
    workers.current()?.kill();
    await world.advance(10_000);
    expect(await health()).toMatchObject({ state: 'failed', problem: 'failed' });

    Object.assign(workers.script, { missing: false, manner: 'hangs' });
    await world.advance(120_000);
    expect(workers.openPorts()).toBe(0);
    expect([told, await health()]).toMatchObject([['failed'], { state: 'failed', problem: 'failed' }]);

    workers.current()?.treat('prompt');
    await world.advance(60_000);
    expect(await health()).toMatchObject({ state: 'running' });
    workers.current()?.treat('hangs');
    await world.advance(2_000);
    expect(await health()).toMatchObject({ state: 'failed', problem: 'silent' });
  });

  test('a worker that answers late is taken, by whichever connection answers first; the others are closed', async () => {
    const { world, told, workers, health } = opened();
    await world.advance(10_000);
    workers.script.late = 2_000;
    workers.current()?.kill();
    await world.advance(10_000);
    workers.script.late = 0;

    expect([told, workers.started(), workers.openPorts(), workers.listeners()]).toEqual([[], 2, 1, 1]);
    expect(await health()).toMatchObject({ state: 'running' });
  });

  test('a worker that answers twice, and is greeted again and again, answers as one', async () => {
    const { world, told, workers, attendance, health } = opened(0, 'twice');
    await world.advance(100);
    for (let time = 0; time < 10; time += 1) {
      attendance.ask();
      expect(await health()).toMatchObject({ state: 'running' });
    }
    await world.advance(60_000);

    expect([told, workers.started(), workers.openPorts(), workers.listeners()]).toEqual([[], 1, 1, 1]);
  });

  test('an answer that comes after its time changes nothing', async () => {
    const { world, told, workers, basket, health } = opened();
    await world.advance(10_000);
    workers.current()?.treat('hangs');
    await basket.add('send', 1);
    await world.advance(6_000);
    expect(told).toEqual(['silent']);
    // The old connection is closed: its late answer reaches nobody, and the next visit finds out by itself.
    workers.script.missing = true;
    workers.current()?.treat('prompt');
    await world.advance(20_000);
    expect(told).toEqual(['silent', 'failed']);
    expect(await health()).toMatchObject({ state: 'failed', problem: 'failed' });
  });

  test('a worker of an older build under the same URL retires at the hello of a newer page, and the new script takes over', async () => {
    const { world, basket, tasks, done, told, workers } = opened(1);
    await world.advance(10_000);
    workers.script.build = 2;
    const newer = world.open(tasks, { build: 2 });
    const problems: WorkerProblem[] = [];
    attendWorker(newer.context, workers.factory, ({ problem }) => problems.push(problem));
    await world.advance(30_000);
    await basket.add('send', 1);
    await world.settle();

    expect(workers.current()?.build).toBe(2);
    expect([done, told, problems, workers.started(), workers.openPorts()]).toEqual([[1], [], [], 2, 2]);
  });

  test('a worker of an older build that still ends its tasks when its page comes back to it is told as nothing', async () => {
    const { world, tasks, basket, workers } = opened(1, 'prompt', () => new Promise(() => undefined));
    await basket.add('send', 1);
    await world.advance(10_000);
    workers.script.build = 2;
    const newer = world.open(tasks, { build: 2 });
    const problems: WorkerProblem[] = [];
    const attendance = attendWorker(newer.context, workers.factory, ({ problem }) => problems.push(problem));
    await world.advance(3_000);
    const again = putAway({ page: newer, attendance });
    await world.advance(1_000);
    again();
    await world.advance(60_000);

    expect([problems, workers.current()?.build, workers.started()]).toEqual([[], 2, 2]);
  });

  test('a worker of an older build that retires waits 10 seconds for its running tasks, so that none is sent twice without need', async () => {
    let world: ReturnType<typeof createWorld> | undefined;
    const during = (signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('It was cut off.')));
        world?.alarm(9_000, resolve);
      });
    const found = opened(1, 'prompt', during);
    const { tasks, basket, workers, done } = found;
    world = found.world;
    await basket.add('send', 1);
    await world.settle();
    workers.script.build = 2;
    attendWorker(world.open(tasks, { build: 2 }).context, workers.factory, undefined);
    await world.advance(5_000);
    await basket.add('send', 2);
    await world.advance(20_000);

    expect([done, workers.current()?.build, workers.started()]).toEqual([[1, 2], 2, 2]);
  });

  test('a worker of an older build that comes again and again is told as a mismatch, once', async () => {
    const { world, tasks, workers } = opened(1);
    await world.advance(10_000);
    const newer = world.open(tasks, { build: 2 });
    const problems: WorkerProblem[] = [];
    attendWorker(newer.context, workers.factory, ({ problem }) => problems.push(problem));
    await world.advance(600_000);

    expect(problems).toEqual(['mismatch']);
  });

  test('a worker of an older build that does not lead answers before it retires: its page is told a mismatch, not a silence', async () => {
    const { world, tasks, workers, told } = opened(2);
    world.open(tasks, { build: 3 }).run({ send: () => undefined });
    await world.advance(10_000);
    workers.script.build = 1;
    workers.current()?.kill();
    await world.advance(30_000);

    expect(workers.started()).toBeGreaterThan(2);
    expect(told).toEqual(['mismatch']);
  });

  test('a newer worker serves an older page', async () => {
    const { world, tasks, basket, done, workers } = opened(2);
    await world.advance(10_000);
    const older = world.open(tasks, { build: 1 });
    const problems: WorkerProblem[] = [];
    attendWorker(older.context, workers.factory, ({ problem }) => problems.push(problem));
    await older.basket.add('send', 1);
    await basket.add('send', 2);
    await world.advance(60_000);

    expect([done, problems, workers.started()]).toEqual([[1, 2], [], 1]);
  });

  test("a page of another basket that was given this one's worker is told so, and the worker does not retire at its higher build", async () => {
    const { world, basket, done, workers } = opened(1);
    await world.advance(10_000);
    const other = world.open(defineTasks(freshName(), { send: task<number>() }), { build: 9 });
    const problems: WorkerProblem[] = [];
    attendWorker(other.context, workers.factory, ({ problem }) => problems.push(problem));
    await world.advance(10_000);
    await basket.add('send', 1);
    await world.settle();

    expect([done, problems, workers.started()]).toEqual([[1], ['mismatch'], 1]);
  });

  test('a page is told the names of two baskets so that they differ, also if one is named like the library', () => {
    const world = createWorld();
    const nameOf = (name: string, bucket?: string): string =>
      world.open(defineTasks(name, { send: task<number>() }, { bucket })).context.names.channel;
    const said = (served: string, here: string): unknown =>
      /registry (.*), and this page (.*)\. Import/.exec(otherRegistry(served, here).message)?.slice(1);
    expect(said(nameOf('taskbasket:notes'), nameOf('notes'))).toEqual(['"taskbasket:notes"', '"notes"']);
    expect(said(nameOf('notes', 'photos'), nameOf('notes'))).toEqual(['"notes":"photos"', '"notes"']);
  });

  test('a page that is put away holds no port and no timer, and has a worker again when it is back, also if that was killed', async () => {
    const found = opened();
    const { world, told, workers, health, basket, done } = found;
    await world.advance(10_000);
    for (const kills of [false, true, false]) {
      const back = putAway(found);
      await world.settle();
      expect([workers.openPorts(), workers.listeners()]).toEqual([0, 0]);
      if (kills) workers.current()?.kill();
      await world.advance(100_000);
      expect(workers.openPorts()).toBe(0);
      back();
      await world.advance(300);
      expect(await health()).toMatchObject({ state: 'running' });
      expect(workers.openPorts()).toBe(1);
    }
    await basket.add('send', 1);
    await world.settle();
    expect([done, told, workers.started()]).toEqual([[1], [], 2]);
  });

  test('a page that is put away while it greets, or waits after a failure, constructs nothing until it is back', async () => {
    const found = opened(0, 'hangs');
    const { world, workers, health } = found;
    await world.advance(500);
    const back = putAway(found);
    await world.advance(100_000);
    expect(workers.openPorts()).toBe(0);
    workers.current()?.kill();
    Object.assign(workers.script, { missing: true, manner: 'prompt' });
    back();
    await world.advance(1_000);
    const again = putAway(found);
    workers.script.missing = false;
    await world.advance(100_000);
    expect(workers.openPorts()).toBe(0);
    again();
    await world.advance(300);
    expect(await health()).toMatchObject({ state: 'running' });
  });

  test('a worker that cannot open the database says so, and takes it back once it can', async () => {
    const { world, told, workers, health } = opened();
    await world.advance(10_000);
    const database = workers.current()?.tab.context.database;
    const { trouble } = database ?? {};
    const error = Object.assign(new Error('The database does not open.'));
    Object.assign(database ?? {}, { trouble: () => error });
    expect(await health()).toMatchObject({ state: 'failed', problem: 'database' });
    expect(await health()).toMatchObject({ state: 'failed', problem: 'database' });
    Object.assign(database ?? {}, { trouble });
    expect(await health()).toMatchObject({ state: 'running' });
    Object.assign(database ?? {}, { trouble: () => error });
    expect(await health()).toMatchObject({ state: 'failed', problem: 'database' });

    expect(told).toEqual(['database', 'database']);
  });

  test('a worker whose database is blocked when it starts tells the page within 3 s, though nothing is added', async () => {
    const { world, told, workers } = opened();
    const database = workers.current()?.tab.context.database;
    // Known after a second: the first answer came before.
    workers.current()?.tab.context.ports.clock.timer(1_000, () => {
      Object.assign(database ?? {}, { trouble: () => new Error('The database does not open.') });
    });
    Object.assign(database ?? {}, { opened: () => Promise.reject(new Error('not yet')) });
    await world.advance(3_000);

    expect(told).toEqual(['database']);
  });
});

describe('what comes over the port', () => {
  test.each([
    [null],
    [undefined],
    ['hello'],
    [7],
    [{}],
    [[]],
    [{ id: 'x' }],
    [{ id: 1, type: 'APPLY', path: ['hello'] }],
  ])('%o, whoever sent it, changes nothing for a page or its worker', async (garbage) => {
    const { world, workers, tasks, told, basket, done } = opened();
    await world.advance(10_000);
    const other = world.open(tasks);
    const heard = new Set<(event: MessageEvent) => void>();
    const problems: WorkerProblem[] = [];
    attendWorker(
      other.context,
      () => {
        const made = workers.factory() as { readonly port: MessagePort };
        const listen = made.port.addEventListener.bind(made.port) as (type: string, listener: never) => void;
        Object.assign(made.port, {
          addEventListener(type: string, listener: (event: MessageEvent) => void) {
            heard.add(listener);
            listen(type, listener as never);
          },
        });
        made.port.postMessage(garbage);

        return made;
      },
      ({ problem }) => problems.push(problem),
    );
    await world.advance(10);
    expect(heard.size).toBeGreaterThan(0);
    for (const listener of heard) listener({ data: garbage } as MessageEvent);
    await basket.add('send', 1);
    await world.advance(60_000);

    expect([done, told, problems, workers.started(), workers.openPorts()]).toEqual([[1], [], [], 1, 2]);
  });
});

test.each([[null], [7], ['x'], [[]], [{ send: 'one' }], [{ send: null }]])(
  'an answer whose versions of types are %o, and whose trouble is no text, is that of a running worker that does not say',
  (garbage) => {
    const standing = createStanding(() => expect.unreachable());
    const answer = { protocol: 1, basket: 'b', build: 3, alive: 'a', types: garbage, trouble: garbage };
    standing.hear({ ...answer, trouble: typeof garbage === 'string' ? 7 : garbage } as unknown as HelloAnswer);

    expect(standing.health()).toEqual({ state: 'running', build: 3, types: {} });
  },
);

describe('what must be gone', () => {
  test('a page that is put away and brought back a hundred times leaves as much behind as twice', async () => {
    const found = opened();
    const { world, workers, told, basket, done } = found;
    await world.advance(10_000);
    const left: unknown[] = [];
    for (let time = 1; time <= 100; time += 1) {
      const back = putAway(found);
      // Now and then it is back before its worker has heard anything.
      if (time % 3 > 0) await world.advance(time % 3 === 1 ? 100 : 5_000);
      back();
      await world.advance(3_000);
      if (time === 2 || time === 100) left.push([workers.openPorts(), workers.listeners(), world.alarms()]);
    }
    await basket.add('send', 1);
    await world.settle();

    expect(left[1]).toEqual(left[0]);
    expect([done, told, workers.started(), workers.openPorts()]).toEqual([[1], [], 1, 1]);
  });

  test('after leaving there is no port, no timer, no listener, and nothing is constructed any more', async () => {
    const { world, attendance, workers, basket } = opened();
    await world.advance(10_000);
    await basket.add('send', 1);
    await world.settle();
    const before = world.alarms();
    workers.current()?.kill();
    attendance.leave();
    basket.close();
    await world.settle();

    expect([workers.openPorts(), workers.listeners(), world.alarms()]).toEqual([0, 0, 0]);
    await world.advance(600_000);
    expect(workers.started()).toBe(1);
    expect(before).toBeGreaterThan(0);
  });

  test.each([
    ['dies', 'kill'],
    ['cannot be started', 'missing'],
  ])(
    'a worker that %s a hundred times leaves as much behind as once',
    async (_, how) => {
      const { world, workers, page } = opened();
      const hear = page.context.hub.hear;
      let listening = 0;
      Object.assign(page.context.hub, {
        hear(listener: Parameters<typeof hear>[0]) {
          const stop = hear(listener);
          listening += 1;

          return () => {
            listening -= 1;
            stop();
          };
        },
      });
      const left: unknown[] = [];
      for (let time = 1; time <= 100; time += 1) {
        if (how === 'missing') workers.script.missing = true;
        workers.current()?.kill();
        await world.advance(70_000);
        if (time === 2 || time === 100)
          left.push([workers.openPorts(), workers.listeners(), world.alarms(), listening]);
      }

      expect(left[1]).toEqual(left[0]);
    },
    60_000,
  );
});

const events = [
  'kill',
  'hang',
  'wake up',
  'mute',
  'twice',
  'late',
  'prompt script',
  'missing script',
  'script is there',
  'away',
  'back',
  'look',
  'add',
  'health',
  'deploy',
  'second page',
  'a moment',
  'a while',
] as const;

test('whatever happens to page and worker, in the end a worker runs everything, and each page holds one port', async () => {
  await assert(
    asyncProperty(array(constantFrom(...events), { minLength: 1, maxLength: 30 }), async (played) => {
      const found = opened();
      const { world, workers, tasks, told, basket, done, attendance } = found;
      let back: (() => void) | undefined;
      let pages = 1;
      let added = 0;
      let build = 0;

      for (const event of played) {
        const worker = workers.current();
        if (event === 'kill') worker?.kill();
        if (event === 'hang') worker?.treat('hangs');
        if (event === 'wake up') worker?.treat('prompt');
        if (event === 'twice') worker?.treat('twice');
        // Its lock stays, as if it were there: only a question finds out. Its runner must not go on.
        if (event === 'mute') worker?.treat('mute');
        if (event === 'late') workers.script.late = 700;
        if (event === 'prompt script') workers.script.late = 0;
        if (event === 'missing script') workers.script.missing = true;
        if (event === 'script is there') workers.script.missing = false;
        if (event === 'away') back ??= putAway(found);
        if (event === 'back') {
          back?.();
          back = undefined;
        }
        if (event === 'look' && back === undefined) attendance.ask();
        if (event === 'health') void attendance.health();
        if (event === 'add' && back === undefined) {
          added += 1;
          void basket.add('send', added);
        }
        if (event === 'deploy') {
          build += 1;
          workers.script.build = build;
        }
        if (event === 'second page' && pages < 3) {
          pages += 1;
          attendWorker(world.open(tasks, { build }).context, workers.factory, ({ problem }) => told.push(problem));
        }
        await world.advance(event === 'a while' ? 20_000 : event === 'a moment' ? 600 : 20);
      }

      Object.assign(workers.script, { missing: false, late: 0 });
      workers.current()?.treat('prompt');
      back?.();
      await world.advance(100_000);
      attendance.ask();
      await world.advance(100_000);

      let health: unknown;
      void attendance.health().then((state) => {
        health = state;
      });
      await world.advance(1_000);
      expect(health).toMatchObject({ state: 'running' });
      expect(workers.openPorts()).toBe(pages);
      expect(workers.listeners()).toBe(pages);
      expect(new Set(done).size).toBe(added);
      // A page that never met a missing, hanging or outdated worker was told nothing.
      const harmed = played.some((event) => ['hang', 'mute', 'late', 'missing script', 'deploy'].includes(event));
      expect(harmed ? [] : told).toEqual([]);
    }),
    { numRuns: 40 },
  );
}, 120_000);
