import type { Verdict } from '../../src/pure/verdict.js';
import { seeded } from '../support/chance.js';
import { createClient } from './client.js';
import { createTime } from './time.js';

/** Turns requests away: see docs/server.md, whose code this is. Gives the seconds to wait; 0: the request is let in. */
export type Door = (person: number, now: number) => number;

/** How clients treat a server that turns them away. */
export interface Policy {
  readonly name: string;
  /** How many requests of a client are on their way at once. `all`: as many as it has tasks. */
  readonly slots: number | 'all';
  /** Whether the gate learns that the server is away. If not, each task backs off alone, as after any failure. */
  readonly gated: boolean;
  /** Whether the server answers with `Retry-After`. */
  readonly told: boolean;
}

/** A fleet, and what happens to it. */
export interface Fleet {
  readonly seed: number;
  readonly clients: number;
  readonly tasks: number;
  /** How many requests a second the server can answer. */
  readonly capacity: number;
  /** For so many seconds nobody could reach the server. */
  readonly away: number;
  /**
   * `network`: the clients had no network, and the browser of each says that it is online again, within `spread`
   * seconds. `server`: the server was away, and nothing tells the clients when it is back.
   */
  readonly outage: 'network' | 'server';
  readonly spread: number;
}

/** A request that has reached the server. */
export interface Arrival {
  readonly at: number;
  /** Whether it is the first one of its client. */
  readonly first: boolean;
}

/** What happened. Times are in milliseconds since the server, or the first network, was back. */
export interface Played {
  readonly arrivals: readonly Arrival[];
  /** When each task was done, in order. */
  readonly ends: readonly number[];
}

/**
 * How long a request and its answer take, in milliseconds: between half of it and half more, by chance. If all took the
 * same time, what a client sends together would reach the server in one millisecond, and its answers too.
 */
const latency = 100;

/** All clients notice within so many milliseconds that the server is away. */
const noticed = 2_000;

/** Plays a fleet until all is done. */
export function play(fleet: Fleet, policy: Policy, createDoor: (perSecond: number) => Door): Played {
  const { seed, clients, tasks, capacity, away, outage, spread } = fleet;
  const time = createTime();
  const random = seeded(seed);
  const door = (policy.told ? createDoor : createBucket)(capacity);
  const back = away * 1_000;
  const arrivals: Arrival[] = [];
  const ends: number[] = [];
  const error = { name: 'Error', message: 'The server is away.', at: 0 };

  function add(number: number): void {
    const backAt = back + (outage === 'network' ? Math.round(random() * spread * 1_000) : 0);
    let first = true;

    function send(_: number, end: (verdict: Verdict) => void): void {
      if (time.now() < backAt) {
        time.timer(1, () => end({ kind: 'unavailable', error }));

        return;
      }
      const way = (latency / 2) * (0.5 + random());
      time.timer(way, () => {
        const at = time.now() - back;
        const wait = door(number, at);
        arrivals.push({ at, first });
        first = false;
        if (wait === 0) ends.push(at);
        time.timer(way, () => end(verdictOf(wait)));
      });
    }

    function verdictOf(wait: number): Verdict {
      if (wait === 0) return { kind: 'success' };
      if (!policy.gated) return { kind: 'failure', error };

      return { kind: 'unavailable', error, ...(policy.told ? { retryAfter: wait * 1_000 } : {}) };
    }

    const slots = policy.slots === 'all' ? tasks : policy.slots;
    const [waits, looks] = [1, 2].map((which) => seeded(seed * 1_000_003 + 2 * number + which)) as [
      () => number,
      () => number,
    ];
    const client = createClient({ time, random: waits, lookRandom: looks, tasks, slots, visible: true, send });
    // A client without a gate does nothing before it is online, as an app that waits for the event.
    const began = outage === 'server' ? random() * noticed : (random() * back) / 2;
    time.timer(policy.gated ? Math.round(began) : backAt, client.look);
    if (policy.gated && outage === 'network') time.timer(backAt, client.online);
  }

  for (let number = 0; number < clients; number += 1) add(number);
  while (ends.length < clients * tasks && time.next());

  return { arrivals, ends };
}

/** A server that turns away what it cannot answer, whoever sent it. */
function createBucket(perSecond: number): Door {
  let room = perSecond;
  let last = 0;

  return (_, now) => {
    room = Math.min(perSecond, room + ((now - last) / 1_000) * perSecond);
    last = now;
    if (room < 1) return 1;
    room -= 1;

    return 0;
  };
}
