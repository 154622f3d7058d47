import { chainOf, partOf } from './parts.js';

/**
 * What engines say of a request that found no network, or lost it. Each text must be at the beginning of the message of
 * a `TypeError`, or after a punctuation mark, because libraries put text before it and a host after it. If a word
 * follows, the sentence means something else: "Failed to fetch dynamically imported module", "Failed to fetch the
 * list".
 */
const sentences: readonly string[] = [
  'failed to fetch', // Chromium
  'network error', // Chromium, in the middle of an answer, until 2024; Bun
  'a network error occurred',
  'networkerror when attempting to fetch resource', // Firefox
  'content-length header of network response exceeds response body', // Firefox, in the middle of an answer
  'error in (?:body|input) stream', // Firefox, likewise
  'load failed', // WebKit
  'the internet connection appears to be offline', // WebKit until 2022, and in apps that embed it
  '(?:the )?network connection (?:was )?lost',
  'a server with the specified hostname could not be found',
  'could not connect to the server',
  'an ssl error has occurred and a secure connection to the server cannot be made',
  'the request timed out',
  'network request (?:failed|timed out)', // A substitute for `fetch`
  'fetch failed', // Node
  'terminated', // Node, in the middle of an answer
];

const sentence = new RegExp(
  `(?:^|\\W)TypeError: (?:.*[^\\w\\s'"\`]\\s*)?(?:${sentences.join('|')})(?=[ \\t]*(?:$|[^\\w \\t]|[\\w-]+[.:/]\\S))`,
  'is',
);

/** The codes of HTTP clients, and of operating systems. */
const codes =
  /^(?:ERR_NETWORK|.*network-request-failed|UND_ERR_(?:SOCKET|CONNECT_TIMEOUT)|E(?:CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|PIPE|(?:NET|HOST)(?:UNREACH|DOWN)))$/;

/** The names of an abort, or of a time limit of the app: the server may be there, and may have got the request. */
const ended =
  /^(?:AbortError|TimeoutError|Cancell?edError|CancelError|ABORT_ERR|ERR_CANCELED|ECONNABORTED|abort|timeout)$/;

/**
 * Whether an error means that a request did not reach its destination, or that its answer was cut off. Never throws.
 *
 * It knows the errors of `fetch` and of common HTTP clients, also as the `cause` of another error or among the `errors`
 * of an AggregateError. A request that CORS blocks looks the same. These are not network errors: an abort, a time limit
 * of the app, an answer with a status, a request that the page's own policy refuses, and a module of the app that
 * cannot be loaded, which says nothing about the destination.
 *
 * @example
 * if (isNetworkError(error)) show('There is no connection. The note is sent later.');
 */
export function isNetworkError(error: unknown): boolean {
  const errors = chainOf(error, behind);

  return !errors.some(saysOtherwise) && errors.some(foundNoNetwork);
}

/** The errors that led to an error. GraphQL clients name theirs `networkError`. */
function behind(error: unknown): readonly unknown[] {
  const several = partOf(error, 'errors');

  return ['cause', 'networkError']
    .map((part) => partOf(error, part))
    .concat([0, 1, 2].map((place) => partOf(several, place)));
}

function saysOtherwise(error: unknown): boolean {
  return wasEnded(error) || statusOf(error) > 0 || /content security policy/i.test(textOf(error, 'message'));
}

function wasEnded(error: unknown): boolean {
  return ['name', 'code', 'type', 'statusText'].some((part) => ended.test(textOf(error, part)));
}

/** The status of the answer. 0: there was no answer. -1: the error does not say. */
function statusOf(error: unknown): number {
  const from = [error, partOf(error, 'response'), partOf(error, 'target')].map((one) => partOf(one, 'status'));

  return from.find((status) => typeof status === 'number') ?? -1;
}

function foundNoNetwork(error: unknown): boolean {
  return (
    textOf(error, 'name') === 'NetworkError' ||
    codes.test(textOf(error, 'code')) ||
    sentence.test(`${textOf(error, 'name')}: ${textOf(error, 'message')}`) ||
    statusOf(error) === 0 || // Angular, jQuery, the event of an XMLHttpRequest
    isOfNoCode(error)
  );
}

/** In WebKit, whatever its language, a `TypeError` of the network has no stack. A mistake in the code has one. */
function isOfNoCode(error: unknown): boolean {
  try {
    const { name, stack, message } = error as Error;
    const made = Object.prototype.toString.call(error) === '[object Error]' && name === 'TypeError';

    return made && stack === undefined && !message.includes('module script');
  } catch {
    return false;
  }
}

function textOf(error: unknown, part: string): string {
  const text = partOf(error, part);

  return typeof text === 'string' ? text.slice(0, 2_000) : '';
}
