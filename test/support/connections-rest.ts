import { setImmediate as nextTurn } from 'node:timers/promises';

/** Fulfilled when a connection that has just answered may carry another call: the event loop has asked for news since. */
export async function connectionsRest(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
