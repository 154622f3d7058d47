/**
 * What the server keeps, in one SQLite file: the reports, the effects with their answers, and the ledger.
 *
 * Every write is one synchronous transaction, so a killed server has an effect and its answer, or neither. In WAL mode
 * another process can read the file meanwhile.
 */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import Database from 'libsql';

/**
 * @typedef {object} LedgerRow
 * @property {number} n The order of arrival; a reset does not set it back.
 * @property {number} at When it arrived, milliseconds since 1970.
 * @property {string} method
 * @property {string} path
 * @property {string | null} key The idempotency key, without its quotes.
 * @property {string | null} body The body as it came.
 * @property {string | null} worker `X-Worker`: the worker that sent it.
 * @property {number | null} attempt `X-Attempt`
 * @property {boolean | null} recovered `X-Recovered`
 * @property {string | null} inspector Whose token came with it, also if the token is too old.
 * @property {string} mood The mood it met.
 * @property {number | 'dropped' | 'aborted' | null} status The answer's status. `dropped`: we ended the connection; `aborted`: the
 *   other side did, before it had the answer; `null`: not answered yet, or never, if the server was killed.
 * @property {boolean} replayed The answer is the stored one of an earlier request with this key.
 * @property {number | null} endedAt When it was answered, milliseconds since 1970.
 *
 * @typedef {object} EffectRow
 * @property {number} n The order of the effects.
 * @property {number} at Milliseconds since 1970.
 * @property {string | null} key
 * @property {string} method
 * @property {string} path
 * @property {string | null} body
 * @property {number} status The stored answer's status.
 * @property {string} answer The stored answer's body, JSON.
 *
 * @typedef {object} ReportRow
 * @property {string} id The page's own.
 * @property {number} number The server's own, which it gives to a new report.
 * @property {string} title
 * @property {string} text
 * @property {Record<string, 'ok' | 'defect' | 'na'>} checks The checklist's answers, by point.
 * @property {{ id: string, alt: string } | null} photo Which photo belongs to it; it comes by itself.
 * @property {number} updatedAt Milliseconds since 1970.
 *
 * @typedef {object} PhotoRow
 * @property {string} id
 * @property {string} report The id of its report.
 * @property {string} type
 * @property {Buffer} bytes
 * @property {number} updatedAt Milliseconds since 1970.
 *
 * @typedef {Pick<LedgerRow, 'at' | 'method' | 'path' | 'key' | 'body' | 'worker' | 'attempt' | 'recovered' | 'inspector' | 'mood'>} Arrival
 * @typedef {ReturnType<typeof openStore>} Store
 */

const schema = `
  create table if not exists reports (
    id text primary key, number integer, title text not null, text text not null, updatedAt integer not null,
    checks text not null default '{}', photo text not null default 'null'
  );
  create table if not exists photos (
    id text primary key, report text not null, type text not null, bytes blob not null, updatedAt integer not null
  );
  create table if not exists effects (
    n integer primary key autoincrement, at integer not null, key text unique, method text not null, path text not null, body text,
    status integer not null, answer text not null
  );
  create table if not exists ledger (
    n integer primary key autoincrement, at integer not null, method text not null, path text not null, key text, body text,
    worker text, attempt integer, recovered integer, inspector text, mood text not null, status, replayed integer not null default 0,
    endedAt integer
  );
`;

/**
 * Opens the file, which is created if it is not there.
 *
 * @param {string} file A path, or `:memory:`.
 */
export function openStore(file) {
  if (file !== ':memory:') mkdirSync(dirname(resolve(file)), { recursive: true });
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('busy_timeout = 5000');
  db.exec(schema);
  addColumns(db);

  const insertArrival =
    db.prepare(`insert into ledger (at, method, path, key, body, worker, attempt, recovered, inspector, mood)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  // What came first stands: a connection that we drop is seen as closed a moment later.
  const updateEnd = db.prepare(
    'update ledger set status = ?, replayed = ?, endedAt = ? where n = ? and status is null',
  );
  const selectEffect = db.prepare('select * from effects where key = ?');
  const insertEffect = db.prepare(`insert into effects (at, key, method, path, body, status, answer)
    values (?, ?, ?, ?, ?, ?, ?)`);
  const upsertReport = db.prepare(
    'insert or replace into reports (id, number, title, text, checks, photo, updatedAt) values (?, ?, ?, ?, ?, ?, ?)',
  );
  const upsertPhoto = db.prepare(
    'insert or replace into photos (id, report, type, bytes, updatedAt) values (?, ?, ?, ?, ?)',
  );

  /**
   * @param {Arrival} row
   * @returns {number} Its number in the ledger.
   */
  function arrive(row) {
    const recovered = row.recovered === null ? null : Number(row.recovered);
    const { lastInsertRowid } = insertArrival.run(
      row.at,
      row.method,
      row.path,
      row.key,
      row.body,
      row.worker,
      row.attempt,
      recovered,
      row.inspector,
      row.mood,
    );

    return Number(lastInsertRowid);
  }

  /**
   * @param {number} n
   * @param {NonNullable<LedgerRow['status']>} status
   * @param {boolean} [replayed]
   */
  function end(n, status, replayed = false) {
    updateEnd.run(status, Number(replayed), Date.now(), n);
  }

  /**
   * The effect of an earlier request with this key.
   *
   * @param {string} key
   * @returns {EffectRow | undefined}
   */
  function effectOf(key) {
    return /** @type {EffectRow[]} */ (selectEffect.all(key))[0];
  }

  /** Stores an effect, its answer and what it changes, all or none. */
  const apply = db.transaction(
    /**
     * @param {Omit<EffectRow, 'n'>} effect
     * @param {{ report?: ReportRow | undefined, photo?: PhotoRow | undefined }} [changed]
     */
    (effect, { report, photo } = {}) => {
      insertEffect.run(effect.at, effect.key, effect.method, effect.path, effect.body, effect.status, effect.answer);
      if (report) {
        const { id, number, title, text, checks, updatedAt } = report;
        upsertReport.run(id, number, title, text, JSON.stringify(checks), JSON.stringify(report.photo), updatedAt);
      }
      if (photo) upsertPhoto.run(photo.id, photo.report, photo.type, photo.bytes, photo.updatedAt);
    },
  );

  /**
   * @param {number} [last] So many of the latest; left out: all.
   * @returns {LedgerRow[]}
   */
  function ledger(last = -1) {
    const rows =
      /** @type {(Omit<LedgerRow, 'recovered' | 'replayed'> & { recovered: number | null, replayed: number })[]} */ (
        db.prepare('select * from (select * from ledger order by n desc limit ?) order by n').all(last)
      );

    return rows.map((row) => ({
      ...row,
      recovered: row.recovered === null ? null : row.recovered === 1,
      replayed: row.replayed === 1,
    }));
  }

  /** @returns {EffectRow[]} */
  function effects() {
    return /** @type {EffectRow[]} */ (db.prepare('select * from effects order by n').all());
  }

  /** @returns {ReportRow[]} */
  function reports() {
    const rows = /** @type {(Omit<ReportRow, 'checks' | 'photo'> & { checks: string, photo: string })[]} */ (
      db.prepare('select * from reports order by updatedAt desc, id').all()
    );

    return rows.map((row) => ({ ...row, checks: JSON.parse(row.checks), photo: JSON.parse(row.photo) }));
  }

  /** @returns {PhotoRow[]} */
  function photos() {
    const rows = /** @type {(Omit<PhotoRow, 'bytes'> & { bytes: ArrayBuffer })[]} */ (
      db.prepare('select * from photos order by updatedAt, id').all()
    );

    return rows.map((row) => ({ ...row, bytes: Buffer.from(row.bytes) }));
  }

  /** Empties everything. Numbers go on, so that the end of an old request is never taken for that of a new one. */
  const reset = db.transaction(() =>
    db.exec('delete from ledger; delete from effects; delete from reports; delete from photos;'),
  );

  return { arrive, end, effectOf, apply, ledger, effects, reports, photos, reset, close: () => void db.close() };
}

/** A data file of an older version lacks them. @param {Database.Database} db */
function addColumns(db) {
  const has = (/** @type {string} */ table, /** @type {string} */ column) =>
    /** @type {{ name: string }[]} */ (db.prepare(`pragma table_info(${table})`).all()).some(
      ({ name }) => name === column,
    );
  if (!has('reports', 'checks'))
    db.exec(`alter table reports add column checks text not null default '{}';
      alter table reports add column photo text not null default 'null';`);
  if (!has('reports', 'number'))
    db.exec('alter table reports add column number integer; update reports set number = rowid;');
  if (!has('ledger', 'inspector')) db.exec('alter table ledger add column inspector text;');
}
