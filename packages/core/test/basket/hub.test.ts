import type { Arbitrary } from '../support/property.js';
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  infiniteStream,
  oneof,
  record,
} from '../support/property.js';
import { afterEach, expect, test, vi } from 'vitest';

import type { Hub } from '../../src/basket/context/hub.js';
import type { Hint, Message } from '../../src/basket/context/messages.js';
import { createHub } from '../../src/basket/context/hub.js';
import { endedIn } from '../../src/basket/context/messages.js';
import type { Channel } from '../../src/ports/ports.js';

const surfaced: unknown[] = [];
const note = (error: unknown): void => void surfaced.push(error);

afterEach(() => {
  process.off('uncaughtException', note);
  vi.unstubAllGlobals();
  surfaced.length = 0;
});

/** Errors of listeners surface as uncaught ones; here they are noted. */
function noteUncaught(): void {
  for (const listener of process.listeners('uncaughtException')) process.off('uncaughtException', listener);
  process.on('uncaughtException', note);
}

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A channel whose other end is the test. */
function channelOfTest() {
  const posted: Message[] = [];
  let opened = 0;
  let closed = 0;
  let receive = (_: unknown): void => undefined;
  const open = (): Channel => {
    opened += 1;

    return {
      post: (message) => void posted.push(message as Message),
      listen(listener) {
        receive = listener;
      },
      close() {
        closed += 1;
        receive = () => undefined;
      },
    };
  };

  return { open, posted, isOpen: () => opened > closed, receive: (message: unknown) => receive(message) };
}

async function quietly(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await turnOfTheLoop();
}

test('a listener that throws mutes neither the other listeners nor what is said later', async () => {
  const kept = process.listeners('uncaughtException');
  noteUncaught();
  const { open, posted, receive } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  const heard: string[] = [];
  hub.hear(() => {
    throw new Error('a listener threw');
  });
  hub.hear(({ kind }) => heard.push(kind));

  hub.say({ kind: 'look' });
  await quietly();
  hub.say({ kind: 'changed' });
  receive({ kind: 'taken' });
  await quietly();
  for (const listener of kept) process.on('uncaughtException', listener);

  expect(heard).toEqual(['look', 'changed', 'taken']);
  expect(posted.map(({ kind }) => kind)).toEqual(['look', 'changed']);
  expect(surfaced).toHaveLength(3);
});

test.each([
  [
    'refuses the channel',
    (): Channel => {
      throw new DOMException('Refused.', 'SecurityError');
    },
  ],
  [
    'refuses the message',
    (): Channel => ({
      post() {
        throw new DOMException('Refused.', 'DataCloneError');
      },
      listen: () => undefined,
      close: () => undefined,
    }),
  ],
])('where the browser %s, what is said is heard in this context all the same', async (_, open) => {
  const hub = createHub(open, turnOfTheLoop);
  const heard: string[] = [];
  hub.hear(({ kind }) => heard.push(kind));

  hub.say({ kind: 'look' });
  await quietly();
  hub.say({ kind: 'changed' });
  hub.leave();
  hub.suspend();
  hub.resume();
  await quietly();

  expect(heard).toEqual(['look', 'changed', 'look']);
});

test('a page that is back hears others, though it says nothing itself', async () => {
  const { open, isOpen, posted, receive } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  const heard: string[] = [];
  hub.hear(({ kind }) => heard.push(kind));
  hub.suspend();
  receive({ kind: 'changed' });
  hub.resume();
  receive({ kind: 'taken' });

  expect([heard, posted, isOpen()]).toEqual([['look', 'taken'], [], true]);
});

test('a hub that is closed says what a write tells later, opens no channel for a listener, and leaves none open', async () => {
  const { open, isOpen, posted } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  hub.close();
  hub.hear(() => undefined);
  expect(isOpen()).toBe(false);
  hub.say({ kind: 'look' });
  hub.leave();
  await quietly();

  expect([posted.length, isOpen()]).toEqual([2, false]);
});

test('of messages that merge, each end of a task is told', async () => {
  const { open, posted } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  const ended = (id: string): Hint => ({ event: 'settled', id, type: 'send', owner: null, state: 'done' });
  for (const id of ['a', 'b', 'c', 'd']) hub.say({ kind: 'changed', hints: [ended(id)] });
  await quietly();

  expect(posted.flatMap((message) => ('done' in message ? (message.done ?? []) : []))).toEqual(['a', 'b', 'c', 'd']);
});

const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error('A getter threw.');
    },
    has: () => true,
  },
);
const circle: { kind: string; hints: unknown[] } = { kind: 'look', hints: [] };
circle.hints.push(circle);

test.each([
  ['null', null],
  ['undefined', undefined],
  ['a number', 7],
  ['a text', 'look'],
  ['a list', ['look']],
  ['a function', () => 'look'],
  ['an object without a kind', {}],
  ['a kind that is an object', { kind: { kind: 'look' } }],
  ['a kind of a later version', { kind: 'paused' }],
  ['a huge kind', { kind: 'x'.repeat(1_000_000) }],
  ['an object whose parts throw', hostile],
  ['a wake without its part', { kind: 'wake' }],
  ['a hello of no build', { kind: 'hello', build: Number.NaN }],
  ['a hello of an endless build', { kind: 'hello', build: Number.POSITIVE_INFINITY }],
  ['a hello of a build that is a text', { kind: 'hello', build: '9' }],
])('%s on the channel is not heard, and harms nothing', async (_, message) => {
  const { open, receive } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  const heard: Message[] = [];
  hub.hear((one) => heard.push(one));

  receive(message);
  receive({ kind: 'changed' });
  await quietly();

  expect(heard).toEqual([{ kind: 'changed' }]);
});

test.each([
  ['null', null],
  ['a text', 'gone'],
  ['an object', { length: 3 }],
  ['a list of null', [null]],
  ['a list of texts', ['settled']],
  ['a list with an object that throws', [hostile]],
  ['a list of objects without an event', [{ id: 'a' }]],
  ['itself', circle.hints],
])('a message whose hints are %s is heard without hints: any task may have ended', async (_, hints) => {
  const { open, receive } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  const heard: Message[] = [];
  hub.hear((one) => heard.push(one));

  receive({ kind: 'changed', hints });
  await quietly();

  expect(heard).toEqual([{ kind: 'changed' }]);
  expect(heard.map(endedIn)).toEqual([undefined]);
});

test.each([99, 100, 101, 2_100])('of %i hints in one message no end is missed', async (count) => {
  const hints = (from: number): Hint[] =>
    Array.from({ length: count }, (_, place) => ({
      event: 'settled',
      id: `${from + place}`,
      type: 'send',
      owner: null,
      state: 'done',
    }));
  const { open, posted, receive } = channelOfTest();
  const hub = createHub(open, turnOfTheLoop);
  const heard: Message[] = [];
  hub.hear((one) => heard.push(one));

  receive({ kind: 'changed', hints: hints(0) });
  hub.say({ kind: 'changed', hints: hints(0) });
  await quietly();

  const told = [...heard, ...posted].map((message) => endedIn(message)?.length);
  // As many as the test knows, or none at all: then any task may have ended.
  expect(told).toEqual(told.map(() => (count < 100 ? count : undefined)));
  expect(Math.max(...[...heard, ...posted].map((message) => idsOf(message).length))).toBeLessThanOrEqual(100);
});

/** What a context does; `turn` lets the loop go round, so that what was said before is said by itself. */
type Step =
  | { readonly does: 'say'; readonly kind: 'look' | 'changed'; readonly by: 0 | 1 }
  | { readonly does: 'suspend' | 'resume' | 'leave'; readonly by: 0 | 1 }
  | { readonly does: 'turn' };

const steps: Arbitrary<Step> = oneof(
  {
    weight: 4,
    arbitrary: record({
      does: constant('say' as const),
      kind: constantFrom('look' as const, 'changed' as const),
      by: constantFrom(0 as const, 1 as const),
    }),
  },
  {
    weight: 2,
    arbitrary: record({
      does: constantFrom('suspend' as const, 'resume' as const, 'leave' as const),
      by: constantFrom(0 as const, 1 as const),
    }),
  },
  { weight: 3, arbitrary: record({ does: constant('turn' as const) }) },
);

/** What becomes of each message on its way. */
const fates = constantFrom('once', 'twice', 'late', 'never');

test('messages that merge, come twice, late or never: each context hears what it says itself, and no hint of another twice as two', async () => {
  await assert(
    asyncProperty(array(steps, { maxLength: 40 }), infiniteStream(fates), async (played, fate) => {
      const late: (() => void)[] = [];
      const receivers: ((message: unknown) => void)[] = [() => undefined, () => undefined];
      const said: string[][] = [[], []];
      const posted: string[][] = [[], []];
      const heard: string[][] = [[], []];
      const suspended = [false, false];
      let wrong: string | undefined;

      const hubs: Hub[] = [0, 1].map((own) =>
        createHub(() => {
          if (suspended[own] === true) wrong = 'A channel is opened while its page is put away.';
          const deliver = (message: unknown): void => receivers[1 - own]?.(message);

          return {
            post(message) {
              if (suspended[own] === true) wrong = 'Something is said while the page is put away.';
              const text = JSON.stringify(message);
              for (const id of idsOf(JSON.parse(text) as Message)) posted[own]?.push(id);
              const { value } = fate.next();
              if (value === 'once' || value === 'twice') setImmediate(() => deliver(JSON.parse(text)));
              if (value === 'twice') setImmediate(() => deliver(JSON.parse(text)));
              if (value === 'late') late.push(() => deliver(JSON.parse(text)));
            },
            listen(listener) {
              receivers[own] = listener;
            },
            close() {
              receivers[own] = () => undefined;
            },
          };
        }, turnOfTheLoop),
      );
      hubs.forEach((hub, own) => hub.hear((message) => heard[own]?.push(...idsOf(message))));

      for (const [number, step] of played.entries()) {
        if (step.does === 'turn') {
          await turnOfTheLoop();
          continue;
        }
        const hub = hubs[step.by];
        if (step.does === 'say') {
          said[step.by]?.push(`${number}`);
          hub?.say({ kind: step.kind, hints: [{ event: 'added', id: `${number}`, type: 'send', owner: null }] });
        } else {
          if (step.does === 'suspend') hub?.suspend();
          suspended[step.by] = step.does === 'suspend' || (step.does === 'leave' && suspended[step.by] === true);
          if (step.does === 'resume') hub?.resume();
          if (step.does === 'leave' && suspended[step.by] === false) hub?.leave();
        }
      }
      await quietly();
      for (const deliver of late) deliver();
      await quietly();

      expect(wrong).toBeUndefined();
      for (const own of [0, 1]) {
        const mine = heard[own] ?? [];
        // Everything that a context says is heard there, once.
        expect(mine.filter((id) => said[own]?.includes(id)).sort()).toEqual([...(said[own] ?? [])].sort());
        // Nothing is posted twice, and nothing is heard that was not posted.
        expect(new Set(posted[own]).size).toBe(posted[own]?.length);
        for (const id of mine) expect([...(said[own] ?? []), ...(posted[1 - own] ?? [])]).toContain(id);
      }
    }),
    { numRuns: 300 },
  );
});

function idsOf(message: Message): string[] {
  return 'hints' in message ? (message.hints ?? []).flatMap((hint) => ('id' in hint ? [hint.id] : [])) : [];
}
