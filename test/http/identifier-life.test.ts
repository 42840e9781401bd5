import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, registerApp, renewal as appRenewal } from '../support/oauth-app.ts';
import { PASSWORD, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const SECRET = 'a secret of the chat vendor 0123';
const REASON = 'ticket 4711';

interface Told {
  headers: Record<string, unknown>;
  body: string;
}

let receiver: Server;
let told: Told[];
let status: number;
let t: TestService;
beforeEach(async () => {
  told = [];
  status = 204;
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      told.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
      response.writeHead(status).end();
      receiver.emit('told');
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  t = await startService({
    settings: (all) => ({
      ...all,
      identifiers: {
        receivers: [{ partner: 'north', url: `http://127.0.0.1:${port}/told?by=us`, secret: SECRET }],
      },
      channels: (all.channels ?? []).map((channel) =>
        channel.id === 'ios' ? { ...channel, refresh_tokens: { idle_days: 10, absolute_days: 30 } } : channel,
      ),
    }),
  });
});
afterEach(async () => {
  await t.dispose();
  receiver.close();
});

const change = (customerId: string, what: string, more: Record<string, unknown> = {}) =>
  t.admin.post(`/admin/customers/${customerId}/${what}`).send({ reason: REASON, ...more });

const profile = (token: string) =>
  t.api
    .post('/getprofile')
    .set({ authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${token}` });

const login = (username: string, channel = 'ios') =>
  t.api.post('/customer_authenticate').send({ username, password: PASSWORD, channel, delivery: 'token' });

const renewal = (refresh_token: string) =>
  t.api.post('/customer_authenticate').send({ grant_type: 'refresh_token', refresh_token });

const auditOf = async (event: string) =>
  (await t.admin.get(`/admin/audit?event=${event}`).expect(200)).body.items as Record<string, unknown>[];

interface SignedIn {
  JWT: string;
  customer_id: string;
  refresh_token: string;
}
const signIn = async (username: string, channel = 'ios'): Promise<SignedIn> =>
  (await login(username, channel).expect(200)).body as SignedIn;

describe('after a merge', () => {
  let mira: SignedIn;
  let noor: SignedIn;
  let answer: { items: unknown[] };
  beforeEach(async () => {
    mira = await signIn('mira');
    noor = await signIn('noor');
    answer = (await change(noor.customer_id, 'merge', { into: mira.customer_id }).expect(200)).body;
  });

  it('the answer names the survivor of each group and its other names', () => {
    expect(answer.items).toEqual([
      { channel_group: 'north', customer_id: mira.customer_id, aliases: [noor.customer_id] },
    ]);
  });

  it('both accounts sign in as the survivor', async () => {
    expect((await signIn('noor')).customer_id).toBe(mira.customer_id);
    expect((await signIn('mira')).customer_id).toBe(mira.customer_id);
  });

  it('a token of the other identifier answers for the survivor, and the backend is asked for the survivor', async () => {
    const { body } = await profile(noor.JWT).expect(200);
    expect(body.customer_id).toBe(mira.customer_id);
    expect(t.crm.requests.at(-1)?.headers['x-customer']).toBe(mira.customer_id);
  });

  it('a refresh token of the other identifier goes on as the survivor', async () => {
    const { body } = await renewal(noor.refresh_token).expect(200);
    expect(body.customer_id).toBe(mira.customer_id);
    expect((await profile(body.JWT).expect(200)).body.customer_id).toBe(mira.customer_id);
  });

  it('signing out everywhere ends what was issued under either identifier', async () => {
    t.clock.advance(1);
    await change(noor.customer_id, 'end-sessions').expect(200);
    for (const one of [mira, noor]) {
      await profile(one.JWT).expect(401);
      await renewal(one.refresh_token).expect(401);
    }
  });

  it('the devices of both accounts are the survivor’s', async () => {
    for (const id of [mira.customer_id, noor.customer_id]) {
      const { body } = await t.admin.get(`/admin/customers/${id}/devices`).expect(200);
      expect(body.items).toHaveLength(2);
    }
  });

  it('a trace of either identifier leads to the survivor', async () => {
    for (const customer_id of [noor.customer_id, mira.customer_id]) {
      const { body } = await t.admin
        .post('/admin/identifiers/trace')
        .send({ customer_id, reason: REASON })
        .expect(200);
      expect([body.customer_id, body.reference]).toEqual([mira.customer_id, '4711']);
    }
  });

  it('a channel group that only meets the two later knows one customer as well', async () => {
    const south = await signIn('noor', 'south');
    expect((await signIn('mira', 'south')).customer_id).toBe(south.customer_id);
  });

  it('merging them again is refused, and so is merging somebody with themselves', async () => {
    const { body } = await change(noor.customer_id, 'merge', { into: mira.customer_id }).expect(409);
    expect(body.error.code).toBe('CONFLICT');
    await change(mira.customer_id, 'merge', { into: mira.customer_id }).expect(409);
  });

  it('a split gives who leaves a random identifier, keeps the survivor, and ends what both were issued', async () => {
    t.clock.advance(1);
    const { body } = await change(noor.customer_id, 'split').expect(200);
    const given = body.items[0].new_customer_id as string;
    expect(body.items).toEqual([
      { channel_group: 'north', customer_id: mira.customer_id, new_customer_id: given },
    ]);
    for (const one of [mira, noor]) {
      await profile(one.JWT).expect(401);
      await renewal(one.refresh_token).expect(401);
    }
    t.clock.advance(1);
    expect((await signIn('noor')).customer_id).toBe(given);
    expect((await signIn('mira')).customer_id).toBe(mira.customer_id);
    expect([mira.customer_id, noor.customer_id]).not.toContain(given);
    const traced = await t.admin
      .post('/admin/identifiers/trace')
      .send({ customer_id: noor.customer_id, reason: REASON })
      .expect(200);
    expect([traced.body.customer_id, traced.body.reference]).toEqual([given, '4712']);
  });

  it('a session cookie of the other account is the survivor, and may be renewed', async () => {
    const cookie = await t.signInWithCookie('noor');
    const { body } = await t.api.get('/customer_session').set({ cookie }).expect(200);
    expect(body.customer_id).toBe(mira.customer_id);
  });

  it('each change is on the record with its reason', async () => {
    expect(await auditOf('customer.merged')).toMatchObject(
      [
        expect.anything(),
        { customer_id: noor.customer_id, reason: REASON, details: { to: mira.customer_id } },
      ].slice(-1),
    );
  });
});

describe('a split of two of whom one alone had an identifier in a further group', () => {
  const traced = async (customer_id: string) => {
    const { body } = await t.admin
      .post('/admin/identifiers/trace')
      .send({ customer_id, reason: REASON })
      .expect(200);
    return body.reference as string;
  };
  const asSouth = async ({ JWT }: SignedIn) => {
    const headers = { authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${JWT}` };
    return (await t.api.post('/getprofile').set(headers).expect(200)).body.customer_id as string;
  };

  it.each([
    ['merged', 'noor', {}],
    ['merged', 'mira', { reference: '4711' }],
    ['surviving', 'noor', { reference: '4712' }],
    ['surviving', 'mira', {}],
  ])(
    'never makes it the other’s, when the owner was the %s one and %s is split off',
    async (role, who, more) => {
      const mira = await signIn('mira');
      const noor = await signIn('noor');
      // Noor is the owner.
      const south = await signIn('noor', 'south');
      const [gone, stays] = role === 'merged' ? [noor, mira] : [mira, noor];
      await change(gone.customer_id, 'merge', { into: stays.customer_id }).expect(200);
      const shared = await signIn('mira', 'south');
      expect(shared.customer_id).toBe(south.customer_id);
      t.clock.advance(1);
      const { body } = await change((who === 'noor' ? noor : mira).customer_id, 'split', more).expect(200);
      const facts = new Map<string, Record<string, string>>(
        (body.items as Record<string, string>[]).map((item) => [item.channel_group as string, item]),
      );
      t.clock.advance(1);
      expect(facts.get('north')?.customer_id).toBe(stays.customer_id);
      expect(facts.get('south')?.customer_id).toBe(south.customer_id);
      expect((await signIn('noor', 'south')).customer_id).toBe(south.customer_id);
      const others = await signIn('mira', 'south');
      expect(others.customer_id).toBe(facts.get('south')?.new_customer_id);
      expect(await asSouth(others)).toBe(others.customer_id);
      for (const one of [south, shared]) {
        await t.api
          .post('/getprofile')
          .set({ authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${one.JWT}` })
          .expect(401);
      }
      expect(await traced(mira.customer_id)).toBe('4711');
      expect(await traced(others.customer_id)).toBe('4711');
      for (const one of [noor, south]) expect(await traced(one.customer_id)).toBe('4712');
      expect((await signIn('mira')).customer_id).not.toBe((await signIn('noor')).customer_id);
    },
  );

  it('tells the partner which identifier stays and which one is new', async () => {
    const mira = await signIn('mira');
    const noor = await signIn('noor');
    await change(noor.customer_id, 'merge', { into: mira.customer_id }).expect(200);
    await change(mira.customer_id, 'split', { reference: '4711' }).expect(200);
    while (!told.some(({ body }) => body.includes('customer.split'))) await once(receiver, 'told');
    const { data } = JSON.parse(told.find(({ body }) => body.includes('customer.split'))?.body ?? '{}');
    t.clock.advance(1);
    const other = await signIn('noor');
    expect(data).toEqual({
      identifiers: [{ customer_id: mira.customer_id, new_customer_id: other.customer_id }],
    });
    expect((await signIn('mira')).customer_id).toBe(mira.customer_id);
  });
});

describe('a session that began before a merge', () => {
  it('goes on as the survivor', async () => {
    const mira = await signIn('mira');
    const cookie = await t.signInWithCookie('noor');
    const before = (await t.api.get('/customer_session').set({ cookie }).expect(200)).body.customer_id;
    await change(before, 'merge', { into: mira.customer_id }).expect(200);
    const { body } = await t.api
      .post('/customer_session/token')
      .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
      .send({})
      .expect(200);
    expect(body.customer_id).toBe(mira.customer_id);
    expect((await profile(body.JWT).expect(200)).body.customer_id).toBe(mira.customer_id);
  });
});

describe('an app that a customer connected', () => {
  const read = (token: string) => t.api.post('/getprofile').set({ authorization: `Bearer ${token}` });
  const renewed = (app: Parameters<typeof appRenewal>[0], token: string) =>
    t.api.post('/oauth/token').type('form').send(appRenewal(app, token));

  it('reads the survivor after a merge, and goes on renewing', async () => {
    const noor = await signIn('noor');
    const app = await registerApp(t);
    const tokens = await connect(t, app);
    const mira = await signIn('mira');
    await change(mira.customer_id, 'merge', { into: noor.customer_id }).expect(200);
    expect((await read(tokens.access_token).expect(200)).body.customer_id).toBe(noor.customer_id);
    const { body } = await renewed(app, tokens.refresh_token).expect(200);
    expect((await read(body.access_token).expect(200)).body.customer_id).toBe(noor.customer_id);
  });

  it.each(['disable', 'erase'])('has no access any more after %s', async (what) => {
    const app = await registerApp(t);
    const tokens = await connect(t, app);
    const mira = await signIn('mira');
    await change(mira.customer_id, what).expect(200);
    await read(tokens.access_token).expect(401);
    const { body } = await renewed(app, tokens.refresh_token).expect(400);
    expect(body.error).toBe('invalid_grant');
  });
});

describe('a disabled customer', () => {
  it('is answered as one with a wrong password, in every group, until enabled again', async () => {
    const mira = await signIn('mira');
    const cookie = await t.signInWithCookie('mira');
    t.clock.advance(1);
    await change(mira.customer_id, 'disable').expect(200);
    await profile(mira.JWT).expect(401);
    await renewal(mira.refresh_token).expect(401);
    await t.api.get('/customer_session').set({ cookie }).expect(401);
    const wrong = await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: 'no', channel: 'ios', delivery: 'token' })
      .expect(401);
    for (const channel of ['ios', 'south']) {
      const { body } = await login('mira', channel).expect(401);
      expect({ ...body.error, request_id: '' }).toEqual({ ...wrong.body.error, request_id: '' });
    }
    await signIn('noor');
    await change(mira.customer_id, 'disable').expect(409);
    await change(mira.customer_id, 'enable').expect(200);
    t.clock.advance(1);
    expect((await signIn('mira')).customer_id).toBe(mira.customer_id);
    await profile(mira.JWT).expect(401);
    await renewal(mira.refresh_token).expect(401);
  });

  it('is neither merged nor merged into', async () => {
    const mira = await signIn('mira');
    const noor = await signIn('noor');
    await change(mira.customer_id, 'disable').expect(200);
    await change(mira.customer_id, 'merge', { into: noor.customer_id }).expect(409);
    await change(noor.customer_id, 'merge', { into: mira.customer_id }).expect(409);
  });
});

describe('an erased customer', () => {
  const delivered = async () => {
    while (told.length === 0) await once(receiver, 'told');
  };

  it('leaves a certificate, no session, no trace, and comes back as somebody new', async () => {
    const mira = await signIn('mira');
    const south = await signIn('mira', 'south');
    const cookie = await t.signInWithCookie('mira');
    t.clock.advance(1);
    const { body: certificate } = await change(mira.customer_id, 'erase').expect(200);
    expect(certificate).toMatchObject({
      type: 'symbolon.erasure',
      issuer: 'https://id.test',
      references: 2,
      partners: [
        { partner: 'north', told: 'by webhook' },
        { partner: 'south', told: 'no receiver configured' },
      ],
    });
    expect(JSON.stringify(certificate)).not.toContain('"4711"');
    const ids = (certificate.identifiers as { customer_id: string }[]).map((one) => one.customer_id);
    expect(ids.sort()).toEqual([mira.customer_id, south.customer_id].sort());
    const verify = (one: unknown) => t.admin.post('/admin/erasure-certificates/verify').send(one as object);
    expect((await verify(certificate).expect(200)).body).toEqual({ genuine: true });
    expect((await verify({ ...certificate, references: 3 }).expect(200)).body).toEqual({ genuine: false });

    await profile(mira.JWT).expect(401);
    await renewal(mira.refresh_token).expect(401);
    await t.api.get('/customer_session').set({ cookie }).expect(401);
    await change(mira.customer_id, 'erase').expect(404);
    for (const customer_id of [mira.customer_id, south.customer_id]) {
      await t.admin.post('/admin/identifiers/trace').send({ customer_id, reason: REASON }).expect(404);
    }
    t.clock.advance(1);
    const back = await signIn('mira');
    expect(ids).not.toContain(back.customer_id);
    expect((await signIn('mira')).customer_id).toBe(back.customer_id);
    expect(await auditOf('customer.erased')).toHaveLength(2);
  });

  it('is told to the partner by a signed message, which is kept until it was taken', async () => {
    const mira = await signIn('mira');
    status = 500;
    await change(mira.customer_id, 'erase').expect(200);
    await delivered();
    const first = told.shift() as Told;
    status = 200;
    let waiting: { partner: string; failed_attempts: number }[] = [];
    while (waiting[0]?.failed_attempts !== 1) {
      waiting = (await t.admin.get('/admin/identifiers/notices').expect(200)).body.items;
    }
    expect(waiting).toMatchObject([{ partner: 'north', type: 'customer.erased', failed_attempts: 1 }]);
    const noticed = await t.admin.get('/admin/identifiers/notices').expect(200);
    expect(noticed.body.without_receiver).toEqual(['south']);
    t.clock.advance(1_000);
    await delivered();
    const { headers, body } = told[0] as Told;
    expect(headers['webhook-id']).toBe(first.headers['webhook-id']);
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    const mac = createHmac('sha256', SECRET).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(JSON.parse(body)).toMatchObject({
      type: 'customer.erased',
      data: { customer_ids: [mira.customer_id] },
    });
    do {
      waiting = (await t.admin.get('/admin/identifiers/notices').expect(200)).body.items;
    } while (waiting.length > 0);
  });
});

describe('what nobody has', () => {
  it.each(['merge', 'split', 'erase', 'disable', 'enable'])('is not found by %s', async (what) => {
    const mira = await signIn('mira');
    const more = what === 'merge' ? { into: mira.customer_id } : {};
    for (const id of ['c1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', "'%20or%201", 'short']) {
      expect((await change(id, what, more).expect(404)).body.error.code).toBe('NOT_FOUND');
    }
  });

  it.each(['merge', 'split', 'erase', 'disable', 'enable'])('needs a reason to %s', async (what) => {
    const mira = await signIn('mira');
    const { body } = await change(mira.customer_id, what, { reason: undefined }).expect(400);
    expect(body.error.code).toBe('INVALID_REQUEST');
  });

  it('is not split off one who has a single reference', async () => {
    const mira = await signIn('mira');
    const answers = [{}, { reference: '4711' }].map((more) =>
      change(mira.customer_id, 'split', more).expect(409),
    );
    for (const { body } of await Promise.all(answers)) {
      expect(body.error.message).toBe('This customer has no other reference, so there is nothing to split.');
    }
    await change(mira.customer_id, 'split', { reference: '9999' }).expect(404);
  });
});

describe('imported identifiers', () => {
  const row = (change: Record<string, string> = {}) => ({
    reference_space: 'directory',
    reference: '4711',
    channel_group: 'north',
    customer_id: '3F2504E0-4F89-41D3-9A0C-0305E82C3301',
    ...change,
  });
  const importRows = async (rows: unknown[], more: Record<string, unknown> = {}) =>
    (
      await t.admin
        .post('/admin/identifiers/import')
        .send({ rows, reason: REASON, ...more })
        .expect(200)
    ).body.items as { result: string; code: string | null }[];
  const outcome = ({ result, code }: { result: string; code: string | null }) => code ?? result;

  it('are used unchanged', async () => {
    const space = await spaceOf();
    expect((await importRows([row({ reference_space: space })])).map(outcome)).toEqual(['imported']);
    const mira = await signIn('mira');
    expect(mira.customer_id).toBe('3F2504E0-4F89-41D3-9A0C-0305E82C3301');
    expect((await profile(mira.JWT).expect(200)).body.customer_id).toBe(mira.customer_id);
    expect(await auditOf('customer.imported')).toMatchObject([
      { customer_id: mira.customer_id, reason: REASON },
    ]);
  });

  it('are refused row by row where anything speaks against it, and the others go in', async () => {
    const reference_space = await spaceOf();
    const known = await signIn('noor');
    const rows = [
      row({ reference_space }),
      row({ reference_space }),
      row({ reference_space, reference: '5', customer_id: '3f2504e0-4f89-41d3-9a0c-0305e82c3301' }),
      row({ reference_space, reference: '4712', customer_id: 'some-other-1' }),
      row({ reference_space, reference: '6', customer_id: known.customer_id }),
      row({ reference_space, reference: '123456', customer_id: 'id-123456-x' }),
      row({ reference_space, reference: '7', customer_id: 'a b' }),
      row({ reference_space, reference: '7', channel_group: 'nowhere' }),
      row({ reference_space: 'nowhere', reference: '7' }),
      row({ reference_space, reference: '', customer_id: 'good-enough' }),
      row({ reference_space, reference: '8', customer_id: 'good-enough' }),
    ];
    const expected = [
      'imported',
      'known',
      'identifier_taken',
      'other_identifier',
      'identifier_taken',
      'not_opaque',
      'bad_identifier',
      'unknown_group',
      'unknown_space',
      'bad_reference',
      'imported',
    ];
    expect((await importRows(rows, { dry_run: true })).map(outcome)).toEqual(expected);
    expect(await auditOf('customer.imported')).toEqual([]);
    expect((await importRows(rows)).map(outcome)).toEqual(expected);
    expect((await importRows(rows)).map(outcome)).toEqual(
      expected.map((one) => (one === 'imported' ? 'known' : one)),
    );
  });

  it('of somebody erased are never used again', async () => {
    const reference_space = await spaceOf();
    const mira = await signIn('mira');
    await change(mira.customer_id, 'erase').expect(200);
    const rows = [
      row({ reference_space, reference: '4713', customer_id: mira.customer_id }),
      row({ reference_space }),
    ];
    expect((await importRows(rows)).map(outcome)).toEqual(['identifier_erased', 'reference_erased']);
  });
});

describe('a report', () => {
  it('is joined to references, says what it cannot know, and leaves a record for each customer', async () => {
    const mira = await signIn('mira');
    const noor = await signIn('noor');
    await change(noor.customer_id, 'merge', { into: mira.customer_id }).expect(200);
    const customer_ids = [mira.customer_id, noor.customer_id, 'unknown-1', 'not one'];
    const { body } = await t.admin
      .post('/admin/identifiers/trace-report')
      .send({ customer_ids, reason: 'report of March' })
      .expect(200);
    expect(body.items).toMatchObject([
      { customer_id: mira.customer_id, state: 'living', reference: '4711' },
      {
        customer_id: noor.customer_id,
        state: 'merged',
        present_customer_id: mira.customer_id,
        reference: '4711',
      },
      { customer_id: 'unknown-1', state: 'unknown', reference: null },
      { customer_id: 'not one', state: 'unknown', reference: null },
    ]);
    const records = await auditOf('customer.traced');
    expect(records.map((one) => `${String(one.customer_id)} ${String(one.reason)}`).sort()).toEqual(
      [mira.customer_id, noor.customer_id, 'null'].map((id) => `${id} report of March`).sort(),
    );
  });
});

/** The reference space of the directory that the tests sign in at. */
async function spaceOf(): Promise<string> {
  const { customer_id } = await signIn('noor', 'south');
  const { body } = await t.admin
    .post('/admin/identifiers/trace')
    .send({ customer_id, reason: REASON })
    .expect(200);
  return body.reference_space as string;
}
