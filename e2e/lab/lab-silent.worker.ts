/** A worker that starts and then says nothing. */
addEventListener('connect', () => {});
