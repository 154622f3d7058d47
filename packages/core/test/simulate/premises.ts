import type { Group, Report } from './report.js';

/** What a run is there for: something that has to happen often, or the rules about it have judged nothing. */
type Premise = readonly [says: string, group: Group, ...names: readonly string[]];

/** The premises by the part of the library that they are about. A new part begins with its lines here. */
const parts: Readonly<Record<string, readonly Premise[]>> = {
  adds: [
    ['adds of one run of the app shared a transaction', 'other', 'adds that shared a transaction'],
    ['a task joined a transaction of the app', 'commits', 'addTx'],
    ['a transaction of the app took its tasks with it', 'commits', 'addTx aborted'],
    ['a prepared task was placed', 'other', 'prepared ones placed'],
    ['a heavy body went ahead of its row', 'other', 'heavy bodies ahead of their row'],
  ],
  lanes: [
    ['a freed lane went on with its next task', 'paying', 'settle: a fresh one', 'settle: a held one'],
    ['a due task waited behind the head of its lane', 'looks', 'held behind its head'],
    ['a dead head held its lane', 'paying', 'settle: a dead one stays', 'cancel: a dead one stays'],
  ],
  model: [
    ['the model of the manual judged a start', 'model', 'judged'],
    ['the model was asked which tasks must have started', 'model', 'asked what is left'],
  ],
  deaths: [
    ['a runner died with handlers', 'other', 'attempts cut off'],
    ['a task that ended three runners ran alone', 'other', 'ran alone', 'ran alone after 10 s of waiting'],
    ['a context died in a transaction', 'kills', 'with a transaction open'],
  ],
  theft: [
    ['the lock was taken from a runner', 'faults', 'stolen', 'stolen, told later'],
    ['a deposed runner had handlers', 'other', 'aborted as deposed'],
  ],
  commands: [
    ['a cancel met a task that runs', 'other', 'cancelled while claimed'],
    ['an update corrected a dead task', 'other', 'dead ones corrected'],
    ['an update was refused, because the task was started', 'other', 'updates refused as started'],
    ['a save was stored', 'commits', 'save'],
  ],
  gates: [
    ['a task probed', 'gates', 'probe'],
    ['a task was to blame, and not its destination', 'gates', 'blamed'],
    ['a slow start let a task through', 'gates', 'slow start'],
  ],
  keys: [
    ['a page replaced a task', 'keys', 'replaced by a tidy', 'replaced by a command'],
    ['a runner replaced a task before its claim', 'keys', 'replaced by a turn'],
    ['a started task of the key stayed', 'keys', 'stayed, for it was started'],
    ['another task of the lane between two kept both', 'keys', 'stayed, for another is between'],
    ['a page merged two tasks', 'keys', 'merged by a tidy', 'merged by a command'],
    ['a runner merged two tasks before a claim', 'keys', 'merged by a turn'],
    ['a build without merge kept both', 'keys', 'stayed, for this build has no merge'],
    ['the app kept both', 'keys', 'stayed, for the app refuses'],
    ['a task was sent with what was merged into it', 'keys', 'started with what was merged into it'],
  ],
  expiry: [
    ['a task expired before it could start', 'expiry', 'from F', 'from @', 'from !', 'from H'],
    ['the time of a task ended while it ran', 'expiry', 'ended past its time'],
    ['the lane of an expired task went on', 'expiry', 'its lane goes on'],
  ],
  owners: [
    ['a due task waited, because another owner is signed in', 'owners', 'due, and its owner is away'],
    ['a task ran again after its owner had come back', 'owners', 'came back to tasks'],
    ['the owner changed while handlers of another ran', 'owners', 'changed while handlers of another ran'],
    ['a sign-in waited until a handler of another owner had ended', 'owners', 'waited for a handler'],
    ['two contexts signed somebody in at once', 'owners', 'two at once'],
    ['a runner died, and its tasks wait for an owner who is away', 'owners', 'rescued for one who is away'],
    ['everything of an owner was removed', 'owners', 'purged with tasks'],
    ['a task was removed with its owner while it ran', 'owners', 'purged while it ran'],
    ['a context asked for the end of a task of somebody else', 'owners', 'settled is for its owner'],
    [
      'a task of before the session got an owner',
      'owners',
      'adopted from F',
      'adopted from @',
      'adopted from !',
      'adopted from H',
      'adopted from D',
    ],
  ],
  control: [
    [
      'a pause of a lane or a task held a due one',
      'looks',
      'a timed one held for its pause',
      'a fresh one held for its pause',
    ],
    ['the end of a pause brought a task back', 'pauses', 'a held one came back', 'a fresh one was paid'],
    ['a pause began while one of its tasks ran', 'pauses', 'begun while one runs'],
    ['a task waited for a slot of its type', 'pauses', 'waits for a slot of its type'],
    ['a page was told that nothing is left, after a wait', 'pauses', 'idle, after a wait'],
    ['a handler told how far it is', 'other', 'told how far it is'],
    ['a handler ended its task in a transaction of the app', 'commits', 'complete'],
    ['such a transaction failed, because the task was cancelled', 'completing', 'failed, cancelled'],
    ['such a transaction failed, because the runner was deposed', 'completing', 'failed, deposed'],
  ],
  parents: [
    [
      'a child waited for a parent that had not ended',
      'parents',
      'held for one that is queued',
      'held for one that is running',
    ],
    ['a dead parent held its child', 'parents', 'held for one that is dead'],
    ['the end of a parent brought its child back', 'parents', 'paid by a settle', 'paid by a cancel'],
    ['a child got what its parent had returned', 'parents', 'claimed after one that is done'],
    ['a child was dead, because its parent was cancelled', 'parents', 'dead for one that was cancelled'],
    ['a child ran without a parent that was cancelled', 'parents', 'claimed after one that is cancelled'],
    ['children were cancelled with their parent', 'parents', 'cancelled with children'],
    ['children waited for the task that replaced their parent', 'parents', 'moved to the one that replaced theirs'],
  ],
  values: [
    ['a handler got a token', 'values', 'started with a token'],
    ['a server refused a token, or a cookie', 'values', 'refused'],
    ['tasks of a gate that was parked went on', 'values', 'went on with other values', 'went on with the same values'],
    ['a task that alone was refused is dead', 'values', 'refused again, and dead'],
    ['a due task waited for values', 'values', 'due, and waits for values'],
  ],
  evolution: [
    ['a task started after an upgrade', 'other', 'started after an upgrade'],
    ['a task started under the new name of its type', 'other', 'started under a new name'],
    ['a build could not read a task', 'verdicts', 'unreadable'],
    ['a later build could', 'other', 'unreadable ones that could be read again'],
  ],
  disk: [
    ['an add found no room', 'faults', 'no room for add'],
    ['a turn found no room', 'faults', 'no room for turn'],
    ['a cancel needed no room', 'other', 'cancelled at a full disk'],
  ],
  pages: [
    ['a page came back from its cache, and caught up', 'other', 'came back and caught up'],
    ['a worker that hangs was told', 'host', 'a worker that hangs is told'],
    ['an older worker retired', 'host', 'retired'],
  ],
};

/** So often each has to be met in so many steps. */
const [enough, inSteps] = [1_000, 200_000];

/** Says how often each premise was met, and names those that were met too seldom for a run of so many steps. */
export function premiseLines(report: Report, steps: number): readonly string[] {
  const least = Math.ceil((enough * steps) / inSteps);
  const all = Object.entries(parts).flatMap(([part, premises]) =>
    premises.map(([says, group, ...names]) => ({
      says: `${part}: ${says}`,
      count: names.reduce((sum, name) => sum + report.count(group, name), 0),
    })),
  );
  const seldom = all.filter(({ count }) => count < least);

  return [
    'premises, and how often each was met:',
    ...all.map(({ says, count }) => `${String(count).padStart(8)}  ${says}`),
    seldom.length === 0
      ? `Each premise was met at least ${least} times, as a run of ${steps} steps should.`
      : `Met fewer than ${least} times, of which a run of ${steps} steps should have more: ${seldom.map(({ says }) => says).join('; ')}.`,
  ];
}
