import { useLiveQuery } from 'dexie-react-hooks';
import { memo, useId, useState } from 'react';
import type { UnsentTask } from './basket';
import { db } from './db';
import { NoteForm } from './NoteForm';
import { correctNote, discard, replacePhoto } from './notes';
import { inWords } from './why';

type Props = {
  task: UnsentTask;
  /** Moves the focus out of the row, which is about to go. */
  leave: () => void;
};

/** One task. A task that did not change is the same object in the next list, so its row does not render again. */
export const UnsentRow = memo(({ task, leave }: Props) => {
  const { id, type, state, lane, payload, lastError, reasons } = task;
  const note = useLiveQuery(() => db.notes.get(lane ?? ''), [lane]);
  const [correcting, setCorrecting] = useState(false);
  const [problem, setProblem] = useState<string>();
  const picture = useId();

  const ofNote = note?.title ?? 'a note';
  const title = type === 'saveNote' ? (payload?.title ?? ofNote) : `Photo of ${ofNote}`;
  const refused = state === 'dead';

  function act(action: Promise<void>): void {
    action.then(leave, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  }

  if (refused && correcting && type === 'saveNote' && payload) {
    return (
      <li className="card">
        <h3>{title}</h3>
        <NoteForm
          label={`Correct ${title}`}
          note={payload}
          refusal={lastError?.message}
          save={(corrected) => correctNote(id, corrected).then(leave)}
        >
          <div className="buttons">
            <button className="main">Send again</button>
            <button type="button" onClick={() => setCorrecting(false)}>
              Leave it
            </button>
          </div>
        </NoteForm>
      </li>
    );
  }

  return (
    <li className="card row" data-state={state}>
      <div>
        <h3>{title}</h3>
        <p>{problem ?? inWords(reasons)}</p>
      </div>
      <div className="buttons">
        {refused && type === 'saveNote' && (
          <button aria-label={`Correct ${title}`} onClick={() => setCorrecting(true)}>
            Correct
          </button>
        )}
        {refused && type === 'sendPhoto' && (
          <>
            <label className="button" htmlFor={picture}>
              Other picture
            </label>
            <input
              id={picture}
              type="file"
              accept="image/*"
              onChange={({ currentTarget: { files } }) => files?.[0] && act(replacePhoto(task, files[0]))}
            />
          </>
        )}
        <button
          aria-label={`Discard ${title}`}
          onClick={() => confirm(`Delete "${title}" from this device? It was not sent.`) && act(discard(task))}
        >
          Discard
        </button>
      </div>
    </li>
  );
});
