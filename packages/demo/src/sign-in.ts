/**
 * Who is signed in: chosen once, kept on this device, the same in all tabs.
 */
import type { Announce } from './announcer.js';
import type { Basket } from './basket.js';
import { byId, say, show } from './dom.js';
import { type Inspector, inspectorNamed, names } from './inspectors.js';

/** Where the browser keeps who is signed in. The token is kept nowhere. */
const place = 'inspector';

/**
 * @param isUnsaved Whether something is written that would be lost.
 * @param onChange Called when somebody else is signed in, or nobody any more: nothing of before may be shown then.
 */
export function createSignIn(
  basket: Basket,
  announce: Announce,
  isUnsaved: () => Promise<boolean>,
  onChange: () => void,
) {
  const choice = byId('sign-in', HTMLElement);
  const choiceHeading = byId('sign-in-heading', HTMLHeadingElement);
  const leave = byId('sign-out', HTMLButtonElement);
  const question = byId('leave', HTMLDialogElement);
  const questionHeading = byId('leave-heading', HTMLHeadingElement);
  let inspector: Inspector | undefined;

  for (const button of choice.querySelectorAll('button'))
    button.addEventListener('click', () => become(inspectorNamed(button.value)));
  leave.addEventListener('click', () => void ask());
  question.addEventListener('close', () => {
    if (question.returnValue === 'leave') become(undefined);
  });
  // Another tab has signed somebody in or out. What is kept decides, so all tabs come to the same.
  globalThis.addEventListener('storage', () => {
    if (kept() !== inspector) begin(kept());
  });

  /** Signs out. Asks before, if something is not sent yet, or not even saved. */
  async function ask(): Promise<void> {
    const unsaved = await isUnsaved();
    const { count } = await basket.count();
    if (count === 0 && !unsaved) return become(undefined);
    const saves = count === 1 ? '1 save is not sent yet' : `${count} saves are not sent yet`;
    say(questionHeading, count === 0 ? 'Something is not saved' : saves);
    byId('leave-unsaved', HTMLElement).hidden = !unsaved;
    byId('leave-unsent', HTMLElement).hidden = count === 0;
    question.returnValue = '';
    question.showModal();
  }

  function become(next: Inspector | undefined): void {
    if (next === undefined) localStorage.removeItem(place);
    else localStorage.setItem(place, next);
    begin(next);
    announce(next === undefined ? 'Signed out.' : `Signed in as ${names[next]}.`);
  }

  function begin(next: Inspector | undefined): void {
    inspector = next;
    void tell();
    question.close();
    if (next === undefined) choice.hidden = false;
    say(byId('who', HTMLElement), next && names[next]);
    for (const id of ['skip', 'session', 'write', 'lists'])
      show(byId(id, HTMLElement), next !== undefined, choiceHeading);
    show(choice, next === undefined, byId('title', HTMLInputElement));
    onChange();
  }

  /** Tells the basket who is signed in. That holds in this tab from the call on. */
  async function tell(): Promise<void> {
    const who = inspector;
    try {
      if (who === undefined) await basket.signOut();
      // What was saved before there were inspectors becomes that of the first one who signs in.
      else await basket.signIn(who, async () => ({ token: await tokenOf(who) }), { adopt: true });
    } catch (error) {
      announce(error instanceof Error ? error.message : String(error));
    }
  }

  return {
    /** Who is signed in. */
    inspector: () => inspector,
    /** Signs in whom this device keeps, or shows the choice. */
    start: () => begin(kept()),
    /** Signs in the same inspector once more, because the server does not take the token any more. */
    again: tell,
  };
}

function kept(): Inspector | undefined {
  return inspectorNamed(localStorage.getItem(place));
}

/**
 * A new token. The basket asks for one when a worker starts, and when the server does not take the last one.
 *
 * Without a network there is none, and an empty one is given: it is tried, so the list says that the server is away. Once
 * the server is back it refuses the empty token, and the basket asks again.
 */
async function tokenOf(inspector: Inspector): Promise<string> {
  try {
    const response = await fetch(`/sign-in/${inspector}`, { method: 'POST' });
    const { token = '' } = (await response.json()) as { token?: string };
    return token;
  } catch {
    return '';
  }
}
