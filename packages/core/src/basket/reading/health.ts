import type { StorageHealth } from '../../ports/storage.js';
import { storageHealth } from '../../ports/storage.js';
import { waited } from '../../ports/wait.js';
import type { GateRow } from '../../pure/gate.js';
import { isClosed } from '../../pure/gate.js';
import { defined } from '../../pure/parts.js';
import { aheadOf } from '../../pure/reasons.js';
import type { RunnerRow } from '../../pure/record.js';
import { findType, versionsOf } from '../../pure/registry.js';
import { claimedRow, gateRows, runnerRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { Backlog, BlockedLane } from './backlog.js';
import { backlogOf } from './backlog.js';
import type { BasketContext } from '../context/context.js';
import { isLed } from '../context/context.js';
import type { Count } from './count.js';
import { count } from './count.js';
import type { WorkerHealth } from '../context/own-worker.js';

/** How a basket fares. Times are in milliseconds of this device's wall clock. */
export interface Health {
  /** Who runs tasks, in whichever tab or worker. */
  readonly runner: {
    /** Whether somebody leads now. If nobody does, tasks wait for a page with a worker. */
    readonly led: boolean;
    /** The build of the last one that led; not there if nobody ever did. */
    readonly build?: number;
    /** The ids of the tasks that run, as far as the database knows. */
    readonly running: readonly string[];
    /** When it last wrote something: took a task up, or noted how one ended. */
    readonly lastTurn?: number;
  };
  /** This context's own worker. It is asked, and has a second to answer. */
  readonly worker: WorkerHealth;
  /** A task could have run for a minute, and nothing has moved. Either nobody runs tasks, or who does hangs. */
  readonly stalled: boolean;
  /** The oldest that is not dead. Not there: there is none, or the first 100 tasks are dead. */
  readonly oldest?: { readonly id: string; readonly addedAt: number };
  /** How many are queued or run; counted up to 1,000. */
  readonly queued: Count;
  /** How many wait for a decision; counted up to 1,000. */
  readonly dead: Count;
  /** Lanes that stand still behind a dead or unreadable task; the first 100. */
  readonly blockedLanes: readonly BlockedLane[];
  /** Destinations that are away. */
  readonly closedGates: readonly ClosedGate[];
  /** How many gates have a record: those that are away, and those that have been lately. */
  readonly gates: number;
  /** The ids of tasks under which the runner died three times in a row, so that they run alone; the first 100. */
  readonly aloneTasks: readonly string[];
  readonly storage: StorageHealth;
  /** Task types whose version is not the same here, in this context's worker and in the runner that leads: these are of different deploys. */
  readonly registries: readonly RegistryDifference[];
  /** What should be looked into, in sentences. */
  readonly warnings: readonly string[];
}

/** A destination that is away. */
export interface ClosedGate {
  readonly gate: string;
  /** When it is tried next; not there: a probe is due, or on its way. */
  readonly until?: number;
  /** What the task `by` met there. */
  readonly message: string;
  /** The HTTP status of that answer, if there was one. */
  readonly status?: number;
  readonly by: string;
}

/** A type that registries have in different versions. A version that is not there: that registry has no such type. */
export interface RegistryDifference {
  readonly type: string;
  readonly here?: number;
  /** In this context's own worker. */
  readonly worker?: number;
  /** In the runner that leads. */
  readonly leader?: number;
}

/** For so long, in milliseconds, nothing may move before that is called stalled. */
const stalledAfter = 60_000;

/** What could run is looked for a second time after so many milliseconds, because a sleep or an edit may have just ended. */
const lookAgainAfter = 1_000;

/** An attempt loses its slot some time after its timeout, and a turn writes that: at the latest after so many milliseconds. */
const slotGrace = 20_000;

/** A database that has not opened after so many milliseconds is told. */
const openingWait = 1_500;

/** More gates than this are records, and not destinations. */
const manyGates = 100;

interface Found extends Backlog {
  readonly runner: RunnerRow | undefined;
  readonly closedGates: readonly ClosedGate[];
  readonly gates: number;
}

/** How a basket fares. Costs the same however much is queued. */
export async function health(context: BasketContext): Promise<Health> {
  const [worker, led, queued, dead, storage] = await Promise.all([
    context.askWorker(),
    isLed(context),
    count(context, { state: 'queued' }),
    count(context, { state: 'dead' }),
    storageHealth(),
    context.database.opened(openingWait),
  ]);
  const works = led && !(worker.state === 'failed' && worker.problem === 'silent');
  const found = await foundIn(context, works);
  let stalled = found.waiting !== undefined;
  if (stalled) {
    await waited(context.ports.clock, lookAgainAfter);
    const again = await foundIn(context, works);
    stalled = again.waiting?.id === found.waiting?.id && again.runner?.wall === found.runner?.wall;
  }

  const { runner, oldest, waiting: _, gates, ...told } = found;

  return {
    runner: {
      led,
      running: led ? (runner?.running ?? []).map(({ id }) => id) : [],
      ...defined({ build: runner?.build, lastTurn: runner?.wall }),
    },
    worker,
    stalled,
    ...defined({ oldest: oldest && { id: oldest.id, addedAt: oldest.addedAt } }),
    queued,
    dead,
    gates,
    ...told,
    storage,
    registries: differences(
      versionsOf(context.registry),
      worker.state === 'running' ? worker.types : undefined,
      led ? runner?.types : undefined,
    ),
    warnings:
      gates > manyGates
        ? [`There are ${gates} gates. A gate is a destination, not a record: give fewer names in the \`gate\` option.`]
        : [],
  };
}

function foundIn(context: BasketContext, works: boolean): Promise<Found> {
  const { registry, ports } = context;

  return read(
    context,
    async (stores) => {
      const [runner, gates] = await Promise.all([runnerRow(stores), gateRows(stores)]);
      const wall = ports.clock.wall();
      const unmoved = wall - (runner?.wall ?? Number.NEGATIVE_INFINITY);

      const rows = await Promise.all((runner?.running ?? []).map((claim) => claimedRow(stores, claim)));
      const timeouts = rows.map((row) => row?.timeout ?? findType(registry, row?.type ?? '')?.timeout ?? 0);
      // What a runner has in hand is a reason to wait for as long as an attempt may take.
      const hangs = rows.length > 0 && unmoved >= Math.max(...timeouts) + slotGrace;
      const { waiting, ...backlog } = await backlogOf(context, stores, runner, works && !hangs, wall - stalledAfter);

      return {
        ...backlog,
        runner,
        waiting: unmoved >= stalledAfter ? waiting : undefined,
        gates: gates.size,
        closedGates: [...gates.values()].flatMap((gate) => closedGate(gate, wall, aheadOf(runner), registry.gates.cap)),
      };
    },
    ['tasks', 'state'],
  );
}

/** A closed gate. If nobody has probed it for longer than a cap since its time came, nothing waits there, and nobody knows. */
function closedGate(gate: GateRow, wall: number, ahead: number, cap: number): readonly ClosedGate[] {
  const { name, until, reason: message, status, by } = gate;
  const next = until - ahead;
  if (!isClosed(gate) || next + cap <= wall) return [];

  return [{ gate: name, message, by: by.at(-1) ?? '', ...defined({ status, until: next > wall ? next : undefined }) }];
}

type Versions = Readonly<Record<string, number>>;

/** Compares only with those who tell their types. */
function differences(here: Versions, worker?: Versions, leader?: Versions): readonly RegistryDifference[] {
  const others = [worker, leader].filter((versions) => versions !== undefined);

  return [...new Set([here, ...others].flatMap((versions) => Object.keys(versions)))]
    .filter((type) => others.some((versions) => versions[type] !== here[type]))
    .map((type) => ({ type, ...defined({ here: here[type], worker: worker?.[type], leader: leader?.[type] }) }));
}
