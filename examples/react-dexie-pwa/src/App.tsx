import { NewNote } from './NewNote';
import { Notes } from './Notes';
import { Status } from './Status';
import { Unsent } from './Unsent';

export function App() {
  return (
    <>
      <header>
        <h1>Notes</h1>
        <Status />
      </header>
      <main>
        <NewNote />
        <Unsent />
        <Notes />
      </main>
    </>
  );
}
