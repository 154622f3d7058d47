import { audit } from './audit.js';
import { collectBodies } from './bodies.js';
import type { Leader } from '../term/leader.js';

/**
 * The first audit comes at the first turn with nothing due, at the latest after 5 minutes; the next ones daily. One that
 * failed is begun anew after 5 minutes.
 */
const firstAudit = 5 * 60_000;
const auditEvery = 24 * 60 * 60_000;

/** The audits of a leader, slice by slice between its turns. */
export interface Audits {
  /** Does a slice, if one is due; resolves with whether a turn is to follow at once. One that fails ends its audit. */
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
  let collecting = false;

  /** Beside the turns, for it waits for each body that is being written; what fails, the next audit does. */
  async function collect(): Promise<void> {
    if (collecting) return;

    collecting = true;
    await collectBodies(leader).catch(() => undefined);
    collecting = false;
  }

  return {
    async goOn(idle) {
      const due = (first && idle) || clock.monotonic() >= dueAt;
      if (due && !leader.stopping) current ??= audit(leader);
      if (current === undefined) return false;

      // What fails costs the audit alone: an error by which nobody can lead, the turns meet as well.
      const slice = await current.next().catch(() => undefined);
      if (slice?.done === false) {
        found?.(slice.value);

        return true;
      }
      current = undefined;
      first = false;
      if (slice !== undefined) void collect(); // It never rejects.
      dueAt = clock.monotonic() + (slice === undefined ? firstAudit : auditEvery);

      return leader.poked;
    },

    wait: () => (leader.stopping ? Number.POSITIVE_INFINITY : dueAt - clock.monotonic()),
  };
}
