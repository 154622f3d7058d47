import { useLiveQuery } from 'dexie-react-hooks';
import { useEffect, useState } from 'react';
import { db, type Note } from './db';

/** The photos of a note. */
export function Pictures({ note }: { note: Note }) {
  const photos = useLiveQuery(() => db.photos.where({ note: note.id }).toArray(), [note.id]);

  return (
    <div className="pictures">
      {photos?.map(({ id, file }, place) => (
        <Picture key={id} file={file} alt={`Photo ${place + 1} of ${note.title}`} />
      ))}
    </div>
  );
}

function Picture({ file, alt }: { file: Blob; alt: string }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);

    return () => URL.revokeObjectURL(made);
  }, [file]);

  return <img src={url} alt={alt} />;
}
