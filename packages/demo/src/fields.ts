/**
 * The fields of a report, in the form of the page and in copies of it: filled, read, marked as wrong.
 */
import type { Checks } from './checklist.js';
import { points } from './checklist.js';
import { byId, say, within } from './dom.js';
import type { ReportText } from './tasks.js';

export type FieldName = 'title' | 'text' | 'checks';
export type FieldValues = Pick<ReportText, 'title' | 'text'> & { readonly checks: Checks };
export type Fields = ReturnType<typeof createFields>;

/** The fields that stand in the page. */
export function pageFields(): Fields {
  return createFields(byId('report-fields', HTMLDivElement));
}

/** A copy of them, for another form. Labels and errors belong to the copies. */
export function copyFields(suffix: string): Fields {
  const copy = byId('report-fields', HTMLDivElement).cloneNode(true) as HTMLDivElement;
  for (const part of [copy, ...copy.querySelectorAll('*')]) {
    for (const name of ['id', 'for', 'aria-describedby', 'data-testid']) {
      const value = part.getAttribute(name);
      if (value !== null) part.setAttribute(name, `${value}-${suffix}`);
    }
  }
  const fields = createFields(copy);
  fields.clear();
  return fields;
}

function createFields(group: HTMLDivElement) {
  const title = within(group, '[name=title]', HTMLInputElement);
  const text = within(group, '[name=text]', HTMLTextAreaElement);
  const checklist = within(group, '.checklist', HTMLFieldSetElement);
  const radios = [...checklist.querySelectorAll('input')];
  const errors: Record<FieldName, HTMLElement> = {
    title: within(group, '[data-error=title]', HTMLParagraphElement),
    text: within(group, '[data-error=text]', HTMLParagraphElement),
    checks: within(group, '[data-error=checks]', HTMLParagraphElement),
  };
  const controls = { title, text, checks: radios[0] ?? title };
  title.addEventListener('input', () => mark('title', undefined));
  text.addEventListener('input', () => mark('text', undefined));
  checklist.addEventListener('change', () => mark('checks', undefined));

  function read(): FieldValues {
    const given = points.flatMap(({ name }) => {
      const chosen = radios.find((radio) => radio.name === name && radio.checked);
      return chosen ? [[name, chosen.value] as const] : [];
    });
    return { title: title.value.trim(), text: text.value, checks: Object.fromEntries(given) };
  }

  function fill(report: Pick<ReportText, 'title' | 'text' | 'checks'>): void {
    clear();
    title.value = report.title;
    text.value = report.text;
    for (const radio of radios) {
      radio.checked = points.some(({ name }) => name === radio.name && report.checks?.[name] === radio.value);
    }
  }

  function clear(): void {
    title.value = '';
    text.value = '';
    for (const radio of radios) radio.checked = false;
    for (const name of ['title', 'text', 'checks'] as const) mark(name, undefined);
  }

  /** Ties an error to its field, or takes it away. */
  function mark(name: FieldName, error: string | undefined): void {
    say(errors[name], error);
    const marked = name === 'checks' ? checklist : controls[name];
    if (error === undefined) {
      marked.removeAttribute('aria-invalid');
      marked.removeAttribute('aria-describedby');
    } else {
      if (name !== 'checks') marked.setAttribute('aria-invalid', 'true');
      marked.setAttribute('aria-describedby', errors[name].id);
    }
  }

  return { group, read, fill, clear, mark, focus: (name: FieldName) => controls[name].focus() };
}

/** The field that a sentence of the server's names. */
export function fieldIn(sentence: string): FieldName | undefined {
  if (/\btitle\b/i.test(sentence)) return 'title';
  if (/\btext\b/i.test(sentence)) return 'text';
  return /\bchecklist\b/i.test(sentence) ? 'checks' : undefined;
}
