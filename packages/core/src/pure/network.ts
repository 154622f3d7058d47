import { chainOf, partOf } from './parts.js';

/**
 * What engines say of a request that found no network, or lost it. Each is looked for at the beginning of a `TypeError`'s
 * message, or behind a punctuation mark, because libraries put text before it and a host behind it. A word that follows
 * makes another sentence of it: "Failed to fetch dynamically imported module", "Failed to fetch the list".
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
  'network request (?:failed|timed out)', // What stands in for `fetch` where there is none
  'fetch failed', // Node
  'terminated', // Node, in the middle of an answer
];

const sentence = new RegExp(
  `(?:^|\\W)TypeError: (?:.*[^\\w\\s'"\`]\\s*)?(?:${sentences.join('|')})(?=[ \\t]*(?:$|[^\\w \\t]|[\\w-]+[.:/]\\S))`,
  'is',
);

/** What HTTP clients call it, and the names that systems have for it. */
const codes =
  /^(?:ERR_NETWORK|.*network-request-failed|UND_ERR_(?:SOCKET|CONNECT_TIMEOUT)|E(?:CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|PIPE|(?:NET|HOST)(?:UNREACH|DOWN)))$/;

/** Ended on purpose, or by a time limit that the app set: the server may be there, and may have the request. */
const ended =
  /^(?:AbortError|TimeoutError|Cancell?edError|CancelError|ABORT_ERR|ERR_CANCELED|ECONNABORTED|abort|timeout)$/;

/**
 * Whether an error means that a request did not reach its destination, or that its answer was cut off. Never throws.
 *
 * It knows what `fetch` throws, as it is, behind another error (`cause`, the `errors` of an AggregateError), and as common
 * HTTP clients throw it. A request that CORS blocks looks the same. These are no network errors: an abort, a time limit of
 * the app, an answer with a status, a request that the page's own policy refuses, and a module of the app that cannot be
 * loaded, which says nothing of the destination.
 */
export function isNetworkError(error: unknown): boolean {
  const errors = chainOf(error, behind);

  return !errors.some(saysOtherwise) && errors.some(foundNoNetwork);
}

/** What lies behind an error. GraphQL clients have their own word for it. */
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

/** The status of the answer; 0: nobody answered. -1: nothing is said of it. */
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

/** WebKit gives a `TypeError` no stack if the network made it, whatever its language. A mistake in the code has one. */
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
