/** The messages that engines give a `fetch` that found no network. Any other `TypeError` is a mistake in the code. */
const networkMessages: readonly RegExp[] = [
  /^failed to fetch$/i, // Chromium
  /^networkerror when attempting to fetch resource/i, // Firefox
  /^load failed/i, // WebKit
  /^the internet connection appears to be offline/i,
  /^the network connection was lost/i,
  /^network request failed/i,
  /^fetch failed/i, // Node
  /^network error/i,
];

/**
 * Whether an error is a `fetch` that did not reach its destination, as far as an engine lets one know. A request that
 * was blocked (CORS, a content security policy) looks the same. An abort is not one.
 */
export function isNetworkError(error: unknown): boolean {
  try {
    return error instanceof TypeError && networkMessages.some((message) => message.test(error.message));
  } catch {
    return false; // A getter or a proxy that throws: it is none of an engine's.
  }
}
