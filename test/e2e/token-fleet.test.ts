import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import type { CallersOutcome } from '../support/token-caller.ts';
import { startTokenServer, type TokenServer } from '../support/token-server.ts';

const missing = redisMissing();
const script = fileURLToPath(import.meta.resolve('../support/token-caller.ts'));

interface Caller {
  child: ChildProcess;
  lines: Interface;
}

describe.skipIf(missing !== undefined)(
  `three processes with a hundred callers each${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let redis: RedisServer;
    let server: TokenServer;
    let fleet: Caller[];
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(async () => {
      await redis?.stop();
    });
    beforeEach(async () => {
      server = await startTokenServer();
      fleet = Array.from({ length: 3 }, () => {
        const child = spawn(process.execPath, [script, redis.url, server.url], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        return { child, lines: createInterface({ input: child.stdout as NodeJS.ReadableStream }) };
      });
      await Promise.all(fleet.map(({ lines }) => once(lines, 'line')));
      return async () => {
        await Promise.all(fleet.map(({ child }) => kill(child)));
        await server.close();
      };
    });

    async function kill(child: ChildProcess): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    const callAll = (callers = fleet): Promise<CallersOutcome[]> =>
      Promise.all(
        callers.map(async ({ child, lines }) => {
          const said = once(lines, 'line');
          child.stdin?.write('go\n');
          return JSON.parse(String((await said)[0])) as CallersOutcome;
        }),
      );
    /** The endpoint answers when the test says so. */
    function hold(): { release(): void } {
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      const answer = { access_token: 'a-shared-token', token_type: 'Bearer', expires_in: 600 };
      server.answer = () => released.then(() => answer);
      return { release };
    }

    it('ask the token endpoint once, and all are answered', { timeout: 20_000 }, async () => {
      const { release } = hold();
      const outcomes = callAll();
      await expect.poll(() => server.requests.length, { timeout: 4_000 }).toBe(1);
      release();
      for (const one of await outcomes) expect(one).toMatchObject({ answered: 100, refused: 0 });
      expect(server.requests).toHaveLength(1);
      expect(new Set(server.calls.map(({ authorization }) => authorization))).toEqual(
        new Set(['Bearer a-shared-token']),
      );
    });

    it('ask one that takes ten seconds once: who waits five is refused, who comes later is answered', {
      timeout: 30_000,
    }, async () => {
      const { release } = hold();
      const startedMs = performance.now();
      const timer = setTimeout(release, 10_000);
      const first = await callAll();
      for (const one of first) {
        expect(one).toMatchObject({ answered: 0, refused: 100 });
        expect(one.slowestMs).toBeLessThan(6_000);
      }
      // The second wave begins while the request is still on its way, and its answer is in time.
      await expect.poll(() => performance.now() - startedMs, { timeout: 9_000 }).toBeGreaterThan(6_500);
      for (const one of await callAll()) expect(one).toMatchObject({ answered: 100, refused: 0 });
      clearTimeout(timer);
      expect(performance.now() - startedMs).toBeGreaterThan(9_900);
      expect(server.requests).toHaveLength(1);
    });

    it('go on when the one that asks dies: another asks after it', { timeout: 30_000 }, async () => {
      const { release } = hold();
      const [first, ...others] = fleet as [Caller, ...Caller[]];
      first.child.stdin?.write('go\n');
      await expect.poll(() => server.requests.length, { timeout: 4_000 }).toBe(1);
      await kill(first.child);
      release();
      const outcomes = await callAll(others);
      for (const one of outcomes) expect(one).toMatchObject({ answered: 100, refused: 0 });
      expect(server.requests).toHaveLength(2);
    });
  },
);
