/** A worker that dies while it starts. */
throw new Error('As told: this worker throws while it starts.');
