/**
 * What a page, a worker or a server-side render imports to add and to show tasks. The import alone has no effect. The
 * runner is in `taskbasket/worker`.
 */
export type { AddOptions } from './basket/adding/prepare.js';
export type { AddArguments, Basket, Prepared, SignInArguments, TaskId, ViewOf } from './basket/basket.js';
export type { CancelOptions } from './basket/changing/command.js';
export type { SignInOptions } from './basket/changing/sign-in.js';
export type { Count } from './basket/reading/count.js';
export type { BlockedLane } from './basket/reading/backlog.js';
export type { EventName, EventOf } from './basket/telling/events.js';
export type { ClosedGate, Health, RegistryDifference } from './basket/reading/health.js';
export type { WorkerHealth } from './basket/context/own-worker.js';
export type { IdleOptions } from './basket/telling/idle.js';
export type { Outcome } from './basket/telling/settled.js';
export type { Explained, Snapshot, Watched, WatchOptions } from './basket/telling/watch.js';
export type { OpenOptions } from './host/open.js';
export { openBasket } from './host/open.js';
export type { Codec } from './pure/codec.js';
export type { Upgrade } from './pure/evolution.js';
export { json } from './pure/codec.js';
export type { ErrorCode, WorkerProblem } from './pure/errors.js';
export { TaskbasketError, WorkerError } from './pure/errors.js';
export type { Backoff, Jitter } from './pure/backoff.js';
export type { StorageHealth } from './ports/storage.js';
export type { PriorityName } from './pure/options.js';
export type { Filter, OfOwner, Query, Scope } from './pure/query.js';
export type { Reason } from './pure/reasons.js';
export type { Death, StoredError } from './pure/record.js';
export type {
  AnyRegistry,
  AnyTaskType,
  Connection,
  NameOf,
  PayloadOf,
  Registry,
  RegistryOptions,
  ResultOf,
  StoreNames,
  StoresOf,
  TaskOptions,
  TaskType,
  TypesOf,
} from './pure/registry.js';
export { defineTasks, task } from './pure/registry.js';
export type { Session, SessionOf, SessionType, ValuesOf, ValuesWanted } from './pure/session.js';
export { session } from './pure/session.js';
export type { GateView, TaskView } from './pure/view.js';
export type { AppTransaction, DexieTransaction, WritableTransaction } from './store/app-transaction.js';
export type { UpgradeTransaction } from './store/setup.js';
export { createStores, dexieStores } from './store/setup.js';
