/**
 * Reports the calls between the servers to `report` as they happen. Resolves when the stream of calls is open, or could
 * not be opened in time: the page works without it.
 */
export function followCalls(report) {
  const stream = new EventSource('/calls');
  stream.addEventListener('message', (event) => report(JSON.parse(event.data)));
  return new Promise((done) => {
    stream.addEventListener('ready', done, { once: true });
    setTimeout(done, 1_000);
  });
}
