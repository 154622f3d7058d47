/**
 * Writing a report, and changing one that was written before.
 */
import type { Announce } from './announcer.ts';
import { byId } from './dom.ts';
import type { Reports } from './reports.ts';
import type { ReportText } from './tasks.ts';

/** @returns A function that puts a report into the form, to be changed. */
export function showForm(reports: Reports, announce: Announce, onSaved: () => void): (report: ReportText) => void {
  const form = byId('report-form', HTMLFormElement);
  const heading = byId('write-heading', HTMLHeadingElement);
  const title = byId('title', HTMLInputElement);
  const text = byId('text', HTMLTextAreaElement);
  const another = byId('new-report', HTMLButtonElement);
  let id: string = crypto.randomUUID();

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void save();
  });
  another.addEventListener('click', () => {
    begin();
    title.focus();
  });

  async function save(): Promise<void> {
    const report = { id, title: title.value.trim(), text: text.value };
    try {
      await reports.save(report);
    } catch (error) {
      announce(`Not saved: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    announce(`Saved: ${report.title}. It is sent when the server can be reached.`);
    begin();
    title.focus();
    onSaved();
  }

  function begin(): void {
    id = crypto.randomUUID();
    form.reset();
    heading.textContent = 'New report';
    another.hidden = true;
  }

  return (report) => {
    id = report.id;
    title.value = report.title;
    text.value = report.text;
    heading.textContent = 'Change the report';
    another.hidden = false;
    title.focus();
  };
}
