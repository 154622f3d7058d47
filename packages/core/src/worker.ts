/** What a worker imports to run tasks, or a page that runs them itself. The import alone has no effect. */
export type { ServeOptions } from './host/serve.js';
export { serveBasket } from './host/serve.js';
export type { ExpectedAnswer, ResponseLike } from './pure/response.js';
export { ensureOk } from './pure/response.js';
export { isNetworkError } from './pure/network.js';
export type { Session, SessionOf } from './pure/session.js';
export type { FailureOptions, UnavailableOptions } from './pure/verdict.js';
export { PermanentFailure, RetryLater, SignedOut, Unavailable } from './pure/verdict.js';
export type { Attempt, Handler } from './runner/term/leader.js';
export type { RunBasketOptions } from './runner/run.js';
export type { Handlers } from './runner/run-basket.js';
export { runBasket } from './runner/run-basket.js';
