/**
 * Prints what a data file holds, as JSON, also while a server has it open:
 * `node server/read.mjs --data FILE [--text TEXT]`
 *
 * With a text: the reports whose title or text holds it, and the requests and effects whose body does.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { openStore } from './store.mjs';

const { values } = parseArgs({ options: { data: { type: 'string' }, text: { type: 'string', default: '' } } });
const { data, text } = values;

if (data === undefined || !existsSync(data)) {
  console.error(data === undefined ? 'Give the data file: --data FILE' : `There is no data file ${data}.`);
  process.exit(1);
}

const store = openStore(data);
const escaped = JSON.stringify(text).slice(1, -1);
const inBody = (/** @type {{ body: string | null }} */ row) =>
  text === '' || (row.body !== null && (row.body.includes(text) || row.body.includes(escaped)));

console.log(
  JSON.stringify(
    {
      reports: store.reports().filter((report) => report.title.includes(text) || report.text.includes(text)),
      ledger: store.ledger().filter(inBody),
      effects: store.effects().filter(inBody),
    },
    undefined,
    2,
  ),
);
store.close();
