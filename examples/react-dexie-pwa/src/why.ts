/** Why something is not sent yet, in words. */
import type { Reason } from 'taskbasket';

const at = (time: number) => new Date(time).toLocaleTimeString();

function words(reason: Reason): string {
  switch (reason.reason) {
    case 'running':
      return 'It is being sent.';
    case 'backoff':
    case 'date':
      return `Next try at ${at(reason.until)}.`;
    case 'gate':
      return `The server is away. ${reason.until ? `Next try at ${at(reason.until)}.` : 'It is being tried.'}`;
    case 'lane':
      return reason.dead ? 'It waits for an earlier change that was refused.' : 'It waits for an earlier change.';
    case 'parent':
      return reason.state === 'dead' ? 'It waits for a change that was refused.' : 'It waits for another change.';
    case 'dead':
      if (reason.because === 'parent') return 'What it belongs to was discarded.';
      if (reason.because === 'expired') return 'It was not sent in time. Try it again, or discard it.';
      if (reason.because === 'limit') return `It failed too often: ${reason.error?.message} Try it again, or discard it.`;
      return `${reason.error?.status === undefined ? 'It cannot be sent' : 'The server refused it'}: ${reason.error?.message} Correct it, or discard it.`;
    case 'paused':
      return 'It waits until you let it go on.';
    case 'busy':
    case 'alone':
    case 'aside':
      return 'It waits until others are sent.';
    case 'signed-out':
      return 'It waits until the person who saved it signs in again.';
    case 'no-owner':
      return 'It was saved before anybody signed in, and waits for a sign-in.';
    case 'no-room':
      return 'This device has no room for it to be sent: free some space.';
    case 'no-runner':
      return 'Nothing sends at the moment: keep this page open.';
    case 'unknown-type':
    case 'unknown-version':
    case 'undecodable':
    case 'other-leader':
      return 'It waits for another version of this app. Reload the page.';
    case 'gone':
      return 'It was sent, or discarded.';
  }
}

export const inWords = (reasons: readonly Reason[]): string =>
  reasons.length === 0 ? 'It is about to be sent.' : reasons.map(words).join(' ');
