/**
 * The panel that switches the server's mood. Nothing is asked of the server until it is opened.
 */
import { byId } from './dom.ts';

export function showMood(): void {
  const panel = byId('mood-panel', HTMLDetailsElement);
  const form = byId('mood-form', HTMLFormElement);
  const select = byId('mood', HTMLSelectElement);
  const current = byId('mood-current', HTMLParagraphElement);

  panel.addEventListener('toggle', () => {
    if (panel.open) void ask();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void ask({ method: 'POST', body: JSON.stringify(moodIn(form)), headers: { 'Content-Type': 'application/json' } });
  });

  async function ask(init?: RequestInit): Promise<void> {
    try {
      const response = await fetch('/control/mood', init);
      const answer = (await response.json()) as { mood?: string; options?: object; title?: string };
      if (answer.mood === undefined) throw new Error(answer.title ?? response.statusText);
      const words = [...select.options].find((option) => option.value === answer.mood)?.text ?? answer.mood;
      current.textContent = `Now: ${words} ${optionsIn(answer.options ?? {})}`;
    } catch (error) {
      current.textContent = `The server did not take it: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

/** The mood and its options; an empty field is left out. */
function moodIn(form: HTMLFormElement): { mood: string; options: Record<string, number> } {
  const mood = byId('mood', HTMLSelectElement).value;
  const filled = [...form.querySelectorAll('input')].filter((input) => input.value !== '');
  return { mood, options: Object.fromEntries(filled.map((input) => [input.name, input.valueAsNumber])) };
}

function optionsIn(options: object): string {
  const parts = Object.entries(options).map(([name, value]) => `${name} ${String(value)}`);
  return parts.length === 0 ? '' : `(${parts.join(', ')})`;
}
