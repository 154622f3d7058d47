import type { GateRow } from '../../src/pure/gate.js';
import { defaultRule, waitRange } from './backoff-rule.js';
import type { ClaimFacts, Ending } from './journal.js';
import { gateBase, gateCap } from './registries.js';

/** What is required of a gate's record; `until` between two times. */
export type GateRule =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'closed';
      readonly step: number;
      readonly earliest: number;
      readonly latest: number;
      /** The one task that has found it away since it was open. */
      readonly alone: string | undefined;
    }
  | {
      readonly kind: 'opened';
      readonly step: number;
      readonly at: number;
      readonly width: number;
      readonly passed: number;
    };

/** The rule that a stored record stands for. */
export function ruleOfGate(gate: GateRow | undefined): GateRule {
  if (gate === undefined) return { kind: 'none' };
  if (gate.open !== undefined) return { kind: 'opened', step: gate.step, ...gate.open };

  const alone = gate.alone === true ? gate.by : undefined;

  return { kind: 'closed', step: gate.step, earliest: gate.until, latest: gate.until, alone };
}

/** How an attempt's end counts for its gate. */
export type GateEnd = { readonly kind: 'away'; readonly after: number | undefined } | { readonly kind: 'answered' };

/** How an ending counts; `undefined`: it says nothing about the destination. */
export function gateEnd(ending: Ending | 'timeout' | 'returned' | 'unreadable'): GateEnd | undefined {
  if (typeof ending === 'string') return undefined;
  if (ending.kind === 'unavailable') return { kind: 'away', after: ending.after };

  return { kind: 'answered' };
}

/** The rule after one more attempt ended, as section 7 of the design says. */
export function afterEnd(
  rule: GateRule,
  claim: ClaimFacts,
  end: GateEnd | undefined,
  now: number,
  slots: number,
): GateRule {
  if (end === undefined) return rule;

  return end.kind === 'away' ? afterAway(rule, claim, end.after, now) : afterAnswer(rule, claim, now, slots);
}

function afterAway(found: GateRule, claim: ClaimFacts, told: number | undefined, now: number): GateRule {
  const rule = counts(found, now);
  if (rule.kind === 'opened' && claim.startedAt < rule.at) return found;

  const closing = (step: number): { earliest: number; latest: number } => {
    const [least, most] = waitRange({ ...defaultRule, base: gateBase, cap: gateCap }, step);

    return {
      earliest: now + Math.max(least, told ?? 0),
      latest: now + Math.max(most, told === undefined ? 0 : Math.ceil(told * 1.5)),
    };
  };
  if (rule.kind === 'closed' && !claim.probe) {
    const { earliest, latest } = closing(rule.step);

    return {
      ...rule,
      earliest: Math.max(rule.earliest, earliest),
      latest: Math.max(rule.latest, latest),
      alone: undefined,
    };
  }

  const step = rule.kind === 'none' ? 1 : rule.step + 1;

  return { kind: 'closed', step, ...closing(step), alone: rule.kind === 'closed' ? undefined : claim.id };
}

/** Who is to blame for a gate that an end has opened: who closed it alone, if it is not the one that got through. */
export function blamedBy(before: GateRule, after: GateRule, claim: ClaimFacts): string | undefined {
  if (before.kind !== 'closed' || after.kind !== 'opened' || before.alone === claim.id) return undefined;

  return before.alone;
}

/** A record that opened longer ago than the cap counts as none. */
function counts(rule: GateRule, now: number): GateRule {
  return rule.kind === 'opened' && now - rule.at > gateCap ? { kind: 'none' } : rule;
}

/** How many more a record lets through: with those that run through it. */
export function roomIn(
  gate: GateRow | undefined,
  through: readonly Pick<ClaimFacts, 'probe' | 'startedAt'>[],
  now: number,
): number {
  const rule = counts(ruleOfGate(gate), now);
  if (rule.kind === 'none') return Number.POSITIVE_INFINITY;
  if (rule.kind === 'opened') return rule.width - through.filter(({ startedAt }) => startedAt >= rule.at).length;

  return now < rule.latest || through.some(({ probe }) => probe) ? 0 : 1;
}

function afterAnswer(found: GateRule, claim: ClaimFacts, now: number, slots: number): GateRule {
  const rule = counts(found, now);
  if (rule.kind === 'none') return rule;
  if (rule.kind === 'closed') {
    return claim.probe ? { kind: 'opened', step: rule.step, at: now, width: 1, passed: 0 } : rule;
  }
  if (claim.startedAt < rule.at) return rule;
  if (rule.passed + 1 < rule.width) return { ...rule, passed: rule.passed + 1 };
  if (rule.width * 2 >= slots) return { kind: 'none' };

  return { ...rule, width: rule.width * 2, passed: 0 };
}

/** Whether a closed gate's probe was brought forward at `now`, as a page that is online again may do once in 30 s. */
export function isWoken(before: GateRow | undefined, gate: GateRow | undefined, now: number): boolean {
  const since = now - (before?.wokenAt ?? Number.NEGATIVE_INFINITY);

  return gate?.open === undefined && gate?.wokenAt === now && since >= 30_000;
}

/** What is wrong with a gate's record, if anything is; `woken`: its probe may have been brought forward at that time. */
export function wrongGate(gate: GateRow | undefined, ended: GateRule, woken?: number): string | undefined {
  const found = ruleOfGate(gate);
  const soon = woken !== undefined && ended.kind === 'closed';
  const latest = Math.max((woken ?? 0) + 30_000, gate?.floor ?? 0);
  const rule = soon ? { ...ended, earliest: woken, latest: Math.min(ended.latest, latest) } : ended;
  const wrong = `is ${JSON.stringify(found)} and must be ${JSON.stringify(rule)}`;
  if (found.kind !== rule.kind) return wrong;
  if (found.kind === 'none' || rule.kind === 'none') return undefined;
  if (found.step !== rule.step) return wrong;
  if (found.kind === 'closed' && rule.kind === 'closed') {
    if (found.alone !== rule.alone) return wrong;

    return found.earliest >= rule.earliest && found.earliest <= rule.latest ? undefined : wrong;
  }
  if (found.kind === 'opened' && rule.kind === 'opened') {
    return found.at === rule.at && found.width === rule.width && found.passed === rule.passed ? undefined : wrong;
  }

  return wrong;
}
