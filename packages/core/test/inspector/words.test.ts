import { readFileSync } from 'node:fs';

import { JSDOM } from 'jsdom';
import { afterEach, describe, expect, test, vi } from 'vitest';

import type { Reason } from '../../src/index.js';
import { english } from '../../src/inspector/english.js';
import type { InspectedTask } from '../../src/inspector/settings.js';
import { tell } from '../../src/inspector/telling.js';
import { createWhen, languageFor } from '../../src/inspector/times.js';
import type { InspectorWords } from '../../src/inspector/words.js';
import { laidOut } from '../manual/blocks.js';

afterEach(() => void vi.unstubAllGlobals());

/** The words in quotes that a member of a type can be. */
function wordsIn(file: string, member: RegExp): readonly string[] {
  const source = readFileSync(new URL(`../../src/pure/${file}`, import.meta.url), 'utf8');
  const found = [...source.matchAll(member)].flatMap(([, union = '']) => union.match(/'[\w-]+'/g) ?? []);

  return [...new Set(found.map((word) => word.slice(1, -1)))];
}

const reasons = wordsIn('reasons.ts', /readonly reason: ('[^;}]+)/g);
const deaths = wordsIn('record.ts', /readonly reason: ('permanent'[^;]+);/g);

/** A reason with everything that any reason has. */
function reasonLike(reason: string, because = 'permanent'): Reason {
  const error = { name: 'Error', message: 'The lamp broke.', status: 500, at: 0 };

  return {
    reason,
    because,
    error,
    message: error.message,
    until: Date.now() + 5_000,
    state: 'dead',
    dead: true,
  } as never;
}

function taskLike(list: readonly Reason[], more: Partial<InspectedTask> = {}): InspectedTask {
  return { id: 'a', attempts: 1, reasons: list, ...more } as InspectedTask;
}

function said(words: InspectorWords, ...list: readonly Reason[]): string {
  return tell(taskLike(list)).why(words, createWhen(words.lang));
}

test('the lists of reasons and of deaths were found', () => {
  expect(reasons).toContain('no-room');
  expect(reasons.length).toBeGreaterThanOrEqual(20);
  expect(deaths).toEqual(['permanent', 'limit', 'expired', 'parent']);
});

describe.each([
  ['English', () => Promise.resolve(english)],
  [
    'the German of the manual',
    async () => (await laidOut('german').run<{ german: InspectorWords }>('german.ts')).german,
  ],
])('%s', (_, read) => {
  test('has a sentence for every reason, and a state in words', async () => {
    const words = await read();
    for (const reason of reasons) {
      expect(said(words, reasonLike(reason)), reason).toMatch(/^[A-ZÄÖÜ].+\.$/);
      expect(words.states[tell(taskLike([reasonLike(reason)])).state], reason).toMatch(/^[A-Z]/);
    }
    expect(Object.keys(words.reasons).sort()).toEqual(reasons.filter((reason) => reason !== 'dead').sort());
    expect(said(words)).toMatch(/\.$/);
  });

  test('has a sentence for every death', async () => {
    const words = await read();
    for (const because of deaths) expect(said(words, reasonLike('dead', because)), because).toMatch(/^[A-ZÄÖÜ].+\.$/);
    expect(Object.keys(words.deaths).sort()).toEqual([...deaths].sort());
  });
});

test('of several reasons the one that matters most to a person is told, whatever their order', () => {
  const [away, paused, dead] = ['gate', 'paused', 'dead'].map((reason) => reasonLike(reason)) as [
    Reason,
    Reason,
    Reason,
  ];

  expect(tell(taskLike([away, paused])).state).toBe('paused');
  expect(tell(taskLike([paused, dead, away])).state).toBe('dead');
});

test('a death whose reason only a later version knows is told as a refusal', () => {
  expect(said(english, reasonLike('dead', 'quarantine'))).toBe('It was refused (500): The lamp broke.');
});

test('"try now" is offered where it changes something', () => {
  const offered = reasons.filter((reason) => tell(taskLike([reasonLike(reason)], { attempts: 0 })).canRetry);
  expect(offered.sort()).toEqual(['backoff', 'dead', 'gate', 'signed-out']);
  expect(tell(taskLike([reasonLike('date')], { attempts: 1 })).canRetry).toBe(true);
});

test('a pause of one task is offered where a pause changes something', () => {
  const not = reasons.filter((reason) => !tell(taskLike([reasonLike(reason)])).canPause);
  expect(not.sort()).toEqual([
    'dead',
    'no-owner',
    'other-leader',
    'running',
    'signed-out',
    'undecodable',
    'unknown-type',
    'unknown-version',
  ]);
  expect(tell(taskLike([])).canPause).toBe(true);
});

test('a pause of the task alone is told apart from a pause of others too', async () => {
  const { german } = await laidOut('german').run<{ german: InspectorWords }>('german.ts');
  const [alone, together] = ['a', { lane: 'a' }].map((filter): Reason => ({ reason: 'paused', filter }));
  for (const words of [english, german]) expect(said(words, alone as Reason)).not.toBe(said(words, together as Reason));
  const isPaused = (...list: readonly Reason[]): boolean => tell(taskLike(list)).isPaused;
  expect([isPaused(together as Reason), isPaused(together as Reason, alone as Reason)]).toEqual([false, true]);
});

describe('times', () => {
  const ahead = (seconds: number): number => Date.now() + seconds * 1_000;

  test('are told in the unit in which a person would', () => {
    const when = createWhen('en');
    expect(when(ahead(-0.2))).toBe('now');
    expect(when(ahead(89.9))).toBe('in 90 seconds');
    expect(when(ahead(89.9 * 60))).toBe('in 90 minutes');
    expect(when(ahead(30 * 3_600))).toBe('in 30 hours');
    expect(when(ahead(-3 * 86_400 - 1))).toBe('3 days ago');
  });

  test('follow the language; one that nobody knows is the browser’s own', () => {
    expect(createWhen('de')(ahead(89.9))).toBe('in 90 Sekunden');
    expect(createWhen('no such language!')(ahead(89.9))).toContain('90');
  });

  test.each([
    ['en-GB', 'en', 'en-GB'],
    ['EN', 'en', 'EN'],
    ['eng', 'en', 'en'],
    ['de', 'en', 'en'],
    ['', 'en', 'en'],
    [undefined, 'de', 'de'],
  ])('in a page whose language is %j, words of %j are said with times of %j', (page, ofWords, language) => {
    const { document, ShadowRoot } = new JSDOM('').window;
    vi.stubGlobal('ShadowRoot', ShadowRoot);
    const [outer, inner] = [document.createElement('div'), document.createElement('div')];
    if (page !== undefined) document.documentElement.lang = page;
    document.body.append(outer);
    outer.attachShadow({ mode: 'open' }).append(inner);

    expect([outer, inner].map((host) => languageFor(host, ofWords))).toEqual([language, language]);
  });
});

test('an error without a message, or with a stop at its end, makes a sentence', () => {
  const { permanent } = english.deaths;
  const when = createWhen('en');
  expect(permanent(undefined, when)).toBe('It was refused.');
  expect(permanent({ name: 'Error', message: ' ', status: 422, at: 0 }, when)).toBe('It was refused (422).');
  expect(permanent({ name: 'Error', message: 'No title!', at: 0 }, when)).toBe('It was refused: No title!');
});

test.each<[what: string, detail: unknown, sentence: string]>([
  [
    'problem details that `send` keeps',
    { status: 422, headers: {}, body: { title: 'Too long', detail: 'Use 60.' } },
    'Use 60.',
  ],
  ['problem details as they are', { title: 'Too long' }, 'Too long.'],
  ['a text that is no problem', { body: 'a page' }, 'The server answered 422.'],
  ['what has no text', { body: { title: 7, detail: ' ' } }, 'The server answered 422.'],
  ['a detail of a megabyte', { title: 'x'.repeat(1_000_000) }, `${'x'.repeat(300)}…`],
])('the server’s own sentence is told: %s', (_, detail, sentence) => {
  const error = { name: 'PermanentFailure', message: 'The server answered 422.', status: 422, detail, at: 0 };
  expect(said(english, { reason: 'dead', because: 'permanent', error })).toBe(`It was refused (422): ${sentence}`);
});

test('a detail that throws when it is read is not shown', () => {
  const detail = {
    get body(): never {
      throw new Error('Not today');
    },
  };
  const error = { name: 'PermanentFailure', message: 'No.', detail, at: 0 };
  expect(said(english, { reason: 'dead', because: 'permanent', error })).toBe('It was refused: No.');
});
