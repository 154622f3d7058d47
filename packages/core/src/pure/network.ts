import { partOf } from './parts.js';

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
  'network request (?:failed|timed out)', // What stands in for `fetch` where there is none
  'fetch failed', // Node
  'error sending request for url', // Deno
];

const sentence = new RegExp(
  `(?:^|\\W)TypeError: (?:.*[^\\w\\s'"\`]\\s*)?(?:${sentences.join('|')})(?=[ \\t]*(?:$|[^\\w \\t]|[\\w-]+[.:/]\\S))`,
  'is',
);

/** What HTTP clients and Node call it: axios, the AWS SDK, Firebase; the rest are the system's own names. */
const codes =
  /^(?:ERR_NETWORK|NetworkingError|.*network-request-failed|UND_ERR_(?:SOCKET|CONNECT_TIMEOUT)|E(?:CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|(?:NET|HOST)(?:UNREACH|DOWN)))$/;

/** Ended on purpose, or by a time limit that the app set: the server may be there, and may have the request. */
const ended =
  /^(?:AbortError|TimeoutError|Cancell?edError|CancelError|ABORT_ERR|ERR_CANCELED|ECONNABORTED|abort|timeout)$/;

/** So many errors of a chain of causes are read: a longer chain is a circle, or says nothing. */
const deepest = 10;

/**
 * Whether an error means that a request did not reach its destination, or that its answer was cut off. Never throws.
 *
 * It knows what `fetch` throws, as it is, as the `cause` of another error, and as common HTTP clients throw it. A request
 * that was blocked (CORS, a content security policy) looks the same. These are no network errors: an abort, a time limit
 * of the app, an answer with a status, and a module of the app that cannot be loaded, which says nothing of the
 * destination.
 */
export function isNetworkError(error: unknown): boolean {
  const chain = [error];
  for (let at = next(error); at !== undefined && chain.length < deepest; at = next(at)) chain.push(at);

  return !chain.some((one) => wasEnded(one) || statusOf(one) > 0) && chain.some(foundNoNetwork);
}

/** What lay behind an error; GraphQL clients have their own word for it. */
function next(error: unknown): unknown {
  return partOf(error, 'cause') ?? partOf(error, 'networkError') ?? undefined;
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
    (partOf(error, 'isAxiosError') === true && textOf(error, 'message') === 'Network Error') || // axios until 0.26
    partOf(error, 'crossDomain') === true || // superagent
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
