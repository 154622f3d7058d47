import type { Remote } from 'comlink';
import { releaseProxy, wrap } from 'comlink';

import { partOf } from '../pure/parts.js';
import type { HostFace } from './messages.js';
import { notReturned, startFailed, unstarted } from './problems.js';

/** Constructs a worker: a SharedWorker, which has a port, or a dedicated worker. */
export type WorkerFactory = () => { readonly port: MessagePort } | Worker;

/** One constructed worker. */
export interface WorkerConnection {
  /** Whether it is a SharedWorker. A dedicated worker is constructed once, because a second would be another worker. */
  readonly shared: boolean;
  readonly hello: Remote<HostFace>['hello'];
  /** Rejects with what the platform says about a script that could not be started. */
  readonly failed: Promise<never>;
  readonly close: () => void;
}

/** Constructs a worker. An error of its script comes later, as `failed`. */
export function connect(factory: WorkerFactory): WorkerConnection {
  let worker: ReturnType<WorkerFactory>;
  try {
    worker = factory();
  } catch (error) {
    throw unstarted(error);
  }
  if ((partOf(worker, 'port') ?? partOf(worker, 'postMessage')) === undefined) throw notReturned(worker);

  const failed = new Promise<never>((_, reject) => {
    (worker as unknown as EventTarget).addEventListener('error', (event) => {
      reject(startFailed(partOf(event, 'message')));
    });
  });
  failed.catch(() => undefined); // The greeting handles it. Later errors of a worker that has answered are the app's.

  const port = 'port' in worker ? worker.port : undefined;
  const face = wrap<HostFace>(port ?? (worker as Worker));
  const { hello: ask } = face;

  return {
    shared: port !== undefined,
    hello: ask,
    failed,

    close() {
      // Otherwise comlink releases them when they are garbage-collected, which would evict a page from the back/forward
      // cache.
      for (const proxy of [ask, face]) proxy[releaseProxy]();
      if (port === undefined) (worker as Worker).terminate();
      else port.close();
    },
  };
}
