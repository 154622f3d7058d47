import type { TaskView } from '../../src/pure/view.js';
import type { CrashPoint } from '../../src/ports/ports.js';
import type { RunnerRow } from '../../src/pure/record.js';
import { deposedKey } from '../../src/pure/record.js';
import type { Workers } from './attending.js';
import { createWorkers } from './attending.js';
import { add, addMany, addTx, prepare } from './adding.js';
import type { PreparedFacts } from './adding.js';
import { complete } from './completing.js';
import { raise, remove } from './database.js';
import { edit, update } from './editing.js';
import { idle } from './idling.js';
import { pause, resume } from './pausing.js';
import { erase } from './erasing.js';
import { settle } from './settling.js';
import { isBody, runnerOf } from './contents.js';
import type { Ending } from './journal.js';
import type { Life } from './life.js';
import { judgeList, judgeViews } from './views.js';
import { listedBy, ownerNames, sign, signIn } from './owners.js';
import type { Play } from './play.js';
import type { Kind } from './registries.js';
import { revoke } from './values.js';

/** How often each command comes: drawn anew for each run, so that runs differ in kind. */
export interface Mix {
  readonly weights: Readonly<Record<CommandName, number>>;
  readonly kinds: readonly Kind[];
  readonly hosts: number;
  readonly loss: number;
  readonly lanes: number;
  /** How likely a payload is heavy. */
  readonly heavy: number;
  /** How likely a task has a key, and how likely a page does not delete what that replaces. */
  readonly keys: number;
  readonly untidy: number;
  /** How likely a sign-in gives values. */
  readonly gives: number;
  /** How likely a task expires. */
  readonly expiry: number;
  /** How likely a task has parents. */
  readonly parents: number;
  /** Whether some hundred tasks come at once, somewhen. */
  readonly flood: boolean;
  /** Whether pages attend a worker, which runs their tasks. */
  readonly attended: boolean;
  /** How likely a command does not wait until nothing moves any more. */
  readonly haste: number;
}

/** What one run's driver keeps. */
export interface Driver {
  readonly play: Play;
  readonly mix: Mix;
  /** The last command did not wait until nothing moved. */
  hasty: boolean;
  born: number;
  next: number;
  rev: number;
  /** What waits for a transaction of the app's. */
  readonly prepared: PreparedFacts[];
  flooded: boolean;
  /** What pages watch that were put away. */
  readonly watches: Map<Life, () => { readonly loaded: boolean; readonly tasks: readonly TaskView[] }>;
}

const names = [
  'add',
  'addTx',
  'addMany',
  'prepare',
  'update',
  'settle',
  'suspend',
  'raise',
  'remove',
  'cancel',
  'retry',
  'pause',
  'resume',
  'idle',
  'end',
  'save',
  'tell',
  'complete',
  'advance',
  'jump',
  'kill',
  'arm',
  'refuse',
  'start',
  'stop',
  'steal',
  'word',
  'freeze',
  'thaw',
  'purge',
  'foreign',
  'look',
  'wake',
  'reload',
  'storm',
  'sever',
  'deploy',
  'attend',
  'sign',
  'revoke',
  'erase',
  'fill',
  'free',
] as const;

export type CommandName = (typeof names)[number];

const commands: Readonly<Record<CommandName, (driver: Driver) => Promise<string | undefined> | string | undefined>> = {
  add,
  addTx,
  addMany,
  prepare,
  update,
  settle,
  suspend,
  raise,
  remove,
  cancel: (driver) => edit(driver, 'cancel'),
  retry: (driver) => edit(driver, 'retry'),
  pause,
  resume,
  idle,
  end,
  save,
  tell,
  complete,
  advance,
  jump,
  kill,
  arm,
  refuse,
  start,
  stop,
  steal,
  word,
  freeze,
  thaw,
  purge,
  foreign,
  look,
  wake,
  reload,
  storm,
  sever,
  deploy: deployed,
  attend,
  sign,
  revoke,
  erase,
  fill: fillDisk,
  free: freeDisk,
};

/** What a run in fair weather does without: there everything that can run must run at once. */
const faults = [
  'jump',
  'kill',
  'arm',
  'refuse',
  'stop',
  'steal',
  'freeze',
  'purge',
  'foreign',
  'reload',
  'storm',
  'sever',
  'remove',
  'fill',
] as const;

/** Draws what a run is like. */
export function drawMix({ world: { chance } }: Play): Mix {
  const weights: Record<CommandName, number> = {
    add: 14,
    addTx: 4,
    addMany: 2.5,
    prepare: 2,
    update: 5,
    settle: 3,
    suspend: 1.5,
    raise: 0.4,
    remove: 0.25,
    cancel: 4,
    retry: 4,
    pause: 3,
    resume: 2.5,
    idle: 1.5,
    end: 26,
    save: 4,
    tell: 4,
    complete: 5,
    advance: 16,
    jump: 2,
    kill: 3,
    arm: 4,
    refuse: 3,
    start: 5,
    stop: 1.5,
    steal: 1.5,
    word: 2,
    freeze: 1,
    thaw: 2,
    purge: 2,
    foreign: 1,
    look: 3,
    wake: 6,
    reload: 1,
    storm: 0.8,
    sever: 0.5,
    deploy: 1.5,
    attend: 3,
    sign: 5,
    revoke: 6,
    erase: 2,
    fill: 0.5,
    free: 6,
  };
  for (const name of names) {
    if (['add', 'end', 'advance', 'start'].includes(name)) weights[name] *= 0.5 + chance.next();
    else weights[name] *= chance.pick([0, 0.5, 1, 1, 1, 3]);
  }
  if (chance.is(0.4)) for (const name of ['steal', 'freeze', 'foreign'] as const) weights[name] = 0;

  // What is paused must go on, or a run would stand still.
  weights.resume = Math.max(weights.resume, weights.pause * 1.5);

  const attended = chance.is(0.4);
  if (attended) weights.freeze += 1;
  const fair = chance.is(0.25);
  if (fair) for (const name of faults) weights[name] = 0;

  return {
    weights,
    kinds: chance.pick<readonly Kind[]>([
      ['new'],
      ['old'],
      ['old', 'new'],
      ['old', 'new', 'broken'],
      ['new', 'broken'],
    ]),
    hosts: chance.between(1, 3),
    loss: fair ? 0 : chance.pick([0, 0, 0.1, 0.5, 1]),
    lanes: chance.between(1, 5),
    heavy: chance.pick([0, 0, 0.02, 0.1]),
    keys: chance.pick([0, 0.2, 0.5, 0.9]),
    untidy: chance.pick([0, 0.5, 1, 1]),
    expiry: chance.pick([0, 0, 0.1, 0.4]),
    parents: chance.pick([0, 0, 0.1, 0.3, 0.7]),
    gives: chance.pick([0, 0.3, 1, 1]),
    flood: chance.is(0.03),
    attended,
    haste: chance.pick([0, 0.1, 0.3, 0.6]),
  };
}

/** Does one command; gives back what it did, for the trace. */
export async function command(driver: Driver): Promise<void> {
  const { world } = driver.play;
  const list = names.map((name) => [driver.mix.weights[name], name] as const);
  for (let tries = 0; tries < 20; tries += 1) {
    const name = world.chance.weighted(list) ?? 'advance';
    const did = await commands[name](driver);
    if (did === undefined) continue;
    world.report.met('commands', name);
    world.say(`${name} ${did}`);

    return;
  }
  world.say('nothing');
}

function livesOf({ play }: Driver, what: 'page' | 'host'): readonly Life[] {
  return play.lives.filter((life) => !life.dead && play.world.slots.has(life) === (what === 'host'));
}

/** A page that is in sight, or now and then a host: a page may run tasks itself. */
export function pageOf(driver: Driver): Life {
  const pages = livesOf(driver, 'page').filter(({ frozen }) => !frozen);
  const { chance, stopping } = driver.play.world;
  const hosts = livesOf(driver, 'host').filter((life) => !stopping.has(life) && !life.frozen);
  if (hosts.length > 0 && chance.is(0.12)) return chance.pick(hosts);

  return pages.length === 0 ? newPage(driver) : chance.pick(pages);
}

/** Starts a page. */
export function newPage(driver: Driver, kind?: Kind): Life {
  const { chance } = driver.play.world;
  driver.born += 1;
  const page = driver.play.page(
    `page${driver.born}`,
    kind ?? chance.pick<Kind>(['old', 'new', 'new', 'page']),
    chance.between(1, 3),
  );
  if (driver.mix.attended && !driver.play.world.calm && chance.is(0.7)) driver.play.workers?.attend(page);
  const { world } = driver.play;
  if (!world.owned || !chance.is(0.9)) return page;
  const owner = ownerNames[chance.pick([0, 0, 1, 2])] ?? null;
  void signIn(world, page, owner, world.wasFree && chance.is(0.3)); // It never rejects.

  return page;
}

/** The app is deployed with a session, when every context of an earlier build is gone. */
export async function declare(driver: Driver): Promise<void> {
  const { play } = driver;
  const { world } = play;
  for (const life of play.lives) if (!life.dead) die(driver, life);
  await play.quiet();
  world.owned = true;
  world.wasFree = true;
  world.model.declared();
  world.report.met('owners', 'a session was declared');
  world.say('declare a session');
  newPage(driver);
  newHost(driver);
}

/** Makes the workers that pages attend. */
export function newWorkers(driver: Driver): Workers {
  const { play } = driver;
  const workers = createWorkers(play.world, ({ kind, build, slots }) => {
    driver.born += 1;
    const life = play.page(`worker${driver.born}`, kind, build);
    play.world.slots.set(life, slots);

    return life;
  });
  deploy(driver, workers);

  return workers;
}

/** The server has another script of the worker, or none. */
function deploy({ play: { world }, mix }: Driver, { script }: Workers): string {
  const { chance } = world;
  script.missing = chance.is(0.15);
  script.kind = chance.pick(mix.kinds);
  script.build = chance.between(1, 3);
  script.slots = chance.pick([1, 2, 3, 6]);

  return script.missing ? 'no worker' : `a worker ${script.kind} build ${script.build}`;
}

function deployed(driver: Driver): string | undefined {
  const { workers } = driver.play;

  return workers === undefined ? undefined : deploy(driver, workers);
}

/** A page that is looked at asks its worker at once, or says how it fares. */
function attend({ play }: Driver): string | undefined {
  const { chance } = play.world;
  const pages = play.lives.filter((life) => !life.dead && !life.frozen && life.attendance !== undefined);
  if (pages.length === 0) return undefined;
  const page = chance.pick(pages);
  const looks = chance.is(0.5);
  if (looks) page.attendance?.ask();
  else void page.attendance?.health();

  return `${looks ? 'looked at' : 'asked'} ${page.name}`;
}

/** Starts a host. */
export function newHost(driver: Driver, kind?: Kind, build?: number): Life {
  const { chance } = driver.play.world;
  driver.born += 1;
  const name = `host${driver.born}`;

  return driver.play.host(
    name,
    kind ?? chance.pick(driver.mix.kinds),
    build ?? chance.between(1, 3),
    chance.pick([1, 2, 3, 6]),
  );
}

/** How attempts end, by chance. */
export function ending(driver: Driver): Ending {
  const { chance, time } = driver.play.world;

  return (
    chance.weighted<() => Ending>([
      [5, () => ({ kind: 'success' })],
      [1, () => ({ kind: 'success', result: `r${driver.next}` })],
      [3, () => ({ kind: 'failure' })],
      [1, () => ({ kind: 'permanent' })],
      [0.7, () => ({ kind: 'later', for: chance.pick([0, 500, 5_000, 70_000]) })],
      [0.5, () => ({ kind: 'later', date: time.wall() + chance.pick([-9_000, 2_000, 100_000]) })],
      [2, () => ({ kind: 'unavailable' })],
      [2, () => ({ kind: 'signed-out' })],
      [0.6, () => ({ kind: 'unavailable', after: chance.pick([0, 300, 8_000, 100_000]) })],
    ]) ?? ((): Ending => ({ kind: 'success' }))
  )();
}

function end(driver: Driver): string | undefined {
  const { world } = driver.play;
  const count = world.chance.pick([1, 1, 1, 2, 4]);
  const did: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const open = [...world.attempts].filter(({ life }) => !life.dead && !life.frozen);
    if (open.length === 0) break;
    const attempt = world.chance.pick(open);
    const how = ending(driver);
    attempt.end(how);
    did.push(`#${attempt.told.n} in ${attempt.life.name} as ${JSON.stringify(how)}`);
  }

  return did.length === 0 ? undefined : did.join(', ');
}

function save(driver: Driver): string | undefined {
  const { world } = driver.play;
  const open = [...world.attempts].filter(({ life, saving }) => !life.dead && !life.frozen && saving === undefined);
  if (open.length === 0) return undefined;

  const cancelled = open.filter(({ told }) => told.cancelled);
  const attempt = world.chance.pick(cancelled.length > 0 && world.chance.is(0.5) ? cancelled : open);
  const { told, life } = attempt;
  driver.rev += 1;
  const rev = driver.rev;
  attempt.saving = rev;
  const fill = world.chance.is(0.3) ? 'y'.repeat(20_000) : undefined;
  attempt.save({ n: told.n, rev, ...(fill === undefined ? {} : { fill }) }).then(
    () => {
      if (life.dead) return;
      if (told.rev !== rev && told.rev < rev) world.fail(`save of #${told.n} resolved, and it is not stored`);
      attempt.saving = undefined;
      world.report.met('other', 'saved');
    },
    () => {
      if (life.dead) return;
      if (told.rev === rev) world.fail(`save of #${told.n} rejected, and is stored`);
      attempt.saving = undefined;
      world.report.met('other', 'not saved');
    },
  );
  if (world.chance.is(0.3)) attempt.end(ending(driver));

  return `#${told.n} as ${rev} in ${life.name}`;
}

/** A handler tells how far it is, also one that was aborted. Its timeout begins anew if it was not. */
function tell({ play: { world } }: Driver): string | undefined {
  const open = [...world.attempts].filter(({ life }) => !life.dead && !life.frozen);
  if (open.length === 0) return undefined;
  const attempt = world.chance.pick(open);
  const { told, life } = attempt;
  if (!attempt.signal.aborted) {
    attempt.toldAt = world.time.now();
    world.report.met('other', 'told how far it is');
  }
  attempt.progress(world.commits);

  return `#${told.n} in ${life.name}`;
}

async function advance(driver: Driver): Promise<string> {
  const { play } = driver;
  const { chance, time } = play.world;
  const left = time.next() - time.now();
  const by = chance.pick([1, 50, 400, 1_500, 1_500, 6_000, 6_000, 11_000, 30_000, 70_000, 150_000, left, left]);
  if (!Number.isFinite(by)) return 'to nothing';
  play.world.say(`advance by ${by}`);
  await play.advance(by);
  // An alarm that was being set is late by the time that passed meanwhile, as after sleep.
  if (driver.hasty) play.world.unheardAt = time.now();

  return `to ${time.now()}`;
}

function jump({ play: { world } }: Driver): string {
  const by = world.chance.pick([-86_400_000, -60_000, -500, 500, 60_000, 3_600_000, 86_400_000 * 2]);
  world.time.jump(by);
  world.unheardAt = world.time.now();
  world.report.met('faults', by > 0 ? 'clock jumped forward' : 'clock jumped back');

  return `by ${by}`;
}

function kill(driver: Driver): string | undefined {
  const { world } = driver.play;
  const hosts = livesOf(driver, 'host');
  const life = hosts.length > 0 && world.chance.is(0.8) ? world.chance.pick(hosts) : pageOf(driver);
  const leads = world.leading?.life === life;
  const runs = [...world.attempts].some((attempt) => attempt.life === life);
  world.report.met(
    'kills',
    leads ? (runs ? 'while handlers run' : 'a leader at rest') : world.slots.has(life) ? 'a waiting host' : 'a page',
  );
  die(driver, life);

  return life.name;
}

/** A context dies, and what it did with it. */
export function die({ play: { world } }: Pick<Driver, 'play'>, life: Life): void {
  if ([...life.open].length > 0) world.report.met('kills', 'with a transaction open');
  life.kill();
  if (world.slots.has(life)) world.faultAt = world.time.now();
  world.unheardAt = world.time.now();
  bury({ world }, life);
}

/** Takes a dead context out of the journal's open business. */
export function bury({ world }: Pick<Play, 'world'>, life: Life): void {
  world.commands.delete(life);
  for (const attempt of world.attempts) if (attempt.life === life) world.attempts.delete(attempt);
}

/** The disk is full, but for a few writes. */
function fillDisk({ play: { world } }: Driver): string {
  world.wasFull = true;
  world.room = world.chance.pick([0, 0, 1, 5]);

  return `the disk, but for ${world.room} writes`;
}

/** There is room again. */
function freeDisk({ play: { world } }: Driver): string | undefined {
  if (world.room === Number.POSITIVE_INFINITY) return undefined;
  world.room = Number.POSITIVE_INFINITY;
  world.faultAt = world.time.now();
  world.unheardAt = world.time.now();

  return 'the disk';
}

const instants = ['before', 'requests', 'complete'] as const;

function arm(driver: Driver): string | undefined {
  const { world } = driver.play;
  const { chance } = world;
  const host = chance.is(0.7);
  const lives = livesOf(driver, host ? 'host' : 'page').filter(({ armed }) => armed === undefined);
  if (lives.length === 0) return undefined;
  const life = chance.pick(lives);
  const works = host
    ? (['turn', 'turn', 'turn', 'takeover', 'takeover', 'save', 'audit'] as const)
    : (['add', 'add', 'body', 'command', 'tidy', 'session'] as const);
  const point: CrashPoint = `${chance.pick(works)}:${chance.pick(instants)}`;
  life.armed = { point, how: chance.pick(['abort', 'commit'] as const), left: chance.pick([0, 0, 1, 2, 4]) };

  return `${life.name} at ${point}, ${life.armed.how}, after ${life.armed.left}`;
}

function refuse(driver: Driver): string | undefined {
  const { world } = driver.play;
  const { chance } = world;
  const lives = driver.play.lives.filter((life) => !life.dead && life.armed === undefined);
  if (lives.length === 0) return undefined;
  const life = chance.pick(lives);
  const works = world.slots.has(life)
    ? (['turn', 'turn', 'takeover', 'save', 'audit'] as const)
    : (['add', 'add', 'body', 'command', 'tidy', 'session'] as const);
  const work = chance.pick(works);
  const point: CrashPoint = `${work}:requests`;
  // A transaction that is committed, and told as failed.
  const how = chance.is(0.5) && work !== 'save' ? 'lie' : 'refuse';
  life.armed = { point, how, left: chance.pick([0, 0, 1, 3]) };

  return `${life.name} at ${point}, ${how}, after ${life.armed.left}`;
}

function start(driver: Driver): string | undefined {
  if (livesOf(driver, 'host').filter((life) => !driver.play.world.stopping.has(life)).length >= driver.mix.hosts)
    return undefined;
  const { chance } = driver.play.world;
  const life = newHost(driver);
  if (chance.is(0.2))
    life.armed = { point: `takeover:${chance.pick(instants)}`, how: chance.pick(['abort', 'commit']), left: 0 };
  const dies = life.armed === undefined ? '' : `, dies at ${life.armed.point} (${life.armed.how})`;

  return `${life.name} ${life.kind} build ${life.build}, ${driver.play.world.slots.get(life) ?? 0} slots${dies}`;
}

/** One runner after another dies under what it has just claimed. */
async function storm(driver: Driver): Promise<string | undefined> {
  const { play } = driver;
  const { world } = play;
  const times = world.chance.between(2, 5);
  for (let n = 0; n < times; n += 1) {
    for (const life of livesOf(driver, 'host')) die(driver, life);
    newHost(driver);
    await play.quiet();
    if (world.chance.is(0.5)) await play.advance(world.chance.pick([1_500, 12_000, 30_000]));
    if (world.failed()) break;
  }

  return `of ${times}`;
}

/** The connection of a context is lost under it. */
function sever(driver: Driver): string | undefined {
  const { play } = driver;
  const lives = play.lives.filter((life) => !life.dead && play.connections.has(life));
  if (lives.length === 0) return undefined;
  const life = play.world.chance.pick(lives);
  play.connections.get(life)?.close();
  play.world.report.met('faults', 'connection lost');

  return life.name;
}

function stop(driver: Driver): string | undefined {
  const { world } = driver.play;
  const hosts = livesOf(driver, 'host').filter((life) => !world.stopping.has(life) && !life.served);
  if (hosts.length === 0) return undefined;
  const life = world.chance.pick(hosts);
  driver.play.stop(life);

  return life.name;
}

function steal(driver: Driver): string | undefined {
  const { play } = driver;
  const holder = play.lives.find((life) => life.holds && !life.dead);
  if (holder === undefined) return undefined;
  const late = play.world.chance.is(0.6);
  play.world.faultAt = play.world.time.now();
  play.steal(late);
  play.world.report.met('faults', late ? 'stolen, told later' : 'stolen');

  return `from ${holder.name}${late ? ', told later' : ''}`;
}

function word({ play: { lives, world } }: Driver): string | undefined {
  const deaf = lives.find((life) => life.deaf && !life.dead);
  world.faultAt = world.time.now();
  deaf?.tell();

  return deaf?.name;
}

function freeze(driver: Driver): string | undefined {
  const hosts = livesOf(driver, 'host').filter(({ frozen }) => !frozen);
  if (hosts.length === 0) return undefined;
  const { world } = driver.play;
  const served = hosts.filter((life) => life.served);
  const life = world.chance.pick(served.length > 0 && world.chance.is(0.5) ? served : hosts);
  life.freeze();
  world.faultAt = world.time.now();
  world.report.met('faults', 'frozen');
  if (life.holds && world.chance.is(0.4)) driver.play.steal(false);

  return life.name;
}

async function thaw({ play, watches }: Driver): Promise<string | undefined> {
  const { lives, world } = play;
  const frozen = lives.find((life) => life.frozen && !life.dead);
  if (frozen === undefined) return undefined;
  const { suspended } = frozen;
  const watched = watches.get(frozen);
  if (suspended) await play.quiet();
  const { commits } = world;
  world.unannounced.set(frozen, 1);
  frozen.thaw();
  world.faultAt = world.time.now();
  if (!suspended || watched === undefined) return frozen.name;

  // It catches up by itself with what it was told nothing of.
  await play.quiet();
  // A watch that has just looked rests for a second at most.
  await play.advance(1_001);
  const { loaded, tasks } = watched();
  // (Of what is committed meanwhile, it may be told nothing.)
  if (frozen.dead || !loaded || world.commits !== commits) return frozen.name;
  judgeList(world, frozen, tasks, listedBy(world, frozen));
  world.report.met('other', 'came back and caught up');

  return `${frozen.name}, which was put away`;
}

/** A page is put away in the back/forward cache, while it watches all tasks. */
function suspend(driver: Driver): string | undefined {
  const pages = livesOf(driver, 'page').filter(({ frozen }) => !frozen);
  if (pages.length < 2) return undefined;
  const page = driver.play.world.chance.pick(pages);
  const { get, subscribe } = page.basket.watch({ limit: 1_000 });
  subscribe(() => undefined);
  driver.watches.set(page, get);
  page.suspend();
  driver.play.world.unheardAt = driver.play.world.time.now();
  driver.play.world.report.met('faults', 'put away');

  return page.name;
}

/** Removes the row of a running task by hand, as a completion in the app's own transaction and a purge will. */
function purge({ play }: Driver): string | undefined {
  const { world } = play;
  const { chance, contents } = world;
  const all = (runnerOf(contents)?.running ?? []).filter(({ seq }) => contents.tasks.has(seq));
  const apart = all.filter((one) => one.ref !== undefined);
  const claims = apart.length > 0 && chance.is(0.5) ? apart : all;
  if (claims.length === 0) return undefined;
  const { seq, id, ref, claim } = chance.pick(claims);
  const facts = world.leading?.claims.get(claim);
  const transaction = play.begin('hand', undefined);
  const [tasks = '', payloads = '', , state = ''] = [...registryStores(play)];
  const isLeft = chance.is(0.5);
  world.unheardAt = world.time.now();
  const request = transaction.objectStore(state).get('runner');
  request.onsuccess = () => {
    // Only a claim that stands may be ended by another hand: it is what pays the lane.
    const runner = request.result as RunnerRow;
    const current = world.contents.tasks.get(seq);
    if (!runner.running.some((one) => one.seq === seq && one.id === id) || current === undefined) return;

    transaction.objectStore(tasks).delete(seq);
    transaction.objectStore(state).put(true, deposedKey(runner.epoch, claim));
    // The claim's own payload may be left to the claim's end; one that was put apart since has no other owner.
    if (current.ref !== undefined && !isBody(current.ref) && (current.ref !== ref || !isLeft)) {
      transaction.objectStore(payloads).delete(current.ref);
    }
    transaction.objectStore(state).put(`hand${chance.below(1_000_000_000)}`, 'edits');
    transaction.addEventListener('complete', () => {
      if (facts !== undefined) facts.cancelledAt = world.time.now();
    });
  };

  return id;
}

/** Gives a row a field, or a letter, of a later version. */
function foreign({ play }: Driver): string | undefined {
  const { world } = play;
  const { chance, contents } = world;
  const claimed = new Set((runnerOf(contents)?.running ?? []).map(({ seq }) => seq));
  const rows = [...contents.tasks.values()].filter(({ seq }) => !claimed.has(seq) && !world.foreign.has(seq));
  if (rows.length === 0 || world.underway.size > 0) return undefined;
  const laned = rows.filter((one) => one.lane !== undefined && one.attempts > 0);
  const row = chance.pick(laned.length > 0 && chance.is(0.6) ? laned : rows);
  const letter = chance.is(0.2);
  world.unheardAt = world.time.now();
  const transaction = play.begin('hand', undefined);
  const [tasks = '', , , state = ''] = [...registryStores(play)];
  if (letter) world.foreign.add(row.seq);
  transaction
    .objectStore(tasks)
    .put({ ...row, ofLater: 'kept', ...(letter ? { ready: `Z${row.ready.slice(1)}` } : {}) });
  transaction.objectStore(state).put(`hand${chance.below(1_000_000_000)}`, 'edits');

  return `${row.id}${letter ? ' letter' : ' field'}`;
}

/** In the order of a registry, also when nobody lives who has one. */
function registryStores({ app }: Play): readonly string[] {
  const stores = [...app.objectStoreNames];

  return ['tasks', 'payloads', 'outcomes', 'state'].map((key) => stores.find((name) => name.endsWith(`.${key}`)) ?? '');
}

async function look(driver: Driver): Promise<string | undefined> {
  const page = pageOf(driver);
  await driver.play.quiet();
  if (page.dead) return undefined;
  page.blind = 0;
  await judgeViews(driver.play.world, page);

  return `in ${page.name}`;
}

/** A page is online again, or visible. */
function wake(driver: Driver): string {
  const page = pageOf(driver);
  const { chance } = driver.play.world;
  const visible = chance.is(0.5);
  const online = chance.is(0.5);
  driver.play.world.woken = true;
  page.context.hub.say({ kind: 'wake', visible, online });

  return `by ${page.name}${visible ? ', visible' : ''}${online ? ', online' : ''}`;
}

function reload(driver: Driver): string {
  const page = pageOf(driver);
  if (driver.play.world.chance.is(0.5)) page.leave();
  die(driver, page);
  driver.play.world.report.met('kills', 'a page');

  return `${page.name} as ${newPage(driver).name}`;
}
