import { useSyncExternalStore } from 'react';
import { useUnsent } from './basket';

/** One line that says whether all is sent. A screen reader reads it out when it changes. */
export function Status() {
  const { loaded, tasks, more } = useUnsent();
  const online = useSyncExternalStore(followNetwork, () => navigator.onLine);
  const refused = tasks.filter(({ state }) => state === 'dead').length;

  return (
    <p role="status" className={refused > 0 ? 'refused' : 'quiet'}>
      {!online && 'No network: you can go on writing. '}
      {loaded && (tasks.length === 0 ? 'All is sent.' : `${tasks.length}${more ? '+' : ''} not sent yet`)}
      {tasks.length > 0 && (refused > 0 ? `, ${refused} of them refused.` : '.')}
    </p>
  );
}

function followNetwork(listener: () => void): () => void {
  addEventListener('online', listener);
  addEventListener('offline', listener);

  return () => {
    removeEventListener('online', listener);
    removeEventListener('offline', listener);
  };
}
