import { describe, expect, test } from 'vitest';

import { json } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, RetryLater, Unavailable } from '../../src/pure/verdict.js';
import { byHand, contentsOf, freshName } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

type What = 'fine' | 'waits' | 'throws' | 'refuses' | 'away' | 'later';

async function opened(concurrency = 6) {
  const tasks = defineTasks(
    freshName(),
    {
      send: task<What>({ backoff: { base: 60_000, cap: 60_000, jitter: 'none' } }),
      skips: task<What>({ onDead: 'skip' }),
      text: task({ codec: json<string>() }),
    },
    { gates: { base: 60_000, cap: 60_000 } },
  );
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const open = createGate();
  const send = async (what: What): Promise<void> => {
    if (what === 'waits') await open.promise;
    if (what === 'throws') throw new Error('not yet');
    if (what === 'refuses') throw new PermanentFailure('The server refused it.', { status: 422 });
    if (what === 'away') throw new Unavailable({ cause: new Error('no network') });
    if (what === 'later') throw new RetryLater(new Date(world.wall() + 90_000));
  };
  const run = () => tab.run({ send, skips: send, text: () => undefined }, { concurrency });

  return { tasks, world, tab, basket: tab.basket, run, end: () => open.open() };
}
type Opened = Awaited<ReturnType<typeof opened>>;

/** Changes the one row by hand. */
function change(tasks: Opened['tasks'], seq: number, fields: object): Promise<void> {
  return byHand(tasks, (stores) => {
    stores.tasks.get(seq).addEventListener('success', (event) => {
      stores.tasks.put({ ...(event.target as IDBRequest<object>).result, ...fields });
    });
  });
}

describe('why a task is not running now:', () => {
  test('nothing is in its way, and it is about to be claimed', async () => {
    const { tab, basket } = await opened();
    const { ports, names } = tab.context;
    const leads = createGate();
    const leading = ports.locks.request(names.runnerLock, {}, () => leads.promise);
    const id = await basket.add('send', 'fine');

    expect(await basket.explain(id)).toEqual([]);
    leads.open();
    await leading;
  });

  test('nobody runs tasks, and what a runner that died was running takes no room at its gate', async () => {
    const { tasks, world, run, tab } = await opened();
    const page = world.open(tasks);
    run();
    await page.basket.add('send', 'waits');
    await world.settle();
    tab.kill();
    const id = await page.basket.add('send', 'fine');
    const slow = { name: 'send', step: 0, until: 0, reason: 'away', by: [], slow: { at: world.wall(), width: 1 } };
    await byHand(tasks, ({ state }) => void state.put(slow, 'gate:send'));

    expect(await page.basket.explain(id)).toEqual([{ reason: 'no-runner' }]);
  });

  test('it is gone, or never was', async () => {
    const { world, basket, run, end } = await opened();
    run();
    const done = await basket.add('send', 'fine');
    const cancelled = await basket.add('send', 'waits');
    await world.settle();
    await basket.cancel(cancelled);

    for (const id of [done, cancelled, 'never was']) expect(await basket.explain(id)).toEqual([{ reason: 'gone' }]);
    end();
  });

  test('it runs', async () => {
    const { world, basket, run, end } = await opened();
    run();
    const id = await basket.add('send', 'waits');
    await world.settle();

    expect(await basket.explain(id)).toEqual([{ reason: 'running' }]);
    end();
  });

  test('it waits for its backoff, until then', async () => {
    const { world, basket, run } = await opened();
    run();
    const id = await basket.add('send', 'throws');
    await world.settle();

    expect(await basket.explain(id)).toEqual([{ reason: 'backoff', until: world.wall() + 60_000 }]);
    await world.advance(59_000);
    expect(await basket.explain(id)).toEqual([{ reason: 'backoff', until: world.wall() + 1_000 }]);
  });

  test('it waits for its backoff, and the time is shown by the wall clock also if the runner’s stands ahead of it', async () => {
    const { world, basket, run } = await opened();
    run();
    await basket.add('send', 'fine');
    await world.settle();
    world.jump(-3_600_000);
    const id = await basket.add('send', 'throws');
    await world.settle();

    expect(await basket.explain(id)).toEqual([{ reason: 'backoff', until: world.wall() + 60_000 }]);
    expect(await basket.get(id)).toMatchObject({ dueAt: world.wall() + 60_000 });
  });

  test('it waits for its backoff, and the wall clock was put back by an hour since: it still waits for a minute', async () => {
    const { world, basket, run } = await opened();
    run();
    const id = await basket.add('send', 'throws');
    await world.settle();
    world.jump(-3_600_000);

    expect(await basket.explain(id)).toEqual([{ reason: 'backoff', until: world.wall() + 60_000 }]);
    expect(await basket.get(id)).toMatchObject({ dueAt: world.wall() + 60_000 });
  });

  test('it waits for the date that it was given, or that its handler asked for', async () => {
    const { world, basket, run } = await opened();
    run();
    const runAt = world.wall() + 600_000;
    const dated = await basket.add('send', 'fine', { runAt });
    const later = await basket.add('send', 'later');
    await world.settle();

    expect(await basket.explain(dated)).toEqual([{ reason: 'date', until: runAt }]);
    expect(await basket.explain(later)).toEqual([{ reason: 'date', until: world.wall() + 90_000 }]);
  });

  test('another stands before it in its lane', async () => {
    const { world, basket, run, end } = await opened();
    run();
    const head = await basket.add('send', 'waits', { lane: 'a' });
    const next = await basket.add('send', 'fine', { lane: 'a' });
    const last = await basket.add('text', 'x', { lane: 'a' });
    await world.settle();

    expect(await basket.explain(next)).toEqual([{ reason: 'lane', lane: 'a', behind: head, dead: false }]);
    expect(await basket.explain(last)).toEqual([{ reason: 'lane', lane: 'a', behind: head, dead: false }]);
    end();
  });

  test('one that was cancelled while it runs stands before it in its lane, and is not dead', async () => {
    const { world, basket, run, end } = await opened();
    run();
    const head = await basket.add('send', 'waits', { lane: 'a' });
    const next = await basket.add('send', 'fine', { lane: 'a' });
    await world.settle();
    await basket.cancel(head);

    expect(await basket.explain(next)).toEqual([{ reason: 'lane', lane: 'a', behind: head, dead: false }]);
    end();
  });

  test('its date is to come again, since the wall clock was put back', async () => {
    const { world, basket, run } = await opened();
    run();
    const runAt = world.wall() + 1_000;
    const id = await basket.add('send', 'throws', { runAt });
    await world.advance(2_000);
    world.jump(-3_600_000);

    expect(await basket.explain(id)).toEqual([{ reason: 'date', until: runAt }]);
  });

  test('a dead one stands before it in its lane', async () => {
    const { world, basket, run } = await opened();
    run();
    const head = await basket.add('send', 'refuses', { lane: 'a' });
    const next = await basket.add('send', 'fine', { lane: 'a' });
    await world.settle();

    expect(await basket.explain(next)).toEqual([{ reason: 'lane', lane: 'a', behind: head, dead: true }]);
  });

  test('it was brought back to the front of a lane in which another runs', async () => {
    const { world, basket, run, end } = await opened();
    run();
    const back = await basket.add('skips', 'refuses', { lane: 'a' });
    await world.settle();
    const id = await basket.add('skips', 'waits', { lane: 'a' });
    await world.settle();
    await basket.retry(back);
    await world.settle();

    expect(await basket.explain(back)).toEqual([{ reason: 'lane', lane: 'a', behind: id, dead: false }]);
    end();
    await world.settle();
    expect(await basket.explain(back)).toMatchObject([{ reason: 'dead' }]);
  });

  test('it is dead, with why and its last error; a lane that went on without it is not in its way', async () => {
    const { world, basket, run, end } = await opened();
    run();
    const ids = [await basket.add('send', 'refuses'), await basket.add('skips', 'refuses', { lane: 'a' })];
    await basket.add('skips', 'waits', { lane: 'a' });
    await world.settle();

    for (const id of ids) {
      expect(await basket.explain(id)).toEqual([
        {
          reason: 'dead',
          because: 'permanent',
          error: { name: 'PermanentFailure', message: 'The server refused it.', status: 422, at: world.wall() },
        },
      ]);
    }
    end();
  });

  test('its gate is closed until then, with the message and the task that met it', async () => {
    const { world, basket, run } = await opened();
    run();
    const first = await basket.add('send', 'away', { gate: 'api' });
    await world.settle();
    // One alone may be wrong: only its own gate is closed.
    expect(await basket.explain(first)).toMatchObject([{ reason: 'gate', by: first }]);
    const by = await basket.add('send', 'away', { gate: 'api' });
    await world.settle();
    const id = await basket.add('send', 'fine', { gate: 'api' });
    const elsewhere = await basket.add('send', 'waits', { gate: 'other' });
    await world.settle();

    const until = (await basket.get(id))?.gate.closedUntil;
    expect(until).toBeGreaterThan(world.wall());
    expect(await basket.explain(id)).toEqual([
      { reason: 'gate', gate: 'api', until, message: expect.any(String) as string, status: undefined, by },
    ]);
    expect(await basket.explain(elsewhere)).toEqual([{ reason: 'running' }]);
  });

  test('its gate is being probed: no time can be told', async () => {
    const { world, tasks, basket, run, end } = await opened();
    run();
    await basket.add('send', 'waits', { gate: 'api' });
    const id = await basket.add('send', 'fine', { gate: 'api', runAt: world.wall() + 1_000 });
    await world.settle();
    const gate = { name: 'api', step: 1, until: world.wall(), reason: 'no network', by: ['x'] };
    await byHand(tasks, (stores) => stores.state.put(gate, 'gate:api'));

    expect(await basket.explain(id)).toContainEqual({
      reason: 'gate',
      gate: 'api',
      until: undefined,
      message: 'no network',
      status: undefined,
      by: 'x',
    });
    end();
  });

  test('its gate has opened, and lets one after the other through', async () => {
    const { tasks, world, basket, run, end } = await opened();
    run();
    await world.settle();
    await byHand(tasks, (stores) =>
      stores.state.put(
        {
          name: 'api',
          step: 0,
          until: 0,
          reason: 'no network',
          status: 503,
          by: [],
          slow: { at: world.wall(), width: 1 },
        },
        'gate:api',
      ),
    );
    await byHand(tasks, (stores) => stores.state.put('a fresh stamp', 'edits'));
    await basket.add('send', 'waits', { gate: 'api' });
    const id = await basket.add('send', 'fine', { gate: 'api' });
    await world.settle();

    expect(await basket.explain(id)).toEqual([
      { reason: 'gate', gate: 'api', until: undefined, message: 'no network', status: 503, by: undefined },
    ]);
    end();
  });

  test('its gate opened longer ago than the cap, which counts as open', async () => {
    const { tasks, world, basket, run, end } = await opened();
    run();
    await basket.add('send', 'waits', { gate: 'api' });
    const id = await basket.add('send', 'fine', { gate: 'api', runAt: world.wall() + 1_000 });
    await world.settle();
    const reasonsSince = async (age: number): Promise<readonly string[]> => {
      const slow = { at: world.wall() - age, width: 1 };
      const gate = { name: 'api', step: 0, until: 0, reason: 'no network', by: [], slow };
      await byHand(tasks, (stores) => stores.state.put(gate, 'gate:api'));

      return (await basket.explain(id)).map(({ reason }) => reason);
    };

    expect(await reasonsSince(60_000)).toEqual(['date', 'gate']);
    expect(await reasonsSince(60_001)).toEqual(['date']);
    end();
  });

  test('the record of its gate is of an absurd time, which explain, views and health take as none alike', async () => {
    const { tasks, world, basket, run, end } = await opened();
    run();
    const id = await basket.add('send', 'fine', { gate: 'api', runAt: world.wall() + 60_000 });
    await world.settle();
    const seenUntil = async (until: number): Promise<readonly boolean[]> => {
      const gate = { name: 'api', step: 2, until, reason: 'no network', by: ['x', 'y'] };
      await byHand(tasks, (stores) => stores.state.put(gate, 'gate:api'));
      const view = await basket.get(id);
      const { closedGates } = await basket.health();
      const reasons = await basket.explain(id);

      return [
        reasons.some(({ reason }) => reason === 'gate'),
        'closedUntil' in (view?.gate ?? {}),
        closedGates.length > 0,
      ];
    };

    expect(await seenUntil(world.wall() + 60_000)).toEqual([true, true, true]);
    expect(await seenUntil(world.wall() + 56 * 365 * 86_400_000)).toEqual([false, false, false]);
    end();
  });

  test('this build has no such type, or another version of it', async () => {
    const { tasks, world, basket } = await opened();
    const ids = [await basket.add('send', 'fine'), await basket.add('text', 'x')];
    const next = world.open(defineTasks(tasks.name, { text: task<string>({ version: 2 }) }));
    next.run({ text: () => undefined });
    await world.settle();

    expect(await next.basket.explain(ids[0] as string)).toEqual([{ reason: 'unknown-type' }]);
    expect(await next.basket.explain(ids[1] as string)).toEqual([{ reason: 'unknown-version', version: 1, known: 2 }]);
  });

  test('the runner that leads has no such type, or another version of it; health names it too', async () => {
    const { tasks, world, basket } = await opened();
    const ids = [await basket.add('send', 'fine'), await basket.add('text', 'x')];
    const next = world.open(defineTasks(tasks.name, { text: task<string>({ version: 2 }) }), { build: 7 });
    next.run({ text: () => undefined });
    await world.settle();

    for (const id of ids) expect(await basket.explain(id)).toEqual([{ reason: 'other-leader', build: 7 }]);
    const { registries } = await basket.health();
    expect(registries).toContainEqual({ type: 'send', here: 1 });
    expect(registries).toContainEqual({ type: 'text', here: 1, leader: 2 });

    next.kill();
    await world.settle();
    expect(await basket.explain(ids[0] as string)).toEqual([{ reason: 'no-runner' }]);
    expect((await basket.health()).registries).toEqual([]);
  });

  test('it could not be decoded by the build that tried, with the error', async () => {
    const { tasks, world, basket, run } = await opened();
    const id = await basket.add('text', 'x');
    await change(tasks, 1, { payload: '{ no JSON' });
    run();
    await world.settle();

    expect(await basket.explain(id)).toEqual([
      { reason: 'undecodable', error: expect.objectContaining({ name: 'SyntaxError' }) as object },
    ]);
  });

  test('a later version of the library wrote it in a way that this one does not know', async () => {
    const { tasks, world, basket, run } = await opened();
    run();
    const id = await basket.add('send', 'fine', { runAt: world.wall() + 1_000 });
    await change(tasks, 1, { ready: 'Z|send|1|send|1', runAt: 0 });

    expect(await basket.explain(id)).toEqual([{ reason: 'undecodable', error: undefined }]);
  });

  test('a later version of the library gave it a time in a way that this one does not know', async () => {
    const { tasks, world, basket, run } = await opened();
    run();
    const id = await basket.add('send', 'fine', { runAt: world.wall() + 1_000 });
    await change(tasks, 1, { ready: 'Z|send|1|send|1|zzzzzzzzz', runAt: 0 });

    expect(await basket.explain(id)).toEqual([{ reason: 'undecodable', error: undefined }]);
  });

  test('the runner died under it so often that it waits until it can run alone', async () => {
    const { tasks, world, basket, run } = await opened();
    const id = await basket.add('send', 'fine');
    await change(tasks, 1, { ready: '@|send|1|send|3|000000000', interruptions: 3, attempts: 3 });
    // Nothing runs yet, so that nothing else is in its way.
    expect(await basket.explain(id)).toEqual([{ reason: 'alone', interruptions: 3 }, { reason: 'no-runner' }]);

    const other = await basket.add('send', 'waits');
    run();
    await world.settle();
    expect(await basket.explain(id)).not.toContainEqual({ reason: 'no-runner' });
    expect(await basket.explain(other)).toBeDefined();
  });

  test.each([0, -3_600_000])(
    'another, under which the runner died so often, runs alone, and the wall clock jumps by %i ms then',
    async (jump) => {
      const { tasks, world, basket, run, end } = await opened();
      const other = await basket.add('send', 'fine');
      const poison = await basket.add('send', 'waits');
      await change(tasks, 2, { ready: '@|send|1|send|3|000000000', interruptions: 3, attempts: 3 });
      run();
      await world.settle();
      world.jump(jump);

      const until = world.wall() + 10_000;
      expect(await basket.explain(poison)).toEqual([{ reason: 'running' }]);
      expect(await basket.explain(other)).toEqual([{ reason: 'aside', for: poison, until }]);
      await world.advance(10_001);
      expect(await basket.explain(other)).toEqual([{ reason: 'gone' }]);
      end();
    },
  );

  test('another waits until it can run alone, until it is cancelled', async () => {
    const { tasks, world, basket, run, end } = await opened();
    await basket.add('send', 'waits');
    run();
    await world.settle();
    const poison = await basket.add('send', 'fine', { runAt: world.wall() + 61_000 });
    await change(tasks, 2, { ready: '@|send|1|send|3|000000000', interruptions: 3, attempts: 3, runAt: undefined });
    // Nobody told the runner: its poll finds the row.
    await world.advance(61_000);

    const other = await basket.add('send', 'fine');
    await world.settle();
    const reasons = await basket.explain(other);
    expect(reasons).toEqual([{ reason: 'aside', for: poison, until: expect.any(Number) }]);
    expect(await basket.explain(poison)).toEqual([{ reason: 'alone', interruptions: 3 }]);

    expect(await basket.cancel(poison)).toBe(1);
    await world.settle();
    expect(await basket.explain(other)).toEqual([{ reason: 'gone' }]);
    expect((await contentsOf(tasks)).state.get('runner')).not.toHaveProperty('alone');
    end();
  });

  test('as many run as may at once', async () => {
    const { tasks, world, basket, run, end } = await opened(2);
    run();
    const ids = [
      await basket.add('send', 'waits'),
      await basket.add('send', 'waits'),
      await basket.add('send', 'fine'),
    ];
    await world.settle();
    expect((await contentsOf(tasks)).state.get('runner')).toMatchObject({ slots: 2 });

    expect(await basket.explain(ids[2] ?? '')).toEqual([{ reason: 'busy' }]);
    end();
  });

  test('nobody runs tasks, also if the last runner died while it ran', async () => {
    const { tasks, world, tab, basket, run } = await opened();
    const id: string = await basket.add('send', 'waits');
    expect(await basket.explain(id)).toEqual([{ reason: 'no-runner' }]);
    run();
    await world.settle();
    tab.kill();
    await world.settle();

    expect(await world.open(tasks).basket.explain(id)).toEqual([{ reason: 'no-runner' }]);
  });

  test('several things at once are all told', async () => {
    const { world, basket } = await opened();
    const head = await basket.add('send', 'fine', { lane: 'a' });
    const runAt = world.wall() + 5_000;
    const id = await basket.add('send', 'fine', { lane: 'a', runAt });

    expect(await basket.explain(id)).toEqual([
      { reason: 'date', until: runAt },
      { reason: 'lane', lane: 'a', behind: head, dead: false },
      { reason: 'no-runner' },
    ]);
  });
});

test.each([255, 256, 257, 612])('%i tasks that are asked for at once are each told why they wait', async (count) => {
  const { basket, world } = await opened();
  const runAt = world.wall() + 60_000;
  const ids = await basket.addMany(Array.from({ length: count }, () => ['send', 'fine', { runAt }] as const));
  const found = await Promise.all(ids.map((id) => basket.explain(id)));

  expect(found.filter(([first]) => first?.reason === 'date')).toHaveLength(count);
});
