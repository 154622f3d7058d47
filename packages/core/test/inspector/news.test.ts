import { afterEach, expect, test, vi } from 'vitest';

import type { EventOf } from '../../src/index.js';
import { english } from '../../src/inspector/english.js';
import { createNews } from '../../src/inspector/news.js';
import type { InspectedTask } from '../../src/inspector/settings.js';

afterEach(() => void vi.useRealTimers());

/** News of tasks that are called by their ids. */
function newsIn(told: string[]) {
  vi.useFakeTimers();
  const { look, heard, forget } = createNews(
    () => english,
    ({ id }) => id,
    (text) => void told.push(text),
  );

  return {
    show: (...states: readonly (readonly [id: string, state: InspectedTask['state']])[]) =>
      look(states.map(([id, state]) => ({ id, state, reasons: [] }) as unknown as InspectedTask)),
    outage: () => look([{ id: '1', state: 'queued', reasons: [{ reason: 'gate' }] } as unknown as InspectedTask]),
    end: (id: string, state: EventOf<'settled'>['state']) => heard({ id, state } as EventOf<'settled'>),
    forget,
  };
}

test('a task is refused while the first list that shows it is read: it is announced when a list shows that, once', () => {
  const told: string[] = [];
  const { show, end } = newsIn(told);
  show();
  end('1', 'dead');
  show(['1', 'queued']);
  show(['1', 'dead']);
  show(['1', 'dead']);
  vi.runAllTimers();
  show(['1', 'dead']);
  vi.runAllTimers();

  expect(told).toEqual(['Needs your decision: 1.']);
});

test('a task is refused before a list shows it, and is sent when it is tried again: only that is announced', () => {
  const told: string[] = [];
  const { show, end } = newsIn(told);
  show();
  end('1', 'dead');
  show(['1', 'queued']);
  end('1', 'done');
  show();
  vi.runAllTimers();

  expect(told).toEqual(['Sent: 1.']);
});

test('a task that is refused a second time, and then listed, is announced once', () => {
  const told: string[] = [];
  const { show, end } = newsIn(told);
  show();
  end('1', 'dead');
  show(['1', 'queued']);
  end('1', 'dead');
  vi.runAllTimers();
  show(['1', 'dead']);
  vi.runAllTimers();

  expect(told).toEqual(['Needs your decision: 1.']);
});

test('somebody else signs in while news is about to be announced: nothing of it is, and the news of the next person is', () => {
  const told: string[] = [];
  const { show, end, forget } = newsIn(told);
  show(['1', 'queued']);
  end('1', 'done');
  forget();
  show(['2', 'queued']);
  end('2', 'done');
  vi.runAllTimers();

  expect(told).toEqual(['Sent: 2.']);
});

test('an outage is announced once, the next outage is announced too, and so is an outage that goes on while somebody else signs in', () => {
  const told: string[] = [];
  const { show, outage, forget } = newsIn(told);
  const steps = [outage, outage, () => show(['1', 'queued']), outage, forget, outage];
  const counts = steps.map((step) => {
    step();
    vi.runAllTimers();

    return told.length;
  });

  expect(counts).toEqual([1, 1, 1, 2, 2, 3]);
  expect(new Set(told)).toEqual(new Set([english.away]));
});

test('a task that has left the list when its end is told is announced, and a second announcement lets a screen reader read out the first', () => {
  const told: string[] = [];
  const { show, end } = newsIn(told);
  show(['1', 'queued'], ['2', 'queued']);
  show(['2', 'queued']);
  end('1', 'done');
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual(['Sent: 1.']);
  end('2', 'cancelled');
  vi.advanceTimersByTime(4_999);
  expect(told).toEqual(['Sent: 1.']);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['Sent: 1.', 'Discarded: 2.']);
});
