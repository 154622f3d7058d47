/**
 * The switch "send later": does the inspector hold back what is not sent?
 */
import type { Announce } from './announcer.js';
import type { Basket } from './basket.js';
import { byId } from './dom.js';
import { oneAtATime } from './rounds.js';

/** @returns A function that looks whether it is on: the basket keeps that, for each inspector, and for all tabs. */
export function showLater(basket: Basket, announce: Announce): () => void {
  const button = byId('send-later', HTMLButtonElement);

  const look = oneAtATime(async () => {
    // These are the pauses of who is signed in.
    const { pauses } = await basket.health();
    button.ariaPressed = String(pauses.length > 0);
  });

  async function change(): Promise<void> {
    const isOn = button.ariaPressed === 'true';
    try {
      if (isOn) await basket.resume();
      else await basket.pause({});
      announce(isOn ? 'What waits is sent again.' : 'Nothing is sent until you switch “Send later” off.');
    } catch (error) {
      announce(error instanceof Error ? error.message : String(error));
    }
    look();
  }

  button.addEventListener('click', () => void change());
  document.addEventListener('visibilitychange', look);
  return look;
}
