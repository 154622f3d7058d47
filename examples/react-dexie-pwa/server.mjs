// The server of this example: no framework, no database. It keeps what it was sent in the folder `data`.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

const folder = process.env['DATA'] ?? 'data';
const journal = path.join(folder, 'journal.jsonl');
mkdirSync(folder, { recursive: true });

/**
 * What was done, in order. Each line of the journal holds an effect and its idempotency key, so that both are written
 * or neither. In production this is one transaction of your database.
 */
const done = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').flatMap(entryOf) : [];

/** The entry of a line. A line that a crash cut off is skipped: nobody was told that its effect was done. */
function entryOf(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

/** A note: its title must differ from that of every other note. */
function putNote(id, body) {
  const { title, text } = JSON.parse(body.toString());
  if (title === '') return refused(422, 'The note has no title.');
  if (done.some((entry) => entry.title === title && entry.id !== id))
    return refused(422, 'Another note has this title.');

  return { status: 204, effect: { id, title, text } };
}

/** A photo: its note must be there. */
function putPhoto(note, id, body, type) {
  if (!done.some((entry) => entry.id === note)) return refused(404, 'The server does not know the note of this photo.');
  if (!type.startsWith('image/')) return refused(415, 'This file is not a picture.');
  writeFileSync(path.join(folder, id), body);

  return { status: 204, effect: { photo: id, note, type, size: body.length } };
}

const refused = (status, title) => ({ status, title });

/** Does the request, unless its key says that it was done before. */
function answerTo({ method, url, headers }, body) {
  const [, note, photo] = /^\/api\/notes\/([\w-]+)(?:\/photos\/([\w-]+))?$/.exec(url) ?? [];
  const key = /^"([\w.-]+)"$/.exec(headers['idempotency-key'])?.[1];
  const request = `${method} ${url}`;
  if (method !== 'PUT' || note === undefined) return refused(404, 'There is nothing here.');
  if (key === undefined) return refused(400, 'The Idempotency-Key is missing.');

  const before = done.find((entry) => entry.key === key);
  if (before)
    return before.request === request ? { status: 204 } : refused(422, 'This key belongs to another request.');

  const answer = photo === undefined ? putNote(note, body) : putPhoto(note, photo, body, headers['content-type'] ?? '');
  if (answer.effect) {
    const entry = { key, request, ...answer.effect };
    appendFileSync(journal, `\n${JSON.stringify(entry)}`); // a new line, because the last one may have been cut off
    done.push(entry);
  }

  return answer;
}

async function respond(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { status, title } = answerTo(request, Buffer.concat(chunks));
  console.log(request.method, request.url, status, title ?? '');
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(title === undefined ? undefined : JSON.stringify({ title }));
}

const server = createServer((request, response) => {
  respond(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end(); // nothing was written: the task is tried again, with the same key
  });
});

server.listen(process.env['PORT'] ?? 3000, () => console.log('The server listens.'));
