/**
 * The list of the reports on this device, and whether each is sent.
 */
import type { Snapshot } from './basket.js';
import { summaryOf } from './checklist.js';
import type { Report } from './db.js';
import { byId, createRows, element, say } from './dom.js';
import type { Reports } from './reports.js';
import { createThumbnail } from './thumbnail.js';
import { reportOf, timeOfDay } from './words.js';

/** @returns A function that shows the reports; `unsent` is what the server has not got. */
export function showSaved(
  reports: Reports,
  edit: (report: Report) => void,
): (reports: readonly Report[], unsent: Snapshot) => void {
  const heading = byId('reports-heading', HTMLHeadingElement);
  const note = byId('reports-note', HTMLParagraphElement);
  const list = byId('reports', HTMLUListElement);
  const showRows = createRows<Line>(list, heading, ({ report }) => report.id, createRow);

  function createRow(first: Line) {
    let { report } = first;
    let photo: string | undefined;
    const title = element('h3', { testId: 'report-title' });
    const label = element('p', { testId: 'report-label', className: 'label' });
    const text = element('p', { testId: 'report-text', className: 'excerpt' });
    const checks = element('p', { testId: 'report-checks' });
    const status = element('p', { testId: 'report-status', className: 'quiet' });
    const thumbnail = createThumbnail('report-photo');
    const name = element('span', { className: 'for-readers' });
    const change = element('button', { type: 'button', testId: 'report-edit' }, 'Change', name);
    change.addEventListener('click', () => edit(report));

    const row = element(
      'li',
      { testId: 'report-item' },
      thumbnail.image,
      element('div', { className: 'head' }, title, label),
      text,
      checks,
      element('div', { className: 'foot' }, status, element('div', { className: 'buttons' }, change)),
    );
    row.dataset['reportId'] = report.id;

    async function showPhoto(state: ReportState): Promise<void> {
      const { id } = report.photo ?? {};
      // A refused photo gets another picture under its id, and is not refused any more.
      const wanted = id && `${id} ${state === 'refused'}`;
      if (wanted === photo) return;
      photo = wanted;
      const picture = id === undefined ? undefined : await reports.pictureOf(id);
      if (wanted === photo) thumbnail.show(picture, report.photo?.alt);
    }

    function showLine(line: Line): void {
      report = line.report;
      row.dataset['state'] = line.state;
      say(title, report.title);
      say(label, labels[line.state]);
      say(text, report.text === '' ? undefined : report.text);
      say(checks, summaryOf(report.checks));
      say(status, `${words[line.state]} Saved at ${timeOfDay(report.savedAt)}.`);
      say(name, ` ${report.title}`);
      void showPhoto(line.state);
    }
    return { row, show: showLine, gone: () => thumbnail.show(undefined) };
  }

  return (found, unsent) => {
    showRows(found.map((report) => ({ report, state: stateOf(report, unsent) })));
    say(note, found.length === 0 ? 'None yet. The first one you save shows up here.' : undefined);
    list.hidden = found.length === 0;
  };
}

type ReportState = 'sent' | 'unsent' | 'refused' | 'cancelled';

const labels: Record<ReportState, string> = {
  sent: 'Sent',
  unsent: 'Not sent',
  refused: 'Refused',
  cancelled: 'Discarded',
};

const words: Record<ReportState, string> = {
  sent: 'The server has it.',
  unsent: 'Not sent yet.',
  refused: 'The server refused it.',
  cancelled: 'Something of it was discarded, not sent.',
};

interface Line {
  readonly report: Report;
  readonly state: ReportState;
}

function stateOf(report: Report, { tasks, more }: Snapshot): ReportState {
  const waiting = tasks.filter((task) => reportOf(task) === report.id);
  if (waiting.some((task) => task.state === 'dead')) return 'refused';
  // What is not on the list was added after what is.
  const perhaps = more && report.savedAt >= (tasks.at(-1)?.addedAt ?? 0);
  if (waiting.length > 0 || perhaps) return 'unsent';
  return report.cancelled === undefined && report.photoCancelled === undefined ? 'sent' : 'cancelled';
}
