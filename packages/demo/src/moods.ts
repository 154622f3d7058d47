/**
 * The panel that switches the server's mood. Nothing is asked of the server until it is opened.
 */
import type { Announce } from './announcer.js';
import { byId, element, say } from './dom.js';

interface Mood {
  readonly name: string;
  readonly words: string;
  readonly effect: string;
  /** The fields that mean something to it. */
  readonly fields?: readonly string[];
}

const moods: readonly Mood[] = [
  { name: 'up', words: 'Up', effect: 'All is well' },
  { name: 'slow', words: 'Slow', effect: '2 s late', fields: ['delay'] },
  { name: '503', words: 'Busy', effect: '503', fields: ['retryAfter'] },
  { name: '429', words: 'Too much', effect: '429, wait 2 s', fields: ['retryAfter'] },
  { name: '401', words: 'Signed out', effect: '401' },
  { name: 'redirect', words: 'Sign-in page', effect: '302' },
  { name: '4xx', words: 'Refuses', effect: '422, to all', fields: ['status'] },
  { name: '500', words: 'Fails', effect: '500' },
  { name: 'drop-before', words: 'Hangs up', effect: 'before the effect' },
  { name: 'drop-after', words: 'Hangs up late', effect: 'after the effect' },
  { name: 'refuse', words: 'Unreachable', effect: 'No connection' },
  { name: 'hang', words: 'Silent', effect: 'Never answers' },
];

/** @param opened Called when the panel was opened or closed. */
export function showMoods(announce: Announce, opened: (open: boolean) => void): void {
  const panel = byId('mood-panel', HTMLDetailsElement);
  const list = byId('moods', HTMLUListElement);
  const current = byId('mood-current', HTMLParagraphElement);
  const buttons = moods.map((mood) => {
    const made = element(
      'button',
      { type: 'button', className: 'mood', testId: `mood-${mood.name}`, ariaPressed: 'false' },
      element('span', { className: 'mood-name', textContent: mood.words }),
      ' ',
      element('span', { className: 'mood-effect', textContent: mood.effect }),
    );
    made.addEventListener('click', () => void ask(post(mood)).then(() => announce(current.textContent)));
    list.append(element('li', {}, made));
    return { mood, made };
  });

  panel.addEventListener('toggle', () => {
    opened(panel.open);
    if (panel.open) void ask();
  });

  async function ask(init?: RequestInit): Promise<void> {
    try {
      const response = await fetch('/control/mood', init);
      const answer = (await response.json()) as { mood?: string; options?: object; title?: string };
      if (answer.mood === undefined) throw new Error(answer.title ?? response.statusText);
      showCurrent(answer.mood, answer.options ?? {});
    } catch (error) {
      say(current, `The server did not take it: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  function showCurrent(name: string, options: object): void {
    for (const { mood, made } of buttons) made.ariaPressed = String(mood.name === name);
    const now = moods.find((mood) => mood.name === name);
    say(current, `Now: ${now?.words ?? name}${optionsIn(options)}.`);
  }
}

function post({ name, fields = [] }: Mood): RequestInit {
  const options = [...fields, 'times'].flatMap((field) => {
    const input = byId(`mood-${field}`, HTMLInputElement);
    return input.value === '' ? [] : [[field, input.valueAsNumber] as const];
  });
  const body = JSON.stringify({ mood: name, options: name === 'up' ? {} : Object.fromEntries(options) });
  return { method: 'POST', body, headers: { 'Content-Type': 'application/json' } };
}

const optionWords: Readonly<Record<string, (value: unknown) => string>> = {
  delay: (value) => `${String(value)} ms late`,
  retryAfter: (value) => `asks for ${String(value)} s`,
  status: (value) => `status ${String(value)}`,
  times: (value) => (value === 1 ? 'for one request' : `for ${String(value)} requests`),
};

function optionsIn(options: object): string {
  return Object.entries(options)
    .map(([name, value]) => `, ${optionWords[name]?.(value) ?? `${name} ${String(value)}`}`)
    .join('');
}
