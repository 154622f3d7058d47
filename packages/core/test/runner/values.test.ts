import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure, SignedOut, Unavailable } from '../../src/pure/verdict.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import type { EventOf } from '../../src/basket/telling/events.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Tab, World } from '../support/world.js';
import { noteUncaught } from '../support/uncaught.js';
import { createWorld } from '../support/world.js';

const notesApp = () =>
  defineTasks(
    freshName(),
    {
      save: task<string>({ gate: 'api' }),
      send: task<string>({ gate: 'mail' }),
      report: task<string>({ owner: 'none' }),
    },
    { session: session<{ token: string }>() },
  );
type App = ReturnType<typeof notesApp>;
type Session = { readonly owner: string; readonly token: string };

/** Runs tasks in a tab. Each attempt is noted as owner, token and payload; `during` may refuse it. */
function running(tab: Tab<App>, during: (payload: string, session: Session) => unknown = () => undefined): string[] {
  const sent: string[] = [];
  const handler = async (payload: string, attempt: Attempt<string>): Promise<void> => {
    const found = (attempt as unknown as { readonly session: Session }).session;
    sent.push(`${found.owner} ${found.token} ${payload}`);
    await during(payload, found);
  };
  tab.run({ save: handler, send: handler, report: () => undefined });

  return sent;
}

/** A page that signs in as Ann with a token that is another one for each question. */
async function pageOf(world: World, tasks: App) {
  const page = world.open(tasks);
  const asked: number[] = [];
  const events: EventOf<'session'>[] = [];
  page.basket.on('session', (event) => void events.push(event));
  await page.basket.signIn('ann', () => {
    asked.push(world.wall());

    return Promise.resolve({ token: `t${asked.length}` });
  });

  return { page, asked, events };
}

const wait = (world: World, ms: number): Promise<void> => new Promise((resolve) => world.alarm(ms, resolve));

test('a worker that has no values asks one page of several, once, and no token is in the database', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const first = await pageOf(world, tasks);
  const second = await pageOf(world, tasks);
  await first.page.basket.add('save', 'n1');
  await second.page.basket.add('send', 'n2');
  const sent = running(world.open(tasks));
  await world.settle();

  expect(sent.sort()).toEqual(['ann t1 n1', 'ann t1 n2']);
  expect(first.asked.length + second.asked.length).toBe(1);
  expect(JSON.stringify([...(await contentsOf(tasks)).state])).not.toContain('t1');
});

test('scenario 67: values of an object; new values for the same owner abort nothing, and the next attempts have them', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 'old' });
  await page.basket.add('save', 'n1');
  let aborted = false;
  let go = (): void => undefined;
  const waits = new Promise<void>((resolve) => (go = resolve));
  const sent: string[] = [];
  const handler = async (payload: string, attempt: Attempt<string>): Promise<void> => {
    const { session: found } = attempt as unknown as { readonly session: Session };
    sent.push(`${found.token} ${payload}`);
    attempt.signal.addEventListener('abort', () => (aborted = true));
    if (payload === 'n1') await waits;
    sent.push(`${found.token} ${payload} ends`);
  };
  world.open(tasks).run({ save: handler, send: handler, report: () => undefined });
  await world.settle();
  await page.basket.signIn('ann', { token: 'new' });
  await page.basket.add('send', 'n2');
  await world.settle();
  go();
  await world.settle();

  expect(aborted).toBe(false);
  expect(sent).toEqual(['old n1', 'new n2', 'new n2 ends', 'old n1 ends']);
});

test('while no page gives values, tasks of the owner wait, uncounted, and those of nobody run; a page that opens is asked at once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page } = await pageOf(world, tasks);
  await page.basket.add('save', 'n1');
  await page.basket.add('report', 'r1');
  page.kill();
  const sent = running(world.open(tasks));
  await world.advance(600_000);
  expect(sent).toEqual([]);
  const rows = await rowsOf(tasks);
  expect(rows.map(({ type, attempts, failures }) => [type, attempts, failures])).toEqual([['save', 0, 0]]);

  await pageOf(world, tasks);
  await world.settle();
  expect(sent).toEqual(['ann t1 n1']);
});

test('a page that comes back from the back/forward cache gives its values at once to a worker that asked meanwhile', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page, asked } = await pageOf(world, tasks);
  await page.basket.add('save', 'n1');
  page.context.hub.suspend();
  const sent = running(world.open(tasks));
  await world.advance(95_000);
  expect([sent, asked]).toEqual([[], []]);

  page.context.hub.resume();
  await world.settle();
  expect(sent).toEqual(['ann t1 n1']);
  expect(asked).toHaveLength(1);
});

test('a page that is chosen and does not answer costs five seconds: then another page is asked', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const silent = world.open(tasks);
  await silent.basket.signIn('ann', () => new Promise<{ token: string }>(() => undefined));
  await silent.basket.add('save', 'n1');
  const sent = running(world.open(tasks));
  await world.settle();
  expect(sent).toEqual([]);
  silent.kill();
  await pageOf(world, tasks);
  await world.advance(6_000);

  expect(sent).toEqual(['ann t1 n1']);
});

test('the page that was given new values is asked for them, and not another tab with the values of before', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const [before, page] = [world.open(tasks), world.open(tasks)];
  await before.basket.signIn('ann', { token: 'old' });
  const sent = running(world.open(tasks));
  await world.settle();
  await page.basket.signIn('ann', { token: 'new' });
  await page.basket.add('save', 'n1');
  await world.settle();

  expect(sent).toEqual(['ann new n1']);
});

test('a page that never answers stays open, and a page that was signed in later gives its values after five seconds', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const silent = world.open(tasks);
  await silent.basket.signIn('ann', () => new Promise<{ token: string }>(() => undefined));
  await silent.basket.add('save', 'n1');
  const { asked } = await pageOf(world, tasks);
  const sent = running(world.open(tasks));
  await world.advance(6_000);

  expect(sent).toEqual(['ann t1 n1']);
  expect(asked).toHaveLength(1);
});

test('a page whose function fails does not hide another page, which is asked at once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const broken = world.open(tasks);
  await broken.basket.signIn('ann', () => Promise.reject(new Error('The refresh token was used in another tab.')));
  await broken.basket.add('save', 'n1');
  await pageOf(world, tasks);
  const failed = noteUncaught();
  const sent = running(world.open(tasks));
  await world.settle();

  expect(sent).toEqual(['ann t1 n1']);
  expect(failed).toHaveLength(1);
});

test('a page that signs in and whose function fails at once does not hide another page that is renewing', async () => {
  const tasks = notesApp();
  const world = createWorld();
  noteUncaught();
  const other = world.open(tasks);
  const told: unknown[] = [];
  other.basket.on('session', ({ state }) => void told.push(state));
  const sent = running(world.open(tasks));
  const renewed = (): Promise<{ token: string }> =>
    new Promise((resolve) => {
      world.alarm(2_000, () => resolve({ token: 'renewed' }));
    });
  await other.basket.signIn('ann', renewed);
  await other.basket.add('save', 'n1');
  await world.advance(500);
  await world.open(tasks).basket.signIn('ann', () => Promise.reject(new Error('The token was used in another tab.')));
  await world.advance(10_000);

  expect(sent).toEqual(['ann renewed n1']);
  expect(told).not.toContain('signed-out');
});

test('a function that takes twenty seconds gives its values, and is called once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  let calls = 0;
  await page.basket.signIn('ann', () => {
    calls += 1;

    return new Promise<{ token: string }>((resolve) => {
      world.alarm(20_000, () => resolve({ token: 'slow' }));
    });
  });
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks));
  await world.advance(19_000);
  expect(sent).toEqual([]);
  await world.advance(2_000);

  expect(sent).toEqual(['ann slow n1']);
  expect(calls).toBe(1);
});

test('a page of another owner gives nothing, and a function that throws leaves the tasks waiting', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const ann = world.open(tasks);
  await ann.basket.signIn('ann', { token: 'of ann' });
  await ann.basket.add('save', 'n1');
  const bob = world.open(tasks);
  await bob.basket.signIn('bob', { token: 'of bob' });
  await bob.basket.add('save', 'b1');
  bob.kill();
  const sent = running(world.open(tasks));
  await world.advance(120_000);

  expect(sent).toEqual([]);
});

test('scenario 31: after a 401 the app is asked once for new values, for all tasks, and they go on without a failure', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page, asked, events } = await pageOf(world, tasks);
  for (const name of ['n1', 'n2', 'n3']) await page.basket.add('save', name);
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token === 't1') throw new SignedOut({ status: 401 });
  });
  await world.advance(1_000);

  expect(asked).toHaveLength(2);
  expect(sent.filter((one) => one.startsWith('ann t2')).sort()).toEqual(['ann t2 n1', 'ann t2 n2', 'ann t2 n3']);
  expect(await rowsOf(tasks)).toEqual([]);
  expect(events.filter(({ state }) => state === 'signed-out')).toEqual([]);
});

test('values that are the same are refused once: the gate is parked without probes, another gate goes on, every tab is told, and new values let it go on', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const other = world.open(tasks);
  const events: EventOf<'session'>[] = [];
  other.basket.on('session', (event) => void events.push(event));
  await page.basket.signIn('ann', { token: 'old' });
  await page.basket.add('save', 'n1');
  await page.basket.add('save', 'n2');
  await page.basket.add('send', 'm1');
  const sent = running(world.open(tasks), (payload, { token }) => {
    if (payload.startsWith('n') && token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(3_600_000);
  expect(sent.sort()).toEqual(['ann old m1', 'ann old n1', 'ann old n2']);
  expect(events.at(-1)).toEqual({ event: 'session', owner: 'ann', state: 'signed-out', gate: 'api' });
  const rows = await rowsOf(tasks);
  expect(rows.map(({ failures, lastError }) => [failures, lastError?.status])).toEqual([
    [0, 401],
    [0, 401],
  ]);

  await page.basket.signIn('ann', { token: 'new' });
  await world.settle();
  expect(await rowsOf(tasks)).toEqual([]);
});

test('the gate is parked, and the message of the next signIn is lost: the tasks go on within a minute, and a function of another tab is not called', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { asked } = await pageOf(world, tasks);
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 'old' });
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token !== 'new') throw new SignedOut({ status: 401 });
  });
  await world.advance(600_000);
  const [tries, calls] = [sent.length, asked.length];
  await world.advance(600_000);
  expect([sent.length, asked.length]).toEqual([tries, calls]);

  const deliver = world.loseMessages();
  await page.basket.signIn('ann', { token: 'new' });
  await world.settle();
  deliver();
  await world.advance(61_000);
  expect(sent.slice(tries)).toEqual(['ann new n1']);
  expect(asked).toHaveLength(calls);
});

test('the gate is parked, and the answer of a page is lost: the page is asked again within a minute', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  let deliver = (): void => undefined;
  let calls = 0;
  await page.basket.signIn('ann', () => {
    calls += 1;
    if (calls === 2) deliver = world.loseMessages();

    return { token: `t${calls}` };
  });
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token === 't1') throw new SignedOut({ status: 401 });
  });
  await world.advance(1_000);
  deliver();
  await world.advance(100_000);

  expect(sent).toEqual(['ann t1 n1', 'ann t3 n1']);
});

test('a function is told whether a server has refused its last values: an old token is given offline, and renewed after a 401', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const told: boolean[] = [];
  let token = 'old';
  await page.basket.signIn('ann', ({ refused }) => {
    told.push(refused);
    if (refused) token = 'renewed';

    return { token };
  });
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), (_, found) => {
    if (found.token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(1_000);
  expect(sent).toEqual(['ann old n1', 'ann renewed n1']);
  expect(told).toEqual([false, true]);

  // A runner of an older build does not say why it asks, so the app renews.
  const { valuesId } = page.context.here;
  world.open(tasks).context.hub.say({ kind: 'values', step: 'asked', owner: 'ann', question: 'q', page: valuesId });
  await world.settle();
  expect(told).toEqual([false, true, true]);
});

test('a 401, and the function cannot renew because the network is lost: it is called again within a minute, and the task is sent', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const failed = noteUncaught();
  let isAway = true;
  let renewals = 0;
  await page.basket.signIn('ann', ({ refused }) => {
    if (!refused) return { token: 'old' };
    renewals += 1;
    if (isAway) throw new TypeError('Failed to fetch');

    return { token: 'renewed' };
  });
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(150_000);
  expect(sent).toEqual(['ann old n1']);
  expect(renewals).toBeGreaterThanOrEqual(2);
  expect(failed).toHaveLength(renewals);

  isAway = false;
  await world.advance(61_000);
  expect(sent).toEqual(['ann old n1', 'ann renewed n1']);
});

test('a 401, and the function takes longer than the worker waits for it: it is called again within a minute', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  let renewals = 0;
  await page.basket.signIn('ann', async ({ refused }) => {
    if (!refused) return { token: 'old' };
    renewals += 1;
    if (renewals === 1) await new Promise<void>((resolve) => world.alarm(35_000, resolve));

    return { token: 'renewed' };
  });
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(5_000);
  await page.basket.add('save', 'n1');
  await world.advance(120_000);

  expect(sent).toEqual(['ann old n1', 'ann renewed n1']);
  expect(renewals).toBe(2);
});

test('a 401, and the function of one page fails for ever: the function of another page is called again too', async () => {
  const tasks = notesApp();
  const world = createWorld();
  noteUncaught();
  let isAway = true;
  const pages = [world.open(tasks), world.open(tasks)];
  const calls = [0, 0];
  for (const [n, page] of pages.entries()) {
    await page.basket.signIn('ann', ({ refused }) => {
      if (!refused) return { token: 'old' };
      calls[n] = (calls[n] ?? 0) + 1;
      if (isAway || n === 0) throw new TypeError('Failed to fetch');

      return { token: 'renewed' };
    });
  }
  await pages[0]?.basket.add('save', 'n1');
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(1_000);
  expect(calls).toEqual([1, 1]);

  isAway = false;
  await world.advance(121_000);
  expect(sent).toEqual(['ann old n1', 'ann renewed n1']);
});

test('a token expires while an older tab is open that has an object: the tab with a function renews it at once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  await world.open(tasks).basket.signIn('ann', { token: 'older' });
  let expired = ['older'];
  const sent = running(world.open(tasks), (_, { token }) => {
    if (expired.includes(token)) throw new SignedOut({ status: 401 });
  });
  const page = world.open(tasks);
  const told: unknown[] = [];
  page.basket.on('session', ({ state }) => void told.push(state));
  let number = 1;
  await page.basket.signIn('ann', ({ refused }) => {
    if (refused) number += 1;

    return { token: `t${number}` };
  });
  await page.basket.add('save', 'n1');
  await world.advance(3_600_000);
  expect(sent.at(-1)).toBe(`ann t${number} n1`);

  expired = ['older', `t${number}`];
  told.length = 0;
  await page.basket.add('save', 'n2');
  await world.advance(20_000);
  expect(sent.at(-1)).toBe(`ann t${number} n2`);
  expect(told).not.toContain('signed-out');
});

test('values that one gate accepts are not given up for those of another tab, because another gate refuses them', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  let [good, number] = ['t1', 1];
  await page.basket.signIn('ann', ({ refused }) => {
    if (refused) number += 1;
    good = `t${number}`;

    return { token: good };
  });
  running(world.open(tasks), (payload, { token }) => {
    if (payload === 'mail' || token !== good) throw new SignedOut({ status: 401 });
  });
  await page.basket.add('save', 'n1');
  await world.advance(1_000);
  await world.open(tasks).basket.signIn('ann', () => ({ token: 'stale' }));
  await world.advance(200_000);
  good = 'none'; // All tokens have expired.
  await page.basket.add('save', 'n2');
  await world.advance(3_000);
  await page.basket.add('send', 'mail');
  await world.advance(3_000);
  for (let left = 30; left > 0; left -= 1) {
    await page.basket.add('save', 'later');
    await world.advance(10_000);
  }

  expect((await rowsOf(tasks)).map(({ type }) => type)).toEqual(['send']);
});

test('while a tab renews the token for one gate, the refusal of another gate tells nobody that they are signed out', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const expired = new Set(['older']);
  await world.open(tasks).basket.signIn('ann', { token: 'older' });
  const page = world.open(tasks);
  let number = 1;
  await page.basket.signIn('ann', ({ refused }) => {
    if (!refused) return { token: `t${number}` };
    number += 1;

    return new Promise<{ token: string }>((resolve) => {
      world.alarm(2_000, () => resolve({ token: `t${number}` }));
    });
  });
  const told: unknown[] = [];
  page.basket.on('session', ({ state }) => void told.push(state));
  const sent = running(world.open(tasks), async (payload, { token }) => {
    await new Promise<void>((resolve) => world.alarm(payload === 'mail' ? 600 : 100, resolve));
    if (expired.has(token)) throw new SignedOut({ status: 401 });
  });
  await page.basket.add('save', 'n1');
  await world.advance(3_600_000);
  expired.add(`t${number}`);
  told.length = 0;
  await page.basket.add('save', 'n2');
  await page.basket.add('send', 'mail');
  await world.advance(60_000);

  expect(sent.slice(-2).sort()).toEqual([`ann t${number} mail`, `ann t${number} n2`]);
  expect(told).not.toContain('signed-out');
});

test('a tab renews the token, another tab has given the expired one again, and a second gate refuses that: the renewal begins once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const [given, renewing] = [world.open(tasks), world.open(tasks)];
  let renewals = 0;
  await renewing.basket.signIn('ann', async () => {
    renewals += 1;
    await new Promise<void>((resolve) => world.alarm(2_000, resolve));

    return { token: 'new' };
  });
  await given.basket.signIn('ann', { token: 'old' });
  await given.basket.add('save', 'n1');
  await given.basket.add('send', 'n2');
  const sent = running(world.open(tasks), async (payload, { token }) => {
    await new Promise<void>((resolve) => world.alarm(payload === 'n1' ? 100 : 600, resolve));
    if (token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(10_000);

  expect(sent).toEqual(['ann old n1', 'ann old n2', 'ann new n1', 'ann new n2']);
  expect(renewals).toBe(1);
});

test('a server refuses the values of four tabs: each has been asked once, and every tab is told once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const sent = running(world.open(tasks), () => {
    throw new SignedOut({ status: 401 });
  });
  await world.open(tasks).basket.signIn('ann', { token: 'object' });
  const pages = [await pageOf(world, tasks), await pageOf(world, tasks), await pageOf(world, tasks)];
  await pages[0]?.page.basket.add('save', 'n1');
  await world.advance(600_000);

  expect(new Set(sent).size).toBeLessThanOrEqual(4);
  expect(sent.length).toBeLessThanOrEqual(5);
  for (const { events } of pages) expect(events.filter(({ state }) => state === 'signed-out')).toHaveLength(1);
});

test('a gate refuses all values, and the function of one page never ends: no other page is asked again and again', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const stuck = world.open(tasks);
  await stuck.basket.signIn('ann', ({ refused }) => (refused ? new Promise(() => undefined) : { token: 'old' }));
  const { page, asked } = await pageOf(world, tasks);
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), () => {
    throw new SignedOut({ status: 401 });
  });
  await world.advance(600_000);
  const [tries, calls] = [sent.length, asked.length];
  await world.advance(600_000);

  expect([sent.length, asked.length]).toEqual([tries, calls]);
});

test('two gates refuse an expired token, one after the other: the function renews it once, for both', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const told: unknown[] = [];
  page.basket.on('session', ({ state }) => void told.push(state));
  let renewals = 0;
  await page.basket.signIn('ann', async ({ refused }) => {
    if (!refused) return { token: 'old' };
    renewals += 1;
    await new Promise<void>((resolve) => world.alarm(2_000, resolve));

    return { token: 'new' };
  });
  await page.basket.add('save', 'n1');
  await page.basket.add('send', 'n2');
  const sent = running(world.open(tasks), async (payload, { token }) => {
    await new Promise<void>((resolve) => world.alarm(payload === 'n1' ? 100 : 600, resolve));
    if (token === 'old') throw new SignedOut({ status: 401 });
  });
  await world.advance(10_000);

  expect(sent).toEqual(['ann old n1', 'ann old n2', 'ann new n1', 'ann new n2']);
  expect([renewals, told]).toEqual([1, ['changed']]);
});

test('a token is renewed, the server is away for an hour, and the token has expired then: it is renewed again, and nobody must sign in', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page, asked, events } = await pageOf(world, tasks);
  await page.basket.add('save', 'n1');
  const began = world.wall();
  const sent = running(world.open(tasks), (_, { token }) => {
    const since = world.wall() - began;
    if (token === 't1' || (token === 't2' && since >= 3_600_000)) throw new SignedOut({ status: 401 });
    if (since < 3_600_000) throw new Unavailable({ status: 503 });
  });
  await world.advance(5_400_000);

  expect([sent[0], sent[1], sent.at(-2), sent.at(-1)]).toEqual(['ann t1 n1', 'ann t2 n1', 'ann t2 n1', 'ann t3 n1']);
  expect([asked.length, events.map(({ state }) => state)]).toEqual([3, ['changed']]);
  expect(await page.basket.list()).toEqual([]);
});

test('a server refuses each token after an upload of two minutes: the function is asked once more, and then no more', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page, asked } = await pageOf(world, tasks);
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), async () => {
    await new Promise<void>((resolve) => world.alarm(110_000, resolve));
    throw new SignedOut({ status: 401 });
  });
  await world.advance(3_600_000);

  expect([sent, asked.length]).toEqual([['ann t1 n1', 'ann t2 n1'], 2]);
});

test('a cookie alone: a 401 to an attempt that began before the last sign-in says nothing of the new cookie', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', undefined as never);
  const events: EventOf<'session'>[] = [];
  page.basket.on('session', (event) => void events.push(event));
  await page.basket.add('save', 'long');
  let answers = 0;
  world.open(tasks).run({
    send: () => undefined,
    report: () => undefined,
    async save() {
      answers += 1;
      if (answers > 1) return;
      await new Promise<void>((resolve) => world.alarm(5_000, resolve));
      throw new SignedOut({ status: 401 });
    },
  });
  await world.advance(1_000);
  await page.basket.signIn('ann', undefined as never);
  await world.advance(10_000);

  expect(events).toEqual([]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a task meets a token that has expired, is paused, and meets the next token when that has expired: it is not dead', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page } = await pageOf(world, tasks);
  let expired = 't1';
  const id = await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), async (_, { token }) => {
    if (token !== expired) return;
    if (token === 't1') await page.basket.pause(id);
    throw new SignedOut({ status: 401 });
  });
  await world.settle();
  await page.basket.add('save', 'n2');
  await world.settle();
  expect(sent).toEqual(['ann t1 n1', 'ann t2 n2']);

  expired = 't2';
  await world.advance(900_000);
  await page.basket.resume(id);
  await world.settle();
  expect(sent.slice(2)).toEqual(['ann t2 n1', 'ann t3 n1']);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('refused again with values with which another task of the gate succeeded: the task itself is refused, and dead', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page } = await pageOf(world, tasks);
  await page.basket.add('save', 'not hers');
  await page.basket.add('save', 'hers');
  const sent = running(world.open(tasks), (payload) => {
    if (payload === 'not hers') throw new SignedOut({ status: 401 });
  });
  await world.advance(3_600_000);
  expect(sent.sort()).toEqual(['ann t1 hers', 'ann t1 not hers', 'ann t2 not hers']);
  expect((await rowsOf(tasks)).map(({ dead }) => dead)).toEqual([undefined]);

  await page.basket.add('save', 'also hers');
  await page.basket.signIn('ann', { token: 'new' });
  await world.settle();
  const [row, ...others] = await rowsOf(tasks);
  expect(row?.dead?.reason).toBe('permanent');
  expect(others).toEqual([]);
});

test.each([
  ['values of an object', { token: 'old' }],
  ['a cookie alone', undefined],
])(
  'a session that expired while two tasks ran, and the later answer was the accepted one: nobody is dead (%s)',
  async (_, values) => {
    const tasks = notesApp();
    const world = createWorld();
    const page = world.open(tasks);
    await page.basket.signIn('ann', values as never);
    await page.basket.add('save', 'before it expired');
    await page.basket.add('save', 'after it expired');
    let isOver = true;
    const answered: string[] = [];
    const handler = () => undefined;
    world.open(tasks).run({
      send: handler,
      report: handler,
      async save(payload: string) {
        answered.push(payload);
        if (payload === 'before it expired') await new Promise<void>((resolve) => world.alarm(500, resolve));
        else if (isOver) throw new SignedOut({ status: 401 });
      },
    });
    await world.advance(60_000);
    expect(answered.filter((payload) => payload === 'after it expired')).toHaveLength(2);
    expect((await rowsOf(tasks)).map(({ dead }) => dead)).toEqual([undefined]);

    isOver = false;
    await page.basket.signIn('ann', (values && { token: 'new' }) as never);
    await world.settle();
    expect(await rowsOf(tasks)).toEqual([]);
  },
);

test('a handler that ignores its timeout, and is refused long after it has lost its slot, signs nobody out', async () => {
  const tasks = defineTasks(
    freshName(),
    { save: task<string>({ gate: 'api', timeout: 1_000 }) },
    { session: session<{ token: string }>() },
  );
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 't1' });
  const id = await page.basket.add('save', 'slow');
  let refuse = (): void => undefined;
  let isFirst = true;
  world.open(tasks).run({
    save: () => {
      if (!isFirst) return undefined;
      isFirst = false;

      return new Promise<void>((_, reject) => (refuse = () => reject(new SignedOut({ status: 401 }))));
    },
  });
  await world.advance(60_000);
  expect(await page.basket.get(id)).toBeUndefined();

  refuse();
  await world.settle();
  await page.basket.add('save', 'next');
  await world.settle();
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a task meets a token that has expired, then fails, and meets the next token when that has expired: it is not dead', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const { page } = await pageOf(world, tasks);
  await page.basket.add('save', 'n1');
  let valid = 't2';
  let isDown = true;
  const sent = running(world.open(tasks), (payload, { token }) => {
    if (token !== valid) throw new SignedOut({ status: 401 });
    if (payload === 'n1' && isDown) throw new Error('The server answered 500.');
  });
  await world.settle();
  await page.basket.add('save', 'n2');
  await world.settle();
  expect(sent).toEqual(['ann t1 n1', 'ann t2 n1', 'ann t2 n2']);

  [valid, isDown] = ['t3', false];
  await world.advance(3_600_000);
  expect(sent.slice(3)).toEqual(['ann t2 n1', 'ann t3 n1']);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a task of nobody that succeeds says nothing of the values: who is refused at its gate waits on, and is not dead', async () => {
  const tasks = defineTasks(
    freshName(),
    { save: task<string>({ gate: 'api' }), report: task<string>({ gate: 'api', owner: 'none' }) },
    { session: session<{ token: string }>() },
  );
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 'old' });
  await page.basket.add('save', 'n1');
  let tries = 0;
  world.open(tasks).run({
    save() {
      tries += 1;
      throw new SignedOut({ status: 401 });
    },
    report: () => undefined,
  });
  for (const name of ['r1', 'r2', 'r3']) {
    await world.advance(100_000);
    await page.basket.add('report', name);
  }
  await world.advance(100_000);

  expect(tries).toBe(1);
  expect((await rowsOf(tasks)).map(({ type, dead }) => [type, dead])).toEqual([['save', undefined]]);
});

test('a session without values runs at once; a 401 parks its gate until signIn is called again', async () => {
  const tasks = defineTasks(freshName(), { save: task<string>() }, { session: session() });
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann');
  await page.basket.add('save', 'n1');
  let refuses = true;
  let tries = 0;
  world.open(tasks).run({
    save() {
      tries += 1;
      if (refuses) throw new SignedOut();
    },
  });
  await world.advance(3_600_000);
  expect(tries).toBe(1);
  refuses = false;
  await page.basket.signIn('ann');
  await world.settle();
  expect(tries).toBe(2);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('without a declared session a 401 is what it was: the destination is away', async () => {
  const tasks = defineTasks(freshName(), { save: task<string>() });
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.add('save', 'n1');
  let tries = 0;
  world.open(tasks).run({
    save() {
      tries += 1;
      throw tries === 1 ? new SignedOut({ status: 401 }) : new PermanentFailure('no');
    },
  });
  await world.advance(60_000);
  const [row] = await rowsOf(tasks);

  expect([tries, row?.failures]).toEqual([2, 0]);
});

test.each([
  ['a text', 'token'],
  ['what cannot be cloned', { token: () => 't' }],
])('values that are %s are refused at the call', async (_, values) => {
  const page = createWorld().open(notesApp());

  await expect(page.basket.signIn('ann', values as never)).rejects.toMatchObject({ code: 'option' });
  await expect(page.basket.add('save', 'n1')).rejects.toMatchObject({ code: 'signed-out' });
});

test('values are those of the call: what the app changes afterwards reaches no handler', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const values = { token: 'of the call' };
  await page.basket.signIn('ann', values);
  values.token = 'changed';
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks));
  await world.settle();

  expect(sent).toEqual(['ann of the call n1']);
});

test('a task that waits for values, or whose gate is parked, says so; a task of another gate does not', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  let gives = false;
  await page.basket.signIn('ann', () => (gives ? { token: 'old' } : Promise.reject(new Error('offline'))));
  const id = await page.basket.add('save', 'n1');
  const failed = noteUncaught();
  running(world.open(tasks), () => {
    throw new SignedOut({ status: 401 });
  });
  await world.advance(1_000);
  expect(await page.basket.explain(id)).toEqual([{ reason: 'signed-out', owner: 'ann' }]);
  expect((await page.basket.health()).stalled).toBe(false);

  gives = true;
  await page.basket.signIn('ann', { token: 'old' });
  await world.advance(1_000);
  expect(await page.basket.explain(id)).toContainEqual({ reason: 'signed-out', owner: 'ann' });
  const other = await page.basket.add('report', 'r1', { runAt: world.wall() + 60_000 });
  expect(await page.basket.explain(other)).toEqual([{ reason: 'date', until: world.wall() + 60_000 }]);
  expect(failed).toEqual(['offline']);
});

test.each([
  ['a text', 'token'],
  ['nothing', undefined],
])('a function that returns %s instead of an object: the app hears of it, and the tasks wait', async (_, given) => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', () => given as never);
  await page.basket.add('save', 'n1');
  const failed = noteUncaught();
  const sent = running(world.open(tasks));
  await world.advance(1_000);

  expect(sent).toEqual([]);
  expect(failed).toEqual([expect.stringMatching(/What the function of signIn returns must be an object/)]);
});

const never = (): Promise<never> => new Promise(() => undefined);

test('a page says twice that it has new values, and gives none: the tasks go on with those of before', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 'old' });
  const sent = running(world.open(tasks));
  await world.settle();
  await page.basket.signIn('ann', never);
  await page.basket.signIn('ann', never);
  await page.basket.add('save', 'n1');
  await world.advance(40_000);

  expect(sent).toEqual(['ann old n1']);
});

test('new values of one owner never came, and the page of the next owner gives none: it is not asked again and again', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const [ann, bob] = [world.open(tasks), world.open(tasks)];
  await ann.basket.signIn('ann', { token: 'of ann' });
  const sent = running(world.open(tasks));
  await world.settle();
  await ann.basket.signIn('ann', never);
  await world.settle();
  let asked = 0;
  await bob.basket.signIn('bob', () => {
    asked += 1;

    return Promise.reject(new Error('offline'));
  });
  await bob.basket.add('save', 'b1');
  const failed = noteUncaught();
  await world.advance(59_000);

  expect([sent, asked, failed.length]).toEqual([[], 1, 1]);
});

test('the only page of an owner has no values: every tab is told at once that the owner is signed out', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const events: EventOf<'session'>[] = [];
  await page.basket.signIn('ann', () => Promise.reject(new Error('offline')));
  page.basket.on('session', (event) => void events.push(event));
  const failed = noteUncaught();
  running(world.open(tasks));
  await world.settle();

  expect(events).toEqual([{ event: 'session', owner: 'ann', state: 'signed-out', gate: undefined }]);
  expect(failed).toHaveLength(1);
});

test.each([
  ['were given', () => ({ token: 't' })],
  ['never came, and which is stopped,', never],
])('a worker for which values %s leaves no timer of its question', async (_, values) => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 'old' });
  const tab = world.open(tasks);
  const handlers = { save: () => undefined, send: () => undefined, report: () => undefined };
  const first = tab.run(handlers);
  await world.settle();
  const idle = world.alarms();
  await world.advance(31_000);
  expect(world.alarms()).toBe(idle);
  await page.basket.signIn('ann', values);
  await world.settle();
  expect(world.alarms() === idle).toBe(values !== never);

  first.stop();
  await first.done;
  expect(world.alarms()).toBe(0);
});

test('what a function of signIn has returned and changes afterwards reaches no handler of its own page', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const values = { token: 'given' };
  await page.basket.signIn('ann', () => values);
  const sent = running(page);
  await world.settle();
  values.token = 'changed';
  await page.basket.add('save', 'n1');
  await world.settle();

  expect(sent).toEqual(['ann given n1']);
});

test('an app gives values since its last deploy, and the same person is signed in: the handlers get them', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const before = world.open(defineTasks(tasks.name, tasks.types, { session: session() }));
  await before.basket.signIn('ann');
  before.kill();
  const sent = running(world.open(tasks));
  const page = world.open(tasks);
  await page.basket.signIn('ann', { token: 'new' });
  await page.basket.add('save', 'n1');
  await world.settle();

  expect(sent).toEqual(['ann new n1']);
});

test('a page that is busy for a moment is asked too, if the function of another page has failed at once', async () => {
  noteUncaught();
  const tasks = notesApp();
  const world = createWorld();
  const [failing, busy] = [world.open(tasks), world.open(tasks)];
  await failing.basket.signIn('ann', () => Promise.reject(new Error('The refresh token was used.')));
  await busy.basket.signIn('ann', () => ({ token: 'good' }));
  await failing.basket.add('save', 'n1');
  await world.settle();
  busy.freeze();
  const sent = running(world.open(tasks));
  await world.advance(100);
  busy.thaw();
  await world.advance(2_000);

  expect(sent).toEqual(['ann good n1']);
});

test.each([65_000, 87_000, 93_000])(
  'a page that comes back from the cache of its browser after %i ms, while pages are asked, is asked at once',
  async (at) => {
    const tasks = notesApp();
    const world = createWorld();
    const { page, asked } = await pageOf(world, tasks);
    await page.basket.add('save', 'n1');
    page.context.hub.suspend();
    const sent = running(world.open(tasks));
    await world.advance(at);
    page.context.hub.resume();
    await world.settle();
    const atOnce = sent.length;
    await world.advance(5_000);
    expect([atOnce, sent.length, asked.length]).toEqual([1, 1, 1]);
  },
);

test('a page that was offline renews the token for one gate, and another gate refuses meanwhile: the renewal begins once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  noteUncaught();
  let isAway = true;
  let calls = 0;
  await page.basket.signIn('ann', async ({ refused }) => {
    if (!refused) return { token: 'old' };
    if (isAway) throw new TypeError('Failed to fetch');
    calls += 1;
    await wait(world, 2_000);

    return { token: 'renewed' };
  });
  const sent = running(world.open(tasks), (_, { token }) => {
    if (token === 'old') throw new SignedOut({ status: 401 });
  });
  await page.basket.add('save', 'n1');
  await world.advance(500);
  isAway = false;
  await world.advance(58_000);
  expect(calls).toBe(0);
  for (let n = 0; n < 100; n += 1) if (calls === 0) await world.advance(100);
  await page.basket.add('send', 'm1');
  await world.advance(20_000);
  expect([sent.at(-1), calls]).toEqual(['ann renewed m1', 1]);
});

test('a gate refuses a token, and a signIn with a function that fails follows: the token is not sent again', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  noteUncaught();
  await page.basket.signIn('ann', { token: 'old' });
  await page.basket.add('save', 'n1');
  const sent = running(world.open(tasks), () => {
    throw new SignedOut({ status: 401 });
  });
  await world.advance(10_000);
  const asked: boolean[] = [];
  await page.basket.signIn('ann', ({ refused }) => {
    asked.push(refused);
    throw new TypeError('Failed to fetch');
  });
  await world.advance(1_000);
  expect([sent.length, asked.length]).toEqual([1, 1]);
});

test('an attempt succeeds that began before a signIn whose function fails: the values count again, and the gate is open', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  noteUncaught();
  await page.basket.signIn('ann', { token: 'old' });
  const sent = running(world.open(tasks), async (payload) => {
    if (payload === 'long') await wait(world, 20_000);
    if (payload === 'flaky' && sent.filter((one) => one.endsWith('flaky')).length === 1)
      throw new SignedOut({ status: 401 });
  });
  await page.basket.add('save', 'long');
  await world.advance(1_000);
  await page.basket.signIn('ann', () => Promise.reject(new Error('offline')));
  await world.advance(1_000);
  await page.basket.add('save', 'flaky');
  await world.advance(200_000);
  expect((await rowsOf(tasks)).length).toBe(0);
});
