/**
 * Correcting what the server refused: a form in its place, with the server's words at the field that they name.
 */
import type { Announce } from './announcer.js';
import type { Basket, UnsentTask } from './basket.js';
import { element, say } from './dom.js';
import { copyFields, fieldIn } from './fields.js';
import { pictureIn } from './photo.js';
import type { Reports } from './reports.js';
import { titleOf } from './words.js';

export interface Correction {
  readonly form: HTMLFormElement;
  /** Puts the focus where the error is. */
  readonly focus: () => void;
}

interface CorrectionContext {
  readonly basket: Basket;
  readonly reports: Reports;
  readonly announce: Announce;
  /** Whether it holds the report as it was last saved, so that the report on this device is corrected too. */
  readonly isLatest: () => boolean;
  /** Called when the form is not needed any more. */
  readonly close: () => void;
}

/** A form for the task. */
export function createCorrection(task: UnsentTask, context: CorrectionContext): Correction {
  const { announce, close } = context;
  const parts = task.type === 'uploadPhoto' ? photoParts(task, context) : reportParts(task, context);
  const failure = element('p', { className: 'error', hidden: true });
  const send = element('button', {
    type: 'submit',
    className: 'main',
    textContent: 'Send corrected',
    testId: 'correct-send',
  });
  const leave = element('button', { type: 'button', textContent: 'Leave it', testId: 'correct-leave' });
  const form = element(
    'form',
    { className: 'correction', noValidate: true, testId: 'correction', ariaLabel: `Correct: ${titleOf(task)}` },
    parts.group,
    failure,
    element('div', { className: 'buttons' }, send, leave),
  );

  leave.addEventListener('click', close);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void correct();
  });

  async function correct(): Promise<void> {
    try {
      if (!(await parts.correct())) return;
    } catch (error) {
      // Another tab was faster, for example: then it is being sent already.
      say(failure, error instanceof Error ? error.message : String(error));
      return;
    }
    announce(`Corrected: ${titleOf(task)}. It is sent again, and what waited for it follows.`);
    close();
  }

  return { form, focus: parts.focus };
}

interface Parts {
  readonly group: HTMLElement;
  readonly focus: () => void;
  /** Resolves with whether it was done; if not, the form says why. */
  readonly correct: () => Promise<boolean>;
}

function reportParts(task: UnsentTask & { readonly type: 'saveReport' }, context: CorrectionContext): Parts {
  const { reports, isLatest } = context;
  const fields = copyFields(task.id);
  const said = task.lastError?.message ?? '';
  const wrong = fieldIn(said);
  if (task.payload) fields.fill(task.payload);
  if (wrong) fields.mark(wrong, said);

  return {
    group: fields.group,
    focus: () => fields.focus(wrong ?? 'title'),
    async correct() {
      const values = fields.read();
      if (values.title === '') {
        fields.mark('title', 'Give the report a title.');
        fields.focus('title');
        return false;
      }
      if (!task.payload) return false;
      const payload = { ...task.payload, ...values };
      // First the device: if the browser ends in between, the task is still refused, and can be corrected again.
      const before = isLatest() ? await reports.correct(payload) : undefined;
      try {
        await sendAgain(context, task.id, payload);
      } catch (error) {
        if (before) await reports.correct(before);
        throw error;
      }
      return true;
    },
  };
}

function photoParts(task: UnsentTask & { readonly type: 'uploadPhoto' }, context: CorrectionContext): Parts {
  const id = `picture-${task.id}`;
  const input = element('input', { type: 'file', accept: 'image/*', id, testId: 'correct-photo' });
  const error = element('p', { className: 'error', id: `${id}-error`, hidden: true });
  const label = element('label', { htmlFor: id, textContent: 'Another photo' });
  input.setAttribute('capture', 'environment');
  input.setAttribute('aria-describedby', error.id);
  mark(task.lastError?.message);

  function mark(sentence: string | undefined): void {
    say(error, sentence);
    if (sentence === undefined) input.removeAttribute('aria-invalid');
    else input.setAttribute('aria-invalid', 'true');
  }

  return {
    group: element('div', { className: 'field' }, label, input, error),
    focus: () => input.focus(),
    async correct() {
      const file = input.files?.[0];
      if (!file || !task.payload) {
        mark('Choose a photo.');
        input.focus();
        return false;
      }
      const { id: photo } = task.payload;
      const blob = await pictureIn(file);
      // First the device, as for a report: what is shown once it is sent again is the new picture.
      await context.reports.correctPhoto(photo, blob);
      try {
        await sendAgain(context, task.id, { ...task.payload, blob });
      } catch (cause) {
        await context.reports.correctPhoto(photo, task.payload.blob);
        throw cause;
      }
      return true;
    },
  };
}

async function sendAgain(
  { basket }: CorrectionContext,
  id: string,
  payload: Parameters<Basket['update']>[1],
): Promise<void> {
  if (!(await basket.update(id, payload))) throw new Error('It is not there any more: another tab discarded it.');
}
