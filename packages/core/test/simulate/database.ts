import type { Driver } from './commands.js';
import type { Life } from './life.js';
import type { Play } from './play.js';
import { database } from './registries.js';
import { forgetSure } from './settling.js';
import { isConnected } from './transactions.js';

/** The app's new version comes along and raises the version of its database, while everything is open. */
export async function raise({ play }: Driver): Promise<string> {
  const version = play.raise();
  play.app.close();
  play.world.raising = true;
  const opening = play.openApp();
  await play.quiet();
  play.world.raising = false;
  if (play.world.failed()) return `to ${version}, in vain`;
  play.app = await opening;
  play.world.report.met('faults', 'version raised');

  return `to ${version}`;
}

/** The database is deleted under everybody; the app makes it anew at once, or when it is next asked for. */
export async function remove({ play, prepared }: Driver): Promise<string> {
  const { world } = play;
  // A connection that was lost without an event hears of no deletion; a heavy payload may be lost then.
  const unsure = prepared.filter(({ by, told }) => told.size === 'heavy' && !isOpen(play, by));
  for (const one of unsure) prepared.splice(prepared.indexOf(one), 1);
  const anew = world.chance.is(0.5);
  const leader = play.lives.find((life) => life.holds && !life.dead && !life.frozen && !life.deaf);
  // One that stops, or dies soon, need not open the database again, and so does not see what became of it.
  const stays = leader !== undefined && !world.stopping.has(leader) && leader.armed === undefined;
  const mustSay = stays && isOpen(play, leader);
  forgetSure(play);
  world.deleting = true;
  play.app.close();
  const { losses } = world;
  const request = indexedDB.deleteDatabase(database);
  request.onsuccess = () => {
    play.lose();
    world.mustSayLost = mustSay;
  };
  // Right behind the deletion, or after whoever was sent away by it.
  const opening = anew ? play.openApp() : undefined;
  await play.quiet();
  if (world.losses === losses) world.fail('the database could not be deleted');
  if (world.failed()) return 'the database, in vain';
  play.app = await (opening ?? play.openApp());
  await play.quiet();
  world.deleting = false;
  world.report.met('faults', anew ? 'database deleted, and made anew by the app' : 'database deleted');

  return `the database${anew ? ', and made it anew' : ''}`;
}

/** Whether a context has a connection that hears of a deletion. */
export function isOpen({ connections }: Play, life: Life): boolean {
  const connection = connections.get(life);

  return connection !== undefined && isConnected(connection);
}
