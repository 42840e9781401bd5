import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, shut } from '../support/backend.ts';
import { startService, type TestKey, type TestService } from '../support/service.ts';

const DAY_MS = 86_400_000;

interface Rotated {
  secret_id: string;
  secret: string;
  client_secret: string;
  replaced: { secret_id: string; grace_seconds: number; latest_end: string }[];
}
interface Line {
  id: string;
  secret_id: string | null;
  findings: string[];
  last_used_at: string | null;
}

describe('rotation over the admin API', () => {
  let at: TestService;
  beforeAll(async () => {
    at = await startService();
  });
  afterAll(() => at.dispose());

  const profileWith = async (headers: Record<string, string>) => {
    const { JWT } = await at.signIn();
    return at.api.post('/getprofile').set({ ...headers, 'customer-auth': `JWT ${JWT}` });
  };
  const asBearer = async (secret: string) => {
    const { status, body } = await profileWith({ authorization: `Bearer ${secret}` });
    return status === 200 ? 'served' : (body as { error: { code: string } }).error.code;
  };
  const signed = async (key: TestKey, secret: string) => {
    const timestamp = String(Math.floor(at.clock.nowMs() / 1000));
    const hexKey = createHash('sha256').update(secret).digest('hex');
    const mac = createHmac('sha256', hexKey).update(`${timestamp}.`).digest('hex');
    const { status, body } = await profileWith({
      'x-api-key': key.publicId,
      'x-timestamp': timestamp,
      'x-api-signature': mac,
    });
    return status === 200 ? 'served' : (body as { error: { code: string } }).error.code;
  };
  const rotate = async (path: string, body: object = {}) =>
    (await at.admin.post(path).send(body).expect(201)).body as Rotated;
  const report = async (all = true) =>
    (
      (await at.admin.get(`/admin/credentials/report${all ? '?all=true' : ''}`).expect(200)).body as {
        items: Line[];
      }
    ).items;
  /** Until the first use of the new secret has set the end of the old one, which happens in the background. */
  const graceStarted = async () => {
    const records = async () => {
      const { body } = await at.admin.get('/admin/audit?event=api_key.grace_started');
      return (body as { items: object[] }).items.length;
    };
    await expect.poll(records).toBeGreaterThan(0);
  };

  it('a bearer secret is replaced without a flag day, and its holder is told when it is over', async () => {
    const key = await at.createKey(at.north);
    const rotated = await rotate(`/admin/api-keys/${key.keyId}/rotate`, { grace_seconds: 3_600 });
    expect([await asBearer(key.secret), await asBearer(rotated.secret)]).toEqual(['served', 'served']);
    await graceStarted();
    at.clock.advance(3_600_000);
    expect([await asBearer(key.secret), await asBearer(rotated.secret)]).toEqual([
      'EXPIRED_API_KEY',
      'served',
    ]);
  });

  it('both secrets of a signing key sign meanwhile; after the hard date the old one is expired', async () => {
    const key = await at.createKey(at.north, { use: 'signing' });
    const latest_end = new Date(at.clock.nowMs() + DAY_MS).toISOString();
    const rotated = await rotate(`/admin/api-keys/${key.keyId}/rotate`, { latest_end });
    expect([await signed(key, key.secret), await signed(key, rotated.secret)]).toEqual(['served', 'served']);
    at.clock.advance(DAY_MS);
    expect([await signed(key, key.secret), await signed(key, rotated.secret)]).toEqual([
      'EXPIRED_API_KEY',
      'served',
    ]);
  });

  it('a partner that shows its public id beside an access token notices nothing of a rotation', async () => {
    const { key } = at.south;
    await rotate(`/admin/api-keys/${key.keyId}/rotate`);
    const { JWT } = await at.signIn('south');
    await at.api
      .post('/getprofile')
      .set({ ...(await at.asappStyle(at.south)), 'customer-auth': `JWT ${JWT}` })
      .expect(200);
    const lines = (await report()).filter(({ id }) => id === key.keyId);
    expect(lines.map(({ last_used_at }) => last_used_at !== null)).toEqual([false, true]);
  });

  it('a compromised secret is dead with the answer that says so', async () => {
    const key = await at.createKey(at.north);
    expect(await asBearer(key.secret)).toBe('served');
    const { body } = await at.admin
      .post(`/admin/api-keys/${key.keyId}/compromised`)
      .send({ reason: 'found in a log' })
      .expect(200);
    expect(await asBearer(key.secret)).toBe('INVALID_API_KEY');
    expect(await asBearer((body as { secret: string }).secret)).toBe('served');
  });

  it('a compromised client secret takes its access tokens with it', async () => {
    const { body: made } = await at.admin.post('/admin/clients').send({ partner: 'north' }).expect(201);
    const { client_id, client_secret } = made as { client_id: string; client_secret: string };
    const tokenBy = (secret: string) =>
      at.api
        .post('/oauth/token')
        .auth(client_id, secret)
        .type('form')
        .send({ grant_type: 'client_credentials' });
    const rotated = await rotate(`/admin/clients/${client_id}/rotate-secret`);
    await tokenBy(rotated.client_secret).expect(200);
    const { body: token } = await tokenBy(client_secret).expect(200);
    const headers = {
      authorization: `Bearer ${(token as { access_token: string }).access_token}`,
      'api-key': at.north.key.publicId,
    };
    expect((await profileWith(headers)).status).toBe(200);
    const { body } = await at.admin.post(`/admin/clients/${client_id}/compromised`).send({}).expect(200);
    expect((await profileWith(headers)).status).toBe(401);
    await tokenBy(client_secret).expect(401);
    await tokenBy(rotated.client_secret).expect(401);
    at.clock.advance(1_000);
    await tokenBy((body as { client_secret: string }).client_secret).expect(200);
  });

  it.each([
    ['/admin/api-keys/ak_none/rotate', {}, 404],
    ['/admin/api-keys/ak_none/compromised', {}, 404],
    ['/admin/clients/cl_none/rotate-secret', {}, 404],
    ['/admin/clients/cl_none/compromised', {}, 404],
    ['/admin/api-keys/ak_none/rotate', { grace_seconds: -1 }, 400],
    ['/admin/api-keys/ak_none/rotate', { grace: 5 }, 400],
    ['/admin/api-keys/ak_none/rotate', { latest_end: 'tomorrow' }, 400],
    ['/admin/clients/cl_none/rotate-secret', { expires_at: null }, 400],
    ['/admin/api-keys/ak_none/compromised', { reason: '' }, 400],
  ])('%s with %j is answered %i', async (path, body, status) => {
    await at.admin.post(path).send(body).expect(status);
  });

  it('a second rotation while one is under way is a conflict and changes nothing', async () => {
    const key = await at.createKey(at.north);
    const rotated = await rotate(`/admin/api-keys/${key.keyId}/rotate`);
    await at.admin.post(`/admin/api-keys/${key.keyId}/rotate`).send({}).expect(409);
    expect([await asBearer(key.secret), await asBearer(rotated.secret)]).toEqual(['served', 'served']);
  });

  it('the report names who still uses an old secret, and holds no secret', async () => {
    const key = await at.createKey(at.north);
    const rotated = await rotate(`/admin/api-keys/${key.keyId}/rotate`);
    at.clock.advance(1_000);
    await asBearer(key.secret);
    const lines = await report(false);
    expect(lines.filter(({ id }) => id === key.keyId)).toMatchObject([
      { secret_id: rotated.replaced[0]?.secret_id, findings: ['expires_in_30d', 'old_secret_in_use'] },
    ]);
    const text = JSON.stringify(await report());
    for (const secret of [key.secret, key.publicId, rotated.secret]) expect(text).not.toContain(secret);
    expect(text).toContain('"signing_key"');
    expect(text).toContain('"client_secret"');
  });
});

interface Received {
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

describe('alerts about credentials', () => {
  const secret = 'a shared secret of twenty-four and more';
  const received: Received[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ path: request.url ?? '', headers: request.headers, body });
      response.end();
    });
  });
  let url: string;
  beforeAll(async () => {
    url = await listen(receiver);
  });
  afterAll(() => shut(receiver));

  /** A service that comes to know of a key near its end, until it has told of it. */
  const toldBy = async (webhook: object, connections = {}) => {
    received.length = 0;
    const at = await startService({
      settings: (all) => ({
        ...all,
        connections: { ...all.connections, ...connections },
        alerts: { webhook: { secret, ...webhook } } as never,
      }),
    });
    try {
      const expires_at = new Date(at.clock.nowMs() + 5 * DAY_MS).toISOString();
      await at.createKey(at.north, { expires_at, label: 'nearly over' });
      at.clock.advance(600_000);
      await expect.poll(() => received.length, { timeout: 10_000 }).toBeGreaterThan(0);
      await at.ops
        .get('/metrics')
        .expect(200)
        .expect(/symbolon_credentials\{kind="api_key",finding="expires_in_7d"\} 1/);
    } finally {
      await at.dispose();
    }
    return received[0] as Received;
  };

  it('reach the configured webhook from a service that serves, signed', async () => {
    const { path, headers, body } = await toldBy({ url: `${url}/alerts?from=bridge` });
    expect(path).toBe('/alerts?from=bridge');
    expect(JSON.parse(body)).toMatchObject({
      type: 'credential.expiring',
      data: { total: 1, credentials: [{ label: 'nearly over', findings: ['expires_in_7d'] }] },
    });
    const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`;
    const mac = createHmac('sha256', secret).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
  });

  it('carry the credentials of a connection when one is named', async () => {
    const token = 'receiver-token-8d1f6c2a90';
    const hooks = { base_url: `${url}/in`, auth: [{ type: 'bearer', token }] };
    const { path, headers } = await toldBy({ url: `${url}/in/alerts`, connection: 'hooks' }, { hooks });
    expect(path).toBe('/in/alerts');
    expect(headers['authorization']).toBe(`Bearer ${token}`);
    expect(headers['webhook-signature']).toMatch(/^v1,/);
  });

  it('need an address that may be called: plain http to another machine stops the start', async () => {
    const webhook = { url: 'http://alerts.example.com/', secret };
    await expect(
      startService({ settings: (all) => ({ ...all, alerts: { webhook } }) }),
    ).rejects.toMatchObject({ name: 'StartRefused' });
  });
});
