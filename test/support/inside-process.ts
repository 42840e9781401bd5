/**
 * Loaded into a process before its program (`node --import`), for what only the inside can do. At SIGUSR2 it reads an
 * order from the file `INSIDE_FILE` and answers in the file beside it.
 *
 * Its wall clock can be set wrong by some milliseconds, as a time server or an operator does; monotonic time and timers
 * go on as they do then. With `CLOCK_SPEED` all clocks but not the timers run that much faster, from `CLOCK_FROM_MS` on.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

interface Order {
  shiftMs?: number;
  collect?: boolean;
}

const file = process.env['INSIDE_FILE'] ?? '';
const speed = Number(process.env['CLOCK_SPEED'] ?? 1);
const fromMs = Number(process.env['CLOCK_FROM_MS'] ?? 0);
const realNow = Date.now;
const realMonotonic = performance.now.bind(performance);
let shiftMs = 0;

Date.now = () => Math.floor(fromMs + (realNow() - fromMs) * speed) + shiftMs;
performance.now = () => realMonotonic() * speed;
globalThis.Date = new Proxy(Date, {
  construct: (target, values: [], newTarget) =>
    Reflect.construct(target, values.length === 0 ? [Date.now()] : values, newTarget) as Date,
});

/** What is really in use: garbage that nobody has collected yet says nothing. */
function collected(): NodeJS.MemoryUsage {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage();
}

process.on('SIGUSR2', () => {
  const order = JSON.parse(readFileSync(file, 'utf8')) as Order;
  shiftMs = order.shiftMs ?? shiftMs;
  writeFileSync(`${file}.done`, JSON.stringify(order.collect === true ? collected() : {}));
});
