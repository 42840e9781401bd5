import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { freePort } from '../support/child-server.ts';
import { startService } from '../support/service.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-why-'));
  const people = new DatabaseSync(join(folder, 'people.db'));
  people.exec('create table people (id text)');
  people.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The reason for a sign-in that could not be tried, in a service of its own. */
async function whyUnavailable(authenticator: Record<string, unknown>) {
  await using t = await startService({
    settings: (all) => ({
      ...all,
      authenticators: [
        { name: 'company', reference_space: 'crm', ...authenticator },
        { name: 'directory', type: 'directory', reference_space: 'directory' },
      ] as unknown as NonNullable<ConfigInput['authenticators']>,
      channels: all.channels?.map((channel) => ({ ...channel, authenticators: ['company'] })) ?? [],
    }),
  });
  const answer = await t.api
    .post('/customer_authenticate')
    .send({ username: 'mira', password: 'any', channel: 'ios' })
    .expect(503);
  const { body } = await t.admin.get(`/admin/why/${answer.headers['x-request-id']}`).expect(200);
  const text = (body.explanation as string[]).join(' ');
  return { ...body, text, logged: t.logs().filter(({ event }) => event === 'authenticator.failed') };
}

describe('why nobody could be signed in', () => {
  it('is told for a directory server that does not listen', async () => {
    const told = await whyUnavailable({
      type: 'ldap',
      url: `ldaps://127.0.0.1:${await freePort()}`,
      search_base: 'ou=people,dc=test',
      reference_attribute: 'departmentNumber',
    });
    expect(told.text).toContain('Authenticator company cannot be reached.');
    expect(told.advice).toContain('symbolon doctor');
    expect(told.logged).toMatchObject([{ authenticator: 'company', reason: 'unreachable' }]);
  });

  it('is told for a database without the table that the query names', async () => {
    const told = await whyUnavailable({
      type: 'sql',
      sqlite_file: join(folder, 'people.db'),
      query: 'select id as reference, hash as password_hash from customers where name = $1',
    });
    expect(told.text).toContain('Authenticator company cannot run the query');
    expect(told.logged).toMatchObject([{ authenticator: 'company', reason: 'query_failed' }]);
  });
});
