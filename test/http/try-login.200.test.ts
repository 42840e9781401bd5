import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SQL_PASSWORD, SQL_PEOPLE } from '../support/people-table.ts';
import { startService, type TestService } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-try-'));
let t: TestService;

beforeAll(async () => {
  const db = new DatabaseSync(join(folder, 'people.db'));
  db.exec(SQL_PEOPLE);
  db.close();
  t = await startService({
    settings: (settings) => ({
      ...settings,
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          name: 'shop',
          type: 'sql',
          reference_space: 'crm',
          sqlite_file: join(folder, 'people.db'),
          query: 'select id as reference, hash as password_hash, locked from people where name = $1',
        },
      ],
    }),
  });
});
afterAll(async () => {
  await t.dispose();
  rmSync(folder, { recursive: true });
});

const attempt = (username: string, password = SQL_PASSWORD) =>
  t.admin.post('/admin/try-login').send({ username, password });

describe('a login on trial', () => {
  it('shows what each authenticator did, in their order, and the reference', async () => {
    const { body } = await attempt('django').expect(200);
    expect(body).toMatchObject({ channel: 'web', authenticated: true });
    expect(body.attempts.map((one: { outcome: string }) => one.outcome)).toEqual([
      'refused',
      'authenticated',
    ]);
    expect(body.attempts[1]).toMatchObject({ authenticator: 'shop', type: 'sql', reference: '4713' });
    expect(body.attempts[1].steps).toEqual([
      'The query gave 1 rows.',
      'The password fits the hash, which is pbkdf2.',
      'Authenticated in the reference space crm.',
    ]);
  });

  it('says why one is refused, and ends where a sign-in would end', async () => {
    const locked = await attempt('locked').expect(200);
    expect(locked.body.attempts.at(-1).steps.at(-1)).toBe('Refused: the account is locked.');
    const nobody = await attempt('nobody').expect(200);
    expect(nobody.body).toMatchObject({ authenticated: false });
    expect(nobody.body.attempts).toHaveLength(2);
  });

  it('shows no password and no hash, and is audited without the name', async () => {
    const { text } = await attempt('argon', 'canary-password-31').expect(200);
    const audit = await t.admin.get('/admin/audit?event=customer.login_tried').expect(200);
    expect(audit.body.items.length).toBeGreaterThan(0);
    const told = text + audit.text + JSON.stringify(t.logs());
    expect(told).not.toMatch(/canary-password|\$argon2id|"argon"/);
  });

  it('leaves nothing behind: no identifier, no session', async () => {
    const before = await t.admin.get('/admin/status').expect(200);
    await attempt('django').expect(200);
    expect((await t.admin.get('/admin/status').expect(200)).body.customers).toBe(before.body.customers);
  });

  it('of a channel that is not configured is 404', async () => {
    await t.admin
      .post('/admin/try-login')
      .send({ username: 'a', password: 'b', channel: 'nowhere' })
      .expect(404);
  });
});

it('a customer of the table signs in, and a locked one is told so', async () => {
  const of = (username: string) =>
    t.api
      .post('/customer_authenticate')
      .type('form')
      .send({ channel: 'ios', username, password: SQL_PASSWORD });
  const { body } = await of('django').expect(200);
  expect(body.customer_id).toMatch(/^c1/);
  expect((await of('locked')).body.error.code).toBe('ACCOUNT_LOCKED');
});
