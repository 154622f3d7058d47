import { audit } from './audit.js';
import type { Leader } from './leader.js';

/** The first audit comes at the first turn with nothing due, at the latest after 5 minutes; the next ones daily. */
const firstAudit = 5 * 60_000;
const auditEvery = 24 * 60 * 60_000;

/** The audits of a leader, slice by slice between its turns. */
export interface Audits {
  /** Does a slice, if one is due; resolves with whether a turn is to follow at once. */
  readonly goOn: (idle: boolean) => Promise<boolean>;
  /** Milliseconds until the next audit. */
  readonly wait: () => number;
}

/** Audits, each slice of which tells `found`. */
export function createAudits(leader: Leader, found: ((count: number) => void) | undefined): Audits {
  const { clock } = leader.context.ports;
  let dueAt = clock.monotonic() + firstAudit;
  let first = true;
  let current: ReturnType<typeof audit> | undefined;

  return {
    async goOn(idle) {
      const due = (first && idle) || clock.monotonic() >= dueAt;
      if (due && !leader.stopping) current ??= audit(leader);
      if (current === undefined) return false;

      const slice = await current.next();
      if (slice.done !== true) {
        found?.(slice.value);

        return true;
      }
      current = undefined;
      first = false;
      dueAt = clock.monotonic() + auditEvery;

      return leader.poked;
    },

    wait: () => (leader.stopping ? Number.POSITIVE_INFINITY : dueAt - clock.monotonic()),
  };
}
