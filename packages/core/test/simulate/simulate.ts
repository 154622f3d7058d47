import { createHash } from 'node:crypto';
import '../support/faster.js';
import { judgeAway } from './attending.js';
import { createChance } from './chance.js';
import { installClone } from './clone.js';
import type { Driver } from './commands.js';
import { bury, command, declare, die, drawMix, newHost, newPage, newWorkers } from './commands.js';
import { finish } from './finish.js';
import { installLoop } from './loop.js';
import type { Loop } from './loop.js';
import { modelSays } from './judge-model.js';
import { createPlay } from './play.js';
import type { Play } from './play.js';
import type { Report } from './report.js';
import { createReport } from './report.js';
import { createRestJudge } from './rest.js';
import { expectFailed } from './values.js';

/** What is to be played. */
export interface Options {
  readonly seed: number;
  readonly steps: number;
  /** Only this run of the seed. */
  readonly run?: number | undefined;
  /** Begins with this run. */
  readonly from?: number | undefined;
  /** Counts only the faults that the model of the manual finds. */
  readonly onlyModel?: boolean | undefined;
  /** Is given every line of the trace. */
  readonly onLine?: ((line: string) => void) | undefined;
  readonly onProgress?: ((steps: number, run: number) => void) | undefined;
}

/** What was found. */
export interface Found {
  readonly steps: number;
  readonly runs: number;
  readonly commits: number;
  /** The same for the same seed and steps. */
  readonly trace: string;
  readonly report: Report;
  readonly violation: { readonly run: number; readonly what: string; readonly lines: readonly string[] } | undefined;
}

/** At most so many commands before the faults go off. */
const longestRun = 200;

/** Plays runs of a seed until so many steps are done, or something was found. */
export async function simulate({
  seed,
  steps,
  run,
  from = 0,
  onlyModel = false,
  onLine,
  onProgress,
}: Options): Promise<Found> {
  const report = createReport();
  const hash = createHash('sha256');
  const loop = installLoop();
  const giveCloneBack = installClone();
  const expected = expectFailed();
  let done = 0;
  let commits = 0;
  let number = run ?? from;
  let runs = 0;

  try {
    while (done < steps) {
      const chance = createChance(Math.imul(seed, 2_654_435_761) + Math.imul(number + 1, 40_503));
      const length = Math.min(chance.between(20, longestRun), run === undefined ? steps - done : longestRun);
      const lines: string[] = [];
      const say = (line: string): void => {
        lines.push(line);
        onLine?.(line);
      };
      say(`run ${number}`);
      const drawn = { chance: createChance(chance.below(2 ** 32)), declares: chance.is(0.3) };
      const played = await playRun({ length, ...drawn, loop, report, say, onlyModel });
      hash.update(lines.join('\n'));
      done += length;
      commits += played.commits;
      runs += 1;
      onProgress?.(done, number);
      if (played.violation !== undefined) {
        const found = { run: number, what: played.violation, lines };

        return { steps: done, runs, commits, trace: hash.digest('hex').slice(0, 16), report, violation: found };
      }
      if (run !== undefined) break;
      number += 1;
    }
  } finally {
    expected();
    giveCloneBack();
    loop.remove();
  }

  return { steps: done, runs, commits, trace: hash.digest('hex').slice(0, 16), report, violation: undefined };
}

interface Run {
  readonly length: number;
  readonly chance: ReturnType<typeof createChance>;
  /** Whether an app without a session declares one, halfway. */
  readonly declares: boolean;
  readonly loop: Loop;
  readonly report: Report;
  readonly say: (line: string) => void;
  readonly onlyModel: boolean;
}

async function playRun({
  length,
  chance,
  declares,
  loop,
  report,
  say,
  onlyModel,
}: Run): Promise<{ readonly violation: string | undefined; readonly commits: number }> {
  const counts = (what: string): boolean => !onlyModel || what.startsWith(modelSays);
  const play = await createPlay(chance, loop, report, say, chance.is(0.5), counts);
  const { world } = play;
  const mix = drawMix(play);
  const driver: Driver = {
    play,
    mix,
    hasty: false,
    born: 0,
    next: 0,
    rev: 0,
    prepared: [],
    flooded: false,
    watches: new Map(),
  };
  play.loss = mix.loss;
  play.untidy = mix.untidy;
  world.gives = mix.gives;
  const rest = createRestJudge(world, () => play.loss > 0);
  if (mix.attended) play.workers = newWorkers(driver);
  newPage(driver);
  newPage(driver);
  newHost(driver);
  await play.quiet();

  for (let step = 0; step < length && !world.failed(); step += 1) {
    if (declares && !world.owned && step === Math.floor(length / 2)) await declare(driver);
    await command(driver);
    for (const life of play.lives) if (life.dead) bury(play, life);
    endUnattended(play);
    driver.hasty = chance.is(mix.haste);
    if (driver.hasty) {
      const rounds = chance.below(12);
      for (let n = 0; n < rounds; n += 1) await play.round();
      continue;
    }
    await play.quiet();
    rest.judge(play.lives);
    judgeAway(world, play.workers, play.lives);
    for (let place = play.lives.length - 1; place >= 0; place -= 1)
      if (play.lives[place]?.dead === true) play.lives.splice(place, 1);
  }
  if (!world.failed()) await finish(driver);
  play.close();
  await loop.quiet();

  return { violation: world.failure(), commits: world.commits };
}

/** A worker ends with the last of its pages. */
function endUnattended(play: Play): void {
  const worker = play.workers?.current();
  if (worker === undefined || play.lives.some((life) => !life.dead && life.attendance !== undefined)) return;
  die({ play }, worker);
  play.world.report.met('host', 'ended with its last page');
}
