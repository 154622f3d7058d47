/** Runs the simulation: packages/core/test/simulate/main.ts. */
import { readOptions, wholeNumber } from './options.mjs';
import { builtProgram } from './program.mjs';
import { main } from './steps.mjs';

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm run simulate --',
  does:
    'Plays pages, runners, and workers that pages attend, with one clock and one source of random numbers, and kills them\n' +
    'in between. The same seed gives the same run. Exit code 1: a promise was broken. Exit code 2: the simulation could not\n' +
    'be built.',
  options: {
    seed: { value: 'N', default: '1', does: 'The seed of the random numbers.' },
    steps: { value: 'N', default: '5000', does: 'After how many steps the simulation ends.' },
    run: { value: 'N', does: 'Plays this run of the seed alone.' },
    from: {
      value: 'N',
      default: '0',
      does: 'Begins with this run of the seed. Use it to go on once a fault is mended.',
    },
    model: { does: 'Counts only the faults that the model finds. The model knows from the manual what may start.' },
    trace: { does: 'Prints every step.' },
    twice: { does: 'Plays everything a second time, and fails if the two differ.' },
  },
  example: 'npm run simulate -- --seed 7 --steps 20000',
};

/** @type {(() => Promise<void>) | undefined} */
let start;

await main(async () => {
  const { values } = readOptions(usage);
  const { run, model = false, trace = false, twice = false } = values;
  const options = {
    seed: wholeNumber('seed', values.seed, 0),
    steps: wholeNumber('steps', values.steps),
    run: run === undefined ? undefined : wholeNumber('run', run, 0),
    from: wholeNumber('from', values.from, 0),
    model,
    trace,
    twice,
  };
  const { play } = await builtProgram('simulate');
  start = () => play(options);
}, 2);

// It sets the exit code.
await start?.();
