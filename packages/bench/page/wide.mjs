/** A large body that is being written, and what waits for it meanwhile. */
import { basketOf } from './library.mjs';
import { runBasket } from 'taskbasket/worker';

const later = { runAt: Date.now() + 3_600_000 };
const text = 'x'.repeat(2_000);

/**
 * While a Blob of so many megabytes is written, one thing is done: nothing (`alone`), `settle`, `save`, `update`, `cancel` or
 * `add`, each with a payload of 2 KB. Milliseconds: the longest that a small add waited, and the call itself, if there is one.
 */
export async function wide({ what, mb }) {
  const { basket } = basketOf(`wide ${what} ${Math.random()}`);
  const blob = randomBlob(mb);
  const stop = new AbortController();
  let letGo;
  const gate = new Promise((resolve) => (letGo = resolve));
  let call;
  const timed = async (does) => {
    const began = performance.now();
    await does();
    call = performance.now() - began;
  };
  const running = runBasket(
    basket,
    {
      async work(payload, attempt) {
        if (payload !== text) return;
        await gate;
        if (what === 'save') await timed(() => attempt.save(`${String(text)}!`));
      },
    },
    { signal: stop.signal },
  );

  const runs = what === 'settle' || what === 'save';
  const id = await basket.add('work', text, runs ? {} : later);
  const waits = smallAdds(basket);
  await waited(500);
  waits.all.length = 0;
  const big = basket.add('work', blob, later);
  await waited(60);
  if (runs) letGo();
  if (what === 'update') await timed(() => basket.update(id, `${text}!`));
  if (what === 'cancel') await timed(() => basket.cancel(id));
  if (what === 'add') await timed(() => basket.add('work', text, later));
  await big;
  await waited(200);
  await waits.stop();
  stop.abort();
  letGo();
  await running;
  basket.close();

  return { small: Math.max(...waits.all), call };
}

function smallAdds(basket) {
  const all = [];
  const end = new AbortController();
  const loop = (async () => {
    while (!end.signal.aborted) {
      const began = performance.now();
      void basket.add('work', 1).then(() => all.push(performance.now() - began));
      await waited(20);
    }
  })();

  return {
    all,
    stop() {
      end.abort();

      return loop;
    },
  };
}

function randomBlob(mb) {
  const part = new Uint8Array(1024 * 1024);
  for (let at = 0; at < part.length; at += 65_536) crypto.getRandomValues(part.subarray(at, at + 65_536));

  return new Blob(Array.from({ length: mb }, () => part));
}

function waited(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
