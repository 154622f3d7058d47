import { sooner } from '../../src/runner/term/leader.js';
import type { Message } from '../../src/basket/context/messages.js';
import { createLooking } from '../../src/host/looking.js';
import { typeOf } from '../../src/pure/find-type.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import type { GateRow } from '../../src/pure/gate.js';
import { allowance, currentGate, gateWoken, isAway, isClosed, isPast, keeps, nextChange } from '../../src/pure/gate.js';
import type { EndedAttempt } from '../../src/pure/gate-ends.js';
import { gateAfter } from '../../src/pure/gate-ends.js';
import { readReady } from '../../src/pure/key.js';
import type { Candidate } from '../../src/pure/next-row.js';
import { nextInOrder, nextProbe } from '../../src/pure/next-row.js';
import type { TaskRow } from '../../src/pure/record.js';
import { newRow } from '../../src/pure/record.js';
import { blamed, settled } from '../../src/pure/transitions.js';
import type { Verdict } from '../../src/pure/verdict.js';
import { spreadOf } from '../../src/pure/waking.js';
import type { Time } from './time.js';

export interface ClientParts {
  readonly time: Time;
  /** For the waits of the runner, and for those of the page. */
  readonly random: () => number;
  readonly lookRandom: () => number;
  readonly tasks: number;
  /** How many requests are on their way at once. */
  readonly slots: number;
  /** Whether its page is visible. */
  readonly visible: boolean;
  /** Sends the request of a task, counted from 0, and says how it ended. */
  readonly send: (task: number, end: (verdict: Verdict) => void) => void;
}

/** A client: one browser, whose tasks are all bound for one server. */
export interface Client {
  /** Looks for what may start. */
  readonly look: () => void;
  /** The browser is online again. */
  readonly online: () => void;
}

interface Attempt extends EndedAttempt {
  readonly row: TaskRow;
  verdict: Verdict | undefined;
}

/** A row as a reader of the runner shows it. */
interface Stored extends Omit<Candidate, 'lateness'> {
  readonly row: TaskRow;
  /** When it is due; 0 if it is fresh. */
  readonly when: number;
}

/** When virtual time begins, by the clock of the runner. */
const began = 1_700_000_000_000;

const gateName = 'server';
const registry = defineTasks('fleet', { send: task({ gate: gateName }) });
const type = typeOf(registry, 'send');

/**
 * A client of a fleet: the rules of the library, without a database. The modules of the runner decide everything; here
 * are only the records about which they decide. `client.test.ts` compares it with the runner.
 */
export function createClient({ time, random, lookRandom, tasks, slots, visible, send }: ClientParts): Client {
  const rules = { backoff: registry.gates, concurrency: slots, random };
  const rows = new Map<string, Stored>();
  for (let number = 0; number < tasks; number += 1) {
    const parts = { id: `${number}`, type: 'send', version: 1, owner: null, gate: gateName, priority: 1 } as const;
    store({ ...newRow({ ...parts, addedAt: 0, payload: { inline: undefined } }), seq: number + 1 });
  }
  let gate: GateRow | undefined;
  let running: Attempt[] = [];
  const claimed = new Set<string>();
  let freshNext = false;
  let woken: number | undefined;
  let stopAlarm = (): void => undefined;
  let tell = (_: Message): void => undefined;

  const looking = createLooking(
    {
      hub: {
        say: (message) => message.kind === 'wake' && wake(message),
        hear: (listener) => {
          tell = listener;

          return () => undefined;
        },
      },
      ports: { clock: time, random: lookRandom },
    },
    () => visible,
  );

  function wake(message: Message & { readonly kind: 'wake' }): void {
    woken = sooner(woken, spreadOf(message));
    turn();
  }

  /** What a turn of the runner does with the rows and the gate, in its order. */
  function turn(): void {
    const now = began + time.now();
    const moment = { now, wall: now };
    const before = gate;
    const ended = running.filter(({ verdict }) => verdict !== undefined);
    running = running.filter(({ verdict }) => verdict === undefined);
    for (const { row, verdict } of ended) {
      claimed.delete(row.id);
      const next = verdict && settled(row, verdict, moment, type, random);
      if (next === undefined) rows.delete(row.id);
      else store(next);
    }
    const after = gateAfter(gateName, gate, ended, moment.now, rules);
    gate = after.gate;
    for (const id of after.wrong) {
      const wrong = rows.get(id);
      if (wrong !== undefined && !claimed.has(id)) store(blamed(wrong.row, moment, type.backoff, random) ?? wrong.row);
    }
    if (woken !== undefined && gate !== undefined) gate = gateWoken(gate, moment.now, woken, random);
    const tells = woken !== undefined || ended.length > 0;
    woken = undefined;
    const started = claim(moment.now);
    if (gate !== undefined && running.length === 0 && isPast(gate, moment.now, rules.backoff)) gate = undefined;

    setAlarm(moment.now);
    if (isClosed(before) !== isClosed(gate)) {
      tell({ kind: 'changed', hints: [{ event: 'gate', gate: gateName, closed: isClosed(gate), reason: '' }] });
    }
    if (isClosed(gate) && (tells || started.length > 0)) tell({ kind: 'closed' });
    for (const attempt of started) start(attempt);
  }

  function store(row: TaskRow): void {
    const when = readReady(row.ready)?.when;
    rows.set(row.id, { row, seq: row.seq, fresh: when === undefined, when: when ?? 0 });
  }

  /** Claims what may run: probes first, then rows in their order. */
  function claim(now: number): readonly Attempt[] {
    const started: Attempt[] = [];
    const current = currentGate(gate, now, rules.backoff);
    const passed = new Set<string>();
    const hasRoom = (): boolean => running.length < slots && allowance(current, now, running) > 0;
    for (const probes of isAway(current) ? [true, false] : [false]) {
      while (hasRoom()) {
        const due = heads(now, passed);
        const next = probes ? nextProbe(due) : nextInOrder(due, freshNext);
        if (next === undefined) break;
        const { row, fresh } = next;
        passed.add(row.id);
        if (keeps(current, row.id) && now < current.until) continue;
        if (!probes) freshNext = !fresh;
        const attempt = {
          id: row.id,
          owner: row.owner,
          row,
          probe: isAway(current),
          startedAt: now,
          verdict: undefined,
        };
        started.push(attempt);
        running.push(attempt);
        claimed.add(row.id);
      }
    }

    return started;
  }

  /** What the readers of the runner show: the oldest fresh row, and the timed row that is due for longest. */
  function heads(now: number, passed: ReadonlySet<string>): readonly (Stored & Candidate)[] {
    let [fresh, timed]: (Stored | undefined)[] = [];
    for (const one of rows.values()) {
      const before = one.fresh ? fresh : timed;
      const isFirst = before === undefined || (one.when - before.when || one.seq - before.seq) < 0;
      if (!isFirst || one.when > now || passed.has(one.row.id) || claimed.has(one.row.id)) continue;
      if (one.fresh) fresh = one;
      else timed = one;
    }

    return [fresh, timed].flatMap((one) =>
      one === undefined ? [] : { ...one, lateness: one.fresh ? Number.POSITIVE_INFINITY : now - one.when },
    );
  }

  function start(attempt: Attempt): void {
    send(attempt.row.seq - 1, (verdict) => {
      attempt.verdict = verdict;
      stopAlarm();
      stopAlarm = time.timer(0, turn);
    });
  }

  function setAlarm(now: number): void {
    stopAlarm();
    let ahead = Number.POSITIVE_INFINITY;
    for (const { when } of rows.values()) if (when > now && when < ahead) ahead = when;
    const change = gate === undefined ? 0 : nextChange(gate, rules.backoff);
    if (change > now && change < ahead) ahead = change;
    if (Number.isFinite(ahead)) stopAlarm = time.timer(ahead - now, turn);
  }

  return {
    look() {
      looking.changed();
      turn();
    },
    online: () => wake({ kind: 'wake', visible, online: true }),
  };
}
