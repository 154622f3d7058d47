import { JSDOM } from 'jsdom';
import { afterEach, expect, test, vi } from 'vitest';

import type { Row } from '../../src/inspector/row.js';
import { createRows } from '../../src/inspector/rows.js';
import type { InspectedTask } from '../../src/inspector/settings.js';

afterEach(() => void vi.useRealTimers());

test('a list that changes while its rows are made slice by slice has the order of the latest', () => {
  vi.useFakeTimers();
  const { document } = new JSDOM('').window;
  let time = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => time);
  const cost = (): void => void (time += 5);
  const list = document.createElement('ul');
  const create = ({ id }: InspectedTask): Row => {
    const item = document.createElement('li');
    item.textContent = id;

    return { item, title: item, show: cost, tick: () => undefined, gone: () => undefined };
  };
  const { show } = createRows(list, document.createElement('h2'), create);
  const tasks = (...ids: readonly number[]) => ids.map((id) => ({ id: String(id) }) as unknown as InspectedTask);
  show(tasks(1, 2, 3, 4, 5, 6, 7, 8));
  show(tasks(9, 8, 7, 6, 5, 4, 3, 2, 1));
  vi.runAllTimers();

  expect([...list.children].map(({ textContent }) => textContent).join('')).toBe('987654321');
});
