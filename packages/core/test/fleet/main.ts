import { writeFileSync } from 'node:fs';

import type { Figures } from './figures.js';
import { binLength, figuresOf, floorOf } from './figures.js';
import type { Door, Fleet } from './fleet.js';
import { play } from './fleet.js';
import { picture } from './picture.js';
import { goalsOf, policies } from './policies.js';
import { lookEvery } from '../../src/pure/waking.js';

/** What `npm run simulate:fleet` was asked for. */
export interface Asked extends Omit<Fleet, 'outage'> {
  /** Where to write the picture. */
  readonly svg: string | undefined;
  readonly createDoor: (perSecond: number) => Door;
}

/** Plays the policies, prints their figures, and sets the exit code. */
export function playAll({ svg, createDoor, ...asked }: Asked): void {
  const { seed, clients, tasks, capacity, spread, away } = asked;
  const network: Fleet = { ...asked, outage: 'network' };
  console.log(`seed ${seed}: ${clients} clients with ${tasks} tasks each, a server for ${capacity} requests a second.`);
  console.log(`Peaks are those of bins of ${binLength} s. p50 and p99: when so many tasks were done ÷ the ideal.\n`);

  console.log(`No network for ${away} s. Each browser says that it is online again, within ${spread} s.`);
  console.log(`The floor of first probes: ${two(floorOf(network))} of the capacity.`);
  console.log(row(['', 'first probes', '÷ floor', 'all else', 'requests/task', 'p50', 'p99']));
  const found = Object.values(policies).map((policy) => {
    const figures = figuresOf(network, play(network, policy, createDoor));
    console.log(rowOf(policy.name, figures));

    return { policy, figures };
  });

  const server: Fleet = { ...asked, outage: 'server', spread: lookEvery / 1_000 };
  console.log(`\nThe server is away for ${away} s. All notice it together, and look at the page until it is back.`);
  console.log(
    `A page that is visible lets the server be probed each ${server.spread} s: ${two(floorOf(server))} of the capacity.`,
  );
  const watched = [policies.ours, policies.told].map((policy) => {
    const figures = figuresOf(server, play(server, policy, createDoor));
    console.log(rowOf(policy.name, figures));

    return figures;
  });

  if (svg !== undefined) {
    writeFileSync(svg, picture(found.map(({ policy, figures }) => ({ name: policy.name, load: figures.load }))));
    console.log(`\nThe picture: ${svg}`);
  }

  const [ours, told] = found.slice(2).map(({ figures }) => figures) as [Figures, Figures];
  const goals = [...goalsOf(ours, told), ...watched.map(goalOfWatched)];
  console.log('');
  for (const { says, found: value, most } of goals) {
    console.log(`${value <= most ? 'met   ' : 'MISSED'}  ${says}: ${two(value)}, at most ${most}`);
    if (!(value <= most)) process.exitCode = 1;
  }
}

function goalOfWatched({ firstOverFloor }: Figures, place: number): ReturnType<typeof goalsOf>[number] {
  const says = `first probes ÷ their floor, the server was away${place === 1 ? ', Retry-After spread' : ''}`;

  return { says, found: firstOverFloor, most: 1.1 };
}

function rowOf(name: string, figures: Figures): string {
  const { firstPeak, firstOverFloor, otherPeak, requestsPerTask, median, last } = figures;

  return row([name, ...[firstPeak, firstOverFloor, otherPeak, requestsPerTask, median, last].map(two)]);
}

function row([name = '', ...values]: readonly string[]): string {
  return name.padEnd(32) + values.map((value) => value.padStart(14)).join('');
}

function two(value: number): string {
  return value.toFixed(2);
}
