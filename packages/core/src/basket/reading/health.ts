import type { StorageHealth } from '../../ports/storage.js';
import { storageHealth } from '../../ports/storage.js';
import { waited } from '../../ports/wait.js';
import type { Backoff } from '../../pure/backoff.js';
import type { GateRow } from '../../pure/gate.js';
import { currentGate, isClosed } from '../../pure/gate.js';
import { checkParts } from '../../pure/options.js';
import { sessionTypes } from '../../pure/owner.js';
import { defined } from '../../pure/parts.js';
import { shownPauses } from '../../pure/pause.js';
import type { OfOwner, Scope, Wanted } from '../../pure/query.js';
import { isMeant, ownerParts, ownersOf } from '../../pure/query.js';
import { clockOffset } from '../../pure/reasons.js';
import type { RunnerRow } from '../../pure/record.js';
import type { Versions } from '../../pure/find-type.js';
import { findType, versionsOf } from '../../pure/find-type.js';
import { claimedRow, gateRows, runnerRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { Backlog, BlockedLane } from './backlog.js';
import { backlogOf } from './backlog.js';
import { factStores, isFull } from './facts.js';
import type { BasketContext } from '../context/context.js';
import { isLed } from '../context/context.js';
import type { Count } from './count.js';
import { countWanted } from './count.js';
import { pausesOfOwners } from './pauses.js';
import type { WorkerHealth } from '../context/own-worker.js';

/** What `health` reports of a basket. Times are in milliseconds of this device's wall clock. */
export interface Health {
  /** The runner: the one context that runs tasks, in whichever tab or worker it is. */
  readonly runner: {
    /** Whether there is a runner now. Without one, tasks wait for a page that has a worker. */
    readonly led: boolean;
    /** The build of the last runner. Absent: there has been none. */
    readonly build?: number;
    /** The ids of the tasks that run, as far as the database knows. */
    readonly running: readonly string[];
    /** When the runner last wrote something, because a task began or ended, say. */
    readonly lastTurn?: number;
  };
  /** This context's own worker, which has a second to answer. */
  readonly worker: WorkerHealth;
  /**
   * Whether a task could have run for a minute, and nothing was written. Then nobody runs tasks, or the runner hangs, or
   * the browser has no room for the site (see `warnings`).
   */
  readonly stalled: boolean;
  /** The oldest task that is not dead. Absent: there is none, or none among the first 100 tasks of all owners. */
  readonly oldest?: { readonly id: string; readonly addedAt: number };
  /** How many tasks are queued or running; counted up to 1,000. */
  readonly queued: Count;
  /** How many tasks are dead; counted up to 1,000. */
  readonly dead: Count;
  /**
   * How many tasks were added before the registry declared a session. They wait for a `signIn` with `{ adopt: true }`.
   * Absent: the registry declares no session.
   */
  readonly noOwner?: Count;
  /** The first 100 lanes that a dead or unreadable task stops, found among the first 256 dead and unreadable tasks. */
  readonly blockedLanes: readonly BlockedLane[];
  /** The pauses that hold: of each, what `pause` was called with, as `resume` takes it. Its `type` is always a list. */
  readonly pauses: readonly (string | Scope)[];
  /** The gates that are closed. A gate at which one task alone found the destination away, once, is not among them. */
  readonly closedGates: readonly ClosedGate[];
  /** How many destinations are away, or were away a short time ago. */
  readonly gates: number;
  /** The ids of the first 100 tasks that must run alone, because the runner died during three attempts in a row. */
  readonly aloneTasks: readonly string[];
  /** How safe the storage is, as far as the browser tells. */
  readonly storage: StorageHealth;
  /** The task types of which this context, its worker and the runner have different versions, as after a deploy. */
  readonly registries: readonly RegistryDifference[];
  /** What should be changed, in sentences. */
  readonly warnings: readonly string[];
}

/** A destination that is away. */
export interface ClosedGate {
  readonly gate: string;
  /** The time of the next probe. Absent: a probe is due, or on its way. */
  readonly until?: number;
  /** The message of the error by which the task `by` found the destination away. */
  readonly message: string;
  /** The HTTP status of that error, if it had one. */
  readonly status?: number;
  /** The id of the task that found the destination away. */
  readonly by: string;
}

/**
 * A task type of which the registries have different versions. An absent version: that registry does not have the type.
 */
export interface RegistryDifference {
  readonly type: string;
  readonly here?: number;
  /** In this context's own worker. */
  readonly worker?: number;
  /** In the runner. */
  readonly leader?: number;
}

/** A basket counts as stalled after so many milliseconds in which nothing was written. */
const stalledAfter = 60_000;

/**
 * A basket that seems stalled is read again after so many milliseconds, because a sleep or an edit may have just ended.
 */
const lookAgainAfter = 1_000;

/** A runner writes, at the latest so many milliseconds after the timeout of an attempt, how the attempt ended. */
const slotGrace = 20_000;

/** `health` rejects if the database has not opened after so many milliseconds. */
const openingWait = 1_500;

/** An app with more gates than this has probably named a gate after each record, and not after each destination. */
const manyGates = 100;

const noRow = { owner: null, type: '' };
const noRoom =
  'The browser has no room for this site, so tasks may wait. Delete data of the app, cancel tasks, or ask the person to free space.';

interface HealthFacts extends Backlog {
  readonly runner: RunnerRow | undefined;
  readonly running: readonly string[];
  readonly pauses: Health['pauses'];
  readonly closedGates: readonly ClosedGate[];
  readonly gates: number;
  readonly full: boolean;
}

/** Reports on a basket. Takes the same time however many tasks are queued. */
export async function health(context: BasketContext, whose: OfOwner = {}): Promise<Health> {
  const { registry } = context;
  const owners = ownersOf(context, checkParts(whose, 'The options of health', ownerParts));
  const wanted: Wanted = { owners, types: undefined };
  const ofNobody = { ...wanted, owners: [{ owner: null, types: sessionTypes(registry) }] };
  const [worker, led, queued, dead, noOwner, storage] = await Promise.all([
    context.askWorker(),
    isLed(context),
    countWanted(context, { ...wanted, state: 'queued' }),
    countWanted(context, { ...wanted, state: 'dead' }),
    registry.session === undefined ? undefined : countWanted(context, ofNobody),
    storageHealth(),
    context.database.opened(openingWait),
  ]);
  const works = led && !(worker.state === 'failed' && worker.problem === 'silent');
  const found = await foundIn(context, wanted, works);
  let stalled = found.waiting !== undefined;
  if (stalled) {
    await waited(context.ports.clock, lookAgainAfter);
    stalled = (await foundIn(context, wanted, works)).waiting !== undefined;
  }

  const { runner, running, oldest, waiting: _, gates, full, ...told } = found;

  return {
    runner: {
      led,
      running: led ? running : [],
      ...defined({ build: runner?.build, lastTurn: runner?.wall }),
    },
    worker,
    stalled,
    ...defined({ oldest: oldest && { id: oldest.id, addedAt: oldest.addedAt } }),
    queued,
    dead,
    ...defined({ noOwner }),
    gates,
    ...told,
    storage,
    registries: differences(
      versionsOf(registry),
      worker.state === 'running' ? worker.types : undefined,
      led ? runner?.types : undefined,
    ),
    warnings: [
      ...(gates > manyGates
        ? [`There are ${gates} gates. A gate is a destination, not a record: give fewer names in the \`gate\` option.`]
        : []),
      ...(full ? [noRoom] : []),
    ],
  };
}

function foundIn(context: BasketContext, wanted: Wanted, works: boolean): Promise<HealthFacts> {
  const { registry, ports } = context;

  return read(
    context,
    async (stores) => {
      const [runner, gates, pauses] = await Promise.all([
        runnerRow(stores),
        gateRows(stores),
        pausesOfOwners(context, stores, wanted.owners),
      ]);
      const wall = ports.clock.wall();
      const unmoved = wall - (runner?.wall ?? Number.NEGATIVE_INFINITY);

      const claims = runner?.running ?? [];
      const rows = await Promise.all(claims.map((claim) => claimedRow(stores, claim)));
      const timeouts = rows.map((row) => row?.timeout ?? findType(registry, row?.type ?? '')?.timeout ?? 0);
      // A runner whose attempts run need not write before the longest of them has timed out.
      const hangs = rows.length > 0 && unmoved >= Math.max(...timeouts) + slotGrace;
      const facts = { wanted, runner, works: works && !hangs, since: wall - stalledAfter };
      const { waiting, ...backlog } = await backlogOf(context, stores, facts);

      return {
        ...backlog,
        runner,
        // The claim of a row that is gone does not say whose the task was.
        running: claims.filter((_, place) => isMeant(wanted.owners, rows[place] ?? noRow)).map(({ id }) => id),
        waiting: unmoved >= stalledAfter ? waiting : undefined,
        gates: gates.size,
        full: await isFull(stores, runner),
        pauses: shownPauses(context, pauses.values()),
        closedGates: [...gates.values()].flatMap((gate) =>
          closedGate(gate, wall, clockOffset(runner, wall), registry.gates),
        ),
      };
    },
    factStores,
  );
}

/**
 * A gate as a destination that is away. Left out: a gate whose record does not count now, or whose probe has been due for
 * longer than the cap.
 */
function closedGate(gate: GateRow, wall: number, offset: number, gates: Backoff): readonly ClosedGate[] {
  const { name, until, reason: message, status, by } = gate;
  const next = until - offset;
  if (!isClosed(currentGate(gate, wall + offset, gates)) || next + gates.cap <= wall) return [];

  return [{ gate: name, message, by: by.at(-1) ?? '', ...defined({ status, until: next > wall ? next : undefined }) }];
}

/** The types of which the versions differ. A worker or a runner that does not tell its types is left out. */
function differences(here: Versions, worker?: Versions, leader?: Versions): readonly RegistryDifference[] {
  const others = [worker, leader].filter((versions) => versions !== undefined);

  return [...new Set([here, ...others].flatMap((versions) => Object.keys(versions)))]
    .filter((type) => others.some((versions) => versions[type] !== here[type]))
    .map((type) => ({ type, ...defined({ here: here[type], worker: worker?.[type], leader: leader?.[type] }) }));
}
