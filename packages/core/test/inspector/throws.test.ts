import { afterEach, expect, test, vi } from 'vitest';

import { english } from '../../src/inspector/english.js';
import { createNews } from '../../src/inspector/news.js';
import type { Row } from '../../src/inspector/row.js';
import { createRows } from '../../src/inspector/rows.js';
import type { InspectedTask } from '../../src/inspector/settings.js';
import { noteUncaught } from '../support/uncaught.js';

const taskOf = (id: string): InspectedTask => ({ id, reasons: [] }) as unknown as InspectedTask;
const broken = new Error('These words are broken.');
const fail = (): never => {
  throw broken;
};

afterEach(() => void vi.useRealTimers());

test('if words throw for one task, the other rows are shown, and go on to say the time', async () => {
  const uncaught = noteUncaught();
  const shown: string[] = [];
  const list = { firstElementChild: null, insertBefore: () => undefined } as unknown as HTMLElement;
  const rows = createRows(list, list, ({ id }) => {
    const say = (): void => (id === '2' ? fail() : void shown.push(id));

    return { item: list, title: list, show: say, tick: say, gone: say } satisfies Row;
  });
  rows.show(['1', '2', '3'].map(taskOf));
  rows.tick();
  expect(shown).toEqual(['1', '3', '1', '3']);
  await vi.waitFor(() => expect(uncaught).toEqual([broken.message, broken.message]));
});

test('if a sentence throws once, later ones are announced', () => {
  vi.useFakeTimers();
  const told: string[] = [];
  let sent: typeof english.sent = fail;
  const news = createNews(
    () => ({ ...english, sent: (labels) => sent(labels) }),
    ({ id }) => id,
    (text) => void told.push(text),
  );
  news.look(['1', '2'].map(taskOf));
  const end = (id: string): void => news.heard({ id, type: 'x', owner: null, state: 'done' } as never);
  end('1');
  expect(() => vi.runAllTimers()).toThrow(broken);
  sent = english.sent;
  end('2');
  vi.runAllTimers();
  expect(told).toEqual(['Sent: 2.']);
});
