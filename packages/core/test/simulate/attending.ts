import { attendWorker } from '../../src/host/client.js';
import type { WorkerScope } from '../../src/host/serve.js';
import { serveIn } from '../../src/host/serve.js';
import type { WorkerError } from '../../src/pure/errors.js';
import type { Port } from '../support/workers.js';
import { portTo } from '../support/workers.js';
import { handlersOf } from './handlers.js';
import type { Life } from './life.js';
import type { Play } from './play.js';
import type { Kind } from './registries.js';
import type { World } from './world.js';

/** The worker's script that the server has: what runs under its URL from the next construction on. */
export interface Script {
  kind: Kind;
  build: number;
  slots: number;
  /** It is missing, blocked or cannot be parsed: the browser gives a bare error. */
  missing: boolean;
}

/** The SharedWorkers of a run's pages, all under one URL, over ports in memory. */
export interface Workers {
  readonly script: Script;
  /** Lets a page attend a worker, as `openBasket` does. */
  readonly attend: (page: Life) => void;
  /** How many connections to workers a page has that are not closed. */
  readonly openPorts: (page: Life) => number;
  /** The worker that is there now. */
  readonly current: () => Life | undefined;
  /** The problems that a page was ever told. */
  readonly told: (page: Life) => ReadonlySet<string>;
}

/**
 * A worker that hangs is told so many milliseconds after there is something to do: within 5 s, and later if the page asked
 * it quietly as it became visible, because then the page greets it anew.
 */
const toldWithin = 10_000;

/** A question of a page, in the form in which comlink sends it. */
interface Asked {
  readonly argumentList?: readonly { readonly value?: { readonly build?: number } | undefined }[];
}

/** What has to be so, for a page to say it of its worker. */
const reasons: Readonly<Record<string, keyof Harms>> = { failed: 'missing', silent: 'frozen', mismatch: 'outdated' };

interface Harms {
  missing: boolean;
  frozen: boolean;
  outdated: boolean;
}

/** `born` makes the context of a worker that is constructed. */
export function createWorkers(world: World, born: (script: Script) => Life): Workers {
  const script: Script = { kind: 'new', build: 1, slots: 3, missing: false };
  const ports = new Map<Life, Set<Port>>();
  const problems = new Map<Life, Set<string>>();
  const harms: Harms = { missing: false, frozen: false, outdated: false };
  let running: Life | undefined;
  let connects: ((event: { readonly ports: readonly MessagePort[] }) => void)[] = [];

  function start(): Life {
    const life = born({ ...script });
    life.served = true;
    connects = [];
    const scope = {
      onconnect: null,
      addEventListener: (_: string, listener: (typeof connects)[number]) => connects.push(listener),
      close() {
        if (life.dead) return;
        if (!world.stopping.has(life)) world.fail(`${life.name} closes itself, and no newer page greeted it`);
        world.stopped.add(life);
        world.report.met('host', 'retired');
        world.say(`  ${life.name} has retired`);
        life.kill();
      },
    };
    serveIn(scope as unknown as WorkerScope, life.context, handlersOf(world, life), script.slots);
    world.report.met('host', 'constructed');
    world.say(`  ${life.name} is constructed, ${script.kind} build ${script.build}`);

    return life;
  }

  function construct(page: Life): ReturnType<Parameters<typeof attendWorker>[1]> {
    if (page.suspended) world.fail(`${page.name} constructs a worker while it is put away`);
    const errors: (() => void)[] = [];
    const worker = { addEventListener: (_: string, listener: () => void) => errors.push(listener) };
    if (script.missing) {
      harms.missing = true;
      const port: Port = portTo(
        () => port,
        () => undefined,
      );
      opened(page).add(port);
      globalThis.setImmediate(() => page.awake(() => errors.forEach((tell) => tell())));

      return { ...worker, port: port.endpoint };
    }

    if (running === undefined || running.dead) running = start();
    const life = running;
    const take = connects;
    harms.outdated ||= life.build < page.build;
    const near: Port = portTo(
      () => far,
      (deliver, said) => {
        if (page.dead) return;
        harms.frozen ||= life.frozen;
        globalThis.setImmediate(() =>
          life.awake(() => {
            const build = (said as Asked).argumentList?.[0]?.value?.build;
            // It retires at this word.
            if (build !== undefined && build > life.build) world.stopping.add(life);
            deliver();
          }),
        );
      },
    );
    const far: Port = portTo(
      () => near,
      (deliver) => {
        if (life.dead) return;
        globalThis.setImmediate(() => {
          if (page.suspended && !near.closed) world.fail(`${page.name} is put away, and its worker speaks to it`);
          page.awake(deliver);
        });
      },
    );
    opened(page).add(near);
    globalThis.setImmediate(() => life.awake(() => take.forEach((connect) => connect({ ports: [far.endpoint] }))));

    return { ...worker, port: near.endpoint };
  }

  function opened(page: Life): Set<Port> {
    const known = ports.get(page) ?? new Set();
    ports.set(page, known);

    return known;
  }

  return {
    script,

    attend(page) {
      const known = new Set<string>();
      problems.set(page, known);
      const told = (error: WorkerError): void => {
        if (page.dead) return;
        known.add(error.problem);
        const reason = reasons[error.problem];
        world.report.met('host', `told ${error.problem}`);
        world.say(`  ${page.name} is told ${error.problem}`);
        // One worker after the other may have died before it answered.
        const died = error.problem === 'silent' && world.time.now() - world.faultAt < 10_000;
        if (error.problem === 'unsupported' || (reason !== undefined && !harms[reason] && !died))
          world.fail(`${page.name} is told without a reason: ${error.message}`);
      };
      page.attendance = attendWorker(page.context, () => construct(page), told);
      page.context.askWorker = page.attendance.health;
      page.context.hub.hear(({ kind }) => {
        const worker = running;
        const { attendance } = page;
        if (kind !== 'look' || worker?.frozen !== true || opened(page).size === 0 || known.size > 0) return;
        const thaws = [worker.thaws, page.thaws].join();
        world.time.at(world.time.now() + toldWithin, () => {
          // A worker that was thawed meanwhile has answered, and may hang for the second time since a moment ago. A page that
          // was put away meanwhile asks anew.
          const stayed = [worker.thaws, page.thaws].join() === thaws;
          const isSame = running === worker && stayed && page.attendance === attendance;
          if (worker.frozen && !worker.dead && !page.dead && !page.frozen && isSame && known.size === 0)
            world.fail(`${page.name} has something to do, its worker hangs, and it is told nothing`);
          else world.report.met('host', 'a worker that hangs is told');
        });
      });
    },

    openPorts: (page) => [...opened(page)].filter(({ closed }) => !closed).length,
    current: () => (running === undefined || running.dead ? undefined : running),
    told: (page) => problems.get(page) ?? new Set(),
  };
}

/** At rest a page that is put away holds no port: a message would evict it. */
export function judgeAway(world: World, workers: Workers | undefined, lives: readonly Life[]): void {
  for (const page of lives) {
    const ports = page.suspended && !page.dead ? (workers?.openPorts(page) ?? 0) : 0;
    if (ports > 0) world.fail(`${page.name} is put away, and holds ${ports} ports`);
  }
}

/** With the faults off, each page has the newest worker, through one port, and lets go of it when it leaves. */
export async function judgeWorkers(play: Play, workers: Workers): Promise<void> {
  const { world, lives, advance, quiet } = play;
  const pages = lives.filter((life) => !life.dead && life.attendance !== undefined);
  if (pages.length === 0) return;
  workers.script.missing = false;
  await judgeOutdated(play, workers, pages);
  workers.script.build = Math.max(workers.script.build, ...pages.map(({ build }) => build));
  // Longer than a page waits after failures, twice: at the second one it may greet a worker that retires.
  for (let time = 0; time < 3 && !world.failed(); time += 1) {
    await advance(70_000);
    for (const page of pages) page.attendance?.ask();
  }
  await advance(5_000);
  if (world.failed()) return;

  for (const page of pages) {
    const asked: { state: unknown } = { state: undefined };
    void page.attendance?.health().then(({ state }) => {
      asked.state = state;
    });
    await quiet();
    await advance(1_100);
    if (asked.state !== 'running') world.fail(`${page.name} has no worker: it is ${String(asked.state)}`);
    if (workers.openPorts(page) !== 1) world.fail(`${page.name} holds ${workers.openPorts(page)} ports`);
  }
  for (const page of pages) {
    page.attendance?.leave();
    page.attendance = undefined;
  }
  await quiet();
  for (const page of pages) if (workers.openPorts(page) > 0) world.fail(`${page.name} has left, and holds a port`);
  world.report.met('host', 'attended to the end', pages.length);
}

/** A page whose worker is of an older build, and again after that has retired, is told so. */
async function judgeOutdated({ world, advance }: Play, workers: Workers, pages: readonly Life[]): Promise<void> {
  const { script, current, told } = workers;
  const newer = pages.filter(({ build }) => build > script.build && build > (current()?.build ?? 0));
  if (newer.length === 0) return;
  for (let time = 0; time < 3 && !world.failed(); time += 1) await advance(70_000);
  for (const page of newer) {
    if (!told(page).has('mismatch')) world.fail(`${page.name} has an outdated worker, and is not told`);
    world.report.met('host', 'an outdated worker is told');
  }
}
