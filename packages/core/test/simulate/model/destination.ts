import type { Ended, Moment } from './tasks.js';

/** How long a destination that is away is left alone at first: between half of the base and all of it, by chance. */
export interface Waits {
  readonly base: number;
}

/** What is known of a destination: whether it is away, and since when. Later waits and slow starts are not modelled. */
export interface Destination {
  readonly heard: (id: string, how: Ended | { readonly kind: 'done' }, at: Moment) => void;
  readonly started: (id: string) => void;
  /** What forbids a task to try it, while others run through it. */
  readonly forbids: (id: string, running: readonly string[], at: Moment) => string | undefined;
  readonly isAway: () => boolean;
  /** Its next probe comes at once: a person wants it (also before a time that the server named), or a page is visible. */
  readonly woken: (byPerson: boolean, now: number) => void;
}

/** A runner may hear so late, in milliseconds, that somebody wants a probe. */
const heardWithin = 61_000;

interface Away {
  readonly by: Set<string>;
  /** Nobody tries before this time, unless a page is visible; and before the time that the server named, if it did. */
  readonly until: number;
  named: number | undefined;
}

/** A destination that was never away. */
export function createDestination({ base }: Waits): Destination {
  let away: Away | undefined;
  let [pageAt, personAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  /** Whether a person wants a probe, and none has shown anything since: the probe of a runner that died does not. */
  let isWanted = false;
  /** Those that were started since it last answered. What others say is old. */
  const since = new Set<string>();

  return {
    heard(id, how, { now }) {
      if (['returned', 'cut off', 'unstarted'].includes(how.kind)) return;
      isWanted = false;
      if (how.kind !== 'away') {
        if (away !== undefined) since.clear();
        away = undefined;
      } else {
        const named = how.after === undefined || how.after <= 0 ? undefined : now + how.after;
        if (away !== undefined && since.has(id)) {
          away.by.add(id);
          // The server may name an earlier time than before.
          if (away.named !== undefined) away.named = Math.min(away.named, named ?? away.named);
        } else if (away === undefined && since.has(id))
          away = { by: new Set([id]), until: now + Math.floor(base / 2), named };
      }
    },

    started: (id) => void since.add(id),

    forbids(id, running, { now }) {
      if (away === undefined || isWanted || now - personAt < heardWithin) return undefined;
      const { by, until, named } = away;
      if (named !== undefined && now < named) return `its destination named the time ${named}, and it is ${now}`;
      if (now - pageAt < heardWithin || now >= until) return undefined;
      if (by.size > 1 || by.has(id)) return `its destination is away until ${until}, and it is ${now}`;

      return running.length === 0 ? undefined : 'one tries already whether its destination is away';
    },

    isAway: () => away !== undefined,

    woken(byPerson, now) {
      isWanted ||= byPerson;
      if (byPerson) personAt = now;
      else pageAt = now;
    },
  };
}
