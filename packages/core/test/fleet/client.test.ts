import { expect, test } from 'vitest';

import { createLooking } from '../../src/host/looking.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import type { Verdict } from '../../src/pure/verdict.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { seeded } from '../support/chance.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';
import { createClient } from './client.js';
import { createTime } from './time.js';

/** How a server answers, and after how many milliseconds. */
interface Answer {
  readonly kind: 'ok' | '500' | '503';
  /** In seconds. */
  readonly retryAfter?: number;
  readonly takes: number;
}

/** The story of one client. */
interface Story {
  readonly seed: number;
  readonly tasks: number;
  readonly slots: number;
  readonly visible: boolean;
  /** How the request is answered that is sent as the given one, at a time. */
  readonly server: (request: { readonly number: number; readonly at: number }) => Answer;
  /** When the browser is online again. */
  readonly onlineAt: readonly number[];
}

/** Each request: when it was sent, and for which task. */
type Sent = readonly (readonly [at: number, task: number])[];

const until = 30 * 60_000;

/** Plays the client of the fleet. */
function playClient({ seed, tasks, slots, visible, server, onlineAt }: Story): Sent {
  const time = createTime();
  const sent: [number, number][] = [];
  const client = createClient({
    time,
    random: seeded(seed),
    lookRandom: seeded(seed + 100),
    tasks,
    slots,
    visible,
    send(number, end) {
      const { kind, retryAfter, takes } = server({ number: sent.length, at: time.now() });
      sent.push([time.now(), number]);
      time.timer(takes, () => end(verdictOf(kind, retryAfter)));
    },
  });
  time.timer(0, client.look);
  for (const at of onlineAt) time.timer(at, client.online);
  while (time.next() && time.now() <= until);

  return sent;
}

function verdictOf(kind: Answer['kind'], retryAfter: number | undefined): Verdict {
  const error = { name: 'Error', message: '', at: 0 };
  if (kind === 'ok') return { kind: 'success' };
  if (kind === '500') return { kind: 'failure', error };

  return { kind: 'unavailable', error, ...(retryAfter === undefined ? {} : { retryAfter: retryAfter * 1_000 }) };
}

/** Plays the library's runner and page on a database, with the same random numbers for waits. */
async function playRunner({ seed, tasks: count, slots, visible, server, onlineAt }: Story): Promise<Sent> {
  const tasks = defineTasks(freshName(), { send: task<number>({ gate: 'server' }) });
  const world = createWorld(seed);
  const [worker, page] = [world.open(tasks), world.open(tasks)];
  Object.assign(worker.context.ports, { random: seeded(seed) });
  Object.assign(page.context.ports, { random: seeded(seed + 100) });
  await page.basket.addMany(Array.from({ length: count }, (_, number) => ['send', number] as const));
  const began = world.wall();
  const sent: [number, number][] = [];
  worker.run(
    {
      async send(number) {
        const at = world.wall() - began;
        const { kind, retryAfter, takes } = server({ number: sent.length, at });
        sent.push([at, number]);
        await new Promise<void>((resolve) => {
          world.alarm(takes, resolve);
        });
        if (kind === '503') throw new Unavailable({ retryAfter: retryAfter && retryAfter * 1_000 });
        if (kind === '500') throw new Error('The server answered 500.');
      },
    },
    { concurrency: slots },
  );
  createLooking(page.context, () => visible).changed();
  const isOnline = (): void => page.context.hub.say({ kind: 'wake', visible, online: true });
  for (const at of onlineAt) world.alarm(at, isOnline);
  await world.advance(until);

  return sent;
}

/** A number from 0 to 99 that is the same for the same request. */
const luck = (number: number, at: number): number => (number * 7_919 + at * 104_729) % 100;

const stories: Readonly<Record<string, Partial<Story>>> = {
  'a server that is away for a while': { server: ({ at }) => ({ kind: at < 200_000 ? '503' : 'ok', takes: 30 }) },
  'a server that is away, and nobody looks': {
    visible: false,
    server: ({ at }) => ({ kind: at < 200_000 ? '503' : 'ok', takes: 30 }),
  },
  'a browser that is online again': {
    onlineAt: [100_000, 103_000],
    server: ({ number, at }) => ({ kind: at < 100_000 || luck(number, at) < 60 ? '503' : 'ok', takes: 80 }),
  },
  'a server that turns away two of three, and says how long to wait': {
    server: ({ number, at }) =>
      luck(number, at) < 66
        ? { kind: '503', retryAfter: 5 + luck(at, number), takes: 50 }
        : { kind: 'ok', takes: 50 + luck(at, number) },
  },
  'a server that answers some of the requests with 503, and some with 500': {
    server: ({ number, at }) => {
      const share = luck(number, at);

      return { kind: share < 25 ? '503' : share < 40 ? '500' : 'ok', takes: 20 + luck(at, number) };
    },
  },
  'one request at once': {
    slots: 1,
    server: ({ number, at }) => ({ kind: luck(number, at) < 50 ? '503' : 'ok', takes: 100 }),
  },
};

test.each(Object.entries(stories))(
  'a client of the fleet sends what the runner sends, at the same times: %s',
  async (_, story) => {
    const server = (): Answer => ({ kind: 'ok', takes: 30 });
    for (const seed of [1, 2]) {
      const whole = { seed, tasks: 20, slots: 6, visible: true, server, onlineAt: [], ...story };
      const sent = playClient(whole);

      expect(sent.length).toBeGreaterThan(20);
      expect(sent).toEqual(await playRunner(whole));
    }
  },
  600_000,
);
