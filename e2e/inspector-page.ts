/**
 * The page with the inspector for its tests, and a basket that shows whatever a test wants to see.
 */
import type { Locator, Page } from '@playwright/test';
import type { InspectedBasket, InspectedTask, TaskbasketInspector } from 'taskbasket/inspector';

import { until } from './fixture.js';
import { type LabOptions } from './lab/lab.js';

/** Opens the page, with the tasks of a real basket. */
export async function openInspector(page: Page, options: LabOptions, query = {}): Promise<void> {
  await page.goto('/inspector.html');
  await page.evaluate(
    async ([given, wanted]) => {
      const inspector = document.querySelector('taskbasket-inspector') as TaskbasketInspector;
      inspector.basket = await window.lab.open(given);
      inspector.query = wanted;
    },
    [options, query] as const,
  );
}

/** The row of the task with this label. */
export function rowOf(page: Page, label: string): Locator {
  return page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: label, exact: true }) });
}

/** What a person sees of the list, read by a script, so that a test that needs no more runs in every engine. */
export function seen(page: Page, place = 0) {
  return page.evaluate((at) => {
    const shadow = document.querySelectorAll('taskbasket-inspector')[at]?.shadowRoot as ShadowRoot;
    const partOf = (of: ParentNode, part: string): Element | null => of.querySelector(`[part~=${part}]`);
    const textOf = (of: ParentNode, part: string): string => partOf(of, part)?.textContent ?? '';
    const isPressed = (of: ParentNode, part: string) => partOf(of, part)?.getAttribute('aria-pressed') === 'true';

    return {
      heading: textOf(shadow, 'heading'),
      note: textOf(shadow, 'note'),
      isPaused: isPressed(shadow, 'pause'),
      rows: [...shadow.querySelectorAll('li')].map((row) => ({
        title: textOf(row, 'title'),
        why: textOf(row, 'why'),
        facts: textOf(row, 'facts'),
        isPaused: isPressed(row, 'pause-one'),
      })),
    };
  }, place);
}

/** Waits until the list is such: the first list of the page, or the one at this place. */
export function untilSeen(
  page: Page,
  what: string,
  is: (list: Awaited<ReturnType<typeof seen>>) => boolean,
  place?: number,
): Promise<unknown> {
  return until(() => seen(page, place), is, what);
}

/** Waits until the list has these rows and no others. */
export function untilTitles(page: Page, ...titles: readonly string[]): Promise<unknown> {
  return untilSeen(page, `a list of ${titles.join(', ')}`, ({ rows }) => {
    return rows.map(({ title }) => title).join() === titles.join();
  });
}

/** Waits until the row with this title says this. */
export function untilSaid(page: Page, title: string, why: string): Promise<unknown> {
  return untilSeen(page, `"${why}"`, ({ rows }) => rows.some((row) => row.title === title && row.why === why));
}

/** Presses a button of the list, or of the row with this title, by a script. */
export function pressPart(page: Page, part: string, title?: string): Promise<void> {
  return page.evaluate(
    ([name, of]) => {
      const shadow = document.querySelector('taskbasket-inspector')?.shadowRoot as ShadowRoot;
      const isIt = (row: Element): boolean => row.querySelector('[part=title]')?.textContent === of;
      const within = of === undefined ? shadow : [...shadow.querySelectorAll('li')].find(isIt);
      const found = within?.querySelector<HTMLElement>(`button[part~=${name}]`);
      if (!found?.checkVisibility()) throw new Error(`There is no button ${name} to press.`);
      found.click();
    },
    [part, title] as const,
  );
}

/** A task as a view shows it; a test says what is different. */
export function taskLike(id: string, different: Partial<InspectedTask> = {}): InspectedTask {
  return {
    id,
    seq: 1,
    type: 'send',
    owner: null,
    version: 1,
    payload: { name: id },
    state: 'queued',
    running: false,
    attempts: 0,
    progress: undefined,
    failures: 0,
    interruptions: 0,
    lane: undefined,
    gate: { name: 'server' },
    priority: 'normal',
    addedAt: Date.now() - 5 * 60_000,
    dueAt: undefined,
    unreadable: false,
    lastError: undefined,
    dead: undefined,
    reasons: [],
    ...different,
  };
}

/** What the page keeps of the basket that a test has made. */
interface Played {
  /** Shows other tasks. */
  show(tasks: readonly InspectedTask[], loaded?: boolean): void;
  /** Tells how a task ended. */
  settle(id: string, state: 'done' | 'dead' | 'cancelled'): void;
  /** How many listeners there are now. */
  readonly listeners: number;
}

declare global {
  interface Window {
    played: Played;
  }
}

/** Gives the inspector of the page a basket that is played: it shows these tasks, and its commands change nothing. */
export async function play(page: Page, tasks: readonly InspectedTask[]): Promise<void> {
  await page.evaluate((first) => {
    const lists = new Set<Parameters<ReturnType<InspectedBasket['watch']>['subscribe']>[0]>();
    const ends = new Set<Parameters<InspectedBasket['on']>[1]>();
    let value = { loaded: true, tasks: first, more: false };
    const listening = <Listener>(all: Set<Listener>, listener: Listener): (() => void) => {
      all.add(listener);
      return () => void all.delete(listener);
    };
    const watched: ReturnType<InspectedBasket['watch']> = {
      get: () => value,
      subscribe(listener) {
        listener(value);
        return listening(lists, listener);
      },
    };
    const basket: InspectedBasket = {
      watch: () => watched,
      on: (_, listener) => listening(ends, listener),
      retry: () => Promise.resolve(1),
      cancel: () => Promise.reject(new Error('The disk is full')),
      pause: () => Promise.resolve(),
      resume: () => Promise.resolve(1),
      health: () => Promise.resolve({ pauses: [] }),
    };
    window.played = {
      show(next, loaded = true) {
        value = { loaded, tasks: [...next], more: false };
        for (const listener of lists) listener(value);
      },
      settle(id, state) {
        for (const listener of ends) listener({ event: 'settled', id, type: 'send', owner: null, state });
      },
      get listeners() {
        return lists.size + ends.size;
      },
    };
    const inspector = document.querySelector('taskbasket-inspector') as TaskbasketInspector;
    inspector.basket = basket;
  }, tasks as InspectedTask[]);
}

/** One task in each state that a list can show, with texts as people and servers write them. */
export function inEachState(): readonly InspectedTask[] {
  const now = Date.now();
  const refused = {
    name: 'PermanentFailure',
    message: 'The title has 71 characters, and 60 is the most',
    status: 422,
    at: now,
  };
  const away = { gate: 'server', message: 'The server answered 503.', status: 503, by: undefined };
  const dead = { state: 'dead', dead: { reason: 'permanent', at: now }, lastError: refused, attempts: 1 } as const;

  return [
    taskLike('Footbridge over the northern arm of the old harbour, west side', {
      ...dead,
      reasons: [{ reason: 'dead', because: 'permanent', error: refused }],
    }),
    taskLike('Photo of the bent post', {
      running: true,
      attempts: 2,
      progress: { loaded: 3, total: 4 },
      reasons: [{ reason: 'running' }],
    }),
    taskLike('Quay wall, section 12', { attempts: 3, reasons: [{ reason: 'gate', until: now + 42_000, ...away }] }),
    taskLike('Underpass', { reasons: [{ reason: 'lane', lane: 'a', behind: 'x', dead: true }] }),
    taskLike('Lift', { attempts: 1, lastError: refused, reasons: [{ reason: 'backoff', until: now + 3_600_000 }] }),
    taskLike('Stairs', { reasons: [{ reason: 'paused', filter: {} }] }),
    taskLike('Escalator', { reasons: [{ reason: 'paused', filter: 'Escalator' }] }),
    taskLike('Ramp', { reasons: [{ reason: 'signed-out', owner: 'ann' }] }),
    taskLike('Unknown', { payload: undefined, unreadable: true, reasons: [{ reason: 'unknown-type' }] }),
    taskLike('x'.repeat(120), { reasons: [{ reason: 'no-runner' }] }),
    taskLike('Next', {}),
  ];
}
