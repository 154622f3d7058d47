/**
 * Writing a report, and changing one that was written before.
 */
import type { Announce } from './announcer.js';
import { createAutosave } from './autosave.js';
import type { Report } from './db.js';
import { byId, say, show } from './dom.js';
import { pageFields } from './fields.js';
import { showPictureField } from './picture-field.js';
import type { Reports } from './reports.js';
import type { ReportText } from './tasks.js';
import { timeOfDay } from './words.js';

/** @returns Functions that put a report into the form, to be changed, and that empty it. */
export function showForm(reports: Reports, announce: Announce, onSaved: () => void) {
  const form = byId('report-form', HTMLFormElement);
  const heading = byId('write-heading', HTMLHeadingElement);
  const another = byId('new-report', HTMLButtonElement);
  const note = byId('form-note', HTMLParagraphElement);
  const failure = byId('form-error', HTMLParagraphElement);
  const fields = pageFields();
  const picture = showPictureField();
  const forgetTyped = createAutosave(byId('text', HTMLTextAreaElement), () => inTurn(saveByItself));
  let id: string = crypto.randomUUID();
  /** The report that is changed, as it was saved last. */
  let before: ReportText | undefined;
  /** The text that is being saved now, or else the one that was saved last. */
  let kept: ReportText | undefined;
  /** The picture that is being saved now, or was saved last. */
  let keptPicture: Blob | undefined;
  /** Is raised whenever a report is opened in the form, or a new one is begun. */
  let begun = 0;
  let last = Promise.resolve();
  let saving = false;

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (saving) return;
    saving = true;
    inTurn(async () => save().finally(() => (saving = false)));
  });
  another.addEventListener('click', () => open());

  /** One save after the other, so that each knows what the one before has stored. */
  function inTurn(step: () => Promise<void>): void {
    last = last.then(step);
  }

  async function save(): Promise<void> {
    forgetTyped();
    const values = fields.read();
    const { title } = values;
    if (title === '') {
      fields.mark('title', 'Give the report a title.');
      fields.focus('title');
      return;
    }
    const [saved, photoBefore, mine] = [id, before?.photo, begun];
    // The field says why, if the browser was still reading the file, and it is no picture.
    const chosen = await picture.read().catch(() => 'no picture' as const);
    if (chosen === 'no picture') return;
    const photo = chosen ? { id: crypto.randomUUID(), alt: chosen.alt || `Photo of ${title}` } : photoBefore;
    if (!(await store({ id: saved, ...values, ...(photo && { photo }) }, chosen?.picture))) return;
    announce(`Saved: ${title}. It is sent when the server can be reached.`);
    onSaved();
    if (chosen && id === saved) picture.forget(chosen.picture);
    // Meanwhile another report may have been opened in the form, or the same one.
    if (begun !== mine) return;
    if (await isUnsaved()) return showWhat(true);
    begin();
    fields.focus('title');
  }

  /** A change of a report that was saved before. What is new, or has no text yet, waits for the button. */
  async function saveByItself(): Promise<void> {
    const values = fields.read();
    if (before === undefined || values.title === '' || values.text === '') return;
    const { photo } = before;
    if (!(await store({ id, ...values, ...(photo && { photo }) }))) return;
    if (before) say(note, `Saved by itself at ${timeOfDay(Date.now())}.`);
    onSaved();
  }

  /** Resolves with whether the report is on disk. Saves nothing if it was saved like that before. */
  async function store(report: ReportText, chosen?: Blob): Promise<boolean> {
    if (!chosen && JSON.stringify(report) === JSON.stringify(before)) return true;
    if (id === report.id) [kept, keptPicture] = [report, chosen];
    try {
      await reports.save(report, chosen);
    } catch (error) {
      if (id === report.id) [kept, keptPicture] = [before, undefined];
      const sentence = `Not saved: ${error instanceof Error ? error.message : String(error)}`;
      say(failure, sentence);
      announce(sentence);
      return false;
    }
    // Meanwhile the form may have been emptied.
    if (id !== report.id) return true;
    before = report;
    say(failure, undefined);
    return true;
  }

  /** Goes on to another report, or to a new one. Asks before, if what is written would be lost. */
  function open(report?: Report): void {
    // What the list shows is older than what is being saved.
    if (report?.id === id && kept !== before) {
      begun += 1;
      showWhat(true);
      fields.focus('title');
      return;
    }
    const isLost = isTyped(kept) || picture.hasOtherThan(keptPicture);
    if (isLost && !confirm('What you are writing is not saved. Do you want to lose it?')) return;
    begin(report);
    fields.focus('title');
  }

  function begin(report?: Report): void {
    forgetTyped();
    begun += 1;
    id = report?.id ?? crypto.randomUUID();
    before = kept = report && textOf(report);
    picture.clear();
    if (report) fields.fill(report);
    else fields.clear();
    say(failure, undefined);
    showWhat(report !== undefined);
  }

  /** Says whether a report is changed, or a new one is written. */
  function showWhat(isChange: boolean): void {
    say(note, isChange ? 'The text is saved by itself while you write.' : undefined);
    say(heading, isChange ? 'Change the report' : 'New report');
    show(another, isChange, heading);
  }

  /** Whether the form holds something that is not saved. */
  async function isUnsaved(): Promise<boolean> {
    return isTyped(before) || (await picture.read().catch(() => undefined)) !== undefined;
  }

  function isTyped({ title = '', text = '', checks = {} }: Partial<ReportText> = {}): boolean {
    return JSON.stringify(fields.read()) !== JSON.stringify({ title, text, checks });
  }

  return {
    edit: (report: Report): void => open(report),
    clear: () => begin(),
    /** Whether something is written that is not saved. What is saved by itself is waited for. */
    isUnsaved: () => last.then(isUnsaved),
  };
}

/** What is sent of a report. */
function textOf({ id, title, text, checks = {}, photo }: Report): ReportText {
  return { id, title, text, checks, ...(photo && { photo }) };
}
