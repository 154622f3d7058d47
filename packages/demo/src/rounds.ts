/**
 * Something slow that is done again and again, one round at a time.
 */

/**
 * @param round Is done; what it throws is left to the next round.
 * @returns A function that asks for a round: now, or once more behind the one that is under way.
 */
export function oneAtATime(round: () => Promise<void>): () => void {
  let running = false;
  let again = false;

  async function run(): Promise<void> {
    again = running;
    if (running) return;
    running = true;
    try {
      await round();
    } catch {
      // The database cannot be read at the moment, or was just closed: what is shown stands.
    } finally {
      running = false;
    }
    if (again) await run();
  }

  return () => void run(); // It never rejects.
}
