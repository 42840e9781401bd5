import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const signals = resolve(import.meta.dirname, '../../../src/cli/process-signals.ts');

/** Runs a program that uses the functions under test; `act` is called with the child once it says `ready`. */
async function run(
  program: string,
  act: (kill: (signal: NodeJS.Signals) => void, output: () => string) => void | Promise<void>,
) {
  const text = `import { reportDefects, untilStopped } from ${JSON.stringify(signals)};\n${program}`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', text], {
    timeout: 15_000,
  });
  let output = '';
  const seen = new Promise<void>((done) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('ready')) done();
    });
    child.on('close', () => done());
  });
  const code = new Promise<number | null>((done) => child.on('close', done));
  await seen;
  await act(
    (signal) => child.kill(signal),
    () => output,
  );
  return { code: await code, output };
}

describe('a process that serves', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('closes in order on %s and ends with 0', async (signal) => {
    const program = `const listening = setInterval(() => {}, 1000);
      const stop = untilStopped(async () => { clearInterval(listening); console.log('closed'); });
      console.log('ready');
      await stop;`;
    const { code, output } = await run(program, (kill) => kill(signal));
    expect(output).toContain('closed');
    expect(code).toBe(0);
  });

  it('ends at once on a second signal, even when closing hangs', async () => {
    const program = `setInterval(() => {}, 1000);
      const stop = untilStopped(() => { console.log('closing'); return new Promise(() => {}); });
      console.log('ready');
      await stop;`;
    const { code } = await run(program, async (kill, output) => {
      kill('SIGTERM');
      while (!output().includes('closing')) await new Promise((next) => setImmediate(next));
      kill('SIGTERM');
    });
    expect(code).toBe(143);
  });

  it('reports a promise that nobody handled and goes on', async () => {
    const program = `reportDefects({ rejection: (error) => console.log('reported', error.message), exception: () => {} });
      Promise.reject(new Error('lost'));
      setTimeout(() => console.log('ready'), 10);`;
    const { code, output } = await run(program, () => {});
    expect(output).toContain('reported lost');
    expect(output).toContain('ready');
    expect(code).toBe(0);
  });

  it('reports an exception that nobody caught and ends with 1', async () => {
    const program = `reportDefects({ rejection: () => {}, exception: (error) => console.log('reported', error.message) });
      setTimeout(() => { throw new Error('broken'); }, 1);
      setTimeout(() => console.log('ready'), 5000);`;
    const { code, output } = await run(program, () => {});
    expect(output).toContain('reported broken');
    expect(output).not.toContain('ready');
    expect(code).toBe(1);
  });
});
