/** What runs tasks imports: a worker, or a page that runs them itself. Importing it touches nothing. */
export type { ServeOptions } from './host/serve.js';
export { serveBasket } from './host/serve.js';
export type { ExpectedAnswer, ResponseLike } from './pure/response.js';
export { ensureOk } from './pure/response.js';
export { isNetworkError } from './pure/network.js';
export type { FailureOptions, UnavailableOptions } from './pure/verdict.js';
export { PermanentFailure, RetryLater, Unavailable } from './pure/verdict.js';
export type { Attempt, Handler } from './runner/term/leader.js';
export type { Handlers, RunBasketOptions } from './runner/run-basket.js';
export { runBasket } from './runner/run-basket.js';
