/**
 * Writing a report, and changing one that was written before.
 */
import type { Announce } from './announcer.js';
import type { Report } from './db.js';
import { byId, say, show } from './dom.js';
import { pageFields } from './fields.js';
import { showPictureField } from './picture-field.js';
import type { Reports } from './reports.js';
import type { PhotoNote } from './tasks.js';

/** @returns Functions that put a report into the form, to be changed, and that empty it. */
export function showForm(reports: Reports, announce: Announce, onSaved: () => void) {
  const form = byId('report-form', HTMLFormElement);
  const heading = byId('write-heading', HTMLHeadingElement);
  const another = byId('new-report', HTMLButtonElement);
  const failure = byId('form-error', HTMLParagraphElement);
  const fields = pageFields();
  const picture = showPictureField();
  let id: string = crypto.randomUUID();
  let before: PhotoNote | undefined;
  let saving = false;

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (saving) return;
    saving = true;
    void save().finally(() => (saving = false));
  });
  another.addEventListener('click', () => {
    begin();
    fields.focus('title');
  });

  async function save(): Promise<void> {
    const { title, text, checks } = fields.read();
    if (title === '') {
      fields.mark('title', 'Give the report a title.');
      fields.focus('title');
      return;
    }
    const chosen = picture.read();
    const photo = chosen ? { id: crypto.randomUUID(), alt: chosen.alt || `Photo of ${title}` } : before;
    try {
      await reports.save({ id, title, text, checks, ...(photo && { photo }) }, chosen?.picture);
    } catch (error) {
      const sentence = `Not saved: ${error instanceof Error ? error.message : String(error)}`;
      say(failure, sentence);
      announce(sentence);
      return;
    }
    announce(`Saved: ${title}. It is sent when the server can be reached.`);
    begin();
    fields.focus('title');
    onSaved();
  }

  function begin(report?: Report): void {
    id = report?.id ?? crypto.randomUUID();
    before = report?.photo;
    picture.clear();
    if (report) fields.fill(report);
    else fields.clear();
    say(failure, undefined);
    say(heading, report ? 'Change the report' : 'New report');
    show(another, report !== undefined, heading);
  }

  return {
    edit: (report: Report): void => {
      begin(report);
      fields.focus('title');
    },
    clear: () => begin(),
  };
}
