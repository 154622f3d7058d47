import type { BasketContext } from '../../basket/context/context.js';
import type { ValuesMessage } from '../../basket/context/messages.js';
import { randomText } from '../../ports/ids.js';
import type { Owner } from '../../pure/owner.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';

/**
 * The values that the app gives for who is signed in. No database has them, so a runner asks the pages, one after the
 * other, because each answer may renew a token. This is a question:
 *
 * 1. The runner says `wanted`. Each page of the owner says that it is `here`.
 * 2. The runner says `asked` to one of them. That page alone calls the app's function, and says `given`.
 * 3. If it has no other values, the next page is asked. If it has not answered after 5 s, the next page is asked too.
 *
 * The question ends when a page gives other values, when no page is left, or after 30 s. Later answers are ignored.
 *
 * When a runner begins, and when a page says that it has `new` values, all tasks of the owner wait, and all pages are
 * asked. If no page gives values, the values of before count again. If there are none, all pages are asked once a minute.
 *
 * When a server answers "signed out", the gate of the task is parked: the owner's tasks wait there until there are other
 * values, or another task of the gate succeeds. Who is asked for other values depends on what is known of these:
 *
 * - All pages, if the values may have expired: the gate has accepted them, or they were given more than a minute ago, or
 *   not in place of refused ones.
 * - The rest, which are the pages that were not asked, if the values have just come in place of refused ones.
 * - Nobody, if another gate has accepted such values, because the rest can only have older ones.
 *
 * Any message may be lost, a page may be busy, and a function may fail without a network. So once a minute, a runner whose
 * values were refused says `wanted` without a question. A page that says that it is `here` then, or by itself after the
 * back/forward cache, is asked at once, unless it has answered since all pages were last asked.
 */
export interface Values {
  /** What counts now. Another object means that other tasks may run. */
  readonly now: () => SignedIn;
  /** What will count once a turn has read that this owner is signed in. */
  readonly next: (owner: Owner, asks: boolean) => SignedIn;
  /** From now on this counts. */
  readonly follow: (signedIn: SignedIn) => void;
  /** A task has succeeded, so the server of its gate takes its values. */
  readonly worked: (attempt: Tried) => void;
  /** A server said "signed out" to a task. Returns whether the task itself is refused, and not its owner. */
  readonly refused: (attempt: Tried) => boolean;
  /** Looks for values if they are missing or refused. Call it once a minute. */
  readonly look: () => void;
  readonly close: () => void;
}

/** An attempt, and what counted when it began. */
interface Tried {
  readonly row: Pick<TaskRow, 'id' | 'gate' | 'attempts'>;
  readonly signedIn: SignedIn;
  /** By the runner's clock. */
  readonly startedAt: number;
  /** Whether it has lost its slot. Whatever it still does is ignored. */
  readonly over: boolean;
}

/**
 * Who is signed in, and what is known of the values for that owner. `acceptedAt` changes in place. For any other change, a
 * new object replaces this one.
 */
export interface SignedIn {
  readonly owner: Owner;
  /** Whether a page has values. Otherwise the app gives none. */
  readonly asks: boolean;
  /** Whether all tasks of the owner wait, because no page has given values yet, or because a page has new ones. */
  readonly waits: boolean;
  readonly values: object | undefined;
  /** Other values have another id. */
  readonly valuesId: string | undefined;
  /** When a page gave the values in place of refused ones, by the runner's clock; 0 for any other values. */
  readonly renewedAt: number;
  /**
   * For each gate that has accepted the values: the latest time at which an accepted attempt began, by the runner's clock.
   * Other values have another map. So has each sign-in without values, because a cookie may be new.
   */
  readonly acceptedAt: Map<string, number>;
  /** The gates at which the owner counts as signed out. */
  readonly parked: ReadonlySet<string>;
}

const noValues = { values: undefined, valuesId: undefined, renewedAt: 0, parked: new Set<string>() } as const;

/** Whether the tasks of the owner wait, because the values for them are missing or were refused. */
export function waitsForValues({ waits, parked }: SignedIn, gate: string): boolean {
  return waits || parked.has(gate);
}

/** What is stored of an owner who counts as signed out, so that `explain` can say why tasks wait. */
export function signedOutOf({ owner, waits, parked }: SignedIn): RunnerRow['signedOut'] {
  if (owner === null || (!waits && parked.size === 0)) return undefined;

  return waits ? { owner } : { owner, gates: [...parked] };
}

/** After so many milliseconds without values another page is asked too, and after so many in all a question ends. */
const pagePatience = 5_000;
const patience = 30_000;

/** So many milliseconds long a success, or values that were just given, prove something. Later they may have expired. */
const provesFor = 60_000;

/**
 * What a page has done since all pages were last asked. `here`: it has said that it is here, and was not asked. `asked`: it
 * was asked in the question of now, and has not answered. `failed`: it had no values, so only the next question asks it
 * again. `answered`: it is not asked again. A page that signs in again counts as another page.
 */
type PageState = 'here' | 'asked' | 'failed' | 'answered';

/** The refusals of a task in a row. */
interface Refusal {
  /** The number of the attempt that was refused last. */
  readonly attempts: number;
  /** When the first attempt in the row was refused, by the runner's clock. */
  readonly since: number;
  /** The map of the values that were refused first. If other values count now, they have another map. */
  readonly acceptedAt: SignedIn['acceptedAt'];
}

/** Gets values for a term. `changed` is called when other tasks may run; `time` is the runner's clock. */
export function createValues(
  { hub, ports: { clock, randomBytes } }: Pick<BasketContext, 'hub' | 'ports'>,
  changed: () => void,
  time: () => number,
): Values {
  let now: SignedIn = { ...noValues, owner: null, asks: false, waits: false, acceptedAt: new Map() };
  /** The refusals of each task, by its id. */
  const refusals = new Map<string, Refusal>();
  const pages = new Map<string, PageState>();
  /** The question of now, and whether it asks all pages. */
  let question: { readonly number: string; readonly until: number; readonly all: boolean } | undefined;
  let stopTimer = (): void => undefined;

  const pageThat = (state: PageState): string | undefined => [...pages].find(([, one]) => one === state)?.[0];
  const lacks = (): boolean => now.asks && (now.waits || now.parked.size > 0);
  const isOfNow = ({ over, signedIn }: Tried): boolean => !over && signedIn.acceptedAt === now.acceptedAt;

  function become(change: Partial<SignedIn>): void {
    now = { ...now, ...change };
    changed();
  }

  function say(step: ValuesMessage['step'], more: Partial<ValuesMessage> = {}): void {
    if (now.owner !== null) hub.say({ kind: 'values', step, owner: now.owner, question: question?.number, ...more });
  }

  /** Asks all pages, the page `first` before the others. */
  function askAll(first?: string): void {
    end();
    pages.clear();
    if (first !== undefined) pages.set(first, 'here');
    if (now.asks) begin(true);
  }

  /** Asks all pages; one that is being asked for another gate is not asked twice, because its answer counts for this gate too. */
  function askAllOnce(): void {
    if (question === undefined) return askAll();
    for (const [page, state] of pages) if (state === 'answered') pages.delete(page);
    question = { ...question, all: true };
    say('wanted');
  }

  /** Asks the pages that were not asked, if they may have `better` values. */
  function askRest(better: boolean): void {
    if (better && pageThat('here') !== undefined) return begin(false);
    for (const page of pages.keys()) pages.set(page, 'answered');
    giveUp();
  }

  function begin(all: boolean): void {
    question = { number: randomText(randomBytes, 12), until: clock.monotonic() + patience, all };
    goOn();
  }

  /** Asks one more page. Pages say again that they are here, because one may have opened meanwhile. */
  function goOn(): void {
    say('wanted');
    askNext();
  }

  function askNext(): void {
    const { until = 0 } = question ?? {};
    stopTimer();
    stopTimer = clock.timer(pagePatience, () => (clock.monotonic() < until ? goOn() : giveUp()));
    const page = pageThat('here');
    if (page === undefined) return;
    pages.set(page, 'asked');
    say('asked', { page, refused: !now.waits });
  }

  /** Nobody gives other values. The values of before count again, if there are any. */
  function giveUp(): void {
    end();
    if (now.waits && now.values !== undefined) become({ waits: false });
    if (lacks()) tell();
  }

  function end(): void {
    stopTimer();
    question = undefined;
    for (const [page, state] of pages) if (state === 'asked' || state === 'failed') pages.delete(page);
  }

  /** Tells every tab that the owner counts as signed out. */
  function tell(): void {
    const { owner, parked } = now;
    if (owner === null) return;
    const gates = parked.size === 0 ? [undefined] : [...parked];
    hub.say({ kind: 'changed', hints: gates.map((gate) => ({ event: 'session', owner, state: 'signed-out', gate })) });
  }

  function look(): void {
    if (question !== undefined || !lacks()) return;
    if (now.waits) askAll();
    else say('wanted');
  }

  const stopHearing = hub.hear((message) => {
    if (message.kind !== 'values' || message.owner !== now.owner) return;
    const { step, page, values, valuesId } = message;
    if (step === 'new') {
      become(now.asks ? { waits: true } : { acceptedAt: new Map(), parked: new Set() });
      askAll(page);
    }
    // A page that comes back from the back/forward cache does not say which page it is.
    if (page === undefined) return step !== 'here' ? undefined : question === undefined ? look() : say('wanted');
    if (step === 'here' && (pages.get(page) ?? 'here') === 'here') {
      pages.set(page, 'here');
      if (question === undefined && lacks()) begin(false);
      else if (question !== undefined && pageThat('asked') === undefined) askNext();
    }
    if (step !== 'given' || question === undefined || message.question !== question.number) return;
    pages.set(page, values === undefined ? 'failed' : 'answered');
    if (typeof values === 'object' && values !== null && (now.waits || valuesId !== now.valuesId)) {
      end();
      const renewedAt = now.waits ? 0 : time();
      become({ waits: false, values, valuesId, renewedAt, acceptedAt: new Map(), parked: new Set() });
    } else if (pageThat('here') !== undefined) askNext();
    else if (pageThat('asked') === undefined) giveUp();
  });

  return {
    now: () => now,
    next: (owner, asks) =>
      owner === now.owner && asks === now.asks ? now : { ...noValues, owner, asks, waits: asks, acceptedAt: new Map() },

    follow(signedIn) {
      if (signedIn.owner === now.owner && signedIn.asks === now.asks) return;
      now = signedIn;
      askAll();
    },

    worked(attempt) {
      const { row, startedAt } = attempt;
      const { acceptedAt, parked } = now;
      if (!isOfNow(attempt)) return;
      acceptedAt.set(row.gate, Math.max(startedAt, acceptedAt.get(row.gate) ?? 0));
      if (parked.has(row.gate)) become({ parked: new Set([...parked].filter((gate) => gate !== row.gate)) });
    },

    refused(attempt) {
      const { id, gate, attempts } = attempt.row;
      const { asks, renewedAt, acceptedAt, parked } = now;
      if (!isOfNow(attempt)) return false;
      const accepted = acceptedAt.get(gate);
      const before = refusals.get(id);
      const first = before?.attempts === attempts - 1 ? before : { since: time(), acceptedAt };
      // A success with the same values says nothing if its attempt began before: they may have expired while both ran.
      const isProof = first.acceptedAt !== acceptedAt || (accepted ?? 0) > first.since;
      if (accepted !== undefined && isProof && attempt.startedAt - accepted <= provesFor) return true;
      refusals.set(id, { ...first, attempts });
      if (parked.has(gate)) return false;
      become({ parked: new Set([...parked, gate]) });
      const areNew = accepted === undefined && attempt.startedAt - renewedAt <= provesFor;
      if (!asks) tell();
      else if (!areNew && question?.all !== true) askAllOnce();
      else if (question === undefined) askRest(acceptedAt.size === 0);

      return false;
    },

    look,

    close() {
      end();
      stopHearing();
    },
  };
}
