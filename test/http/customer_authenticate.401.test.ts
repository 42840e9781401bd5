import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const attempt = (username: string, password: string) =>
  t.api.post('/customer_authenticate').send({ username, password, channel: 'ios' });

/** An answer without what differs from request to request. */
function seen(response: { status: number; headers: Record<string, unknown>; body: { error: object } }) {
  const { date: _date, 'x-request-id': _id, ...headers } = response.headers;
  return { status: response.status, headers, body: { ...response.body.error, request_id: '' } };
}

describe('a refused sign-in', () => {
  it('looks the same for an unknown name and a wrong password', async () => {
    const wrong = await attempt('mira', 'not the password').expect(401);
    const unknown = await attempt('nobody-here', 'not the password').expect(401);
    expect(seen(unknown)).toEqual(seen(wrong));
    expect(wrong.body.error.code).toBe('INVALID_CREDENTIALS');
    expect(wrong.headers['www-authenticate']).toBe('Symbolon realm="customer"');
    expect(wrong.headers).not.toHaveProperty('set-cookie');
  });

  it('takes about as long for an unknown name as for a wrong password', async () => {
    const timed = async (username: string) => {
      const started = performance.now();
      await attempt(username, 'not the password').expect(401);
      return performance.now() - started;
    };
    const known: number[] = [];
    const unknown: number[] = [];
    for (let i = 0; i < 9; i++) {
      known.push(await timed('noor'));
      unknown.push(await timed(`stranger-${i}`));
    }
    // Other work of the machine only adds to a time; without a hash it would be a tenth.
    const ratio = Math.min(...unknown) / Math.min(...known);
    expect(ratio).toBeGreaterThan(1 / 3);
    expect(ratio).toBeLessThan(3);
    // Both cost a password hash, not only a look-up.
    expect(Math.min(...unknown)).toBeGreaterThan(5);
  });

  it.each([
    ['trimmed', ` ${PASSWORD} `],
    ['folded in case', PASSWORD.toUpperCase()],
    ['cut', PASSWORD.slice(0, -1)],
    ['prolonged', `${PASSWORD}x`],
  ])('is the fate of a password that would only be right if it were %s', async (_what, password) => {
    await attempt('mira', password).expect(401);
  });

  it('does not say that an account is disabled', async () => {
    await t.admin
      .post('/admin/directories/directory/users')
      .send({ username: 'gone', password: PASSWORD })
      .expect(201);
    await attempt('gone', PASSWORD).expect(200);
    await t.admin.post('/admin/directories/directory/users/gone/disable').expect(200);
    const disabled = await attempt('gone', PASSWORD).expect(401);
    expect(seen(disabled)).toEqual(seen(await attempt('nobody-here', PASSWORD).expect(401)));
  });

  it('is recorded, in the log and the audit trail, without name or password', async () => {
    const { headers } = await attempt('mira-with-a-secret-name', 'xyzzy-is-the-password').expect(401);
    const requestId = headers['x-request-id'] as string;
    const { body } = await t.admin.get(`/admin/audit?request_id=${requestId}`).expect(200);
    expect(body.items).toMatchObject([
      {
        event: 'customer.authenticated',
        outcome: 'refused',
        reason: 'INVALID_CREDENTIALS',
        address: '127.0.0.1',
      },
    ]);
    const everything = JSON.stringify([body, t.logs()]);
    expect(everything).toContain(requestId);
    expect(everything).not.toMatch(/secret-name|xyzzy/);
  });
});

it('a password of 1,024 bytes and one that is composed differently are taken as they are', async () => {
  const long = 'ü'.repeat(512);
  const add = (username: string, password: string) =>
    t.admin.post('/admin/directories/directory/users').send({ username, password }).expect(201);
  await add('long', long);
  await attempt('long', long).expect(200);
  await attempt('long', `${long.slice(0, -1)}u`).expect(401);
  // The same characters, once decomposed and once composed (Unicode normalisation form C).
  await add('accent', 'cafe\u0301 au lait');
  await attempt('accent', 'caf\u00e9 au lait').expect(200);
});
