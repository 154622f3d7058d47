import type { Remote } from 'comlink';
import { releaseProxy, wrap } from 'comlink';

import { partOf } from '../pure/parts.js';
import type { HostFace } from './messages.js';
import { scriptFailed, unstarted } from './problems.js';

/** What constructs a worker: a SharedWorker has a port, a dedicated one is its own. */
export type WorkerFactory = () => { readonly port: MessagePort } | Worker;

/** One constructed worker. */
export interface Connection {
  /** A dedicated worker is constructed once: another would be a second one, and not a second connection. */
  readonly shared: boolean;
  readonly hello: Remote<HostFace>['hello'];
  /** Rejects with what the platform says about a script that could not be started. */
  readonly failed: Promise<never>;
  readonly close: () => void;
}

/** Constructs a worker; what the platform says of its script comes later. */
export function connect(factory: WorkerFactory): Connection {
  let worker: ReturnType<WorkerFactory>;
  try {
    worker = factory();
  } catch (error) {
    throw unstarted(error);
  }

  const failed = new Promise<never>((_, reject) => {
    (worker as unknown as EventTarget).addEventListener('error', (event) => {
      const message = partOf(event, 'message');
      reject(scriptFailed(typeof message === 'string' && message !== '' ? message : undefined));
    });
  });
  failed.catch(() => undefined); // Raced by whoever greets; later errors of a worker that answered are not ours.

  const port = 'port' in worker ? worker.port : undefined;
  const face = wrap<HostFace>(port ?? (worker as Worker));
  const { hello: ask } = face;

  return {
    shared: port !== undefined,
    hello: ask,
    failed,

    close() {
      // Else comlink would clean up when they are collected: that runs code, which evicts a page that is put away.
      for (const proxy of [ask, face]) proxy[releaseProxy]();
      if (port === undefined) (worker as Worker).terminate();
      else port.close();
    },
  };
}
