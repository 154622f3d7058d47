import { expect, test } from 'vitest';

import type { Message } from '../../src/basket/context/messages.js';
import { createLooking } from '../../src/host/looking.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { freshName } from '../support/database.js';
import type { World } from '../support/world.js';
import { createWorld } from '../support/world.js';

const tasks = () => defineTasks(freshName(), { send: task<number>({ gate: 'server' }) });

/** A page beside a runner whose server is away; its timers are told apart from those of the runner. */
function openPage(world: World, registry: ReturnType<typeof tasks>, visible: boolean) {
  const page = world.open(registry);
  let timers = 0;
  const { clock } = page.context.ports;
  const counted = {
    ...clock,
    timer(wait: number, ring: () => void) {
      timers += 1;
      let ended = false;
      const end = (): void => {
        timers -= ended ? 0 : 1;
        ended = true;
      };
      const stop = clock.timer(wait, () => {
        end();
        ring();
      });

      return () => {
        end();
        stop();
      };
    },
  };
  const context = { ...page.context, ports: { ...page.context.ports, clock: counted } };
  const said: Message[] = [];
  const state = { visible };
  context.hub.hear((message) => {
    if (message.kind === 'wake') said.push(message);
  });
  const looking = createLooking(context, () => state.visible);

  return { page, looking, said, state, timers: () => timers };
}

async function awayServer() {
  const registry = tasks();
  const world = createWorld();
  const worker = world.open(registry);
  const server = { away: true };
  const at: number[] = [];
  worker.run({
    send() {
      at.push(world.wall());
      if (server.away) throw new Unavailable();
    },
  });

  return { registry, world, worker, server, at };
}

test('a visible page says so each 25 s while a gate is closed; before and after it has no timer and says nothing', async () => {
  const { registry, world, server, at } = await awayServer();
  const { page, said, timers } = openPage(world, registry, true);
  await world.advance(200_000);
  expect([said.length, timers()]).toEqual([0, 0]);

  server.away = false;
  await page.basket.add('send', 0);
  await world.advance(200_000);
  expect([said.length, timers(), at.length]).toEqual([0, 0, 1]);

  server.away = true;
  for (const number of [1, 2, 3]) await page.basket.add('send', number);
  await world.settle();
  expect(timers()).toBe(1);
  await world.advance(25_000);
  expect(said).toHaveLength(1);
  await world.advance(575_000);
  expect(said).toHaveLength(24);
  expect(timers()).toBe(1);
  const late = at.slice(-10);
  expect(late.slice(1).map((time, place) => time - (late[place] ?? 0))).toEqual(
    Array.from({ length: 9 }, () => 25_000),
  );

  server.away = false;
  await world.advance(25_000);
  expect(await page.basket.list()).toEqual([]);
  expect(timers()).toBe(0);
  const before = said.length;
  await world.advance(600_000);
  expect([said.length, timers()]).toEqual([before, 0]);
});

test('a hidden page says nothing and has no timer; one that is hidden meanwhile stops, and says so at once when it is seen again', async () => {
  const { registry, world } = await awayServer();
  const { page, looking, said, state, timers } = openPage(world, registry, false);
  looking.changed();
  for (const number of [1, 2, 3]) await page.basket.add('send', number);
  await world.advance(600_000);
  expect([said.length, timers()]).toEqual([0, 0]);

  state.visible = true;
  looking.changed();
  await world.advance(25_000);
  expect(said).toHaveLength(2);
  await world.advance(25_000);
  expect(said).toHaveLength(3);
  expect(timers()).toBe(1);

  state.visible = false;
  looking.changed();
  expect(timers()).toBe(0);
  await world.advance(600_000);
  expect(said).toHaveLength(3);

  state.visible = true;
  looking.changed();
  await world.settle();
  expect([said.length, timers()]).toEqual([4, 1]);
  looking.stop();
  expect(timers()).toBe(0);
  await world.advance(600_000);
  expect([said.length, timers()]).toEqual([4, 0]);
});

test('a page that is hidden and seen again at once goes on saying so while a gate is closed', async () => {
  const { registry, world } = await awayServer();
  const { page, looking, state, timers } = openPage(world, registry, true);
  for (const number of [1, 2, 3]) await page.basket.add('send', number);
  await world.advance(60_000);
  looking.changed();
  await world.advance(3_000);
  expect(timers()).toBe(1);

  // The probe was brought forward seconds ago, so the runner writes nothing now.
  state.visible = false;
  looking.changed();
  state.visible = true;
  looking.changed();
  await world.settle();
  expect(timers()).toBe(1);
});

test('a page whose tasks are all cancelled has no timer any more, as soon as the probe would have been due', async () => {
  const { registry, world } = await awayServer();
  const { page, said, timers } = openPage(world, registry, true);
  for (const number of [1, 2, 3]) await page.basket.add('send', number);
  await world.advance(120_000);
  expect(timers()).toBe(1);

  await page.basket.cancel({});
  await world.advance(30_000);
  expect(timers()).toBe(0);
  const before = said.length;
  await world.advance(600_000);
  expect(said).toHaveLength(before);
});

test('a hundred pages that are opened and closed leave no listener and no timer', async () => {
  const { registry, world } = await awayServer();
  const { page, timers } = openPage(world, registry, true);
  for (const number of [1, 2, 3]) await page.basket.add('send', number);
  await world.settle();
  const before = world.alarms();
  for (let count = 0; count < 100; count += 1) {
    const other = openPage(world, registry, true);
    other.looking.changed();
    await world.settle();
    other.looking.stop();
    other.page.kill();
  }
  await world.settle();
  expect(timers()).toBe(1);
  expect(world.alarms()).toBe(before);
});

test('the pages of many people that notice an outage together do not say so together', async () => {
  const firsts: number[] = [];
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const registry = tasks();
    const world = createWorld(seed);
    world.open(registry).run({
      send() {
        throw new Unavailable();
      },
    });
    const { page, said } = openPage(world, registry, true);
    for (const number of [1, 2, 3]) await page.basket.add('send', number);
    let passed = 0;
    for (; said.length === 0; passed += 500) await world.advance(500);
    firsts.push(passed);
  }

  expect(Math.max(...firsts)).toBeLessThanOrEqual(25_000);
  expect(Math.max(...firsts) - Math.min(...firsts)).toBeGreaterThan(12_500);
});

test('the pages of many people that notice a second outage together do not say so together', async () => {
  const seconds: number[] = [];
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const world = createWorld(seed);
    const { page, said } = openPage(world, tasks(), true);
    const { hub } = page.context;
    const opens = (): void =>
      hub.say({ kind: 'changed', hints: [{ event: 'gate', gate: 'server', closed: false, reason: 'away' }] });
    hub.say({ kind: 'closed' });
    await world.advance(60_000);
    opens();
    await world.settle();
    said.length = 0;
    hub.say({ kind: 'closed' });
    let passed = 0;
    for (; said.length === 0 && passed < 60_000; passed += 500) await world.advance(500);
    seconds.push(passed);
  }

  expect(Math.max(...seconds)).toBeLessThan(60_000);
  expect(Math.max(...seconds) - Math.min(...seconds)).toBeGreaterThan(12_500);
});
