import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import { byHand, freshName, rowsOf } from '../support/database.js';
import type { Tab, World } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

const never = (): Promise<void> => new Promise(() => undefined);
const notesApp = () =>
  defineTasks(
    freshName(),
    { save: task<string>({ lane: 'notes' }), send: task<string>(), report: task<string>({ owner: 'none' }) },
    { session: session<{ token: string }>() },
  );
type App = ReturnType<typeof notesApp>;
const values = { token: 't' };

/** Runs tasks in a tab. Returns the payloads of the handlers that were started. */
function running(tab: Tab<App>, during: (payload: string, attempt: Attempt<string>) => unknown = () => undefined) {
  const started: string[] = [];
  const handler = async (payload: string, attempt: Attempt<string>): Promise<void> => {
    started.push(payload);
    await during(payload, attempt);
  };
  const runner = tab.run({ save: handler, send: handler, report: handler });

  return { started, runner };
}

/** Whether a promise has settled, and how. */
async function stateOf(world: World, promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = 'pending';
  promise.then(
    () => (state = 'resolved'),
    (error: unknown) => (state = (error as { code?: unknown }).code),
  );
  await world.settle();

  return state;
}

test('scenario 66: the failing head of Ann’s lane holds up nothing of Bob’s in the lane of the same name', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const [page, tab] = [world.open(tasks), world.open(tasks)];
  await page.basket.signIn('ann', values);
  await page.basket.add('save', 'ann 1');
  await page.basket.add('save', 'ann 2');
  const { started } = running(tab, (payload) => {
    if (payload === 'ann 1' && started.filter((one) => one === payload).length === 1) throw new Error('500');
  });
  await world.settle();
  await page.basket.signOut();
  await page.basket.signIn('bob', values);
  await page.basket.add('save', 'bob 1');
  await world.settle();
  expect(started).toEqual(['ann 1', 'bob 1']);

  await world.advance(3_600_000);
  expect(started).toEqual(['ann 1', 'bob 1']);
  await page.basket.signIn('ann', values);
  await world.settle();
  expect(started).toEqual(['ann 1', 'bob 1', 'ann 1', 'ann 2']);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a task without an owner runs whoever is signed in, and if nobody is', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const { started } = running(world.open(tasks));
  await page.basket.add('report', 'nobody');
  await world.settle();
  await page.basket.signIn('ann', values);
  await page.basket.add('report', 'ann');
  await world.settle();
  expect(started).toEqual(['nobody', 'ann']);
});

test('rows of before the session was declared do not run, and what another app wrote as the session is a sign-out', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const before = world.open(defineTasks(tasks.name, { send: task<string>() }));
  await before.basket.add('send', 'of before');
  const page = world.open(tasks);
  await page.basket.signIn('ann', values);
  await page.basket.add('send', 'of ann');
  await byHand(tasks, ({ state }) => void state.put({ owner: 5 }, 'session'));
  const { started } = running(world.open(tasks));
  await world.settle();
  expect(started).toEqual([]);

  await page.basket.signIn('ann', values);
  await world.settle();
  expect(started).toEqual(['of ann']);
});

test('scenario 32: at a change of owner what runs is aborted, uncounted, and the call resolves when it has ended', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const ending = createGate();
  let signal: AbortSignal | undefined;
  const { started } = running(world.open(tasks), async (payload, attempt) => {
    if (payload !== 'ann' || started.length > 1) return;
    ({ signal } = attempt);
    await ending.promise;
  });
  await page.basket.signIn('ann', values);
  await page.basket.add('send', 'ann');
  await world.settle();
  await page.basket.add('report', 'report');
  await world.settle();
  const out = page.basket.signOut();
  expect(await stateOf(world, out)).toBe('pending');
  expect(signal?.aborted).toBe(true);
  ending.fail(signal?.reason);
  expect(await stateOf(world, out)).toBe('resolved');
  expect(await rowsOf(tasks)).toMatchObject([{ failures: 0, interruptions: 0, attempts: 1, recovered: true }]);

  await page.basket.signIn('bob', values);
  await world.advance(60_000);
  expect(started).toEqual(['ann', 'report']);
  await page.basket.signIn('ann', values);
  await world.settle();
  expect(started).toEqual(['ann', 'report', 'ann']);
});

test('a handler that throws a PermanentFailure after its owner has signed out makes its task dead', async () => {
  const world = createWorld();
  const tab = world.open(notesApp());
  await tab.basket.signIn('ann', values);
  running(
    tab,
    (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new PermanentFailure('The note has no text.')));
      }),
  );
  const id = await tab.basket.add('send', 'ann');
  await world.settle();
  const out = tab.basket.signOut();
  await world.settle();
  await out;

  expect(await tab.basket.list({ owner: 'ann' })).toMatchObject([{ id, state: 'dead', dead: { reason: 'permanent' } }]);
});

test('a handler that ignores its abort, and has lost its slot, keeps a sign-in waiting for 15 s, and each later one until it ends', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const ending = createGate();
  const { started } = running(world.open(tasks), async (payload) => {
    if (payload === 'ann') await ending.promise;
  });
  await page.basket.signIn('ann', values);
  await page.basket.add('send', 'ann');
  await world.settle();
  const bob = page.basket.signIn('bob', values);
  await page.basket.add('send', 'bob');
  await world.advance(9_000);
  expect(await stateOf(world, bob)).toBe('pending');
  // Its owner is here, whatever ends when.
  expect(started).toEqual(['ann', 'bob']);
  await world.advance(5_900);
  expect(await stateOf(world, bob)).toBe('pending');
  await world.advance(100);
  expect(await stateOf(world, bob)).toBe('still-sending');

  const again = page.basket.signIn('bob', values);
  expect(await stateOf(world, again)).toBe('pending');
  ending.open();
  expect(await stateOf(world, again)).toBe('resolved');
  expect(started).toEqual(['ann', 'bob']);
});

test('a sign-out waits for the handler of an owner with half of a character, because Chromium gives a lock of such a name another one', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const { locks } = page.context.ports;
  const { held } = locks;
  const asInChromium = async (start: string) => (await held(start)).filter((name) => !/\p{Cs}/u.test(name));
  Object.assign(locks, { held: asInChromium });
  const ending = createGate();
  running(world.open(tasks), () => ending.promise);
  await page.basket.signIn('ann\uD800', values);
  await page.basket.add('send', 'ann');
  await world.settle();

  const out = page.basket.signOut();
  expect(await stateOf(world, out)).toBe('pending');
  const again = page.basket.signIn('ann\uD800', values);
  expect(await stateOf(world, again)).toBe('resolved');
  ending.open();
  expect(await stateOf(world, out)).toBe('resolved');
});

test('a runner that dies, or is robbed of its lock, while a handler ignores its abort: the first sends nothing, the second may', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const [page, robbed, dying] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  const ending = createGate();
  running(robbed, (payload) => (payload === 'ann 1' ? ending.promise : undefined));
  await page.basket.signIn('ann', values);
  await page.basket.add('send', 'ann 1');
  await world.settle();
  running(dying, (payload) => (payload === 'ann 2' ? never() : undefined));
  world.steal(robbed);
  await world.settle();
  await page.basket.add('send', 'ann 2');
  await world.settle();

  const out = page.basket.signOut();
  expect(await stateOf(world, out)).toBe('pending');
  dying.kill();
  expect(await stateOf(world, out)).toBe('pending');
  ending.open();
  expect(await stateOf(world, out)).toBe('resolved');
});

test('a task that waited for its owner starts at the sign-in, and a sign-out at once after that waits for it', async () => {
  // Without values, so that the runner need not ask for them: the turn that reads the owner could claim.
  const tasks = defineTasks(freshName(), { send: task<string>() }, { session: session() });
  const world = createWorld();
  const page = world.open(tasks);
  const ending = createGate();
  const started: string[] = [];
  await page.basket.add('send', 'ann', { owner: 'ann' });
  world.open(tasks).run({
    async send(text) {
      started.push(text);
      await ending.promise;
    },
  });
  await world.settle();
  await page.basket.signIn('ann');
  await world.settle();
  expect(started).toEqual(['ann']);
  const out = page.basket.signOut();
  expect(await stateOf(world, out)).toBe('pending');
  ending.open();
  expect(await stateOf(world, out)).toBe('resolved');
});

test('a task starts at once when the one before it in its lane has ended, and a sign-out waits for it too', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const [first, second] = [createGate(), createGate()];
  const { started } = running(world.open(tasks), (payload) => (payload === 'ann 1' ? first : second).promise);
  await page.basket.signIn('ann', values);
  for (const number of [1, 2]) await page.basket.add('save', `ann ${number}`);
  await world.settle();
  first.open();
  await world.settle();
  expect(started).toEqual(['ann 1', 'ann 2']);

  const out = page.basket.signOut();
  expect(await stateOf(world, out)).toBe('pending');
  second.open();
  expect(await stateOf(world, out)).toBe('resolved');
});

test('several tabs that wait for the same handler all go on when it has ended, and none waits for another', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const pages = [world.open(tasks), world.open(tasks), world.open(tasks)];
  const ending = createGate();
  await pages[0]?.basket.signIn('ann', values);
  running(world.open(tasks), () => ending.promise);
  await pages[0]?.basket.add('send', 'ann');
  await world.settle();
  const outs = pages.map(({ basket }) => basket.signOut());
  for (const out of outs) expect(await stateOf(world, out)).toBe('pending');
  ending.open();
  for (const out of outs) expect(await stateOf(world, out)).toBe('resolved');
});

test('without a runner, and with one that has nothing to do, both calls resolve at once', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', values);
  await page.basket.add('send', 'ann');
  await page.basket.signOut();
  await page.basket.signIn('ann', values);
  const tab = world.open(tasks);
  const { started } = running(tab);
  await world.settle();
  expect(started).toEqual(['ann']);
  world.loseMessages();
  expect(await stateOf(world, page.basket.signOut())).toBe('resolved');
});

test('a decoder that goes on after its abort keeps no sign-in waiting, because its handler never starts', async () => {
  const decoding = createGate();
  const started: string[] = [];
  const tasks = defineTasks(
    freshName(),
    {
      send: task({
        codec: {
          encode: (text: string) => text,
          async decode(stored: string) {
            if (stored === 'ann') await decoding.promise;

            return stored;
          },
        },
      }),
    },
    { session: session() },
  );
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann');
  world.open(tasks).run({ send: (text) => void started.push(text) });
  await page.basket.add('send', 'ann');
  await world.settle();
  expect(await stateOf(world, page.basket.signIn('bob'))).toBe('resolved');
  decoding.open();
  await world.advance(60_000);
  expect(started).toEqual([]);
});

test('a decoder that ends after its abort leaves a sign-in waiting for the handler beside it', async () => {
  const [decoding, ending] = [createGate(), createGate()];
  const codec = {
    encode: (text: string) => text,
    async decode(stored: string) {
      if (stored === 'is decoded') await decoding.promise;

      return stored;
    },
  };
  const tasks = defineTasks(freshName(), { send: task({ codec }) }, { session: session() });
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann');
  world.open(tasks).run({ send: async () => ending.promise });
  await page.basket.add('send', 'is decoded', { timeout: 1_000 });
  await page.basket.add('send', 'runs');
  await world.advance(2_000);
  decoding.open();
  await world.settle();
  const signedIn = page.basket.signIn('bob');
  expect(await stateOf(world, signedIn)).toBe('pending');
  ending.open();
  expect(await stateOf(world, signedIn)).toBe('resolved');
});

test('signOut and signIn without an await between them: both wait for the handlers of others than who stays', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  const ending = createGate();
  await page.basket.signIn('ann', values);
  running(world.open(tasks), () => ending.promise);
  await page.basket.add('send', 'ann');
  await world.settle();
  const out = page.basket.signOut();
  const back = page.basket.signIn('ann', { token: 'new' });
  expect(await stateOf(world, back)).toBe('resolved');
  expect(await stateOf(world, out)).toBe('resolved');
});

/** Ann is signed in, and a handler of hers goes on for ever. */
async function annSends() {
  const tasks = notesApp();
  const world = createWorld();
  const page = world.open(tasks);
  await page.basket.signIn('ann', values);
  running(world.open(tasks), never);
  await page.basket.add('send', 'ann');
  await world.settle();

  return { world, page };
}

test('a sign-in of somebody else, and back a second later while her handler goes on: both calls resolve, because she may send', async () => {
  const { world, page } = await annSends();
  const bob = page.basket.signIn('bob', values);
  await world.advance(1_000);
  expect(await stateOf(world, bob)).toBe('pending');

  const ann = page.basket.signIn('ann', values);
  expect(await stateOf(world, ann)).toBe('resolved');
  expect(await stateOf(world, bob)).toBe('resolved');
});

test('a basket that is closed while its sign-out waits ends the wait', async () => {
  const { world, page } = await annSends();
  const out = page.basket.signOut();
  await world.settle();
  page.basket.close();
  expect(await stateOf(world, out)).toBe('closed');
});

test('a basket that is closed while its sign-out is stored waits for no handler', async () => {
  const { world, page } = await annSends();
  page.at('session:complete', () => page.basket.close());
  expect(await stateOf(world, page.basket.signOut())).toBe('closed');
});

test('an attempt has the values of its own context’s sign-in, those of when it began; without an owner there are none', async () => {
  const tasks = notesApp();
  const world = createWorld();
  const tab = world.open(tasks);
  const seen: unknown[] = [];
  const handler = async (_payload: string, attempt: Attempt<string, { readonly token: string }>): Promise<void> => {
    try {
      seen.push(attempt.session);
      await tab.basket.signIn('ann', { token: 'second' });
      seen.push(attempt.session);
    } catch (error) {
      seen.push((error as Error).message);
    }
  };
  await tab.basket.signIn('ann', { token: 'first' });
  await tab.basket.add('save', '1');
  await tab.basket.add('save', '2');
  tab.run({ save: handler, send: handler, report: handler });
  await world.settle();
  const [first, second] = [
    { token: 'first', owner: 'ann' },
    { token: 'second', owner: 'ann' },
  ];
  expect(seen).toEqual([first, first, second, second]);

  await tab.basket.add('report', 'x');
  await world.settle();
  expect(seen.at(-1)).toMatch(/has no owner/);
});

test('what an earlier build could not decode is tried again when its owner signs in, and not before', async () => {
  const name = freshName();
  const decoded: string[] = [];
  const app = (decode: (stored: string) => string) =>
    defineTasks(name, { send: task({ codec: { encode: (text: string) => text, decode } }) }, { session: session() });
  const broken = app(() => {
    throw new Error('This build cannot read it.');
  });
  const fixed = app((stored) => {
    decoded.push(stored);

    return stored;
  });
  const world = createWorld();
  const old = world.open(broken);
  await old.basket.signIn('ann');
  await old.basket.add('send', 'ann');
  const runner = old.run({ send: () => undefined });
  await world.settle();
  runner.stop();
  await world.settle();

  const [page, tab] = [world.open(fixed), world.open(fixed)];
  await page.basket.signIn('bob');
  tab.run({ send: () => undefined });
  await world.advance(600_000);
  expect(decoded).toEqual([]);
  await page.basket.signIn('ann');
  await world.settle();
  expect(await rowsOf(fixed)).toEqual([]);
  expect(decoded.length).toBeGreaterThan(0);
});

test.each(['before', 'requests', 'complete'] as const)(
  'a sign-out that comes at turn:%s of the turn that claims: no handler starts after it has resolved',
  async (point) => {
    const tasks = notesApp();
    const world = createWorld();
    const [page, tab] = [world.open(tasks), world.open(tasks)];
    await page.basket.signIn('ann', values);
    const told: string[] = [];
    running(tab, async (payload, { signal }) => {
      told.push(`started ${payload}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      told.push('ended');
    });
    await world.settle();
    let out: Promise<void> | undefined;
    tab.at(`turn:${point}`, () => {
      out ??= page.basket.signOut().then(() => void told.push('signed out'));
    });
    await page.basket.add('send', 'ann');
    await world.advance(30_000);
    await out;
    expect([['signed out'], ['started ann', 'ended', 'signed out']]).toContainEqual(told);
    await world.advance(120_000);
    expect(told.at(-1)).toBe('signed out');
  },
);

test('a sign-up that is cancelled with its children takes those along that the page sees, and no other’s', async () => {
  const tasks = defineTasks(
    freshName(),
    { signUp: task<string>({ owner: 'none' }), send: task<string>() },
    { session: session<{ token: string }>() },
  );
  const world = createWorld();
  const page = world.open(tasks);
  const signUp = await page.basket.add('signUp', 'a1');
  await page.basket.signIn('bob', values);
  const his = await page.basket.add('send', 'his', { after: signUp });
  await page.basket.signIn('ann', values);
  const hers = await page.basket.add('send', 'hers', { after: signUp });
  await page.basket.add('send', 'thumb', { after: hers });

  expect(await page.basket.cancel(signUp, { children: true })).toBe(3);
  expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([his]);
});

test('a task of one owner waits for a sign-up that belongs to nobody, and gets its result', async () => {
  const tasks = defineTasks(
    freshName(),
    { signUp: task<string, { account: string }>({ owner: 'none' }), send: task<string>() },
    { session: session<{ token: string }>() },
  );
  const world = createWorld();
  const [page, tab] = [world.open(tasks), world.open(tasks)];
  const signedUp = createGate();
  const sent: [string, readonly unknown[]][] = [];
  tab.run({
    async signUp(account) {
      await signedUp.promise;

      return { account };
    },
    send: (payload, { parents }) => void sent.push([payload, parents]),
  });
  const signUp = await page.basket.add('signUp', 'a1');
  await page.basket.signIn('ann', values);
  const hers = await page.basket.add('send', 'hers', { after: signUp });
  await world.settle();
  expect(sent).toEqual([]);

  await page.basket.signIn('bob', values);
  await page.basket.add('send', 'his', { after: [hers, signUp] });
  await world.settle();
  expect(sent).toEqual([]);

  signedUp.open();
  await world.settle();
  expect(sent).toEqual([['his', [undefined, { account: 'a1' }]]]);
  await page.basket.signIn('ann', values);
  await world.settle();
  expect(sent.slice(1)).toEqual([['hers', [{ account: 'a1' }]]]);
});
