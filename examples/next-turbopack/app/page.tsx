import { Notes } from './notes';

export default function Home() {
  return (
    <main>
      <Notes />
    </main>
  );
}
