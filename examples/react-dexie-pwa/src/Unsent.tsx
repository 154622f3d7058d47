import { useCallback, useRef } from 'react';
import { basket, useUnsent } from './basket';
import { UnsentRow } from './UnsentRow';

/** What is not sent yet, why, and what a person can do about it. */
export function Unsent() {
  const { loaded, tasks, more } = useUnsent();
  const heading = useRef<HTMLHeadingElement>(null);
  const leave = useCallback(() => heading.current?.focus(), []);

  return (
    <section aria-labelledby="unsent">
      <div className="head">
        <h2 id="unsent" tabIndex={-1} ref={heading}>
          Not sent yet
        </h2>
        {tasks.some(({ reasons }) => reasons.some(({ reason }) => reason === 'gate' || reason === 'backoff')) && (
          <button onClick={() => void basket.retry({ state: 'queued' })}>Try now</button>
        )}
      </div>
      {loaded && tasks.length === 0 && <p className="quiet">Nothing waits.</p>}
      <ul>
        {tasks.map((task) => (
          <UnsentRow key={task.id} task={task} leave={leave} />
        ))}
      </ul>
      {more && <p className="quiet">These are the first. There are more.</p>}
    </section>
  );
}
