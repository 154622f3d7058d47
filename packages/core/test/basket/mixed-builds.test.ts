import { expect, test } from 'vitest';

import type { AddOptions } from '../../src/basket/adding/prepare.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { seeded } from '../support/chance.js';
import { freshName, rowsOf } from '../support/database.js';
import * as fc from '../support/property.js';
import type { Runner, Tab } from '../support/world.js';
import { createWorld } from '../support/world.js';

/*
 * An app gets accounts: beside the tabs and workers of the new build, those of the build before it are still there.
 * What was sent is counted where it arrives, and judged by what the manual promises.
 */

interface Note {
  readonly n: number;
  readonly lane: string | undefined;
}

const backoff = { base: 1_000, cap: 10_000 };
const lane = (note: Note): string | undefined => note.lane;
const types = { save: task<Note>({ lane, backoff }), report: task<Note>({ owner: 'none', lane, backoff }) };
type Type = keyof typeof types;

const registries = (name: string) => ({
  before: defineTasks(name, types),
  after: defineTasks(name, types, { session: session<{ token: string }>() }),
});
type Registries = ReturnType<typeof registries>;

/** A task, as the test knows it. */
interface Known {
  readonly id: string;
  readonly type: Type;
  /** `null`: it was added without a session, or belongs to nobody. */
  readonly owner: string | null;
  readonly parents: readonly Known[];
  cancelled: boolean;
  sent: number;
  /** How often it may have been sent once more, because its worker died, was put aside or was robbed. */
  excused: number;
}

interface Opened {
  readonly tab: Tab<Registries['before']>;
  /** The same tab, if its build declares a session. */
  readonly signs: Tab<Registries['after']> | undefined;
  readonly runner: Runner | undefined;
  readonly running: Set<{ readonly n: number; readonly owner: string | null }>;
  /** What it has sent since a while ago: the turn that writes it may not have come. */
  readonly recent: Set<number>;
  state: 'alive' | 'frozen' | 'dead';
}

/** Plays one device. Resolves with what went against the manual. */
async function play(seed: number): Promise<readonly string[]> {
  const random = seeded(seed);
  const is = (share: number): boolean => random() < share;
  const below = (end: number): number => Math.floor(random() * end);
  const pick = <One>(from: readonly One[]): One | undefined => from[below(from.length)];
  const world = createWorld(seed);
  const { before, after } = registries(freshName());
  const wrong: string[] = [];
  const known = new Map<number, Known>();
  const tabs: Opened[] = [];
  let adopted = false;
  /** Who may be signed in: more than one while a change is under way. */
  let here = new Set<string | null>([null]);
  let changing = false;

  async function send(tab: Opened, type: Type, note: Note, attempt: object): Promise<void> {
    const face = attempt as { readonly signal: AbortSignal; readonly session?: { readonly owner: string } };
    const { signal } = face;
    const owner = type === 'save' ? (face.session?.owner ?? null) : null;
    const own = known.get(note.n);
    const judge = (bad: boolean, what: string): void => void (bad && wrong.push(`${note.n} ${what}, for ${owner}`));
    judge(own?.owner !== undefined && own.owner !== null && own.owner !== owner, `of ${own?.owner} was sent`);
    judge(owner !== null && !here.has(owner), 'was sent for somebody who is not here');
    judge(owner !== null && own?.owner === null && !adopted, 'was sent although nobody adopted it');
    judge(own?.cancelled === true, 'was sent after its cancel');
    const now = { n: note.n, owner };
    tab.running.add(now);
    const deaf = is(0.2);
    const fails = is(0.2);
    const time = below(4_000);
    const rows = await rowsOf(after);
    const row = rows.find(({ id }) => id === own?.id);
    const earlier = rows.some((one) => one.lane === note.lane && one.owner === row?.owner && one.seq < row.seq);
    judge(note.lane !== undefined && earlier && !signal.aborted, 'overtook another one of its lane');
    // A task of another owner, also one that was adopted in between, is no parent.
    const isAwaited = ({ id }: Known): boolean => rows.some((one) => one.id === id && one.owner === row?.owner);
    judge(own?.parents.some((one) => one.sent === 0 && isAwaited(one)) === true, 'was sent before its parent');
    try {
      await new Promise<void>((resolve, reject) => {
        if (!deaf) signal.addEventListener('abort', () => reject(new Error('It was aborted.')));
        world.alarm(time, resolve);
      });
      if (fails) throw new Error('The server failed.');
    } finally {
      tab.running.delete(now);
    }
    tab.recent.add(note.n);
    if (own === undefined) return;
    own.sent += 1;
    if (signal.aborted || tab.state !== 'alive') own.excused += 1;
    judge(own.sent > 1 + own.excused, `was sent ${own.sent} times`);
  }

  function open(declares: boolean, runs: boolean): Opened {
    const signs = declares ? world.open(after) : undefined;
    const tab = (signs as Tab<Registries['before']> | undefined) ?? world.open(before);
    const handlers = {
      save: (note: Note, attempt: object): Promise<void> => send(opened, 'save', note, attempt),
      report: (note: Note, attempt: object): Promise<void> => send(opened, 'report', note, attempt),
    };
    const runner = runs ? tab.run(handlers) : undefined;
    const opened: Opened = { tab, signs, runner, running: new Set(), recent: new Set(), state: 'alive' };
    tabs.push(opened);

    return opened;
  }

  /** What a tab sends, or has just sent, may be sent once more. */
  function excuse({ running, recent }: Opened): void {
    for (const n of [...[...running].map((one) => one.n), ...recent]) {
      const own = known.get(n);
      if (own !== undefined) own.excused += 1;
    }
  }

  function become(tab: Opened, state: Opened['state']): void {
    excuse(tab);
    if (state === 'dead') {
      tab.tab.kill();
      tab.running.clear();
    } else if (state === 'frozen') tab.tab.freeze();
    else tab.tab.thaw();
    tab.state = state;
  }

  async function add({ tab, signs }: Opened): Promise<void> {
    const type = is(0.75) ? 'save' : 'report';
    const owner = type === 'report' || signs === undefined ? null : (signs.context.here.owner ?? null);
    if (type === 'save' && signs !== undefined && owner === null) return; // It would throw "signed-out".
    const n = known.size + 1;
    const like = [...known.values()].filter((one) => one.type === type && one.owner === owner && !one.cancelled);
    const parents = is(0.3) ? like.slice(-1) : [];
    const options: AddOptions = { after: parents.map(({ id }) => id) };
    const note = { n, lane: pick(['a', 'ab', undefined]) };
    const own = { type, owner, parents, cancelled: false, sent: 0, excused: 0 } as const;
    known.set(n, { ...own, id: await tab.basket.add(type, note, options) });
  }

  async function cancel({ tab }: Opened): Promise<void> {
    const own = pick([...known.values()]);
    if (own === undefined || (await tab.basket.cancel(own.id, { children: true })) === 0) return;
    const discarded = new Set([own]);
    for (const one of known.values()) if (one.parents.some((parent) => discarded.has(parent))) discarded.add(one);
    for (const one of discarded) one.cancelled = true;
  }

  /** Signs somebody in or out. Nothing of anybody else is sent when that has resolved. */
  async function sign(signs: Tab<Registries['after']>, owner: string | null, adopt: boolean): Promise<void> {
    changing = true;
    adopted ||= adopt;
    here = new Set([...here, owner]);
    const { basket } = signs;
    await (owner === null ? basket.signOut() : basket.signIn(owner, { token: owner }, { adopt }));
    here = new Set([owner]);
    changing = false;
    for (const one of tabs.flatMap(({ running }) => [...running]))
      if (one.owner !== null && one.owner !== owner) wrong.push(`${one.n} of ${one.owner} still runs for ${owner}`);
  }

  async function step(): Promise<void> {
    const tab = pick(tabs.filter(({ state }) => state === 'alive'));
    const chance = below(100);
    if (tab === undefined || chance < 8) open(is(0.5), is(0.7));
    else if (chance < 14) become(tab, 'dead');
    else if (chance < 17) become(tab, 'frozen');
    else if (chance < 20) tabs.filter(({ state }) => state === 'frozen').forEach((one) => become(one, 'alive'));
    else if (chance < 55) await add(tab);
    else if (chance < 57) world.alarm(below(5_000), world.loseMessages());
    else if (chance < 58) {
      tabs.forEach(excuse);
      world.steal(tab.tab);
    } else if (chance < 62) await cancel(tab);
    else if (chance < 75 && tab.signs !== undefined && !changing) {
      const owner = pick(['ann', 'bob', null]) ?? null;
      // It rejects if its tab is closed, or a handler does not heed its signal.
      sign(tab.signs, owner, owner !== null && is(0.4)).catch(() => (changing = false));
    } else await world.advance(below(is(0.2) ? 60_000 : 3_000));
    if (is(0.7)) await world.settle();
    if (is(0.5)) tabs.forEach(({ recent }) => recent.clear());
  }

  for (let count = 0; count < 120; count += 1) await step();
  for (const one of tabs) if (one.state === 'frozen') become(one, 'alive');
  await world.advance(60_000);
  for (const one of tabs) if (one.state === 'alive') become(one, 'dead');

  const { signs, runner } = open(true, true);
  for (const owner of ['ann', 'bob', 'ann', 'bob', 'ann', 'bob']) {
    if (signs !== undefined) await sign(signs, owner, true);
    // A child whose parent was discarded from a tab that did not see the child waits for a decision.
    await signs?.basket.cancel({ state: 'dead', everyOwner: true });
    for (let minutes = 0; minutes < 10; minutes += 1) await world.advance(60_000);
  }
  const isDiscarded = (own: Known): boolean => own.cancelled || own.parents.some(isDiscarded);
  for (const [n, own] of known) if (own.sent === 0 && !isDiscarded(own)) wrong.push(`${n} was never sent`);
  for (const row of await rowsOf(after)) if (row.dead === undefined) wrong.push(`left: ${JSON.stringify(row)}`);
  runner?.stop();
  await world.settle();

  return wrong;
}

test('builds with and without a session on one device send each task once, for its owner, in its order, and lose none', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
    expect(await play(seed)).toEqual([]);
  });
  await fc.assert(property, { numRuns: 8, endOnFailure: true });
});
