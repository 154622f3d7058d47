import type { GateRow } from '../../src/pure/gate.js';
import { defaultRule, waitRange } from './backoff-rule.js';
import type { ClaimFacts, Ending, Term } from './journal.js';
import { currentOf, gateBase, gateCap, ruleOf } from './registries.js';

/** What is required of a gate's record; `until` between two times. */
export type GateRule =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'away';
      readonly step: number;
      /** How many waits there were before the server first named a time. The next wait does not count them. */
      readonly silent: number | undefined;
      readonly earlier: number;
      readonly earliest: number;
      readonly latest: number;
      /** Who has found it away since it answered: all of the first wait, then the last two. */
      readonly by: readonly string[];
      /** The time that the server named. */
      readonly floor: number | undefined;
      /** The slow start that it was in. */
      readonly slow: Slow | undefined;
    }
  | {
      readonly kind: 'slow';
      /** How many of the waits before its last answers still count. */
      readonly earlier: number;
      readonly slow: Slow;
    };

interface Slow {
  readonly at: number;
  readonly width: number;
}

/** The rule that a stored record stands for. */
export function ruleOfGate(gate: GateRow | undefined): GateRule {
  if (gate === undefined) return { kind: 'none' };
  const { step, silent, earlier = 0, until, by, floor, slow } = gate;
  if (by.length > 0) return { kind: 'away', step, silent, earlier, earliest: until, latest: until, by, floor, slow };

  return slow === undefined ? { kind: 'none' } : { kind: 'slow', earlier, slow };
}

/** How an attempt's end counts for its gate. */
export type GateEnd = { readonly kind: 'away'; readonly after: number | undefined } | { readonly kind: 'answered' };

/** How an ending counts; `undefined`: it says nothing about the destination. */
export function gateEnd(ending: Ending | 'timeout' | 'returned' | 'unreadable'): GateEnd | undefined {
  if (typeof ending === 'string') return undefined;
  if (ending.kind === 'unavailable') return { kind: 'away', after: ending.after };

  return { kind: 'answered' };
}

/** The rule after what ended in one turn, as section 7 of the design says, and the tasks that an answer proved wrong. */
export function afterEnds(
  found: GateRule,
  ends: readonly (readonly [claim: ClaimFacts, end: GateEnd])[],
  now: number,
  slots: number,
): { readonly rule: GateRule; readonly wrong: ReadonlySet<string> } {
  const wrong = new Set<string>();
  let rule = counts(found, now);
  for (const [claim, end] of ends) if (end.kind === 'away') rule = afterAway(rule, claim, end.after, now);
  for (const [claim, end] of ends) {
    if (end.kind !== 'answered') continue;
    const next = afterAnswer(rule, claim, now, slots);
    if (rule.kind === 'away' && next !== rule && !rule.by.includes(claim.id)) {
      const firstWait = rule.step === 1 && now < rule.latest;
      if (rule.by.length === 1 || firstWait) for (const id of rule.by) wrong.add(id);
    }
    rule = next;
  }
  for (const [claim, end] of ends) if (end.kind === 'answered') wrong.delete(claim.id);

  return { rule, wrong };
}

function afterAway(
  rule: GateRule,
  { id, probe, startedAt }: ClaimFacts,
  told: number | undefined,
  now: number,
): GateRule {
  const slow = rule.kind === 'none' ? undefined : rule.slow;
  const names = told !== undefined && told > 0;
  if (slow !== undefined && startedAt < slow.at && !names) return rule;

  const before = rule.kind === 'away' ? rule : undefined;
  const secondWord = before !== undefined && isDoubted(before) && before.by[0] !== id;
  const raises = before === undefined || (probe && !secondWord);
  const step = (before?.step ?? 0) + (raises ? 1 : 0);
  const silent = before?.silent ?? (told === undefined || told === 0 ? undefined : step - 1);
  const earlier = rule.kind === 'none' ? 0 : rule.earlier;
  const count = silent === undefined ? step + earlier : step - silent;
  const [least, most] = waitRange({ ...defaultRule, base: gateBase, cap: gateCap, factor: 3 }, count);
  const kept = raises ? undefined : before;
  const floor = Math.max(names && raises ? 0 : (before?.floor ?? 0), names ? now + told : 0);
  const by = [...(before?.by ?? []).filter((one) => one !== id), id];

  return {
    kind: 'away',
    step,
    silent,
    earlier,
    earliest: Math.max(kept?.earliest ?? 0, now + Math.max(least, told ?? 0), floor),
    latest: Math.max(kept?.latest ?? 0, now + Math.max(most, Math.ceil((told ?? 0) * 1.5)), floor),
    by: raises ? by.slice(-2) : by,
    floor: floor > now ? floor : undefined,
    slow,
  };
}

function afterAnswer(rule: GateRule, { probe, startedAt }: ClaimFacts, now: number, slots: number): GateRule {
  if (rule.kind === 'none') return rule;
  const waits = rule.earlier + (rule.kind === 'away' ? rule.step : 0);
  // An answer takes half of the waits away, and leaves two at most.
  const earlier = waits > 3 ? 2 : waits > 1 ? 1 : 0;
  const started = (slow: Slow | undefined): GateRule =>
    slow === undefined || slow.width >= slots ? { kind: 'none' } : { kind: 'slow', earlier, slow };
  if (rule.kind === 'slow') {
    return startedAt < rule.slow.at ? rule : started({ at: rule.slow.at, width: rule.slow.width + 1 });
  }
  if (rule.floor !== undefined && !probe && now < rule.latest) return rule;

  return started(isDoubted(rule) ? rule.slow : { at: now, width: 1 });
}

/** Only one task has found it away, and the server named no time. */
function isDoubted({ by, floor }: { readonly by: readonly string[]; readonly floor: number | undefined }): boolean {
  return by.length === 1 && floor === undefined;
}

/** A slow start that began longer ago than the cap counts as none. */
function counts(rule: GateRule, now: number): GateRule {
  return rule.kind === 'slow' && now - rule.slow.at > gateCap ? { kind: 'none' } : rule;
}

/**
 * How many more a record lets through, the task `id` among them: with those that run through it. A probe keeps others back
 * for `cap` milliseconds at most.
 */
export function roomIn(
  gate: GateRow | undefined,
  through: readonly Pick<ClaimFacts, 'probe' | 'startedAt'>[],
  now: number,
  id: string,
  cap: number = gateCap,
): number {
  const rule = counts(ruleOfGate(gate), now);
  if (rule.kind === 'none') return Number.POSITIVE_INFINITY;
  if (rule.kind === 'slow') {
    return rule.slow.width - through.filter(({ startedAt }) => startedAt >= rule.slow.at).length;
  }
  const isProbing = through.some(({ probe, startedAt }) => probe && startedAt >= rule.latest && now - startedAt <= cap);
  if (now >= rule.latest) return isProbing ? 0 : 1;

  return isDoubted(rule) && rule.by[0] !== id && through.length === 0 ? 1 : 0;
}

/** Whether one more task of a type may run beside those that do. */
export function hasTypeRoom({ life, claims }: Term, type: string): boolean {
  const most = ruleOf(life.kind, type)?.concurrency ?? Number.POSITIVE_INFINITY;

  const name = currentOf(life.kind, type);

  return [...claims.values()].filter(({ row }) => currentOf(life.kind, row.type) === name).length < most;
}

/**
 * Whether the record of an outage may be gone, also of one that this turn began: its wait is over, or a page may have ended
 * it, and nobody probes.
 */
export function mayBeDropped(rule: GateRule, through: number, now: number, woken: boolean): boolean {
  if (rule.kind !== 'away' || through > 0) return false;

  return now >= Math.max(woken ? 0 : rule.latest, rule.floor ?? 0);
}

/** Whether a probe was brought forward at `now`, as a page may do once in 15 s, or once in 30 s if it is hidden. */
export function isWoken(before: GateRow | undefined, gate: GateRow | undefined, now: number): boolean {
  const since = now - (before?.wokenAt ?? Number.NEGATIVE_INFINITY);

  return gate !== undefined && gate.by.length > 0 && gate.wokenAt === now && since >= 15_000;
}

/** What is wrong with a gate's record, if anything is; `woken`: its probe was brought forward at that time. */
export function wrongGate(gate: GateRow | undefined, ended: GateRule, woken?: number): string | undefined {
  const found = ruleOfGate(gate);
  const soon = woken !== undefined && ended.kind === 'away';
  const latest = Math.max((woken ?? 0) + 30_000, gate?.floor ?? 0);
  const rule = soon ? { ...ended, earliest: woken, latest: Math.min(ended.latest, latest) } : ended;
  const wrong = `is ${JSON.stringify(found)} and must be ${JSON.stringify(rule)}`;
  if (found.kind === 'away' && rule.kind === 'away') {
    const inTime = found.earliest >= rule.earliest && found.earliest <= rule.latest;
    const { earliest: _, latest: __, ...facts } = found;
    const { earliest: ___, latest: ____, ...facts2 } = rule;

    return inTime && JSON.stringify(facts) === JSON.stringify(facts2) ? undefined : wrong;
  }

  return JSON.stringify(found) === JSON.stringify(rule) ? undefined : wrong;
}
