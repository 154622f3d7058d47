import { useLiveQuery } from 'dexie-react-hooks';
import { type UnsentTask, useUnsent } from './basket';
import { db, type KeptNote } from './db';
import { Pictures } from './Pictures';

/** The notes on this device, the last saved first. */
export function Notes() {
  const notes = useLiveQuery(() => db.notes.orderBy('savedAt').reverse().toArray());
  const { tasks } = useUnsent();

  return (
    <section aria-labelledby="notes">
      <h2 id="notes">On this device</h2>
      {notes?.length === 0 && <p className="quiet">No notes yet.</p>}
      <ul>
        {notes?.map((note) => (
          <li key={note.id} className="card">
            <div className="head">
              <h3>{note.title}</h3>
              <State note={note} unsent={tasks.filter(({ lane }) => lane === note.id)} />
            </div>
            {note.text && <p className="text">{note.text}</p>}
            <Pictures note={note} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A note is sent when the worker has noted so in it. That no task is left proves less: tasks can be discarded. */
function State({ note, unsent }: { note: KeptNote; unsent: readonly UnsentTask[] }) {
  if (unsent.some(({ state }) => state === 'dead')) return <span className="state refused">Refused</span>;
  if (!note.sent) return <span className="state">Not sent yet</span>;
  if (unsent.length > 0)
    return <span className="state">{unsent.length === 1 ? '1 photo' : `${unsent.length} photos`} to send</span>;

  return <span className="state sent">Sent</span>;
}
