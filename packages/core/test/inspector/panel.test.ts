import { JSDOM } from 'jsdom';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';

import type { Basket, Query, Reason } from '../../src/index.js';
import { defineTasks, session, task } from '../../src/index.js';
import type { Panel } from '../../src/inspector/panel.js';
import { createPanel } from '../../src/inspector/panel.js';
import type { InspectedBasket, InspectedTask, InspectorAction } from '../../src/inspector/settings.js';
import type { SomeInspectorWords } from '../../src/inspector/words.js';
import { PermanentFailure } from '../../src/worker.js';
import { freshName } from '../support/database.js';
import { noteUncaught } from '../support/uncaught.js';
import { createGate, createWorld } from '../support/world.js';

const panels: Panel[] = [];

beforeAll(() => {
  const { document, CustomEvent, HTMLButtonElement, ShadowRoot } = new JSDOM('').window;
  for (const [name, value] of Object.entries({ document, CustomEvent, HTMLButtonElement, ShadowRoot })) {
    vi.stubGlobal(name, value);
  }
});

afterEach(() => panels.splice(0).forEach(({ stop }) => stop()));

/** A browser in which Ann is signed in, with a task of hers. */
async function ofAnn() {
  const tasks = defineTasks(freshName(), { save: task<string>(), ping: task() }, { session: session() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.signIn('ann');
  const id = await tab.basket.add('save', 'a');

  return { world, tab, basket: tab.basket, id };
}

/** Shows a list of the basket, and returns what a person sees of it. */
function shown(basket: InspectedBasket, query: Query, words: SomeInspectorWords = {}) {
  const host = document.createElement('div');
  const settings = {
    basket,
    query,
    words,
    label: () => 'A note',
    canCorrect: () => false,
    canDiscard: () => true,
  };
  const panel = createPanel(host, {} as CSSStyleSheet, settings);
  panels.push(panel);
  panel.start();
  const part = (name: string): HTMLElement => host.shadowRoot?.querySelector(`[part~=${name}]`) as HTMLElement;

  const row = (id: string) => {
    const form = host.shadowRoot?.querySelector(`slot[name=correct-${id}]`);
    const of = (name: string): HTMLElement => form?.parentElement?.querySelector(`[part~=${name}]`) as HTMLElement;

    const pause = of('pause-one');

    return { pause, pressed: pause.getAttribute('aria-pressed'), why: of('why').textContent };
  };

  return { host, settings, panel, part, row, isPressed: () => part('pause').getAttribute('aria-pressed') };
}

/** A browser whose app knows no owners. */
function ofAnybody() {
  const world = createWorld();
  const tab = world.open(defineTasks(freshName(), { save: task<string>(), ping: task() }));

  return { world, tab, basket: tab.basket };
}

/** A list of tasks that a test gives, of a basket that does nothing. */
function listOf(...tasks: readonly Partial<InspectedTask>[]) {
  const snapshot = { loaded: true, tasks: tasks.map((one) => ({ reasons: [], attempts: 1, addedAt: 0, ...one })) };
  const told: ((event: unknown) => void)[] = [];
  const stop = (): void => undefined;
  const subscribe = (listener: (value: unknown) => void): (() => void) => (listener(snapshot), stop);
  const watched = { get: () => snapshot, subscribe };
  const basket = {
    watch: () => watched,
    on: (_: string, listener: (event: unknown) => void) => (told.push(listener), stop),
    health: () => Promise.resolve({ pauses: [] }),
  };

  return { ...shown(basket as never, {}), end: (event: object) => told.forEach((tell) => tell(event)) };
}

const pausesOf = async (basket: Pick<Basket<never>, 'health'>): Promise<unknown> =>
  (await basket.health({ everyOwner: true })).pauses;

test.each<[Query, who: string, typeof ofAnn | typeof ofAnybody]>([
  ...[
    {},
    { owner: 'ann' },
    { owner: 'ben' },
    { everyOwner: false },
    { everyOwner: true },
    { type: ['save', 'ping', 'save'] },
  ].map((query) => [query, 'of Ann', ofAnn] as [Query, string, typeof ofAnn]),
  [{}, 'without owners', ofAnybody],
  [{ everyOwner: true }, 'without owners', ofAnybody],
])(
  'a pause of the list %j %s is seen when the list is read again, and the same button ends it',
  async (query, _, of) => {
    const { world, basket } = await of();
    const first = shown(basket, query);
    await world.settle();
    expect(first.isPressed()).toBe('false');
    first.part('pause').click();
    await vi.waitFor(() => expect(first.isPressed()).toBe('true'), 60_000);
    await world.settle();

    const second = shown(basket, query);
    await vi.waitFor(() => expect(second.isPressed()).toBe('true'), 60_000);
    await world.settle();
    second.part('pause').click();
    await vi.waitFor(() => expect(second.isPressed()).toBe('false'), 60_000);
    await world.settle();
    expect(await pausesOf(basket)).toEqual([]);
  },
);

test('a list of one task, or of the children of one, cannot be paused, because that would hold all tasks', async () => {
  const { world, basket, id } = await ofAnn();
  const lists = [{}, { id }, { parent: id }].map((query) => shown(basket, query));
  await world.settle();

  expect(lists.map(({ part }) => part('pause').hidden)).toEqual([false, true, true]);
});

test('the button of a row pauses that task alone, and the same button lets it go on', async () => {
  const { world, tab, basket, id } = await ofAnn();
  const other = await basket.add('save', 'b');
  const { row, isPressed } = shown(basket, {});
  await world.settle();
  expect(row(id).pressed).toEqual('false');
  row(id).pause.click();
  await vi.waitFor(() => expect(row(id)).toMatchObject({ pressed: 'true', why: 'It is paused.' }), 60_000);
  expect(row(other)).toMatchObject({ pressed: 'false', why: 'Nothing is sent at the moment. Reload this page.' });
  expect(isPressed()).toBe('false');

  const ran: string[] = [];
  tab.run({ save: (text) => void ran.push(text), ping: () => undefined });
  await vi.waitFor(() => expect(ran).toEqual(['b']), 60_000);
  await world.settle();
  row(id).pause.click();
  await vi.waitFor(() => expect(ran).toEqual(['b', 'a']), 60_000);
});

test('a pause of the whole list is seen although a task of the list is paused by itself, and each ends by its own button', async () => {
  const { world, basket, id } = await ofAnn();
  const { row, part, isPressed } = shown(basket, {});
  await world.settle();
  row(id).pause.click();
  await vi.waitFor(() => expect(row(id).pressed).toBe('true'), 60_000);
  await basket.pause({});
  await vi.waitFor(() => expect(isPressed()).toBe('true'), 60_000);

  row(id).pause.click();
  const held = { pressed: 'false', why: 'It is paused together with others.' };
  await vi.waitFor(() => expect(row(id)).toMatchObject(held), 60_000);
  expect(await pausesOf(basket)).toEqual([{}]);
  row(id).pause.click();
  await vi.waitFor(() => expect(row(id).pressed).toBe('true'), 60_000);
  part('pause').click();
  await vi.waitFor(() => expect(isPressed()).toBe('false'), 60_000);
  expect(await pausesOf(basket)).toEqual([id]);
});

test('a task has a button "Pause" while a pause holds it back, or would', async () => {
  const { world, tab, basket, id } = await ofAnn();
  const { row } = shown(basket, {});
  const refuse = (): never => {
    throw new PermanentFailure('No.');
  };
  await world.settle();
  expect(row(id).pause.hidden).toBe(false);

  tab.run({ save: refuse, ping: refuse });
  await vi.waitFor(() => expect(row(id).why).toContain('It was refused'), 60_000);
  expect(row(id).pause.hidden).toBe(true);
  await basket.pause(id);
  await basket.retry(id);
  await vi.waitFor(() => expect(row(id)).toMatchObject({ pressed: 'true', pause: { hidden: false } }), 60_000);
});

test('an app that prevents a pause, or the end of one, does it by itself', async () => {
  const { world, basket, id } = await ofAnn();
  const { host, row } = shown(basket, {});
  const asked: unknown[] = [];
  for (const name of ['pause', 'resume'] as const) {
    host.addEventListener(name, (event) => {
      event.preventDefault();
      asked.push([name, (event as CustomEvent<InspectorAction>).detail.task.id]);
    });
  }
  await world.settle();
  row(id).pause.click();
  await world.settle();
  expect(await pausesOf(basket)).toEqual([]);
  await basket.pause(id);
  await vi.waitFor(() => expect(row(id).pressed).toBe('true'), 60_000);
  row(id).pause.click();
  await world.settle();
  expect(asked).toEqual([
    ['pause', id],
    ['resume', id],
  ]);
  expect(await pausesOf(basket)).toEqual([id]);
});

/** The list of Ann has announced that a task of hers needs a decision. */
async function announced() {
  const { world, tab, basket } = await ofAnn();
  const { panel, part } = shown(basket, {});
  await world.settle();
  const fail = (): never => {
    throw new PermanentFailure('No.');
  };
  tab.run({ save: fail, ping: fail });
  await world.settle();
  await vi.waitFor(() => expect(part('status').textContent).toBe('Needs your decision: A note.'), 60_000);

  return { world, basket, panel, part };
}

test('what was announced of one person’s tasks is not there for the next one, also if the element was away meanwhile', async () => {
  const { world, basket, panel, part } = await announced();
  panel.stop();
  basket.watch({}, { reasons: true }).subscribe(() => undefined);
  await basket.signIn('ben');
  await world.settle();
  panel.start();
  expect([part('note').textContent, part('status').textContent]).toEqual(['Everything is sent.', '']);
});

test('what was announced of one person’s tasks goes when another one signs in while the list is shown', async () => {
  const { basket, part } = await announced();
  await basket.signIn('ben');

  expect(part('status').textContent).toBe('');
});

test('a list that was removed asks for nothing more when the page is shown again', async () => {
  const { world, basket } = ofAnybody();
  const health = vi.fn<InspectedBasket['health']>(basket.health);
  const { panel } = shown({ ...(basket as InspectedBasket), health }, {});
  await world.settle();
  panel.stop();
  const before = health.mock.calls.length;
  document.dispatchEvent(new CustomEvent('visibilitychange'));

  expect(health.mock.calls.length).toBe(before);
});

test('a button that failed for one person says nothing of it to the next one', async () => {
  const { world, basket } = await ofAnn();
  const pause = (): Promise<never> => Promise.reject(new Error('The lane of Ann is unknown.'));
  const { part } = shown({ ...(basket as InspectedBasket), pause }, {});
  await world.settle();
  part('pause').click();
  await world.settle();
  expect(part('problem').textContent).toContain('The lane of Ann');

  await basket.signIn('ben');
  await world.settle();
  expect(part('problem').textContent).toBe('');
});

test('a button that fails after the next person has signed in says nothing to that one', async () => {
  const { world, basket } = await ofAnn();
  const failing = createGate();
  const pause = async (): Promise<never> => {
    await failing.promise;
    throw new Error('The lane of Ann is unknown.');
  };
  const { part } = shown({ ...(basket as InspectedBasket), pause }, {});
  await world.settle();
  part('pause').click();
  await basket.signIn('ben');
  await world.settle();
  failing.open();
  await world.settle();

  expect(part('problem').textContent).toBe('');
});

test('the tasks are shown although the words for their number throw', async () => {
  const uncaught = noteUncaught();
  const { world, basket, id } = await ofAnn();
  const note = (): never => {
    throw new Error('These words are broken.');
  };
  const { part, row } = shown(basket, {}, { note });
  await world.settle();

  expect(row(id).why).toBe('Nothing is sent at the moment. Reload this page.');
  expect(part('note').textContent).toBe('');
  expect(new Set(uncaught)).toEqual(new Set(['These words are broken.']));
});

test('a list that is shown while the pause of another list is being stored is not shown as paused', async () => {
  const { world, basket } = await ofAnn();
  const stored = createGate();
  const pause: InspectedBasket['pause'] = async (which) => {
    await (basket as InspectedBasket).pause(which);
    await stored.promise;
  };
  const { settings, panel, part, isPressed } = shown({ ...(basket as InspectedBasket), pause }, { type: 'save' });
  await world.settle();
  part('pause').click();
  settings.query = { type: 'ping' };
  panel.start();
  await world.settle();
  stored.open();
  await world.settle();

  expect(isPressed()).toBe('false');
});

test('what was asked about pauses before a person has pressed the button, and is answered after it, changes nothing', async () => {
  const { world, basket } = ofAnybody();
  const late = createGate();
  const health: InspectedBasket['health'] = async (whose) => {
    const found = await basket.health(whose);
    await late.promise;

    return found;
  };
  const { part, isPressed } = shown({ ...(basket as InspectedBasket), health }, {});
  await world.settle();
  part('pause').click();
  await vi.waitFor(() => expect(isPressed()).toBe('true'), 60_000);
  late.open();
  await world.settle();

  expect(isPressed()).toBe('true');
});

test('the question whether to discard a task closes when the app no longer lets a person discard it', async () => {
  const { world, basket } = await ofAnn();
  const { settings, part } = shown(basket, {});
  await world.settle();
  part('discard').click();
  expect(part('confirmation').hidden).toBe(false);
  settings.canDiscard = () => false;
  await basket.pause({});
  await vi.waitFor(() => expect(part('confirmation').hidden).toBe(true), 60_000);

  expect([part('discard').hidden, part('actions').hidden]).toEqual([true, false]);
});

test('a form that is removed takes no focus from where a person has gone meanwhile', async () => {
  const { world, basket, id } = await ofAnn();
  const { host } = shown(basket, {});
  const form = document.createElement('form');
  const [inside, elsewhere] = [document.createElement('input'), document.createElement('input')];
  await world.settle();
  form.slot = `correct-${id}`;
  form.append(inside);
  document.body.append(host, elsewhere);
  host.append(form);
  inside.focus();
  inside.blur(); // A click beside the form.
  elsewhere.focus();
  form.remove();
  await world.settle();

  expect(document.activeElement === elsewhere).toBe(true);
  document.body.replaceChildren();
});

test.each(['retry', 'discard'])(
  'the button "%s" of a task of somebody who is not signed in here says that nothing was changed',
  async (button) => {
    const { world, tab, basket } = await ofAnn();
    const refuse = (): never => {
      throw new PermanentFailure('The server refused it.');
    };
    const runner = tab.run({ save: refuse, ping: refuse });
    await world.advance(1_000);
    runner.stop();
    await basket.signIn('ben');
    const { host, part } = shown(basket, { owner: 'ann' });
    await world.settle();
    part(button).click();
    if (button === 'discard') part('confirm').click();
    const problem = host.shadowRoot?.querySelector('li [part~=problem]');
    await vi.waitFor(() => expect(problem?.textContent).toContain('not signed in here'), 60_000);
    expect(await basket.count({ owner: 'ann', state: 'dead' })).toMatchObject({ count: 1 });
  },
);

test.each<[progress: unknown, shown: number | undefined]>([
  [0, 0],
  [0.5, 0.5],
  [1, 1],
  [{ loaded: 5, total: 5 }, 1],
  [{ loaded: 1, total: 4 }, 0.25],
  [{ loaded: 0, total: 0 }, undefined],
  [{ loaded: 5, total: 4 }, undefined],
  [-1, undefined],
  ['half', undefined],
  [undefined, undefined],
])('of a running task whose handler has told %j, a bar shows %j', (progress, value) => {
  const bar = listOf({ id: '1', running: true, progress }).part('progress') as HTMLProgressElement;

  expect(bar.hidden ? undefined : bar.value).toBe(value);
});

test('two tasks of one name that are sent one after the other are two texts, so that a screen reader reads out both', () => {
  vi.useFakeTimers();
  const { end, part } = listOf({ id: '1' }, { id: '2' });
  const texts = ['1', '2'].map((id) => {
    end({ id, state: 'done' });
    vi.advanceTimersByTime(10_000);

    return part('status').textContent;
  });
  vi.useRealTimers();

  expect(texts).toEqual(['Sent: A note.', 'Sent: A note.\u00a0']);
});

test('if a form that has the focus is removed, because its task can no longer be corrected, the focus moves to the title of the task', async () => {
  const dead = { reason: 'dead', because: 'permanent' } as Reason;
  const { host, panel, settings, part } = listOf({ id: '1', state: 'dead', payload: 'a', reasons: [dead] as never });
  settings.canCorrect = () => true;
  panel.start();
  const form = document.createElement('input');
  form.slot = 'correct-1';
  document.body.append(host);
  host.append(form);
  form.focus();
  settings.canCorrect = () => false;
  panel.start();
  await vi.waitFor(() => expect(host.shadowRoot?.activeElement === part('title')).toBe(true));
  document.body.replaceChildren();
});
