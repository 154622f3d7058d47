import { JSDOM } from 'jsdom';
import { beforeAll, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/index.js';
import { defineInspector } from '../../src/inspector.js';
import { freshName } from '../support/database.js';
import { noteUncaught } from '../support/uncaught.js';
import { createWorld } from '../support/world.js';

beforeAll(() => {
  const { document, customElements, HTMLElement, HTMLButtonElement, ShadowRoot } = new JSDOM('').window;
  const parts = { document, customElements, HTMLElement, HTMLButtonElement, ShadowRoot };
  for (const [name, value] of Object.entries(parts)) vi.stubGlobal(name, value);
  vi.stubGlobal(
    'CSSStyleSheet',
    class {
      replaceSync(): void {}
    },
  );
  defineInspector();
});

test.each([
  ['basket', [{}, 'basket', Promise.resolve()]],
  ['query', ['saveNote', 1]],
  ['words', [() => 'Sent']],
  ['label', ['text', {}]],
  ['canCorrect', [true]],
  ['canDiscard', [false]],
])('the property "%s" refuses a value of the wrong kind, and keeps the one before', (name, wrong) => {
  const tasks = defineTasks(freshName(), { save: task<string>() });
  const { basket } = createWorld().open(tasks);
  const inspector = document.createElement('taskbasket-inspector');
  inspector.basket = basket;
  const before: unknown = Reflect.get(inspector, name);
  for (const value of [...wrong, name === 'basket' ? tasks : 7]) {
    expect(() => Reflect.set(inspector, name, value)).toThrow(
      expect.objectContaining({
        code: 'option',
        message: expect.stringContaining(`"${name}" of the inspector`) as string,
      }),
    );
  }
  expect(Reflect.get(inspector, name)).toBe(before);

  // A framework takes a property back by these.
  for (const none of [undefined, null]) expect(() => Reflect.set(inspector, name, none)).not.toThrow();
});

test('a wrong property that was set before the element was defined is reported, and can be set right later', async () => {
  const uncaught = noteUncaught();
  const inspector = document.createElement('other-inspector') as unknown as Record<string, unknown>;
  inspector['basket'] = 'none';
  inspector['label'] = 'text';
  inspector['canDiscard'] = () => false;
  document.body.append(inspector as unknown as Node);
  const { canDiscard } = inspector;
  defineInspector('other-inspector');
  await vi.waitFor(() => expect(uncaught).toHaveLength(2));
  expect(uncaught.join()).toMatch(/"basket" of the inspector must be.*"label" of the inspector must be a function/s);
  expect(inspector['canDiscard']).toBe(canDiscard);

  const { basket } = createWorld().open(defineTasks(freshName(), { save: task<string>() }));
  inspector['basket'] = basket;
  expect([inspector['basket'], typeof inspector['label']]).toEqual([basket, 'function']);
});

test('an element that is in no document follows no basket, also if its properties are set', async () => {
  const followed: unknown[] = [];
  const watched = { get: () => ({ loaded: false, tasks: [], more: false }), subscribe: () => followed.push('list') };
  const { basket } = createWorld().open(defineTasks(freshName(), { save: task<string>() }));
  const inspector = document.createElement('taskbasket-inspector');
  inspector.basket = { ...basket, watch: () => watched, on: () => followed.push('ends') } as never;
  await Promise.resolve();
  await Promise.resolve();

  expect(followed).toEqual([]);
});
