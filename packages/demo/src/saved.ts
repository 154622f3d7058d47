/**
 * The list of the reports on this device, and whether each is sent.
 */
import type { Snapshot } from './basket.ts';
import type { Report } from './db.ts';
import { byId, createRows, element, say } from './dom.ts';
import { timeOfDay } from './words.ts';

/** @returns A function that shows the reports; `unsent` are the saves that the server has not got. */
export function showSaved(edit: (report: Report) => void): (reports: readonly Report[], unsent: Snapshot) => void {
  const note = byId('reports-note', HTMLParagraphElement);
  const list = byId('reports', HTMLUListElement);
  const showRows = createRows<Line>(list, ({ report }) => report.id, createRow);

  function createRow(first: Line) {
    let { report } = first;
    const title = element('h3', { testId: 'report-title' });
    const text = element('p', { testId: 'report-text' });
    const status = element('p', { testId: 'report-status', className: 'quiet' });
    const change = element('button', { type: 'button', textContent: 'Change', testId: 'report-edit' });
    change.addEventListener('click', () => edit(report));

    const row = element(
      'li',
      { testId: 'report-item' },
      title,
      text,
      status,
      element('div', { className: 'buttons' }, change),
    );
    row.dataset['reportId'] = report.id;

    const show = (line: Line): void => {
      report = line.report;
      row.dataset['state'] = line.state;
      say(title, report.title);
      say(text, report.text === '' ? undefined : report.text);
      say(status, `${words[line.state]} Saved at ${timeOfDay(report.savedAt)}.`);
      change.ariaLabel = `Change: ${report.title}`;
    };
    return { row, show };
  }

  return (reports, unsent) => {
    const waiting = new Set(unsent.tasks.map((task) => task.lane));
    showRows(reports.map((report) => ({ report, state: stateOf(report, waiting) })));
    say(note, reports.length === 0 ? 'None yet.' : undefined);
  };
}

type ReportState = 'sent' | 'unsent' | 'cancelled';

const words: Record<ReportState, string> = {
  sent: 'Sent.',
  unsent: 'Not sent yet.',
  cancelled: 'The last save was cancelled, not sent.',
};

interface Line {
  readonly report: Report;
  readonly state: ReportState;
}

function stateOf(report: Report, waiting: ReadonlySet<string | undefined>): ReportState {
  if (waiting.has(report.id)) return 'unsent';
  return report.cancelled === undefined ? 'sent' : 'cancelled';
}
