import { parseArgs } from 'node:util';
import type { Found } from './simulate.js';
import { simulate } from './simulate.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '5000' },
    run: { type: 'string' },
    trace: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed);
const steps = Number(values.steps);
const run = values.run === undefined ? undefined : Number(values.run);
if (![seed, steps, run ?? 0].every(Number.isSafeInteger)) {
  console.error('usage: npm run simulate -- [--seed S] [--steps N] [--run K] [--trace] [--twice]');
  process.exit(2);
}

let now = 'before the first run';
process.on('unhandledRejection', (reason) => {
  console.log(
    `violation seed ${seed}: a rejection that nobody handles, in ${now}: ${reason instanceof Error ? reason.stack : String(reason)}`,
  );
  process.exit(1);
});

const onLine = (line: string): void => {
  if (line.startsWith('run ')) now = line;
  if (values.trace) console.log(line);
};

async function play(): Promise<Found> {
  const began = performance.now();
  const found = await simulate({ seed, steps, run, onLine });
  const seconds = (performance.now() - began) / 1_000;
  const speed = Math.round(found.steps / seconds);
  console.log(
    `seed ${seed}, ${found.steps} steps in ${found.runs} runs, ${found.commits} commits, ${seconds.toFixed(1)} s, ${speed} steps/s, trace ${found.trace}`,
  );
  for (const line of found.report.lines()) console.log(line);
  console.log(`the audit found ${found.report.count('audit', 'found')}`);
  if (found.violation !== undefined) {
    const { run: place, what, lines } = found.violation;
    if (!values.trace) console.log(lines.slice(-30).join('\n'));
    console.log(`violation seed ${seed} run ${place}: ${what}`);
    process.exitCode = 1;
  }

  return found;
}

const first = await play();
if (values.twice) {
  const second = await play();
  if (first.trace !== second.trace) {
    console.log(`violation seed ${seed}: two traces, ${first.trace} and ${second.trace}`);
    process.exitCode = 1;
  }
}
