import { must } from '../pure/options.js';
import type { TaskOptions, TaskType } from '../pure/registry.js';
import { task } from '../pure/registry.js';
import { isFilled } from './fill.js';
import { headerProblem } from './headers.js';
import { recordOf } from './path.js';
import type { HttpRequest, StoredRequest } from './request.js';
import { isRequest, requestCodec } from './request.js';

/** What `add` takes for a type made by `httpTask`. A `Request` is not for `addTx`, because its body is read later. */
export type HttpPayload = HttpRequest | Request;

/** The result of a task made by `httpTask`: what the server answered. */
export interface HttpResult {
  /** 0: two tasks were merged into none, so nothing was sent. */
  readonly status: number;
  /** `etag` and `location`, if the answer has them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The content of the answer: a value if it is JSON, else a text, cut if it is long. `undefined`: there is none. */
  readonly body?: unknown;
}

/** Options of `httpTask`: those of `task`, and more. */
export interface HttpTaskOptions extends Omit<TaskOptions<HttpPayload>, 'codec' | 'version' | 'upgrade' | 'lane'> {
  /**
   * The address before each path, if the app has several servers. It names the lanes and the gate of its tasks, and is
   * not stored; `sendHttp` has the `base` that is used.
   *
   * @example
   * const api = httpTask({ base: 'https://api.example.com/v1' });
   */
  readonly base?: string | undefined;
  /**
   * The lane of each request, as in `task`; `false`: no lane. Default: the first two parts of the path, so
   * `/notes/1/photos` goes with `/notes/1`; no lane for a POST to a path of one part.
   *
   * @example
   * const api = httpTask({ lane: 'api' }); // All requests, one after the other.
   */
  readonly lane?: string | false | ((request: HttpPayload) => string | undefined) | undefined;
  /**
   * The names of more headers that may be stored with a request. Names of secrets are refused.
   *
   * @example
   * const api = httpTask({ headers: ['X-Form-Version'] });
   */
  readonly headers?: readonly string[] | undefined;
}

/**
 * Returns a task type whose tasks are requests. Its handler is what `sendHttp` returns.
 *
 * @example
 * const tasks = defineTasks('field-notes', { api: httpTask() });
 *
 * @throws TaskbasketError `option`, if an option is wrong.
 */
export function httpTask(given: HttpTaskOptions = {}): TaskType<HttpPayload, HttpResult> {
  const { base, lane, headers = [], ...rest } = given;
  const from = absolute(base);
  const below = from === undefined ? '' : (from.origin + from.pathname).replace(/\/$/, '');
  const more = new Set(headers.map((name) => name.toLowerCase()));
  for (const name of more) {
    const problem = headerProblem(name, more);
    must(problem === undefined, 'headers', `names of headers that may be stored. ${problem}`, name);
  }

  return task<HttpPayload, HttpResult, StoredRequest>({
    gate: (request) => (isRequest(request) ? new URL(request.url).origin : from?.origin),
    ...rest,
    lane: lane === false ? undefined : (lane ?? ((request) => laneOf(request, below))),
    codec: requestCodec(more),
  });
}

function absolute(base: string | undefined): URL | undefined {
  if (base === undefined) return undefined;
  must(/^https?:\/\//.test(base), 'base', 'an absolute URL', base);

  return new URL(base);
}

/** The lane of a request. A request that is wrong has none: the codec says what is wrong with it. */
function laneOf(request: HttpPayload, below: string): string | undefined {
  const { method = 'GET', url } = Object(request) as HttpPayload;
  if (typeof url !== 'string' || typeof method !== 'string') return undefined;
  const { origin, pathname } = isRequest(request) ? new URL(url) : { origin: below, pathname: url };
  const { name, parts } = recordOf(pathname);
  const isCollection = parts < 2 && method.toUpperCase() === 'POST';

  return isCollection || ('fill' in request && isFilled(name, request.fill)) ? undefined : origin + name;
}
