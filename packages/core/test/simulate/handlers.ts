import { isDeepStrictEqual } from 'node:util';
import type { AnyHandler, Attempt } from '../../src/runner/term/leader.js';
import { PermanentFailure, RetryLater, SignedOut, Unavailable } from '../../src/pure/verdict.js';
import type { AttemptFacts, ClaimFacts, Ending } from './journal.js';
import type { Life } from './life.js';
import type { Work } from './registries.js';
import { ownerIn } from './owners.js';
import { currentOf, ruleOf, typesOf } from './registries.js';
import { answerOf, judgeValues } from './values.js';
import type { World } from './world.js';

type Face = Attempt<unknown, unknown, unknown, unknown>;

/** Handlers of a runner: what they do is decided by the driver, later; what they see is judged at once. */
export function handlersOf(world: World, life: Life): Readonly<Record<string, AnyHandler>> {
  return Object.fromEntries(
    typesOf(life.kind).map((type) => [type, (payload, attempt) => called(world, life, type, payload, attempt)]),
  );
}

function called(world: World, life: Life, type: string, payload: unknown, face: Face): Promise<unknown> {
  if (life.dead) return new Promise(() => undefined);

  const claim = judgeStart(world, life, type, payload as Work, face);
  const told = world.byId.get(face.id);
  if (claim === undefined || told === undefined) return new Promise(() => undefined);
  const fail = (what: string): void => world.fail(`start of ${face.id} in ${life.name}: ${what}`);
  const token = judgeValues(world, life, claim, face as unknown as { readonly session: unknown }, fail);
  told.starts += 1;
  if ((claim.row.edition ?? 0) === told.edition) told.startsUnderKey += 1;
  world.say(`  ${life.name} starts ${face.id} #${told.n} ${type}, attempt ${face.number}`);

  return new Promise((resolve, reject) => {
    const attempt: AttemptFacts = {
      life,
      told,
      claim,
      startedAt: world.time.now(),
      signal: face.signal,
      save: face.save,
      progress: face.progress,
      completeTx: face.completeTx,
      completing: false,
      completed: false,
      toldAt: Number.NEGATIVE_INFINITY,
      token,
      refusedAt: undefined,
      heeds: world.calm || world.chance.is(0.7),
      ended: undefined,
      endedAt: undefined,
      abortedAt: undefined,
      abortedBefore: false,
      saving: undefined,

      end(ending) {
        if (attempt.ended !== undefined || life.dead) return;
        const answer = answerOf(world, attempt, ending);
        note(attempt, world, answer);
        if (answer.kind === 'success') resolve(answer.result);
        else reject(thrown(world, answer));
      },
    };
    claim.attempt = attempt;
    world.attempts.add(attempt);
    face.signal.addEventListener('abort', () => {
      attempt.abortedAt = world.time.now();
      judgeAbort(world, attempt);
      if (!attempt.heeds || attempt.ended !== undefined || life.dead) return;
      note(attempt, world, 'aborted');
      reject(face.signal.reason as Error);
    });
    if (world.calm || world.chance.is(0.08)) attempt.end({ kind: 'success' });
  });
}

function note(attempt: AttemptFacts, world: World, ending: Ending | 'aborted'): void {
  attempt.ended = ending;
  attempt.endedAt = world.time.now();
  attempt.abortedBefore = attempt.signal.aborted;
  world.attempts.delete(attempt);
}

function thrown(world: World, ending: Exclude<Ending, { readonly kind: 'success' }>): Error {
  switch (ending.kind) {
    case 'failure': {
      const cyclic: Record<string, unknown> = { name: 'Odd' };
      cyclic['self'] = cyclic;
      const odd: readonly unknown[] = [
        new Error('It failed.'),
        undefined,
        'a word',
        cyclic,
        new TypeError('x is not a function'),
      ];

      return world.chance.pick(odd) as Error;
    }
    case 'permanent':
      return new PermanentFailure('It never will.');
    case 'signed-out':
      return new SignedOut(world.chance.is(0.5) ? { status: 401 } : {});
    case 'later':
      return new RetryLater('date' in ending ? new Date(ending.date) : ending.for);
    case 'unavailable': {
      const { after } = ending;
      if (after === undefined) return world.chance.is(0.5) ? new Unavailable() : new TypeError('Failed to fetch');

      return new Unavailable({ retryAfter: world.chance.is(0.5) ? after : new Date(world.time.wall() + after) });
    }
  }
}

/** A handler starts for a claim that is durable, once, and sees its task as it is stored. */
function judgeStart(world: World, life: Life, type: string, work: Work, face: Face): ClaimFacts | undefined {
  const fail = (what: string): void => world.fail(`start of ${face.id} in ${life.name}: ${what}`);
  const term = world.terms.get(life);
  const isIt = (claim: ClaimFacts): boolean => claim.id === face.id && claim.attempt === undefined;
  const standing = [...(term?.claims.values() ?? [])].find(isIt);
  const claim = standing ?? [...(term?.lost ?? [])].find(isIt);
  const told = world.byId.get(face.id);
  if (claim === undefined || told === undefined) {
    fail('no claim of it is stored, or it was started before');

    return undefined;
  }

  if (world.stopped.has(life)) fail('the runner has stopped');
  if (told.state === 'refused') fail('its add was refused');
  if (told.owner !== null && world.barred.has(told.owner)) fail(`a sign-in has resolved since ${told.owner} was here`);
  if (type !== currentOf(life.kind, told.type) || work.n !== told.n)
    fail(`it is ${told.type} #${told.n}, and was given ${type} #${work.n}`);
  const upgrades = claim.row.version !== ruleOf(life.kind, type)?.version;
  if ((work.upgraded === true) !== upgrades && work.rev === 0) fail('it was upgraded, or must be');
  if (upgrades) world.report.met('other', 'started after an upgrade');
  if (type !== told.type) world.report.met('other', 'started under a new name');
  if (standing !== undefined && work.rev !== told.rev) fail(`its payload is revision ${work.rev} and not ${told.rev}`);
  if (standing !== undefined && !isDeepStrictEqual(work.with ?? [], told.with))
    fail(`merged into it were ${told.with.join(', ')}, and it was given ${work.with?.join(', ')}`);
  if (told.with.length > 0) world.report.met('keys', 'started with what was merged into it');
  if (face.number !== claim.row.attempts + 1) fail(`its number is ${face.number} after ${claim.row.attempts} attempts`);
  const edition = claim.row.edition ?? 0;
  const key = edition === 0 ? face.id : `${face.id}.${edition}`;
  if (face.idempotencyKey !== key) fail(`its idempotency key is ${face.idempotencyKey}`);
  if (standing !== undefined && edition !== told.edition) fail(`its edition is ${edition}`);
  if (face.recovered !== (claim.row.recovered === true)) fail('recovered');
  if (!isDeepStrictEqual(face.parents, claim.parents)) fail(`its parents gave ${JSON.stringify(face.parents)}`);
  if (standing !== undefined && told.lane !== undefined) {
    const other = [...world.attempts].find(
      (one) =>
        one.life === life &&
        one.told.lane === told.lane &&
        one.told.owner === told.owner &&
        term?.claims.get(one.claim.claim) === one.claim,
    );
    if (other !== undefined) fail(`${other.told.id} of its lane still runs`);
  }

  return claim;
}

/** A signal aborts for a reason that stands. */
function judgeAbort(world: World, { told, claim, signal, life, toldAt }: AttemptFacts): void {
  const reason = signal.reason as { readonly name: string; readonly message: string };
  if (reason.name === 'TimeoutError') {
    const limit = told.timeout ?? ruleOf(life.kind, told.type)?.timeout ?? 0;
    const took = world.time.now() - Math.max(claim.begunAt, toldAt);
    if (toldAt > claim.begunAt) world.report.met('other', 'took too long after its last progress');
    if (took < limit) world.fail(`${told.id} was aborted after ${took} ms, and may take ${limit}`);
    world.report.met('other', 'aborted for its timeout');
  } else if (reason.message.includes('owner')) {
    if (told.owner === null || told.owner === ownerIn(world.contents))
      world.fail(`${told.id} was aborted for its owner`);
    world.report.met('owners', 'aborted for a change');
  } else if (reason.message.includes('cancelled')) {
    if (!told.cancelled && told.end !== 'purged') world.fail(`${told.id} was aborted as cancelled, and was not`);
    world.report.met('other', 'aborted for a cancel');
  } else {
    world.report.met('other', reason.message.includes('taken over') ? 'aborted as deposed' : 'aborted for a stop');
  }
}
