import { JSDOM } from 'jsdom';
import type { ReactNode } from 'react';
import { Component, createElement, StrictMode } from 'react';
import type { Root } from 'react-dom/client';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Watched } from '../../src/index.js';
import { defineTasks, session, task } from '../../src/index.js';
import { createEnd } from '../../src/react/end.js';
import { createHooks } from '../../src/react.js';
import { PermanentFailure } from '../../src/worker.js';
import { freshName, openRaw } from '../support/database.js';
import type { World } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

/** Loaded once there is a window: React looks for one when it is imported. */
let react: typeof import('react');
let client: typeof import('react-dom/client');
let server: typeof import('react-dom/server');
const roots: Root[] = [];
/** What React has complained of. */
const complaints: unknown[] = [];

beforeAll(async () => {
  const { window } = new JSDOM('');
  const { document, navigator } = window;
  for (const [name, value] of Object.entries({ window, document, navigator })) vi.stubGlobal(name, value);
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  react = await import('react');
  client = await import('react-dom/client');
  server = await import('react-dom/server');
  vi.stubGlobal('console', { ...console, error: (...what: unknown[]) => complaints.push(new Error(what.join(' '))) });
});

afterEach(async () => {
  await act(() => roots.splice(0).forEach((root) => root.unmount()));
  const found = complaints.splice(0);
  if (found.length > 0) throw new AggregateError(found, 'React has complained.');
});

function opened() {
  const tasks = defineTasks(freshName(), {
    save: task<string, number>({ lane: 'notes', backoff: { base: 60_000, jitter: 'none' } }),
    ping: task(),
  });
  const world = createWorld();
  const tab = world.open(tasks);

  return { tasks, world, basket: tab.basket, other: world.open(tasks), hooks: createHooks(tab.basket) };
}

/** Shows a component under StrictMode. `seen` is what each render has returned. */
function shown<Props extends object, Value>(use: (props: Props) => Value, given: Props, element?: Element) {
  const seen: Value[] = [];
  const Shown = (props: Props): ReactNode => {
    const value = use(props);
    seen.push(value);

    return createElement('p', null, JSON.stringify(value));
  };
  const of = (props: Props): ReactNode => createElement(StrictMode, null, createElement(Shown, props));
  const target = element ?? document.createElement('div');
  let root: Root;
  const failures: unknown[] = [];
  const options = { onRecoverableError: (error: unknown) => failures.push(error) };

  return {
    seen,
    failures,
    last: () => seen.at(-1),
    html: () => server.renderToString(of(given)),
    begin: () =>
      act(() => {
        if (element === undefined) {
          root = client.createRoot(target, options);
          root.render(of(given));
        } else root = client.hydrateRoot(target, of(given), options);
        roots.push(root);
      }),
    render: (props: Props) => act(() => root.render(of(props))),
    end: () => act(() => root.unmount()),
  };
}

/** Does something, and lets React show what follows. */
const act = (does: () => unknown): Promise<void> => react.act(async () => void (await does()));

/** Lets everything happen that is under way, and React show it. */
const settle = (world: World): Promise<void> => act(() => world.settle());

/** Counts how many listen to a watch. */
function listening<Value>(watched: Watched<Value>): () => number {
  const { subscribe } = watched;
  let listeners = 0;
  Object.assign(watched, {
    subscribe(listener: (value: Value) => void) {
      const stop = subscribe(listener);
      listeners += 1;

      return () => {
        listeners -= 1;
        stop();
      };
    },
  });

  return () => listeners;
}

test('createHooks refuses what is no basket, and the error says what to pass', () => {
  const { tasks, basket } = opened();
  for (const wrong of [tasks, undefined, null, Promise.resolve(basket)]) {
    expect(() => createHooks(wrong as never)).toThrow(
      /argument of createHooks must be what openBasket returned, but it/,
    );
  }
});

describe('useTasks', () => {
  test('shows what is there, and follows every tab, with a query that is another object in each render', async () => {
    const { world, basket, other, hooks } = opened();
    await basket.add('save', 'a');
    const { seen, last, begin } = shown(() => hooks.useTasks({ type: ['save'], limit: 2 }), {});
    await begin();
    expect(last()).toEqual({ loaded: false, tasks: [], more: false });

    await settle(world);
    expect(last()).toMatchObject({ loaded: true, tasks: [{ payload: 'a' }] });
    await other.basket.addMany([
      ['save', 'b'],
      ['save', 'c'],
    ]);
    await settle(world);
    expect(last()).toMatchObject({ tasks: [{ payload: 'a' }, { payload: 'b' }], more: true });
    expect(new Set(seen).size).toBe(3); // not another one in each render
  });

  test('listens once, and no more when it is unmounted, or has another query', async () => {
    const { world, basket, hooks } = opened();
    const [one, two] = [basket.watch({ lane: '1' }), basket.watch({ lane: '2' })];
    const [ofOne, ofTwo] = [listening(one), listening(two)];
    await basket.list();
    const alarms = world.alarms();
    const { begin, render, end } = shown(({ lane }) => hooks.useTasks({ lane }), { lane: '1' });
    await begin();
    await settle(world);
    expect([ofOne(), ofTwo(), world.alarms() - alarms]).toEqual([1, 0, 1]);

    await render({ lane: '2' });
    await settle(world);
    expect([ofOne(), ofTwo(), world.alarms() - alarms]).toEqual([0, 1, 1]);

    await end();
    expect([ofOne(), ofTwo(), world.alarms() - alarms]).toEqual([0, 0, 0]);
  });

  test('gives the reasons too, if they are asked for', async () => {
    const { world, basket, hooks } = opened();
    const id = await basket.add('save', 'a');
    await basket.pause(id);
    const { last, begin } = shown(() => hooks.useTasks({}, { reasons: true }), {});
    await begin();
    await settle(world);

    expect(last()?.tasks[0]?.reasons[0]).toEqual({ reason: 'paused', filter: id });
  });

  test('throws what a wrong query throws, for the boundary of the app', async () => {
    const { hooks } = opened();
    class Boundary extends Component<{ readonly children: ReactNode }, { readonly error?: Error }> {
      override state: { readonly error?: Error } = {};
      static getDerivedStateFromError = (error: Error): object => ({ error });
      override render(): ReactNode {
        return this.state.error?.message ?? this.props.children;
      }
    }
    const Wrong = (): ReactNode => {
      hooks.useTasks({ limit: 0 });

      return null;
    };
    const target = document.createElement('div');
    const root = client.createRoot(target, { onCaughtError: () => undefined });
    roots.push(root);
    await act(() => root.render(createElement(Boundary, null, createElement(Wrong))));

    expect(target.textContent).toMatch(/^A query's limit must be a whole number/);
  });

  test('renders on a server as not loaded, and opens no database there', async () => {
    const { hooks } = opened();
    const open = vi.spyOn(indexedDB, 'open');
    const { html } = shown(
      () => [hooks.useTasks({}, { reasons: true }), hooks.useReasons('a'), hooks.useSettled('a')],
      {},
    );

    expect(html().replaceAll('&quot;', '"')).toBe('<p>[{"loaded":false,"tasks":[],"more":false},null,null]</p>');
    expect(open).not.toHaveBeenCalled();
  });

  test('takes over what a server has rendered, also if its list was read already', async () => {
    const { world, basket, hooks } = opened();
    const target = document.createElement('div');
    const use = (): unknown => hooks.useTasks();
    target.innerHTML = shown(use, {}).html();
    await basket.add('save', 'a');
    basket.watch().subscribe(() => undefined);
    await world.settle();
    const { begin, last, failures } = shown(use, {}, target);
    await begin();

    expect(failures).toEqual([]);
    expect(last()).toMatchObject({ loaded: true, tasks: [{ payload: 'a' }] });
  });
});

describe('useReasons', () => {
  test('says why a task waits, and follows what any tab does to it', async () => {
    const { world, basket, other, hooks } = opened();
    const first = await basket.add('save', 'a');
    const id = await basket.add('save', 'b');
    const { last, begin } = shown(() => hooks.useReasons(id), {});
    await begin();
    expect(last()).toBeUndefined();

    const noRunner = { reason: 'no-runner' };
    await settle(world);
    expect(last()).toEqual([{ reason: 'lane', lane: 'notes', behind: first, dead: false }, noRunner]);
    await other.basket.cancel(first);
    await settle(world);
    expect(last()).toEqual([noRunner]);
    await other.basket.pause(id);
    await settle(world);
    expect(last()).toEqual([{ reason: 'paused', filter: id }, noRunner]);
    await other.basket.cancel(id);
    await settle(world);
    expect(last()).toEqual([{ reason: 'gone' }]);
  });

  test('finds a task behind a thousand others, and one that is added later', async () => {
    const { tasks, world, basket, hooks } = opened();
    await basket.addMany(Array.from({ length: 1_100 }, (_, n) => ['save', String(n)] as const));
    const prepared = await basket.prepare('ping');
    const { last, begin } = shown(() => hooks.useReasons(prepared.id), {});
    await begin();
    await settle(world);
    expect(last()).toEqual([{ reason: 'gone' }]);

    const db = await openRaw(tasks.name);
    basket.addTx(db.transaction(tasks.stores, 'readwrite'), prepared);
    await settle(world);
    expect(last()).toEqual([{ reason: 'no-runner' }]);
    db.close();
  });

  test('shows nothing without an id, and nothing of one task for another', async () => {
    const { world, basket, hooks } = opened();
    const [one, two] = await basket.addMany([['ping'], ['ping']]);
    await basket.pause(one);
    const { seen, last, begin, render } = shown<{ id: string | undefined }, unknown>(({ id }) => hooks.useReasons(id), {
      id: undefined,
    });
    await begin();
    await settle(world);
    expect(last()).toBeUndefined();

    await render({ id: one });
    await settle(world);
    expect(last()).toEqual([{ reason: 'paused', filter: one }, { reason: 'no-runner' }]);
    const before = seen.length;
    await render({ id: two });
    await settle(world);
    expect(new Set(seen.slice(before).map((value) => JSON.stringify(value)))).toEqual(
      new Set([undefined, '[{"reason":"no-runner"}]']),
    );
  });
});

describe('useSettled', () => {
  test('says how a task ended, with its result, to a component that was there before', async () => {
    const { tasks, world, other, hooks } = opened();
    const [saved, pinged] = await world.open(tasks).basket.addMany([['save', 'a'], ['ping']]);
    const ofSaved = shown(() => hooks.useSettled(saved), {});
    const ofPinged = shown(() => hooks.useSettled(pinged), {});
    await ofSaved.begin();
    await ofPinged.begin();
    await settle(world);
    expect([ofSaved.last(), ofPinged.last()]).toEqual([undefined, undefined]);

    other.run({ save: () => 7, ping: () => undefined });
    await settle(world);
    await act(() => world.advance(5_000));
    expect(ofSaved.last()).toEqual({ state: 'done', result: 7 });
    expect(ofPinged.last()).toEqual({ state: 'done', result: undefined });
  });

  test('says how a prepared task ended that was added long after the component was there', async () => {
    const { tasks, world, basket, other, hooks } = opened();
    await basket.list();
    const prepared = await basket.prepare('save', 'a');
    const of = shown(() => hooks.useSettled(prepared.id), {});
    await of.begin();
    await act(() => world.advance(5_000));
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    basket.addTx(tx, prepared);
    tx.commit();
    await act(() => world.advance(10));
    expect(of.last()).toBe(undefined);

    other.run({ save: () => 7, ping: () => undefined });
    await act(() => world.advance(10_000));
    expect(of.last()).toEqual({ state: 'done', result: 7 });
    db.close();
  });

  test('takes back that a task is dead when it runs again, and then says how that ended', async () => {
    const { world, basket, other, hooks } = opened();
    const id = await basket.add('save', 'wrong');
    const { seen, last, begin } = shown(() => hooks.useSettled(id), {});
    await begin();
    const sending = createGate();
    other.run({
      async save(text) {
        if (text === 'wrong') throw new PermanentFailure('Correct it.');
        await sending.promise;

        return 2;
      },
      ping: () => undefined,
    });
    await settle(world);
    expect(last()).toMatchObject({ state: 'dead', because: 'permanent', error: { message: 'Correct it.' } });

    await other.basket.update(id, 'right');
    await settle(world);
    expect(last()).toBeUndefined();
    sending.open();
    await settle(world);
    expect(last()).toEqual({ state: 'done', result: 2 });
    const states = seen.map((end) => end?.state).filter((state, place, all) => state !== all[place - 1]);
    expect(states).toEqual(['dead', undefined, 'done']);
  });

  test('says that another tab has cancelled a dead task', async () => {
    const { world, basket, other, hooks } = opened();
    const id = await basket.add('save', 'wrong');
    const { last, begin } = shown(() => hooks.useSettled(id), {});
    await begin();
    const fails = (): never => {
      throw new PermanentFailure('No.');
    };
    other.run({ save: fails, ping: fails });
    await settle(world);
    expect(last()?.state).toBe('dead');

    await other.basket.cancel(id);
    await settle(world);
    expect(last()).toEqual({ state: 'cancelled' });
  });

  test('shows nothing without an id, and nothing of one task for another, also if the first ends later', async () => {
    const { world, basket, other, hooks } = opened();
    const [one, two] = await basket.addMany([['ping'], ['ping']]);
    const { seen, last, begin, render } = shown<{ id: string | undefined }, unknown>(({ id }) => hooks.useSettled(id), {
      id: undefined,
    });
    await begin();
    await settle(world);
    await render({ id: one });
    await settle(world);
    await render({ id: two });
    await settle(world);
    await other.basket.cancel(one);
    await settle(world);
    expect(new Set(seen)).toEqual(new Set([undefined]));

    await render({ id: one });
    await settle(world);
    expect(last()).toEqual({ state: 'cancelled' });
  });

  test('is not told after it is unmounted, and listens to nothing more', async () => {
    const { world, basket, other, hooks } = opened();
    const id = await basket.add('ping');
    const listeners = listening(basket.watch({ id }));
    const { seen, begin, end } = shown(() => hooks.useSettled(id), {});
    await begin();
    await settle(world);
    expect(listeners()).toBe(1);
    await end();
    expect(listeners()).toBe(0);

    const before = seen.length;
    await other.basket.cancel(id);
    await settle(world);
    expect(seen).toHaveLength(before);
  });
});

test('the end of a task that comes after its listener has gone is told nobody, and not kept for the next one', async () => {
  const { world, basket } = opened();
  const id = await basket.add('ping', undefined, { runAt: world.wall() + 60_000 });
  basket.watch({ id }).subscribe(() => undefined);
  await world.settle();
  const end = createEnd(basket, id);
  const told: unknown[] = [];
  const stop = end.subscribe((value) => told.push(value));
  await world.settle();
  stop();
  await basket.cancel(id);
  await world.advance(5_000);

  expect(told.filter((value) => value !== undefined)).toEqual([]);
  expect(end.get()).toBe(undefined);
});

test('nothing of an owner is shown to the next one, in no render, and all of it when they are back', async () => {
  const tasks = defineTasks(freshName(), { save: task<string>() }, { session: session() });
  const world = createWorld();
  const { basket } = world.open(tasks);
  const other = world.open(tasks);
  await other.basket.signIn('ann');
  const [id, discarded] = await other.basket.addMany([
    ['save', 'of ann'],
    ['save', 'discarded'],
  ]);
  await other.basket.cancel(discarded);
  const { useTasks, useReasons, useSettled } = createHooks(basket);
  const hooks = shown(() => [useTasks(), useReasons(id), useSettled(discarded)] as const, {});
  await hooks.begin();
  await settle(world);
  expect(hooks.last()).toEqual([{ loaded: false, tasks: [], more: false }, undefined, undefined]);

  const signIn = (owner: string): Promise<void> => act(() => basket.signIn(owner));
  await signIn('ann');
  await settle(world);
  const ofAnn = hooks.last();
  expect(ofAnn).toMatchObject([{ tasks: [{ payload: 'of ann' }] }, [{ reason: 'no-runner' }], { state: 'cancelled' }]);

  const before = hooks.seen.length;
  await signIn('ben');
  await settle(world);
  const shownToBen = hooks.seen.slice(before);
  expect(hooks.last()).toEqual([{ loaded: true, tasks: [], more: false }, [{ reason: 'gone' }], undefined]);
  expect(shownToBen.flatMap(([{ tasks: seen }, , end]) => [...seen, end]).filter(Boolean)).toEqual([]);

  await signIn('ann');
  await settle(world);
  expect(hooks.last()).toEqual(ofAnn);
});

test('a hidden component that is shown again shows the next owner nothing of how a task of the last one ended', async () => {
  const tasks = defineTasks(freshName(), { save: task<string>() }, { session: session() });
  const world = createWorld();
  const { basket } = world.open(tasks);
  await basket.signIn('ann');
  const id = await basket.add('save', 'of ann');
  await basket.cancel(id);
  const { useSettled } = createHooks(basket);
  const seen: unknown[] = [];
  const Shown = (): ReactNode => {
    seen.push(useSettled(id));

    return null;
  };
  const root = client.createRoot(document.createElement('div'));
  roots.push(root);
  const render = (mode: 'visible' | 'hidden'): Promise<void> =>
    act(() => root.render(createElement(react.Activity, { mode, children: createElement(Shown) })));
  await render('visible');
  await settle(world);
  expect(seen.at(-1)).toEqual({ state: 'cancelled' });

  await render('hidden');
  await act(() => basket.signIn('ben'));
  // Another component has read the same list for the next owner.
  const stop = basket.watch({ id }).subscribe(() => undefined);
  await settle(world);
  const before = seen.length;
  await render('visible');
  await settle(world);
  stop();
  expect(seen.slice(before).filter(Boolean)).toEqual([]);
});

test('a prepared task that was added late is not said to be gone once more just before its end is told', async () => {
  const tasks = defineTasks(freshName(), { save: task<string>() });
  const world = createWorld();
  const [{ basket }, worker] = [world.open(tasks), world.open(tasks)];
  await basket.list();
  const prepared = await basket.prepare('save', 'a');
  const end = createEnd(basket, prepared.id);
  const seen: unknown[] = [];
  end.subscribe(() => seen.push(end.get()?.state));
  await world.advance(5_000);
  expect(seen.at(-1)).toBe('gone');
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  basket.addTx(tx, prepared);
  await world.advance(100);
  db.close();
  expect(seen.splice(0).at(-1)).toBe(undefined);

  let done = false;
  worker.at('turn:complete', () => done && worker.freeze());
  worker.run({ save: () => void (done = true) });
  await world.settle();
  await basket.add('save', 'b', { runAt: world.wall() + 3_600_000 }); // So the list is read before the end is told.
  await world.advance(500);
  done = false;
  worker.thaw();
  await world.advance(10_000);
  expect(seen).not.toContain('gone');
  expect(seen.at(-1)).toBe('done');
});
