import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import { createWorld, daysOf } from '../support/world.js';

const day = 86_400_000;

describe('at the border of a slice of the collector', () => {
  test.each([255, 256, 257, 612])('%i orphaned bodies are collected, and the body of a task stays', async (count) => {
    const tasks = defineTasks(freshName(), { send: task<unknown>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', new Blob(['kept']), { runAt: world.wall() + 9 * day });
    await byHand(tasks, ({ bodies }) => {
      for (let number = 0; number < count; number += 1) bodies.add(number, `|orphan ${number}|1`);
      // Another body of the same task, which its row does not name.
      bodies.add('old', `|${id}|old`);
    });
    await daysOf(world, 2, () => tab.run({ send: () => undefined }));

    const { bodies, tasks: rows, state } = await contentsOf(tasks);
    expect([...bodies.keys()]).toEqual([rows[0]?.ref]);
    expect(state.has('bodies')).toBe(false);
  });
});

test.each([256, 257, 258, 514])(
  'a list that replaces %i tasks, without a runner, leaves none of them',
  async (count) => {
    const tasks = defineTasks(freshName(), { send: task<unknown>() });
    const world = createWorld();
    const { basket } = world.open(tasks);
    const list = (text: string) =>
      Array.from({ length: count }, (_, place) => ['send', text, { key: `note ${place}` }] as const);
    await basket.addMany(list('old'));
    await basket.addMany(list('new'));
    await world.settle();

    const left = (await rowsOf(tasks)).map(({ payload }) => payload);
    expect(left).toEqual(list('new').map(([, text]) => text));
  },
);

describe('addMany and add of one lane keep the order of their calls, whatever they weigh:', () => {
  const light = 'x';
  const beside = 'x'.repeat(20_000);
  const heavy = 'x'.repeat(200_000);

  test.each([
    ['a heavy list, then a light task', [[heavy, light], [light]]],
    ['a light task, then a list of all weights', [[light], [heavy, beside, light], [light]]],
    ['lists that share a lane', [[heavy], [beside, light], [heavy], [light]]],
  ])('%s', async (_, calls) => {
    const tasks = defineTasks(freshName(), { send: task<unknown>({ lane: 'a' }) });
    const { basket } = createWorld().open(tasks);
    let next = 0;
    const numbered = calls.map((texts) => texts.map((text) => ({ number: (next += 1), text })));
    await Promise.all(
      numbered.map((list) =>
        list.length === 1 ? basket.add('send', list[0]) : basket.addMany(list.map((one) => ['send', one] as const)),
      ),
    );

    const ids = (await rowsOf(tasks)).map(({ id }) => id);
    const shown = await Promise.all(ids.map(async (id) => (await basket.get(id))?.payload as { number: number }));
    expect(shown.map(({ number }) => number)).toEqual(Array.from({ length: next }, (__, place) => place + 1));
  });
});

describe('every argument is read at the call', () => {
  test('the options, each once, also those that a getter or a prototype gives', async () => {
    const tasks = defineTasks(freshName(), { send: task<unknown>() });
    const { basket } = createWorld().open(tasks);
    let reads = 0;
    const options = {
      get lane(): string {
        reads += 1;

        return `lane ${reads}`;
      },
    };
    const adds = [
      basket.add('send', 1, options),
      basket.add('send', 2, Object.create({ gate: 'inherited' }) as object),
      basket.addMany([['send', 3, options]]),
    ];
    await Promise.all(adds);

    expect((await rowsOf(tasks)).map(({ lane, gate }) => lane ?? gate)).toEqual(['lane 1', 'inherited', 'lane 2']);
    expect(reads).toBe(2);
  });

  test('the list of addMany and what is in it, and the payload and the codec of an update', async () => {
    const encode = async (payload: { text: string }): Promise<{ text: string }> => {
      await Promise.resolve();

      return { ...payload };
    };
    const decode = (stored: { text: string }): { text: string } => stored;
    const tasks = defineTasks(freshName(), {
      send: task({ codec: { encode, decode } }),
      plain: task<{ text: string }>(),
    });
    const { basket } = createWorld().open(tasks);
    const one = { text: 'plain' };
    const item: ['plain', { text: string }] = ['plain', one];
    const list: ['plain', { text: string }][] = [item];
    const adding = basket.addMany(list);
    one.text = 'changed';
    item[1] = { text: 'another' };
    list.push(['plain', { text: 'more' }]);
    await adding;
    const id = await basket.add('send', { text: 'first' });
    const edit = { text: 'second' };
    const editing = basket.update(id, edit);
    edit.text = 'changed';
    await editing;

    expect((await basket.list()).map(({ payload }) => payload)).toEqual([{ text: 'plain' }, { text: 'second' }]);
  });
});
