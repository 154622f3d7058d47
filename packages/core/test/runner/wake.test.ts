import { expect, test, vi } from 'vitest';

import type { GateRow } from '../../src/pure/gate.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { ensureOk } from '../../src/pure/response.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Tab, World } from '../support/world.js';
import { createWorld } from '../support/world.js';

const minute = 60_000;
/** Long waits, so that what comes sooner was brought forward. */
const gates = { base: 20 * minute, cap: 20 * minute };
const sendTasks = () => defineTasks(freshName(), { send: task<number>({ gate: 'server' }) }, { gates });
type SendTasks = ReturnType<typeof sendTasks>;

interface Story {
  readonly world: World;
  readonly tasks: SendTasks;
  readonly tab: Tab<SendTasks>;
  /** A page beside the runner. */
  readonly page: Tab<SendTasks>;
  /** When each probe came, in milliseconds since the gate had closed. */
  readonly probes: readonly number[];
  /** Handlers for another runner of the same story. */
  readonly handlers: { readonly send: () => void };
  back: boolean;
}

/** A closed gate with five tasks behind it. */
async function closedGate(seed?: number): Promise<Story> {
  const tasks = sendTasks();
  const world = createWorld(seed);
  const tab = world.open(tasks);
  const page = world.open(tasks);
  const began = world.wall();
  const probes: number[] = [];
  const handlers = {
    send() {
      if (story.back) return;
      probes.push(world.wall() - began);
      throw new Unavailable();
    },
  };
  const story: Story = { world, tasks, tab, page, probes, handlers, back: false };
  for (let number = 0; number < 5; number += 1) await tab.basket.add('send', number);
  tab.run(handlers, { concurrency: 1 });
  await world.settle();
  // One alone is not believed, and a second one closes the gate.
  expect(probes.splice(0)).toEqual([0, 0]);

  return story;
}

async function gateOf(tasks: SendTasks): Promise<GateRow | undefined> {
  return (await contentsOf(tasks)).state.get('gate:server') as GateRow | undefined;
}

test.each([
  ['a page is visible', { visible: true }, 0],
  ['a visible page is online again', { visible: true, online: true }, 2_000],
  ['a hidden page is online again', { visible: false }, 30_000],
])('if %s, one probe comes in time, and what waits goes when it gets through', async (_, said, spread) => {
  const story = await closedGate();
  const { world, page, tasks } = story;
  story.back = true;
  page.context.hub.say({ kind: 'wake', ...said });
  await world.advance(said.visible ? 0 : 1_000);
  const wait = ((await gateOf(tasks))?.until ?? 0) - world.wall();
  const rows = await rowsOf(tasks);
  expect([wait > 0, wait <= spread, rows.length]).toEqual(spread > 0 ? [true, true, 5] : [false, true, 0]);

  await world.advance(spread);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('browsers that come online together do not probe together', async () => {
  const untils = new Set<number>();
  for (let browser = 0; browser < 5; browser += 1) {
    const tasks = sendTasks();
    const world = createWorld(browser + 1);
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    tab.run({
      send() {
        throw new Unavailable();
      },
    });
    await world.settle();
    tab.context.hub.say({ kind: 'wake', visible: true, online: true });
    await world.settle();
    untils.add(((await gateOf(tasks))?.until ?? 0) - world.wall());
  }

  expect(untils.size).toBe(5);
});

test('a link that flaps sends one probe in 15 s, over all tabs and over a change of the runner', async () => {
  const { world, tab, page, tasks, probes, handlers } = await closedGate();
  const flap = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      page.context.hub.say({ kind: 'wake', visible: second % 2 === 0 });
      await world.advance(1_000);
    }
  };
  await flap(10);
  expect(probes).toHaveLength(1);

  tab.kill();
  world.open(tasks).run(handlers, { concurrency: 1 });
  await flap(4);
  expect(probes).toHaveLength(1);
  await flap(60);
  expect(probes).toHaveLength(5);
});

test('the runner brings probes forward when its own context is online again; a page that is visible goes before it, and before one that is not', async () => {
  const hidden = await closedGate();
  hidden.tab.online();
  await hidden.world.advance(31_000);
  expect(hidden.probes).toHaveLength(1);

  for (const seed of [1, 2, 3, 4, 5]) {
    const seen = await closedGate(seed);
    seen.tab.online();
    seen.tab.context.hub.say({ kind: 'wake', visible: false });
    await seen.world.advance(200);
    seen.page.context.hub.say({ kind: 'wake', visible: true });
    await seen.world.advance(2_000);
    expect(seen.probes).toHaveLength(1);
  }
});

test.each([0, 1, 2])('a wake-up is not lost if %d turns fail just then', async (fails) => {
  const { world, tab, page, probes } = await closedGate();
  let left = fails;
  tab.at('turn:requests', (transaction) => {
    if (left > 0) transaction?.abort();
    left -= 1;
  });
  page.context.hub.say({ kind: 'wake', visible: true });
  await world.advance(5_000);

  expect(left).toBeLessThan(0);
  expect(probes).toHaveLength(1);
});

test('a failed turn does not make a hidden page of a visible one: the probe still comes within 2 s', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { world, tab, page, probes } = await closedGate(seed);
    let fails = true;
    tab.at('turn:requests', (transaction) => {
      if (fails) transaction?.abort();
      fails = false;
    });
    page.context.hub.say({ kind: 'wake', visible: true });
    tab.online();
    await world.advance(4_000);

    expect(probes).toHaveLength(1);
  }
});

test.each([
  ['nothing', ({ page }: Story) => page.context.hub.say({ kind: 'look' })],
  ['a hidden page', ({ tab }: Story) => tab.online()],
])(
  'a page says that it is visible while a turn that knew of %s fails: the page is heard, and the probe comes within 2 s',
  async (_, begin) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const story = await closedGate(seed);
      const { world, tab, page, probes } = story;
      let turns = 0;
      tab.at('turn:before', () => {
        turns += 1;
        if (turns === 1) page.context.hub.say({ kind: 'wake', visible: true });
      });
      tab.at('turn:requests', (transaction) => void (turns === 1 && transaction?.abort()));
      begin(story);
      await world.advance(4_000);

      expect(probes).toHaveLength(1);
    }
  },
);

test('a page that says in one breath that it is visible, and that it is online while hidden, is taken for visible', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { world, page, probes } = await closedGate(seed);
    page.context.hub.say({ kind: 'look' }); // What follows within this turn of the loop is said together.
    page.context.hub.say({ kind: 'wake', visible: true });
    page.context.hub.say({ kind: 'wake', visible: false });
    await world.advance(2_000);

    expect(probes).toHaveLength(1);
  }
});

test("a person's try counts once a second, whoever tries: what comes sooner waits until then", async () => {
  const { world, tab, page, probes } = await closedGate();
  const ids = (await page.basket.list()).map(({ id }) => id);
  for (const [place, id] of ids.entries()) {
    await [tab, page][place % 2]?.basket.retry(id);
    await world.settle();
  }
  expect(probes).toHaveLength(1);

  await world.advance(999);
  expect(probes).toHaveLength(1);
  await world.advance(60_000);
  expect(probes).toEqual([0, 1_000]);
});

test('scenario 23: 429 with Retry-After 120 is not tried before 120 s, whoever comes online meanwhile; what is bound elsewhere does not wait', async () => {
  const tasks = defineTasks(
    freshName(),
    { send: task<string>({ gate: (name) => name }) },
    { gates: { base: 1, cap: 1 } },
  );
  const world = createWorld();
  const tab = world.open(tasks);
  const began = world.wall();
  const at: number[] = [];
  const elsewhere: number[] = [];
  tab.run({
    send(name) {
      (name === 'busy' ? at : elsewhere).push(world.wall() - began);
      const headers = new Headers({ 'Retry-After': '120' });
      if (name === 'busy' && at.length === 1) ensureOk(new Response(null, { status: 429, headers }));
    },
  });
  await tab.basket.add('send', 'busy');
  await world.settle();
  for (let second = 0; second < 119; second += 1) {
    tab.context.hub.say({ kind: 'wake', visible: true });
    await world.advance(1_000);
    if (second % 10 === 0) await tab.basket.add('send', 'other');
  }
  expect(at).toEqual([0]);
  expect(elsewhere).toHaveLength(12);

  await world.advance(61_000);
  expect(at).toHaveLength(2);
  expect(at[1]).toBeGreaterThanOrEqual(120_000);
  expect(at[1]).toBeLessThanOrEqual(180_000);
});

test('scenario 23: the date form of Retry-After is heeded as well, by the clock of the server', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const at: number[] = [];
  const began = world.wall();
  tab.run({
    send() {
      at.push(world.wall() - began);
      if (at.length > 1) return;
      // A server whose clock stands a day behind.
      const now = began - 24 * 60 * minute;
      const date = (when: number): string => new Date(when).toUTCString();
      const headers = new Headers({ Date: date(now), 'Retry-After': date(now + 60 * minute) });
      ensureOk(new Response(null, { status: 503, headers }));
    },
  });
  await tab.basket.add('send', 1);
  await world.advance(60 * minute - 1);
  expect(at).toEqual([0]);
  await world.advance(30 * minute + 1);
  expect(at).toHaveLength(2);
});

test('scenario 27: what the browser says of being online is a hint: both with "online" and nothing reachable, and with "offline" and all reachable, tasks come on', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  const reachable = createWorld();
  const tasks = sendTasks();
  const tab = reachable.open(tasks);
  let sent = 0;
  tab.run({ send: () => void (sent += 1) });
  await tab.basket.add('send', 1);
  await reachable.settle();
  expect(sent).toBe(1);

  vi.stubGlobal('navigator', { onLine: true });
  const lieFi = await closedGate();
  await lieFi.world.advance(90 * minute);
  expect(lieFi.probes.length).toBeGreaterThanOrEqual(4);
  lieFi.back = true;
  await lieFi.world.advance(20 * minute);
  expect(await rowsOf(lieFi.tasks)).toEqual([]);
  vi.unstubAllGlobals();
});

test('a hidden page wakes the gate again after a probe that failed: the gate is probed again', async () => {
  const { world, page, probes } = await closedGate();
  for (let time = 1; time <= 2; time += 1) {
    page.context.hub.say({ kind: 'wake', visible: false });
    await world.advance(minute);

    expect(probes).toHaveLength(time);
  }
});

test('a runner that stops at the moment at which it is online again leaves neither a timer nor a listener', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  let listening = 0;
  Object.assign(tab.context.ports, {
    online() {
      listening += 1;

      return () => void (listening -= 1);
    },
  });
  const runner = tab.run({ send: () => undefined });
  await world.settle();
  expect(listening).toBe(1);
  tab.context.hub.say({ kind: 'wake', visible: false });
  await world.settle();
  runner.stop();
  await runner.done;

  expect([listening, world.alarms()]).toEqual([0, 0]);
});
