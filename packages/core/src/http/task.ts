import { TaskbasketError } from '../pure/errors.js';
import { must } from '../pure/options.js';
import { defined } from '../pure/parts.js';
import type { TaskOptions, TaskType } from '../pure/registry.js';
import { task } from '../pure/registry.js';
import type { KeptAnswer } from './answer.js';
import { isFilled } from './fill.js';
import { isAllowable } from './headers.js';
import { checkedBase, originHere } from './options.js';
import { recordOf } from './path.js';
import type { HttpRequest, StoredRequest } from './request.js';
import { isRequest, requestCodec } from './request.js';

/** What `add` takes for a type made by `httpTask`. A `Request` is not for `addTx`, because its body is read later. */
export type HttpPayload = HttpRequest | Request;

/** Options of `httpTask`: those of `task`, and more. */
export interface HttpTaskOptions extends Omit<TaskOptions<HttpPayload>, 'codec' | 'version' | 'upgrade' | 'lane'> {
  /**
   * The `base` of `sendHttp`: if that has one, give the same one here. The gate of the tasks is its origin, and their
   * lanes begin with it. It is not stored, and `sendHttp` decides where requests go. Default: the origin of the page or
   * worker that adds, as the default of `sendHttp` is the origin of the worker.
   *
   * @example
   * const api = httpTask({ base: 'https://api.example.com/v1' });
   */
  readonly base?: string | undefined;
  /**
   * What becomes of two requests that have the same key, the same lane, and were not sent. With `coalesce` they become
   * one where that is exact. If it is given, the default key of a PUT, PATCH or DELETE is its path.
   *
   * @example
   * const api = httpTask({ merge: coalesce });
   */
  readonly merge?: TaskOptions<HttpPayload>['merge'];
  /**
   * The lane of each request, as in `task`; `false`: no lane. Default: the base and the first two parts of the path, so
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
export function httpTask(given: HttpTaskOptions = {}): TaskType<HttpPayload, KeptAnswer> {
  const { base, lane, headers = [], ...rest } = given;
  const { codec, version, upgrade } = given as TaskOptions<HttpPayload>;
  if (codec ?? version ?? upgrade) {
    throw new TaskbasketError('option', 'httpTask can have no codec, version or upgrade, because it has its own.');
  }
  const below = base === undefined ? (originHere() ?? '') : checkedBase(base);
  const more = new Set(headers.map((name) => name.toLowerCase()));
  for (const name of more) {
    must(isAllowable(name), 'headers', 'names of headers without secrets', name);
  }

  return task<HttpPayload, KeptAnswer, StoredRequest>({
    key: rest.merge === undefined ? undefined : keyOf,
    gate: (request) => originOf(isRequest(request) ? request.url : below),
    ...defined(rest),
    lane: lane === false ? undefined : (lane ?? ((request) => laneOf(request, below))),
    codec: requestCodec(more),
  });
}

/** What a request is about, if it has an address of its own. */
function keyOf(request: HttpPayload): string | undefined {
  const { method = 'GET', url } = Object(request) as HttpRequest;

  return /^(?:put|patch|delete)$/i.test(method) ? url : undefined;
}

/** The origin of an address. */
function originOf(url: string): string | undefined {
  return /^https?:\/\/[^/]+/.exec(url)?.[0];
}

/** The lane of a request. A request that is wrong has none: the codec says what is wrong with it. */
function laneOf(request: HttpPayload, below: string): string | undefined {
  const { method = 'GET', url: path, fill } = Object(request) as Omit<HttpRequest, 'url'> & { readonly url: unknown };
  const url = isRequest(request) ? request.url : below + String(path);
  const before = url.startsWith(`${below}/`) ? below : (originOf(url) ?? '');
  const { name, parts } = recordOf(url.slice(before.length));
  const isCollection = parts < 2 && /^post$/i.test(method);

  return isCollection || isFilled(name, fill) ? undefined : before + name;
}
