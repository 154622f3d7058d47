import { type ReactNode, type SubmitEvent, useId, useState } from 'react';
import type { Note } from './db';

type Props = {
  label: string;
  /** The note to correct. Leave it out for a new note. */
  note?: Note;
  /** What the server said against the note. */
  refusal?: string;
  save: (note: Note, data: FormData) => Promise<void>;
  /** What follows the fields: more fields, and the buttons. */
  children: ReactNode;
};

/** The fields of a note. What was typed stays until `save` resolves. */
export function NoteForm({ label, note, refusal, save, children }: Props) {
  const id = useId();
  const [saving, setSaving] = useState(false);
  const [problem, setProblem] = useState(refusal);

  async function submit(event: SubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (saving) return;
    const form = event.currentTarget;
    const data = new FormData(form);
    const title = textIn(data, 'title');
    const text = textIn(data, 'text');
    setSaving(true);
    try {
      await save({ id: note?.id ?? crypto.randomUUID(), title, text }, data);
      setProblem(undefined);
      form.reset();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setSaving(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} aria-label={label} aria-busy={saving}>
      <label htmlFor={`${id}-title`}>Title</label>
      <input
        id={`${id}-title`}
        name="title"
        required
        autoComplete="off"
        defaultValue={note?.title}
        autoFocus={note !== undefined}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-problem`}
      />
      <p id={`${id}-problem`} role="alert" className="problem">
        {problem}
      </p>
      <label htmlFor={`${id}-text`}>Text</label>
      <textarea id={`${id}-text`} name="text" rows={4} defaultValue={note?.text} />
      {children}
    </form>
  );
}

function textIn(data: FormData, name: string): string {
  const value = data.get(name);

  return typeof value === 'string' ? value.trim() : '';
}
