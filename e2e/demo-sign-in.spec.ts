/**
 * Two inspectors on one device. The server's ledger says with whose token each save came.
 */
import { effectsOn, expect, reportItem, signIn, test, tryNow, unsentItem, write } from './demo-page.js';
import type { DemoServer } from './fixture.js';
import { focusOn, untilLedger } from './fixture.js';

/** The titles that the server took, each with whose token came with it. */
function takenBy(server: DemoServer): readonly string[] {
  const taken = server.ledger().filter(({ status }) => status === 200);
  return taken.map(({ body, inspector }) => {
    const { title } = JSON.parse(body ?? '{}') as { readonly title: string };
    return `${title} by ${inspector ?? 'nobody'}`;
  });
}

/** A token is refused, then another one, and then nobody is asked for more. */
async function untilRefused(server: DemoServer, times: number): Promise<void> {
  await untilLedger(
    server,
    (ledger) => ledger.every(({ status }) => status === 401) && ledger.length === times,
    `${times} refusals`,
  );
}

test(
  'what Ann wrote without a network is not sent under Bob, who sees nothing of it, and is sent when she is back; an old token is renewed',
  { tag: '@long' },
  async ({ demo, server }) => {
    server.down();
    for (const title of ['Bridge 7', 'Bridge 8']) await write(demo, { title });
    await expect(unsentItem(demo, 'Bridge 8')).toHaveAttribute('part', 'item item-away');

    await demo.getByTestId('title').fill('Half a report');
    await demo.getByTestId('sign-out').click();
    const question = demo.getByRole('dialog', { name: '2 saves are not sent yet' });
    const warning = question.getByText('What you are writing is not saved.');
    await expect(warning).toBeVisible();
    await demo.getByTestId('leave-no').click();
    await demo.getByTestId('title').fill('');
    await demo.getByTestId('sign-out').click();
    await expect(question).toBeVisible();
    await expect(warning).toBeHidden();
    await demo.getByTestId('leave-yes').click();
    await expect(demo.getByRole('heading', { name: 'Who are you?' })).toBeVisible();
    await signIn(demo, 'bob');
    await write(demo, { title: 'Quay wall' });
    await expect(demo.locator('[part~=item]')).toHaveCount(1);
    await expect(demo.getByTestId('report-title')).toHaveText(['Quay wall']);

    server.up();
    await tryNow(unsentItem(demo, 'Quay wall'));
    await expect(reportItem(demo, 'Quay wall')).toHaveAttribute('data-state', 'sent');
    await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
    expect(takenBy(server)).toEqual(['Quay wall by bob']);

    await demo.getByTestId('sign-out').click();
    await signIn(demo, 'ann');
    for (const title of ['Bridge 7', 'Bridge 8'])
      await expect(reportItem(demo, title)).toHaveAttribute('data-state', 'sent');
    await expect(demo.getByTestId('report-item')).toHaveCount(2);
    expect([...takenBy(server)].sort()).toEqual(['Bridge 7 by ann', 'Bridge 8 by ann', 'Quay wall by bob']);

    server.endTokens();
    await write(demo, { title: 'Bridge 9' });
    await expect(reportItem(demo, 'Bridge 9')).toHaveAttribute('data-state', 'sent');
    const sent = server.ledger().filter(({ body }) => body?.includes('Bridge 9'));
    expect(sent.map(({ inspector, status }) => [inspector, status])).toEqual([
      ['ann', 401],
      ['ann', 200],
    ]);
    expect(await demo.evaluate(() => Object.entries(localStorage))).toEqual([['inspector', 'ann']]);
  },
);

test('a server that takes no token is told in words, and “Try now” signs in again; one tab signs out by keyboard, and the other one follows', async ({
  demo,
  context,
  listen,
  server,
}) => {
  server.setMood('401');
  await write(demo, { title: 'Bridge 7' });
  const refused = unsentItem(demo, 'Bridge 7');
  await untilRefused(server, 2);
  const why = refused.locator('[part=why]');
  await expect(why).toHaveText('Signed out: “Try now” signs you in again.');
  // To sign in again would send nothing while the switch is on.
  await demo.locator('[part~=pause]').click();
  await expect(why).toHaveText('Waits until you switch “Send later” off.');
  await demo.locator('[part~=pause]').click();
  await expect(why).toHaveText('Signed out: “Try now” signs you in again.');
  server.setMood('up');
  await refused.locator('[part~=retry]').click();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(effectsOn(server)).toEqual(['Bridge 7']);

  server.setMood('503', { retryAfter: 600 });
  await write(demo, { title: 'Bridge 8' });
  const other = await context.newPage();
  listen(other);
  await other.goto('/');
  await expect(other.getByTestId('who')).toHaveText('Ann');
  await expect(unsentItem(other, 'Bridge 8')).toBeVisible();
  await demo.bringToFront();

  // The question begins with the answer that does nothing, and Escape is the same answer.
  for (const stay of ['Enter', 'Escape']) {
    await focusOn(demo.getByTestId('sign-out'));
    await demo.keyboard.press('Enter');
    await expect(demo.getByRole('dialog', { name: '1 save is not sent yet' })).toBeVisible();
    await expect(demo.getByTestId('leave-no')).toBeFocused();
    await demo.keyboard.press(stay);
    await expect(demo.getByRole('dialog')).toHaveCount(0);
    await expect(demo.getByTestId('sign-out')).toBeFocused();
  }
  await demo.keyboard.press('Enter');
  await expect(demo.getByTestId('leave-no')).toBeFocused();
  await demo.keyboard.press('Shift+Tab');
  await demo.keyboard.press('Enter');
  for (const page of [demo, other]) {
    await expect(page.getByTestId('sign-in')).toBeVisible();
    await expect(page.locator('[part~=item]')).toHaveCount(0);
    await expect(page.getByTestId('report-item')).toHaveCount(0);
  }
  await expect(demo.getByRole('heading', { name: 'Who are you?' })).toBeFocused();

  await demo.keyboard.press('Tab');
  await demo.keyboard.press('Enter');
  await expect(demo.getByTestId('title')).toBeFocused();
  for (const page of [demo, other]) {
    await expect(page.getByTestId('who')).toHaveText('Ann');
    await expect(reportItem(page, 'Bridge 8')).toHaveAttribute('data-state', 'unsent');
  }
});
