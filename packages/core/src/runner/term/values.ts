import type { ValuesMessage } from '../../basket/context/messages.js';
import type { BasketContext } from '../../basket/context/context.js';
import { randomText } from '../../ports/ids.js';
import type { Owner } from '../../pure/owner.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';

/**
 * The values that the app gives for who is signed in. No database has them, so a runner asks the pages:
 *
 * 1. The runner says `wanted`. Each page of the owner says `here`. The runner says `asked` to the first of them.
 * 2. That page alone calls the app's function, and says `given`. If it has none, or is slow, the next page is asked too.
 *    Each page is asked once.
 *
 * A page that comes back from the back/forward cache says `here` by itself: a runner that lacks values asks again at once.
 *
 * Until there are values, the tasks of the owner wait. If a server answers "signed out", the tasks of that gate are
 * parked, and the runner asks for other values. If the server refuses these too within a minute, and no other gate accepts
 * them, the next page is asked, each page once. If no page has others, the tasks wait until a page says that it has `new`
 * ones (this page is asked first), or another task of the gate succeeds. After a minute the values may have expired, so the
 * runner asks again.
 *
 * A message may be lost. So a runner without values asks again once a minute. A runner whose values were refused says
 * `wanted` without a question, and then asks only the pages that have not answered since all were last asked: pages that
 * have signed in since, that were late, or whose function failed, as without a network.
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

/** Who is signed in, and what is known of the values for that owner. It never changes; another one replaces it. */
export interface SignedIn {
  readonly owner: Owner;
  /** Whether a page has values. Otherwise the app gives none. */
  readonly asks: boolean;
  readonly values: object | undefined;
  /** Another one for other values. If the app gives none: another one after each sign-in, because a cookie may be new. */
  readonly valuesId: string | undefined;
  /** The gates at which the owner counts as signed out. */
  readonly parked: ReadonlySet<string>;
  /** How many others it has replaced, one after the other. */
  readonly number: number;
}

const empty = { owner: null, asks: false, values: undefined, valuesId: undefined, parked: new Set<string>() } as const;

/** Whether the tasks of the owner wait, because the values for them are missing or were refused. */
export function waitsForValues({ asks, values, parked }: SignedIn, gate: string): boolean {
  return (asks && values === undefined) || parked.has(gate);
}

/** What is stored of an owner who counts as signed out, so that `explain` can say why tasks wait. */
export function signedOutOf({ owner, asks, values, parked }: SignedIn): RunnerRow['signedOut'] {
  if (owner === null) return undefined;
  if (asks && values === undefined) return { owner };

  return parked.size === 0 ? undefined : { owner, gates: [...parked] };
}

/** After so many milliseconds without values another page is asked too, and after so many in all the runner gives up. */
const pagePatience = 5_000;
const patience = 30_000;

/** So many milliseconds long a success, or values that were just given, prove something. Later they may have expired. */
const provesFor = 60_000;

interface Question {
  readonly number: string;
  readonly until: number;
  /** The pages that have answered `wanted`; those that are not asked yet; and how many of the others have not answered. */
  readonly pages: Set<string>;
  readonly next: string[];
  open: number;
  stop: () => void;
}

/** Gets values for a term. `changed` is called when other tasks may run. */
export function createValues(
  { hub, ports: { clock, randomBytes } }: Pick<BasketContext, 'hub' | 'ports'>,
  changed: () => void,
  time: () => number,
): Values {
  let now: SignedIn = { ...empty, number: 0 };
  let question: Question | undefined;
  /** The pages that the last question found, and did not ask because another one gave values. */
  let unasked: readonly string[] = [];
  /** For each gate whose server has accepted the values of now: the accepted attempt that began last. */
  let accepted = new Map<string, { readonly number: number; readonly startedAt: number }>();
  /**
   * The attempt in which each task was last refused, and the number of what counted after the first of its refusals in
   * a row. Only these count, because values may expire in between.
   */
  const refusals = new Map<string, { readonly attempts: number; readonly since: number }>();
  /** The pages that have answered in time since all were last asked. A page that signs in again counts as another one. */
  const answered = new Set<string | undefined>();
  /** Values that were right until a page said that it has new ones. */
  let last: Pick<SignedIn, 'values' | 'valuesId'> | undefined;
  /** When a page gave the values of now in place of refused ones, by the runner's clock; 0 for any other values. */
  let renewedAt = 0;

  function replace(change: Partial<SignedIn>): void {
    const before = now;
    now = { ...before, ...change, number: before.number + 1 };
    if (now.valuesId !== before.valuesId || now.owner !== before.owner) accepted = new Map();
  }

  function lacks(): boolean {
    return now.asks && (now.values === undefined || now.parked.size > 0);
  }

  function isOfNow({ over, signedIn: { owner, valuesId } }: Tried): boolean {
    return !over && owner === now.owner && valuesId === now.valuesId;
  }

  function say(step: ValuesMessage['step'], more: Partial<ValuesMessage> = {}): void {
    if (now.owner !== null) hub.say({ kind: 'values', step, owner: now.owner, ...more });
  }

  /** Asks each page, and the page `first` before the others, if one is named. */
  function askAll(first?: string): void {
    answered.clear();
    ask(first);
  }

  /** Asks the page `first`, if one is named, and then each page that has not answered since all were last asked. */
  function ask(first?: string): void {
    end();
    const until = clock.monotonic() + patience;
    const next = first === undefined ? [] : [first];
    const number = randomText(randomBytes, 12);
    unasked = [];
    question = { number, until, pages: new Set(next), next, open: 0, stop: () => undefined };
    // The others say that they are there, so that one of them is asked at once if that page has none.
    if (first !== undefined) say('wanted', { question: number });
    askNext(question);
  }

  /** Asks one more page. If none is left, pages may say again that they are there: one may have opened meanwhile. */
  function askNext(one: Question): void {
    const { number } = one;
    const page = one.next.shift();
    one.stop();
    one.stop = clock.timer(pagePatience, () => (clock.monotonic() < one.until ? askNext(one) : giveUp()));
    if (page === undefined) return say('wanted', { question: number });
    one.open += 1;
    say('asked', { question: number, page, refused: now.values !== undefined });
  }

  /** Nobody gives other values. Pages say so when they have them; a message may be lost. */
  function giveUp(): void {
    for (const page of unasked) answered.add(page); // They have older ones, so they are not asked in a minute either.
    end();
    if (now.values === undefined && last !== undefined) {
      replace({ ...last });
      changed();
    }
    if (now.values === undefined || now.parked.size > 0) tell();
  }

  function end(): void {
    question?.stop();
    unasked = question?.next ?? [];
    question = undefined;
  }

  /** Tells every tab that the owner counts as signed out. */
  function tell(): void {
    const { owner, parked } = now;
    if (owner === null) return;
    const gates = parked.size === 0 ? [undefined] : [...parked];
    hub.say({ kind: 'changed', hints: gates.map((gate) => ({ event: 'session', owner, state: 'signed-out', gate })) });
  }

  const stopHearing = hub.hear((message) => {
    if (message.kind !== 'values' || message.owner !== now.owner) return;
    const { step, page, values, valuesId } = message;
    if (step === 'new') {
      last = now.values === undefined ? last : now;
      replace({ values: undefined, valuesId: now.asks ? undefined : page, parked: new Set() });
      changed();
      if (now.asks) askAll(page);
    }
    if (step === 'here' && answered.has(page)) return;
    // A page that was busy may answer after the runner has given up.
    const mayGive = step === 'here' && (question === undefined || message.question === undefined) && lacks();
    if (mayGive && (question?.open ?? 0) === 0) ask(page);
    const fits = mayGive || message.question === question?.number;
    if (question === undefined || !fits || page === undefined) return;
    if (step === 'here' && !question.pages.has(page)) {
      question.pages.add(page);
      question.next.push(page);
      if (question.open === 0) askNext(question);
    }
    if (step !== 'given') return;
    if (values !== undefined) answered.add(page);
    if (typeof values !== 'object' || values === null || valuesId === now.valuesId) {
      question.open -= 1;
      if (question.next.length > 0) return askNext(question);

      return question.open === 0 ? giveUp() : undefined;
    }
    end();
    renewedAt = now.values === undefined ? 0 : time();
    replace({ values, valuesId, parked: new Set() });
    changed();
  });

  return {
    now: () => now,
    next: (owner, asks) =>
      owner === now.owner && asks === now.asks ? now : { ...empty, owner, asks, number: now.number + 1 },

    follow(signedIn) {
      if (signedIn === now || (signedIn.owner === now.owner && signedIn.asks === now.asks)) return;
      end();
      last = undefined;
      replace(signedIn);
      if (now.asks) askAll();
    },

    worked(attempt) {
      const { row, signedIn, startedAt } = attempt;
      const { gate } = row;
      if (!isOfNow(attempt)) return;
      if (startedAt >= (accepted.get(gate)?.startedAt ?? 0)) accepted.set(gate, { number: signedIn.number, startedAt });
      if (!now.parked.has(gate)) return;
      replace({ parked: new Set([...now.parked].filter((one) => one !== gate)) });
      changed();
    },

    refused(attempt) {
      const { id, gate, attempts } = attempt.row;
      if (!isOfNow(attempt)) return false;
      const before = refusals.get(id);
      const since = before?.attempts === attempts - 1 ? before.since : now.number + 1;
      // A success says nothing if its attempt began before: the values may have expired while both ran.
      const other = accepted.get(gate);
      if (other !== undefined && other.number >= since && attempt.startedAt - other.startedAt <= provesFor) return true;
      refusals.set(id, { attempts, since });
      if (now.parked.has(gate)) return false;
      replace({ parked: new Set([...now.parked, gate]) });
      changed();
      // Whether a page has just given the values. If a gate accepts them, other pages can only have older ones. If none does,
      // this page has older ones itself (from before the token was renewed, say), and the next page may have better ones.
      const areNew = other === undefined && attempt.startedAt - renewedAt <= provesFor;
      const next = accepted.size === 0 ? unasked[0] : undefined;
      if (!now.asks) tell();
      else if (areNew && next !== undefined) ask(next);
      else if (areNew && question === undefined) giveUp();
      // If no page has answered, what the pages were asked for another gate is asked for this one too.
      else if (!areNew && (question === undefined || answered.size > 0)) askAll();

      return false;
    },

    look() {
      if (question !== undefined || !lacks()) return;
      if (now.values === undefined) askAll();
      else say('wanted');
    },

    close() {
      end();
      stopHearing();
    },
  };
}
