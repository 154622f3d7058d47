/**
 * The last lines of the server's ledger: what it really received. Asked for while somebody looks.
 */
import { byId, createRows, element, say } from './dom.js';
import { inspectorNamed, names } from './inspectors.js';

/** How often it is asked, in milliseconds. */
const often = 1_000;
const lines = 8;

interface LedgerLine {
  readonly n: number;
  readonly path: string;
  readonly inspector: string | null;
  readonly key: string | null;
  readonly body: string | null;
  readonly attempt: number | null;
  readonly status: number | string | null;
  readonly replayed: boolean;
}

/** @returns A function that says whether somebody looks. */
export function showLedger(): (looking: boolean) => void {
  const table = byId('ledger', HTMLTableElement);
  const caption = byId('ledger-caption', HTMLElement);
  const note = byId('ledger-note', HTMLParagraphElement);
  const body = byId('ledger-lines', HTMLTableSectionElement);
  const showRows = createRows<LedgerLine>(body, caption, ({ n }) => String(n), createRow);
  let timer: ReturnType<typeof setInterval> | undefined;

  function createRow(first: LedgerLine) {
    const what = element('th', { scope: 'row', textContent: subjectOf(first) });
    const inspector = inspectorNamed(first.inspector);
    const who = element('td', { textContent: inspector ? names[inspector] : '–' });
    const key = element('td', { className: 'key', textContent: first.key?.slice(-6) ?? '–', title: first.key ?? '' });
    const attempt = element('td', { textContent: String(first.attempt ?? '–') });
    const answer = element('td', { className: 'answer' });
    const row = element('tr', { testId: 'ledger-line' }, what, who, key, attempt, answer);
    return {
      row,
      show(line: LedgerLine) {
        say(answer, answerOf(line));
        row.dataset['answer'] = line.status === 200 ? 'taken' : 'other';
      },
    };
  }

  async function ask(): Promise<void> {
    if (document.hidden) return;
    try {
      const response = await fetch(`/control/ledger?last=${lines}`);
      const found = (await response.json()) as LedgerLine[];
      showRows(found.toReversed());
      table.hidden = found.length === 0;
      say(note, found.length === 0 ? 'It has received nothing yet.' : undefined);
    } catch {
      say(note, 'The ledger can’t be read at the moment.');
    }
  }

  return (looking) => {
    clearInterval(timer);
    if (!looking) return;
    timer = setInterval(() => void ask(), often);
    void ask();
  };
}

function subjectOf({ path, body }: LedgerLine): string {
  if (path.includes('/photos/')) return 'Photo';
  try {
    const { title } = JSON.parse(body ?? '{}') as { title?: string };
    return title ?? path;
  } catch {
    return path;
  }
}

const statusWords: Readonly<Record<string, string>> = { dropped: 'cut off', aborted: 'given up' };

function answerOf({ status, replayed }: LedgerLine): string {
  if (status === null) return '…';
  return replayed ? `${status}, known` : (statusWords[status] ?? String(status));
}
