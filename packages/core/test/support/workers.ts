import type { WorkerFactory } from '../../src/host/connect.js';
import type { WorkerScope } from '../../src/host/serve.js';
import { serveIn } from '../../src/host/serve.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import type { AnyHandler } from '../../src/runner/term/leader.js';
import type { Tab, World } from './world.js';

/** How a worker treats what it is sent. */
export type Manner =
  /** Answers at once. */
  | 'prompt'
  /** An endless loop: nothing is heard until it ends. */
  | 'hangs'
  /** The platform took it away without a word: nothing is heard any more, and its locks stay. */
  | 'mute'
  /** Answers each question twice. */
  | 'twice';

/** A SharedWorker's script that the server has: what runs under its URL from the next construction on. */
export interface Script {
  build: number;
  /** It is missing, blocked or cannot be parsed: the browser gives a bare error. */
  missing: boolean;
  /** It answers so many milliseconds late. */
  late: number;
  /** How a worker treats what it is sent from its start on. */
  manner: Manner;
}

/** Workers in a world, and what pages have to do with them. */
export interface Workers {
  readonly script: Script;
  /** What a page gives `openBasket`: the same URL and name for all. */
  readonly factory: WorkerFactory;
  /** The worker that is there now. */
  readonly current: () => Instance | undefined;
  /** How many workers were started. */
  readonly started: () => number;
  /** Connections of pages that are not closed. */
  readonly openPorts: () => number;
  /** Listeners for messages that pages have on their ends. */
  readonly listeners: () => number;
}

/** A worker that was started. */
export interface Instance {
  readonly build: number;
  readonly tab: Tab<AnyRegistry>;
  readonly alive: () => boolean;
  readonly treat: (manner: Manner) => void;
  /** Ends it as the browser does: its locks are free, and nobody is told. */
  readonly kill: () => void;
}

/** One end of a message channel in memory. */
export interface Port {
  readonly endpoint: MessagePort;
  readonly listeners: Set<(event: MessageEvent) => void>;
  closed: boolean;
}

interface Running extends Instance {
  readonly connect: (port: Port) => void;
  /** Takes what comes for the worker. */
  readonly take: (deliver: () => void) => void;
  readonly answers: () => number;
}

/** An end whose messages go to another one; `send` says when, and is given a copy of what is said. */
export function portTo(other: () => Port, send: (deliver: () => void, said: unknown) => void): Port {
  const listeners = new Set<(event: MessageEvent) => void>();
  const port: Port = {
    listeners,
    closed: false,
    endpoint: {
      postMessage(data: unknown) {
        if (port.closed) return;
        const copy: unknown = structuredClone(data);
        send(() => {
          if (other().closed) return;
          for (const listener of other().listeners) listener({ data: structuredClone(copy) } as MessageEvent);
        }, copy);
      },
      addEventListener: (_: string, listener: (event: MessageEvent) => void) => void listeners.add(listener),
      removeEventListener: (_: string, listener: (event: MessageEvent) => void) => void listeners.delete(listener),
      start: () => undefined,
      close() {
        port.closed = true;
      },
    } as unknown as MessagePort,
  };

  return port;
}

/** A browser's SharedWorkers for one URL, over ports in memory. */
export function createWorkers(
  world: World,
  registry: AnyRegistry,
  handlers: Readonly<Record<string, AnyHandler>>,
): Workers {
  const script: Script = { build: 0, missing: false, late: 0, manner: 'prompt' };
  const pageEnds = new Set<Port>();
  let running: Running | undefined;
  let started = 0;

  function start(): Running {
    started += 1;
    const { build } = script;
    const tab = world.open(registry, { build });
    const connects: ((event: { readonly ports: readonly MessagePort[] }) => void)[] = [];
    let held: (() => void)[] = [];
    let { manner } = script;
    let alive = true;

    const kill = (): void => {
      alive = false;
      held = [];
      tab.kill();
    };
    const scope = {
      onconnect: null,
      addEventListener: (_: string, listener: (typeof connects)[number]) => connects.push(listener),
      close: kill,
    };
    const instance: Running = {
      build,
      tab,
      alive: () => alive && manner !== 'mute',
      kill,
      answers: () => (manner === 'twice' ? 2 : 1),

      treat(next) {
        manner = next;
        if (manner === 'hangs') return;
        for (const deliver of held.splice(0)) instance.take(deliver);
      },

      take(deliver) {
        if (manner === 'hangs') held.push(deliver);
        else if (alive && manner !== 'mute') setImmediate(deliver);
      },

      connect(port) {
        instance.take(() => {
          for (const connect of connects) connect({ ports: [port.endpoint] });
        });
      },
    };
    serveIn(scope as unknown as WorkerScope, tab.context, handlers, 6);

    return instance;
  }

  return {
    script,

    factory() {
      const errors: (() => void)[] = [];
      const worker = { addEventListener: (_: string, listener: () => void) => errors.push(listener) };
      if (script.missing) {
        const port: Port = portTo(
          () => port,
          () => undefined,
        );
        pageEnds.add(port);
        setImmediate(() => errors.forEach((tell) => tell()));

        return { ...worker, port: port.endpoint };
      }

      if (running?.alive() !== true) running = start();
      const instance = running;
      const { clock } = instance.tab.context.ports;
      const page: Port = portTo(
        () => theirs,
        (deliver) => instance.take(deliver),
      );
      const theirs: Port = portTo(
        () => page,
        (deliver) => {
          if (!instance.alive()) return;
          for (let left = instance.answers(); left > 0; left -= 1) {
            if (script.late > 0) clock.timer(script.late, () => setImmediate(deliver));
            else setImmediate(deliver);
          }
        },
      );
      pageEnds.add(page);
      instance.connect(theirs);

      return { ...worker, port: page.endpoint };
    },

    current: () => (running?.alive() === true ? running : undefined),
    started: () => started,
    openPorts: () => [...pageEnds].filter(({ closed }) => !closed).length,
    listeners: () => [...pageEnds].reduce((sum, { closed, listeners }) => sum + (closed ? 0 : listeners.size), 0),
  };
}
