/** Did the browser keep a request from its server, or is the server away? */
import { originHere } from './options.js';

/** Listens for a content security policy that refuses a request. */
export function watchPolicy(url: string): {
  /** Whether a policy has refused the request: asked after it has failed. */
  readonly refused: () => Promise<boolean>;
  readonly stop: () => void;
} {
  const scope = globalThis as Partial<Pick<typeof globalThis, 'addEventListener' | 'removeEventListener'>>;
  let tell: (refused: boolean) => void = () => undefined;
  const told = new Promise<boolean>((resolve) => (tell = resolve));
  const listener = (event: Event): void => {
    const { blockedURI, disposition } = event as SecurityPolicyViolationEvent;
    // The standard lets a browser name the origin alone.
    if (disposition === 'enforce' && [url, new URL(url).origin].includes(blockedURI)) tell(true);
  };
  scope.addEventListener?.('securitypolicyviolation', listener);

  return {
    refused() {
      // Chromium 156 tells it in the task after the one in which `fetch` rejects, in a SharedWorker too.
      setTimeout(() => tell(false), 100);

      return told;
    },
    stop: () => scope.removeEventListener?.('securitypolicyviolation', listener),
  };
}

/** Says that a content security policy refuses a request. */
export function refusedByPolicy(url: string): Error {
  const where = 'connect-src, for page and worker';

  return blocked(`The app's content security policy refuses ${new URL(url).origin}. Allow it in ${where}.`);
}

/**
 * Whether the server of another origin is there: then the browser refuses the request or its answer. A `no-cors` request
 * needs no permission of the server, and shows nothing of its answer.
 */
export async function isThere(url: string, signal: AbortSignal): Promise<boolean> {
  if (new URL(url).origin === originHere()) return false;
  try {
    await fetch(url, { method: 'HEAD', mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal });

    return true;
  } catch {
    return false;
  }
}

/** Says that the server is there, and that a request does not reach it, or its answer does not come back. */
export function refusedByCors(url: string, keyHeader: string): Error {
  const what = `The server ${new URL(url).origin} is there, but CORS withholds this request or its answer.`;

  return blocked(`${what} Let it allow this app's origin and the header ${keyHeader}, also in errors.`);
}

/** An ordinary error, which is counted. (As the cause of another error, the one of `fetch` would mean a lost network.) */
function blocked(message: string): Error {
  return Object.assign(new Error(message), { name: 'Blocked' });
}
