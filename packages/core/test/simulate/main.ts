import { premiseLines } from './premises.js';
import type { Found } from './simulate.js';
import { simulate } from './simulate.js';

/** What `npm run simulate` was asked for. */
export interface PlayOptions {
  readonly seed: number;
  readonly steps: number;
  readonly run: number | undefined;
  /** Begins with this run. */
  readonly from: number;
  /** Counts only the faults that the model of the manual finds. */
  readonly model: boolean;
  /** Prints every step. */
  readonly trace: boolean;
  /** Plays everything a second time, and fails if the two differ. */
  readonly twice: boolean;
}

/** Plays the simulation, prints what happened, and sets the exit code. */
export async function play(options: PlayOptions): Promise<void> {
  const { seed } = options;
  let now = 'before the first run';
  process.on('unhandledRejection', (reason) => {
    const said = reason instanceof Error ? reason.stack : String(reason);
    console.log(`violation seed ${seed}: a rejection that nobody handles, in ${now}: ${said}`);
    process.exit(1);
  });
  const onLine = (line: string): void => {
    if (line.startsWith('run ')) now = line;
    if (options.trace) console.log(line);
  };

  const first = await playOnce(options, onLine);
  if (!options.twice) return;

  const second = await playOnce(options, onLine);
  if (first.trace === second.trace) return;
  console.log(`violation seed ${seed}: two traces, ${first.trace} and ${second.trace}`);
  process.exitCode = 1;
}

async function playOnce(
  { seed, steps, run, from, model, trace }: PlayOptions,
  onLine: (line: string) => void,
): Promise<Found> {
  const began = performance.now();
  const found = await simulate({ seed, steps, run, from, onlyModel: model, onLine });
  const seconds = (performance.now() - began) / 1_000;
  const speed = Math.round(found.steps / seconds);
  console.log(
    `seed ${seed}, ${found.steps} steps in ${found.runs} runs, ${found.commits} commits, ${seconds.toFixed(1)} s, ${speed} steps/s, trace ${found.trace}`,
  );
  for (const line of [...found.report.lines(), ...premiseLines(found.report, found.steps)]) console.log(line);
  console.log(`the audit found ${found.report.count('audit', 'found')}`);
  if (found.violation !== undefined) {
    const { run: place, what, lines } = found.violation;
    if (!trace) console.log(lines.slice(-30).join('\n'));
    console.log(`violation seed ${seed} run ${place}: ${what}`);
    process.exitCode = 1;
  }

  return found;
}
