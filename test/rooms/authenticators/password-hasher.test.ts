import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PASSWORD_COST } from '../../../src/authenticators/passwords/password-hash.ts';
import {
  createPasswordHasher,
  HasherBusy,
  HasherFailed,
  type PasswordHasher,
} from '../../../src/authenticators/passwords/password-hasher.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';

const hashers: PasswordHasher[] = [];

function hasher(
  options: { lanes?: number; maxWaiting?: number } = {},
  metrics = createMetrics(),
): PasswordHasher {
  const made = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics, ...options });
  hashers.push(made);
  return made;
}

afterEach(async () => {
  for (const one of hashers.splice(0)) one.close();
  await vi.waitUntil(() => hashingProcesses().length === 0, { timeout: 5_000 });
});

/** Process ids of the hashing processes that this process started. */
function hashingProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${process.pid}\n`);
        return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('password-process');
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('a hash', () => {
  it('holds for its password alone and is never the same twice', async () => {
    const own = hasher();
    const [one, two] = await Promise.all([own.hash('correct horse'), own.hash('correct horse')]);
    expect(one).not.toBe(two);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    for (const phc of [one, two])
      expect(await own.verify('correct horse', phc)).toEqual({ matches: true, weak: false });
    for (const wrong of ['correct horsf', 'Correct horse', 'correct horse ', '']) {
      expect(await own.verify(wrong, one)).toEqual({ matches: false, weak: false });
    }
  });

  // From the test program of the reference implementation of Argon2.
  it.each([
    [
      'password',
      '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
      true,
    ],
    [
      'password',
      '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
      true,
    ],
    [
      'differentpassword',
      '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94',
      false,
    ],
    [
      'password',
      '$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw',
      false,
    ],
  ])('of %s made by another program is verified: %s', async (password, phc, weak) => {
    const own = hasher();
    expect(await own.verify(password, phc)).toEqual({ matches: true, weak });
    expect(await own.verify(`${password}x`, phc)).toEqual({ matches: false, weak });
  });

  it('that nobody can read is a failure, not a wrong password', async () => {
    await expect(hasher().verify('x', 'md5:x')).rejects.toBeInstanceOf(HasherFailed);
  });
});

describe('the hashing process', () => {
  it('takes as many checks as have room, turns the others away at once and counts what waits', async () => {
    const metrics = createMetrics();
    const own = hasher({ lanes: 1, maxWaiting: 3 }, metrics);
    const all = Array.from({ length: 10 }, () => own.hash('x').catch((error: unknown) => error));
    const waiting = async () => (await metrics.passwordHashesWaiting.get()).values[0]?.value;
    expect(await waiting()).toBe(4);
    const results = await Promise.all(all);
    expect(results.filter((one) => typeof one === 'string')).toHaveLength(4);
    expect(results.filter((one) => one instanceof HasherBusy)).toHaveLength(6);
    expect(await waiting()).toBe(0);
    expect(await own.hash('x')).toMatch(/^\$argon2id\$/);
  });

  it('without room to wait still uses its lanes', async () => {
    const own = hasher({ lanes: 2, maxWaiting: 0 });
    const results = await Promise.all(
      Array.from({ length: 3 }, () => own.hash('x').catch((error: unknown) => error)),
    );
    expect(results.map((one) => typeof one === 'string')).toEqual([true, true, false]);
    expect(results[2]).toBeInstanceOf(HasherBusy);
  });

  it('is one for everything, at low priority, and is not started before it is needed', async () => {
    const own = hasher({ lanes: 4 });
    expect(hashingProcesses()).toEqual([]);
    await Promise.all(Array.from({ length: 8 }, () => own.hash('x')));
    const [pid, ...more] = hashingProcesses();
    expect(more).toEqual([]);
    const nice = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[16];
    expect(nice).toBe('19');
  });

  it('gets no password by argument or environment', async () => {
    await hasher().hash('canary-password-7f3a');
    const [pid] = hashingProcesses();
    for (const file of ['cmdline', 'environ']) {
      expect(readFileSync(`/proc/${pid}/${file}`, 'utf8')).not.toContain('canary-password');
    }
  });

  it('that is killed fails what was under way, and the next check finds a new one', async () => {
    const own = hasher({ lanes: 2 });
    const phc = await own.hash('correct horse');
    const [first] = hashingProcesses();
    const underWay = Array.from({ length: 2 }, () => own.hash('x').catch((error: unknown) => error));
    process.kill(first as number, 'SIGKILL');
    const results = await Promise.all(underWay);
    expect(results.every((one) => one instanceof HasherFailed)).toBe(true);
    expect(await own.verify('correct horse', phc)).toEqual({ matches: true, weak: false });
    const [second] = hashingProcesses();
    expect(second).not.toBe(first);
  });

  it('that is killed time and again loses only what it had in hand', async () => {
    const own = hasher({ lanes: 1, maxWaiting: 100 });
    await own.hash('x');
    const all = Array.from({ length: 20 }, () => own.hash('x').catch((error: unknown) => error));
    for (let n = 0; n < 3; n++) {
      await expect.poll(() => hashingProcesses().length, { timeout: 5_000 }).toBe(1);
      const [pid] = hashingProcesses();
      process.kill(pid as number, 'SIGKILL');
      await expect.poll(() => hashingProcesses().includes(pid as number), { timeout: 5_000 }).toBe(false);
    }
    const results = await Promise.all(all);
    const failed = results.filter((one) => one instanceof HasherFailed).length;
    expect(failed).toBeLessThanOrEqual(3);
    expect(results.filter((one) => typeof one === 'string')).toHaveLength(20 - failed);
  });

  it('goes away with the hasher, which then takes nothing more', async () => {
    const own = hasher();
    await own.hash('x');
    expect(hashingProcesses()).toHaveLength(1);
    const waiting = own.hash('x');
    own.close();
    await expect(waiting).rejects.toBeInstanceOf(HasherFailed);
    await expect(own.hash('x')).rejects.toBeInstanceOf(HasherBusy);
    await expect.poll(hashingProcesses, { timeout: 5_000 }).toEqual([]);
  });
});

it("today's cost is not below the recommended minimum", () => {
  expect(PASSWORD_COST.memoryKib * PASSWORD_COST.passes).toBeGreaterThanOrEqual(19_456 * 2);
});
