'use client';

import { useState, useSyncExternalStore } from 'react';
import { basket, save } from './unsent-work';

export function Notes() {
  const unsent = basket.watch({});
  const { loaded, tasks } = useSyncExternalStore(unsent.subscribe, unsent.get, unsent.get);
  const [problem, setProblem] = useState('');
  const add = () => {
    save({ id: crypto.randomUUID(), text: 'The cellar is dry.' }).catch((error: unknown) => setProblem(String(error)));
  };

  return (
    <>
      <button type="button" onClick={add}>
        Save a note
      </button>
      <output>{problem || (loaded && (tasks.length === 0 ? 'All is sent' : `${tasks.length} unsent`))}</output>
    </>
  );
}
