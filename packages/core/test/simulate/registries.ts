import type { Codec } from '../../src/pure/codec.js';
import type { PriorityName } from '../../src/pure/options.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import type { Connection } from '../../src/pure/registry.js';
import { hostileNames } from '../support/names.js';
import type { BackoffRule } from './backoff-rule.js';

/** The payload of every type: `n` is the journal's number, `rev` counts what attempts saved. */
export interface Work {
  readonly n: number;
  readonly rev: number;
  readonly lane?: string | undefined;
  readonly gate?: string | undefined;
  readonly key?: string | undefined;
  readonly fill?: string | undefined;
  /** An upgrade has made it of an older version's form. */
  readonly upgraded?: true | undefined;
  /** The payloads that were merged into it, in the order of their adds: see `inWords`. */
  readonly with?: readonly string[] | undefined;
}

/**
 * The builds of the app.
 *
 * - `old`: the first; has no `alien`, and version 1 of `moved`.
 * - `broken`: as `old`, but its codec of `coded` throws on everything it reads.
 * - `new`: the latest; version 2 of `moved`, which it makes of version 1, but throws at each fifth; calls `mail` `letter`.
 * - `page`: a page ahead of every runner: it has a type that none of them knows, and no upgrade.
 */
export type Kind = 'old' | 'broken' | 'new' | 'page';

/** What the specification knows of a type. */
export interface TypeRule extends BackoffRule {
  readonly version: number;
  readonly gate: string | undefined;
  readonly lane: boolean;
  readonly key: boolean;
  /** Whether a later task of a key takes the payload of an earlier one into its own. */
  readonly merges: boolean;
  readonly priority: PriorityName;
  readonly onDead: 'block' | 'skip';
  readonly timeout: number;
  readonly lifetime: number | undefined;
  readonly onExpired: 'block' | 'skip';
  /** So many failures make it dead. */
  readonly failureLimit: number | undefined;
  /** So many of it run at once. */
  readonly concurrency: number | undefined;
  readonly readable: boolean;
  /** Its tasks belong to nobody, also where there is a session. */
  readonly forAll: boolean;
}

export const database = 'simulated';
export const gateBase = 1_000;
export const gateCap = 40_000;
/** The app's own store, which `addTx` joins. */
export const notes = 'notes';

/** The types' names by their part in the simulation: each resembles another one, a lane, or something of the library's own. */
export const typeNames = {
  plain: '__proto__',
  note: 'a',
  photo: 'a|',
  urgent: 'a%7C',
  mail: 'ab',
  letter: 'abc',
  coded: 'constructor',
  moved: '\uFFFF',
  alien: '\uD800',
  ghost: 'F',
} as const;

/** The names of lanes: a run uses the first few. */
export const laneNames: readonly string[] = hostileNames.slice(0, 5);
const api = 'a';
const mx = 'a|a';
/** The names of keys that a payload or an add gives. */
export const keyNames: readonly string[] = ['a', 'a|a', '__proto__'];
/** The names of gates that a payload or an add gives. */
export const gateNames: readonly string[] = [mx, api, 'a|b%c', '__proto__'];

/** What the type of mails is like, under either name. */
const mail: Partial<RuleParts> = {
  forAll: true,
  lane: true,
  onDead: 'skip',
  timeout: 20_000,
  base: 2_000,
  cap: 60_000,
  failureLimit: 2,
  concurrency: 1,
};

/** The types by name, and in which builds they are. */
const types: Readonly<Record<string, RuleParts>> = {
  [typeNames.plain]: rule({ gate: undefined, key: true }),
  [typeNames.note]: rule({ gate: api, lane: true, key: true, merges: isLate }),
  [typeNames.photo]: rule({
    gate: api,
    lane: true,
    priority: 'low',
    onDead: 'skip',
    timeout: 5_000,
    lifetime: 3_600_000,
    onExpired: 'block',
    base: 500,
    cap: 8_000,
    factor: 3,
  }),
  [typeNames.urgent]: rule({
    forAll: true,
    gate: api,
    priority: 'high',
    timeout: 30_000,
    base: 100,
    cap: 1_000,
    jitter: 'none',
    concurrency: 2,
  }),
  [typeNames.mail]: rule({ ...mail, version: (kind) => (isLate(kind) ? undefined : 1) }),
  [typeNames.letter]: rule({ ...mail, version: (kind) => (isLate(kind) ? 1 : undefined) }),
  [typeNames.coded]: rule({ gate: api, lane: true, priority: 'low', cap: 90_000, jitter: 'none' }),
  [typeNames.moved]: rule({
    gate: mx,
    lane: true,
    key: true,
    cap: 20_000,
    version: (kind) => (isLate(kind) ? 2 : 1),
  }),
  [typeNames.alien]: rule({
    lane: true,
    jitter: 'full',
    failureLimit: 3,
    version: (kind) => (isLate(kind) ? 1 : undefined),
  }),
  [typeNames.ghost]: rule({ lane: true, version: (kind) => (kind === 'page' ? 3 : undefined) }),
};

function isLate(kind: Kind): boolean {
  return kind === 'new' || kind === 'page';
}

interface RuleParts extends Omit<TypeRule, 'version' | 'readable' | 'merges'> {
  readonly merges: (kind: Kind) => boolean;
  readonly version: (kind: Kind) => number | undefined;
}

function rule(given: Partial<RuleParts>): RuleParts {
  return {
    version: () => 1,
    gate: undefined,
    lane: false,
    key: false,
    merges: () => false,
    priority: 'normal',
    onDead: 'block',
    timeout: 120_000,
    lifetime: undefined,
    onExpired: 'skip',
    base: 1_000,
    cap: 300_000,
    factor: 2,
    jitter: 'equal',
    failureLimit: undefined,
    forAll: false,
    concurrency: undefined,
    ...given,
  };
}

/** The names of the types of a build. */
export function typesOf(kind: Kind): readonly string[] {
  return Object.keys(types).filter((name) => currentOf(kind, name) === name && ruleOf(kind, name) !== undefined);
}

/** What a build says of a type; `undefined`: it does not know it. */
export function ruleOf(kind: Kind, stored: string): TypeRule | undefined {
  const name = currentOf(kind, stored);
  const found = Object.hasOwn(types, name) ? types[name] : undefined;
  const version = found?.version(kind);
  if (found === undefined || version === undefined) return undefined;

  return { ...found, version, merges: found.merges(kind), readable: kind !== 'broken' || name !== typeNames.coded };
}

/** The name that a build has for a type. */
export function currentOf(kind: Kind, name: string): string {
  return isLate(kind) && name === typeNames.mail ? typeNames.letter : name;
}

/** The names under which a build finds the tasks of its types. */
export function namesFor(kind: Kind, name: string): readonly string[] {
  return isLate(kind) && name === typeNames.letter ? [name, typeNames.mail] : [name];
}

/** What is stored of a task, as far as builds differ. */
interface Stored {
  readonly type: string;
  readonly version: number;
}

/** Whether a build has the type of a task, and its version or what upgrades that. */
export function knows(kind: Kind, { type, version }: Stored): boolean {
  return ruleOf(kind, type)?.version === version || isUpgraded(kind, { type, version });
}

function isUpgraded(kind: Kind, { type, version }: Stored): boolean {
  return kind === 'new' && type === typeNames.moved && version === 1;
}

/** Whether a build can read a task that it knows: its codec does not throw, and neither does its upgrade. */
export function reads(kind: Kind, stored: Stored, n: number): boolean {
  return ruleOf(kind, stored.type)?.readable === true && !(isUpgraded(kind, stored) && n % 5 === 0);
}

/** Whether the tasks of a type belong to nobody. */
export function isForAll(name: string): boolean {
  return anyRuleOf(name).forAll;
}

/** A type of any build, for what does not depend on one. */
export function anyRuleOf(name: string): TypeRule {
  const found = ruleOf('page', name);
  if (found === undefined) throw new Error(`No type "${name}".`);

  return found;
}

/** The registry of a build: made anew for each context, so that its stores' list says whose a transaction is. */
export function registryOf(kind: Kind, owned: boolean, open?: () => PromiseLike<Connection>): AnyRegistry {
  const made = Object.fromEntries(
    typesOf(kind).map((name) => {
      const {
        lane,
        key,
        merges,
        gate,
        base,
        cap,
        factor,
        jitter,
        version,
        forAll,
        readable: _,
        ...others
      } = ruleOf(kind, name) ?? anyRuleOf(name);

      return [
        name,
        task<Work, unknown>({
          ...others,
          version,
          backoff: { base, cap, factor, jitter },
          owner: forAll ? 'none' : undefined,
          ...(lane ? { lane: (work: Work) => work.lane } : {}),
          ...(key ? { key: (work: Work) => work.key } : {}),
          ...(merges ? { merge: merged } : {}),
          ...(name === typeNames.moved && kind === 'new' ? { upgrade: { 1: upgraded } } : {}),
          ...(name === typeNames.letter ? { aliases: [typeNames.mail] } : {}),
          gate: gate ?? ((work: Work) => work.gate),
          ...(name === typeNames.coded ? { codec: codecOf(kind) } : {}),
        }),
      ];
    }),
  );

  const options = { open, gates: { base: gateBase, cap: gateCap } };

  return owned ? defineTasks(database, made, { ...options, session: session() }) : defineTasks(database, made, options);
}

/** What the app makes of two payloads of a key: the later one, which says what is in the earlier one. */
function merged(earlier: Work, later: Work): Work | undefined {
  if (mayMerge(earlier.n))
    return { ...later, with: [...(earlier.with ?? []), inWords(earlier), ...(later.with ?? [])] };
  if (earlier.n % 3 === 0) throw failed;

  return undefined;
}

/** Whether the app lets a later task of its key take the payload of a task. */
export function mayMerge(earlier: number): boolean {
  return earlier % 5 !== 0;
}

/** A payload that was merged into another one. */
export function inWords({ n, rev }: Pick<Work, 'n' | 'rev'>): string {
  return `#${n} ${rev}`;
}

/** The error of a function of the app that fails. The app hears of it as an uncaught error. */
export const failed = new Error('A function of the app failed.');

function upgraded(work: Work): Work {
  if (work.n % 5 === 0) throw new Error('This build cannot upgrade it.');

  return { ...work, upgraded: true };
}

/** As a string: in one build unreadable, in another decoded asynchronously. */
function codecOf(kind: Kind): Codec<Work> {
  return {
    encode: (work) => (kind === 'old' ? JSON.stringify(work) : Promise.resolve(JSON.stringify(work))),

    decode(stored) {
      if (kind === 'broken') throw new Error('This build cannot read it.');
      const work = JSON.parse(String(stored)) as Work;

      return kind === 'new' ? Promise.resolve().then(() => work) : work;
    },
  };
}

/** What is stored, read without any registry. */
export function workOf(stored: unknown): Work {
  return (typeof stored === 'string' ? JSON.parse(stored) : stored) as Work;
}
