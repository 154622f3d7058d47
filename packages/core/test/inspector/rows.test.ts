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

test('if the row that has the focus is removed, the focus moves to the next row, or from the last row to the one before, or from the only row to the heading', () => {
  vi.spyOn(performance, 'now').mockReturnValue(0);
  const { document } = new JSDOM('').window;
  const [list, heading] = [document.createElement('ul'), document.createElement('h2')];
  heading.tabIndex = -1;
  document.body.append(heading, list);
  const { show } = createRows(list, heading, ({ id }) => {
    const item = document.createElement('li');
    item.tabIndex = -1;
    item.textContent = id;

    return { item, title: item, show: () => undefined, tick: () => undefined, gone: () => undefined };
  });
  const tasks = (...ids: readonly string[]) => ids.map((id) => ({ id }) as unknown as InspectedTask);
  show(tasks('1', '2', '3'));
  (list.children[1] as HTMLElement).focus();
  const places = [tasks('1', '3'), tasks('1'), []].map((left) => {
    show(left);

    return document.activeElement?.textContent;
  });

  expect(places).toEqual(['3', '1', '']);
  expect(document.activeElement === heading).toBe(true);
});
