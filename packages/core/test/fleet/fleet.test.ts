import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { lookEvery } from '../../src/pure/waking.js';
import { laidOut, repository } from '../manual/blocks.js';
import { figuresOf } from './figures.js';
import type { Door, Fleet, Policy } from './fleet.js';
import { play } from './fleet.js';
import { picture } from './picture.js';
import { goalsOf, policies } from './policies.js';

const { createDoor } = await laidOut('door').run<{ createDoor: (perSecond: number) => Door }>('door.mjs');

/** A fleet of the size that a test has time for. Each client has few tasks, so that chance counts little. */
const network: Fleet = {
  seed: 1,
  clients: 1_500,
  tasks: 4,
  capacity: 150,
  spread: 30,
  away: 60,
  outage: 'network',
};

function figures(fleet: Fleet, policy: Policy): ReturnType<typeof figuresOf> {
  return figuresOf(fleet, play(fleet, policy, createDoor));
}

test('a fleet that comes back sends no more first probes than it must, and little else, least if the server says when', () => {
  const ours = figures(network, policies.ours);
  const told = figures(network, policies.told);

  for (const { says, found, most } of goalsOf(ours, told)) expect(found, says).toBeLessThanOrEqual(most);
  expect(ours.last).toBeLessThan(1.5);
  expect(told.last).toBeLessThan(1.5);
}, 600_000);

test('a fleet that looks at its pages while the server is away does not come back at once', () => {
  const server: Fleet = { ...network, outage: 'server', spread: lookEvery / 1_000 };

  expect(figures(server, policies.ours).firstOverFloor).toBeLessThanOrEqual(1.15);
}, 600_000);

test('a fleet without gates asks for far more', () => {
  const small = { ...network, clients: 300, capacity: 30 };
  const six = figures(small, policies.six);

  expect(six.requestsPerTask).toBeGreaterThan(2 * figures(small, policies.ours).requestsPerTask);
}, 600_000);

test('the same seed gives the same figures, and another seed other ones', () => {
  const small = { ...network, clients: 100, capacity: 10 };
  const first = figures(small, policies.ours);

  expect(figures(small, policies.ours)).toEqual(first);
  expect(figures({ ...small, seed: 2 }, policies.ours)).not.toEqual(first);
}, 600_000);

test('the picture of docs/server.md is one of these curves, for a light and for a dark page', () => {
  const drawn = readFileSync(path.join(repository, 'docs/fleet.svg'), 'utf8');
  const names = Object.values(policies).map(({ name }) => name);
  const again = picture(names.map((name) => ({ name, load: [1] })));
  const withoutCurves = (svg: string): string => svg.replaceAll(/<polyline.*\n/g, '');

  expect(withoutCurves(drawn)).toBe(withoutCurves(again));
  expect(drawn.match(/<polyline/g)).toHaveLength(names.length);
  expect(drawn).toContain('prefers-color-scheme:dark');
});
