import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COOKIE_NAME, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService();
});
afterEach(() => t.dispose());

const page = { origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
const signOut = (cookie: string, query = '') =>
  t.api.delete(`/customer_session${query}`).set({ ...page, cookie });
const whoAmI = (cookie: string) => t.api.get('/customer_session').set({ cookie });

async function tokenOf(cookie: string): Promise<string> {
  const { body } = await t.api
    .post('/customer_session/token')
    .set({ ...page, cookie })
    .expect(200);
  return body.JWT as string;
}

async function profileStatus(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${token}` };
  return (await t.api.post('/getprofile').set(headers)).status;
}

describe('sign-out', () => {
  it('ends the session on the server and expires the cookie', async () => {
    const cookie = await t.signInWithCookie();
    const { headers } = await signOut(cookie).expect(204);
    const [expired = ''] = headers['set-cookie'] as unknown as string[];
    expect(expired).toMatch(
      new RegExp(`^${COOKIE_NAME}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure`),
    );
    await whoAmI(cookie).expect(401);
    await signOut(cookie).expect(204);
  });

  it('refuses the tokens of the session at /getprofile at once, and no others', async () => {
    const cookie = await t.signInWithCookie();
    const other = await t.signInWithCookie();
    const [token, otherToken] = [await tokenOf(cookie), await tokenOf(other)];
    expect(await profileStatus(token)).toBe(200);
    await signOut(cookie).expect(204);
    expect(await profileStatus(token)).toBe(401);
    expect(await profileStatus(otherToken)).toBe(200);
    await whoAmI(other).expect(200);
  });

  it('everywhere ends all sessions and tokens of that customer, whichever way they were issued', async () => {
    const [cookie, other] = [await t.signInWithCookie(), await t.signInWithCookie()];
    const tokens = [await tokenOf(cookie), await tokenOf(other), (await t.signIn('ios')).JWT];
    const stranger = await t.signInWithCookie('noor');
    const strangersToken = await tokenOf(stranger);
    await signOut(cookie, '?everywhere=true').expect(204);
    await whoAmI(other).expect(401);
    for (const token of tokens) expect(await profileStatus(token)).toBe(401);
    await whoAmI(stranger).expect(200);
    expect(await profileStatus(strangersToken)).toBe(200);
  });

  it("everywhere, or an operator's end of all sessions, reaches the person in every channel group", async () => {
    const southStatus = async (token: string) => {
      const proof = { authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${token}` };
      return (await t.api.post('/getprofile').set(proof)).status;
    };
    const [mira, stranger] = [await t.signIn('south'), await t.signIn('south', 'noor')];
    expect(await southStatus(mira.JWT)).toBe(200);
    await signOut(await t.signInWithCookie(), '?everywhere=true').expect(204);
    expect(await southStatus(mira.JWT)).toBe(401);
    expect(await southStatus(stranger.JWT)).toBe(200);

    t.clock.advance(1);
    const [cookie, again] = [await t.signInWithCookie(), await t.signIn('south')];
    await t.admin
      .post(`/admin/customers/${again.customer_id}/end-sessions`)
      .send({ reason: 'phone stolen' })
      .expect(200);
    expect(await southStatus(again.JWT)).toBe(401);
    await whoAmI(cookie).expect(401);
    expect(await southStatus(stranger.JWT)).toBe(200);
  });

  it('everywhere does not keep the customer from signing in again', async () => {
    await signOut(await t.signInWithCookie(), '?everywhere=true').expect(204);
    t.clock.advance(1);
    const again = await t.signInWithCookie();
    await whoAmI(again).expect(200);
    expect(await profileStatus(await tokenOf(again))).toBe(200);
  });

  it('of nobody is done, too', async () => {
    await t.api.delete('/customer_session').set(page).expect(204);
  });

  it('takes only true or false for everywhere', async () => {
    const cookie = await t.signInWithCookie();
    for (const query of [
      '?everywhere=yes',
      '?everywhere',
      '?everywhere=true&everywhere=false',
      '?everywhere[]=true',
    ]) {
      await signOut(cookie, query).expect(400);
    }
    await whoAmI(cookie).expect(200);
    await signOut(cookie, '?everywhere=false').expect(204);
  });
});

it('a dump of the store gives no cookie, no token and no reference', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-http-'));
  const file = join(folder, 'symbolon.db');
  await t.dispose();
  t = await startService({ settings: (all) => ({ ...all, storage: { database_url: `file:${file}` } }) });
  try {
    const cookie = await t.signInWithCookie();
    await tokenOf(cookie);
    const [id = '', signature = ''] = decodeURIComponent(cookie).slice(`${COOKIE_NAME}=s:`.length).split('.');
    const database = new DatabaseSync(file, { readOnly: true });
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all();
    const dump = JSON.stringify(
      tables.map(({ name }) => database.prepare(`select * from "${String(name)}"`).all()),
      (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value),
    );
    const sessions = database.prepare('select * from sessions').all();
    database.close();
    expect(sessions).toHaveLength(1);
    // The last is how every token begins; three letters of it stand in sealed text by chance.
    for (const text of [id, signature, encodeURIComponent(signature), 'eyJhbGci']) {
      expect(dump.includes(text)).toBe(false);
    }
    // Only the directory itself, which is the company's own, knows who is behind an identifier.
    expect(dump.split('"4711"')).toHaveLength(2);
    expect(JSON.stringify(sessions)).not.toMatch(/\b4711\b/);
    // Whatever a row holds, none of it is a cookie.
    for (const value of Object.values(sessions[0] as object)) {
      for (const guess of [`s%3A${String(value)}`, `s%3A${String(value)}.${encodeURIComponent(signature)}`]) {
        if (guess.length < 500) await whoAmI(`${COOKIE_NAME}=${guess}`).expect(401);
      }
    }
  } finally {
    await t.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
});
