import { createHmac } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { createSessionCookies } from '../../src/http/session-cookie.ts';
import type { CustomerSession, SessionRecordStore } from '../../src/sessions/session.ts';
import type { Sessions } from '../../src/sessions/sessions.ts';
import { createTestClock } from '../support/clock.ts';

const SESSION = { sid: 'session-1' } as CustomerSession;
const ID = 'an-id-that-nobody-guesses';
const sealed = (secret: string, id = ID) =>
  `s:${id}.${createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')}`;

let secrets: string[];
let cookies: ReturnType<typeof createSessionCookies>;
beforeEach(() => {
  secrets = ['second', 'first'];
  const records: SessionRecordStore = {
    read: async () => JSON.stringify({ customer: SESSION }),
    write: async () => {},
    touch: async () => {},
    destroy: async () => {},
    prune: async () => 0,
  };
  const sessions = { parse: () => SESSION, isLive: () => true } as unknown as Sessions;
  cookies = createSessionCookies({
    keep: { records },
    sessions,
    lifetimes: { idleSeconds: 1_800, absoluteSeconds: 28_800 },
    clock: createTestClock(),
    secrets,
    cookieName: 'sid',
    sameSite: 'lax',
  });
});

it('a cookie is good time after time as long as its secret is held, and no longer', async () => {
  for (let use = 0; use < 3; use++) expect(await cookies.read(sealed('first'))).toBe(SESSION);
  secrets.pop();
  expect(await cookies.read(sealed('first'))).toBeUndefined();
  expect(await cookies.read(sealed('second'))).toBe(SESSION);
});

it('a known cookie speaks for itself alone: one letter more, less or other is none', async () => {
  const good = sealed('first');
  expect(await cookies.read(good)).toBe(SESSION);
  const other = sealed('first', `${ID}x`);
  for (const forged of [
    `${good}A`,
    good.slice(0, -1),
    `${good.slice(0, good.lastIndexOf('.'))}.${other.split('.').at(-1)}`,
    good.replace(ID, `${ID}x`),
    sealed('never'),
  ])
    expect(await cookies.read(forged)).toBeUndefined();
});
