import type { Contents } from './contents.js';
import { runnerOf } from './contents.js';
import type { AttemptFacts, ClaimFacts, Ending } from './journal.js';
import type { Driver } from './commands.js';
import type { Life } from './life.js';
import { ownerIn, ownerNames } from './owners.js';
import { failed } from './registries.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { World } from './world.js';

/** How a page gives the values of who signs in: not at all, as an object, or by a function that ends in this way. */
export type Way = 'none' | 'object' | 'function' | 'slow' | 'never' | 'fails';

/** What pages gave for each owner, and what the server thinks of it. Instants are counted, because time may stand still. */
export interface Server {
  /** Whose each token is. */
  readonly tokens: Map<string, string>;
  /** What the server does not accept any more: a token, or the cookie of an owner. */
  readonly revoked: Set<string>;
  /** How each context gives its values. */
  readonly ways: Map<Life, Way>;
  /** When each owner last signed in. */
  readonly signedIn: Map<string, number>;
  /** When a pass was last accepted, and when the latest such attempt had begun: by owner, gate and pass. */
  readonly accepted: Map<string, { readonly at: number; readonly began: number }>;
  /** When the first of the refusals of a task was that no other answer stands between, and how many there are: by id. */
  readonly refusals: Map<string, { readonly first: number; readonly count: number }>;
  /** The question for values that the runner that leads has asked last; `undefined` if it expects no answer. */
  question: string | undefined;
  /** When a page last gave a token of an owner to a runner, other than the one that it is asked about. */
  readonly given: Map<string, readonly { readonly token: string; readonly at: number }[]>;
  /** What was refused last, by owner and gate. */
  readonly parked: Map<string, Parked>;
  now: number;
}

/** A pass that was refused at a gate. */
interface Parked {
  readonly pass: string;
  /** Claims up to this number were made before. */
  readonly upTo: number;
  /** Something was said since by which the tasks may go on. */
  lifted: boolean;
  /**
   * Whether the gate may not be parked: the runner may have taken the task for refused, and not its owner, or may not have
   * heard of the refusal.
   */
  unsure: boolean;
}

/** A server that has seen nobody. */
export function createServer(): Server {
  return {
    tokens: new Map(),
    revoked: new Set(),
    ways: new Map(),
    signedIn: new Map(),
    accepted: new Map(),
    question: undefined,
    given: new Map(),
    refusals: new Map(),
    parked: new Map(),
    now: 0,
  };
}

const secret = 'a secret of ';
const tokensOf = ({ tokens }: Server, owner: string): readonly string[] =>
  [...tokens].flatMap(([token, whose]) => (whose === owner ? [token] : []));
const cookieOf = (owner: string): string => `the cookie of ${owner}`;
const isOf = (key: string, owner: string): boolean => (JSON.parse(key) as readonly unknown[])[0] === owner;
const gateKey = (owner: string | null, gate: string): string => JSON.stringify([owner, gate]);

/** What a page gives to `signIn`, and how. */
export function valuesFor(world: World, by: Life, owner: string): object | (() => unknown) | undefined {
  const { server, chance, time } = world;
  const way =
    (chance.is(world.gives)
      ? chance.weighted<Way>([
          [4, 'object'],
          ...(world.calm
            ? []
            : ([
                [4, 'function'],
                [1, 'slow'],
                [0.5, 'never'],
                [1, 'fails'],
              ] as const)),
        ])
      : undefined) ?? 'none';
  noteSignedIn(world, owner);
  server.revoked.delete(cookieOf(owner));
  server.ways.set(by, way);
  for (const [key, parked] of server.parked) parked.lifted ||= isOf(key, owner);
  const made = (): { readonly token: string } => {
    const token = `${secret}${owner} ${server.tokens.size}`;
    server.tokens.set(token, owner);

    return { token };
  };
  switch (way) {
    case 'none':
      return undefined;
    case 'object':
      return made();
    case 'function':
      return () => (chance.is(0.5) ? made() : Promise.resolve().then(made));
    case 'slow':
      return () =>
        new Promise((resolve) => {
          time.at(time.now() + chance.pick([1_000, 7_000, 26_000]), () => resolve(made()));
        });
    case 'never':
      return () => new Promise(() => undefined);
    case 'fails':
      return () => Promise.reject(failed);
  }
}

/** Somebody signs in, or a context hears of it. A runner takes what began before it has heard for something older. */
export function noteSignedIn({ server }: World, owner: string): void {
  server.now += 1;
  server.signedIn.set(owner, server.now);
}

/** What a context says of values. */
interface SaidOfValues {
  readonly step: string;
  readonly owner: string;
  readonly question: string | undefined;
  readonly values: unknown;
}

/** A context says something of values: a runner asks for them, or a page gives them. */
export function noteSaid(world: World, life: Life, { step, owner, question, values }: SaidOfValues): void {
  const asks = step === 'wanted' || step === 'asked';
  if (asks && world.leading?.life === life) world.server.question = question;
  // A runner asks anew after each sign-in, and when it takes over. An answer to an earlier question has values that may
  // have been replaced since, for example by a later signIn of the same page. So the runner ignores that answer.
  if (step === 'given' && question === world.server.question) noteGiven(world, owner, values);
  else if (step === 'given') world.report.met('values', 'answered an earlier question');
}

/** A page gives values to a runner: with others than those that were refused, tasks go on. */
function noteGiven({ server }: World, owner: string, values: unknown): void {
  const { token } = (values ?? {}) as { readonly token?: string };
  if (token === undefined) return;
  server.now += 1;
  server.given.set(owner, [...(server.given.get(owner) ?? []), { token, at: server.now }]);
  for (const [key, parked] of server.parked) parked.lifted ||= isOf(key, owner) && parked.pass !== token;
}

/** The server forgets who is signed in: it refuses everything that an owner has shown it. */
export function revoke({ play: { world } }: Driver): string | undefined {
  if (!world.owned) return undefined;
  const owner = world.chance.pick(ownerNames);
  const { server } = world;
  for (const pass of [cookieOf(owner), ...tokensOf(server, owner)]) server.revoked.add(pass);

  return `what ${owner} has shown`;
}

/** What an attempt shows to the server. */
function passOf({ told, token }: Pick<AttemptFacts, 'told' | 'token'>): string {
  return token ?? cookieOf(told.owner ?? '');
}

/** The end of an attempt, as its server lets it be: a few tasks are always refused. */
export function answerOf(world: World, attempt: AttemptFacts, ending: Ending): Ending {
  const { server, calm } = world;
  const { told, claim } = attempt;
  if (told.owner === null) return ending.kind === 'signed-out' ? { kind: calm ? 'success' : 'unavailable' } : ending;
  const pass = passOf(attempt);
  const isRefused = !calm && (ending.kind === 'signed-out' || server.revoked.has(pass) || told.n % 6 === 0);
  const isAccepted = !isRefused && (calm || ending.kind === 'success');
  server.now += 1;
  if (isAccepted) {
    const before = server.accepted.get(acceptedKey(attempt))?.began ?? 0;
    server.accepted.set(acceptedKey(attempt), { at: server.now, began: Math.max(before, claim.madeAt) });
  }
  const id = told.id ?? '';
  if (isRefused) {
    const { first = server.now, count = 0 } = server.refusals.get(id) ?? {};
    attempt.refusedAt = server.now;
    attempt.acceptedBefore = server.accepted.get(acceptedKey(attempt))?.began ?? 0;
    server.refusals.set(id, { first, count: count + 1 });
    world.report.met('values', 'refused');
  } else server.refusals.delete(id);
  const parked = server.parked.get(gateKey(told.owner, claim.gate));
  // Of an attempt that was given up, the runner no longer hears.
  const isGivenUp = attempt.abortedAt !== undefined && world.time.now() - attempt.abortedAt >= 10_000;
  if (parked !== undefined && isAccepted) parked[isGivenUp ? 'unsure' : 'lifted'] = true;

  if (isRefused) return { kind: 'signed-out' };

  return calm && ending.kind === 'signed-out' ? { kind: 'success' } : ending;
}

function acceptedKey(attempt: Pick<AttemptFacts, 'told' | 'token' | 'claim'>): string {
  return `${gateKey(attempt.told.owner, attempt.claim.gate)} ${passOf(attempt)}`;
}

/** What a handler sees of its owner: nobody else's values, and some if the one who is signed in gave any. */
export function judgeValues(
  world: World,
  life: Life,
  claim: ClaimFacts,
  face: { readonly session: unknown },
  say: (wrong: string) => void,
): string | undefined {
  const { server, owned, report } = world;
  const { owner } = claim.row;
  if (!owned || owner === null) {
    let said: unknown;
    try {
      said = face.session;
    } catch {
      said = 'none';
    }
    if (said !== (owned ? 'none' : undefined)) say(`its session is ${String(said)}`);

    return undefined;
  }
  const { owner: whose, token } = face.session as { readonly owner: string; readonly token?: string };
  if (whose !== owner) say(`its session is of ${whose}`);
  if (token !== undefined && server.tokens.get(token) !== owner)
    say(`its token is ${token}, and it belongs to ${owner}`);
  if (claim.asks !== (token !== undefined))
    say(`its token is ${token}, and who is signed in gave ${claim.asks ? 'some' : 'none'}`);
  if (token !== undefined) report.met('values', 'started with a token');

  const parked = server.parked.get(gateKey(owner, claim.gate));
  if (parked === undefined || world.leading?.life !== life || claim.claim <= parked.upTo) return token;
  const isSame = parked.pass === (token ?? cookieOf(owner));
  if (isSame && !parked.lifted && !parked.unsure) say(`the server of ${claim.gate} refused ${parked.pass}`);
  server.parked.delete(gateKey(owner, claim.gate));
  report.met('values', isSame ? 'went on with the same values' : 'went on with other values');

  return token;
}

/**
 * An attempt that was refused: its gate is parked, or the task is dead, if the server took the same from another. Claims
 * up to the number `upTo` were made before. `late`: its time may have ended first, and then nobody has heard of it.
 */
export function judgeRefused(
  world: World,
  claim: ClaimFacts,
  now: TaskRow | undefined,
  { upTo, late }: { readonly upTo: number; readonly late: boolean },
): string | undefined {
  const { server, report } = world;
  const { attempt } = claim;
  if (attempt?.refusedAt === undefined) return undefined;
  const accepted = server.accepted.get(acceptedKey(attempt)) ?? { at: 0, began: 0 };
  const { first, count } = server.refusals.get(claim.id) ?? { first: 0, count: 0 };
  const mayBeAlone = (attempt.acceptedBefore ?? 0) >= first && count > 1;
  if (now?.dead?.reason === 'permanent') {
    report.met('values', 'refused again, and dead');

    return mayBeAlone
      ? undefined
      : 'it is dead, and the server took these values from no other that began after it was first refused';
  }
  const { owner } = attempt.told;
  const others = server.given.get(owner ?? '') ?? [];
  // The transaction of its claim may have begun before the answer that it runs with.
  const last = others.at(-1);
  const isReplaced = last !== undefined && last.token !== attempt.token && last.at > claim.at;
  // They may have been replaced when it ended, and given once more since.
  const wasReplaced = others.some(({ token, at }) => token !== attempt.token && at > claim.at);
  // What began before the last sign-in says nothing of the cookie of now, nor of values that are asked for meanwhile.
  const isOld = isReplaced || accepted.at > attempt.refusedAt || (server.signedIn.get(owner ?? '') ?? 0) > claim.at;
  if (isOld) return undefined;
  const key = gateKey(owner, claim.gate);
  // A task that the server refuses alone is dead, and its gate is not parked. If its row is gone, because the handler had
  // ended it with completeTx or the app had removed it, nobody sees which of the two the runner chose.
  const gone = now === undefined && mayBeAlone;
  const unsure = late || gone || wasReplaced;
  if (gone) report.met('values', 'refused again, and gone');
  // A gate that was parked before stays so: this refusal lifts nothing.
  if (unsure && server.parked.get(key)?.lifted === false) return undefined;
  server.parked.set(key, { pass: passOf(attempt), upTo, lifted: false, unsure });

  return undefined;
}

/** Whether a row waits for values, as the runner says in the database. */
export function waitsForValues(contents: Contents, { owner, gate }: Pick<TaskRow, 'owner' | 'gate'>): boolean {
  const said = runnerOf(contents)?.signedOut;

  return owner !== null && said?.owner === owner && (said.gates === undefined || said.gates.includes(gate));
}

/** So long a runner may take to get values: it asks for 30 s, and again a minute later. */
const asksWithin = 100_000;

/** Judges at rest whether a runner has got the values that a page gives. */
export function createValuesJudge(world: World): (lives: readonly Life[], told: boolean) => void {
  let since = Number.NaN;
  let forWhom = '';

  return (lives, told) => {
    const { contents, server, time } = world;
    const owner = ownerIn(contents);
    const said = runnerOf(contents)?.signedOut;
    const gives = lives.some((life) => {
      const token = server.ways.get(life) === 'object' && world.here.get(life) === owner;

      return token && !life.dead && !life.frozen && !life.deaf;
    });
    const parked = said?.gates?.some((gate) => server.parked.get(gateKey(owner, gate))?.lifted !== false) ?? true;
    const stands = said !== undefined && said.owner === owner && gives && parked && told;
    const who = `${owner} ${said?.gates?.join()} ${server.now}`;
    if (!stands || who !== forWhom) since = time.now();
    forWhom = who;
    if (stands && time.now() - since > asksWithin)
      world.fail(
        `at rest: for ${owner} there are values, and the runner has none for ${said.gates?.join() ?? 'any gate'}`,
      );
  };
}

/** No token is in the database, also not as bytes: the reserve is a list of such. */
export function wrongSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(wrongSecret);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes(secret);

  return (JSON.stringify(value) as string | undefined)?.includes(secret) ?? false;
}

/** Lets errors of functions that fail on purpose pass, which the app hears of as uncaught ones; gives back what ends this. */
export function expectFailed(): () => void {
  const others = process.listeners('uncaughtException');
  const listener: NodeJS.UncaughtExceptionListener = (error, origin) => {
    if (error === failed) return;
    if (others.length === 0) throw error;
    for (const other of others) other(error, origin);
  };
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', listener);

  return () => {
    process.removeListener('uncaughtException', listener);
    for (const other of others) process.on('uncaughtException', other);
  };
}
