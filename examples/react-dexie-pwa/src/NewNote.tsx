import { useId } from 'react';
import { NoteForm } from './NoteForm';
import { saveNote } from './notes';

export function NewNote() {
  const id = useId();

  return (
    <section className="card">
      <h2>New note</h2>
      <NoteForm label="New note" save={(note, data) => saveNote(note, photosIn(data))}>
        <label htmlFor={id}>Photos</label>
        <input id={id} type="file" name="photos" accept="image/*" multiple />
        <div className="buttons">
          <button className="main">Save note</button>
        </div>
      </NoteForm>
    </section>
  );
}

/** A field in which no file was chosen has one without a name. */
const photosIn = (data: FormData): File[] =>
  data.getAll('photos').filter((file): file is File => file instanceof File && file.name !== '');
