import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChannelService, HMAC_SECRET, SECRET, startChannelService } from './channel-settings.ts';

let t: ChannelService;
beforeAll(async () => {
  t = await startChannelService();
});
afterAll(() => t.dispose());

interface Step {
  form: string;
  verdict: string;
  ok: boolean;
}
const probe = async (channel: string, body: object = {}) => {
  const answer = await t.admin.post(`/admin/channels/${channel}/probe`).send(body);
  return answer.body as {
    ok: boolean;
    steps: Step[];
    decoded: { claims: object } | null;
    failure: string | null;
  };
};

it.each([
  ['asapp', 5],
  ['zendesk', 5],
  ['salesforce', 5],
  ['chatwoot', 4],
  ['crisp', 4],
])(
  'a probe of %s shows the genuine proof accepted and every altered form refused',
  async (channel, forms) => {
    const { ok, steps, failure } = await probe(channel);
    expect(failure).toBeNull();
    expect(ok).toBe(true);
    expect(steps).toHaveLength(forms);
    expect(steps.map(({ form, verdict }) => `${form} ${verdict}`)).toEqual([
      'genuine accepted',
      ...['unsigned refused', 'altered refused', 'wrong_key refused', 'expired refused'].slice(0, forms - 1),
    ]);
  },
);

it('a probe tells nothing that is secret, asks no backend and leaves no customer behind', async () => {
  const before = { customers: (await status()).customers, calls: t.crm.requests.length };
  const shown = JSON.stringify([await probe('zendesk'), await probe('chatwoot'), await probe('asapp')]);
  expect(shown).not.toContain(SECRET);
  expect(shown).not.toContain(HMAC_SECRET);
  expect(shown).not.toMatch(/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/);
  expect({ customers: (await status()).customers, calls: t.crm.requests.length }).toEqual(before);
});

const status = async () => (await t.admin.get('/admin/status').expect(200)).body as { customers: number };

it('a probe of a token that the vendor gives says that only the vendor can check it', async () => {
  expect((await probe('sendbird')).steps).toMatchObject([
    { form: 'genuine', verdict: 'not_checkable', ok: true },
  ]);
});

it('a probe is recorded, and refused for channels that have nothing to probe', async () => {
  await probe('zendesk');
  const { body } = await t.admin.get('/admin/audit?event=channel.probed&limit=1').expect(200);
  expect((body as { items: unknown[] }).items).toMatchObject([
    { channel: 'zendesk', details: { profile: 'zendesk' } },
  ]);
  await t.admin.post('/admin/channels/web/probe').send({}).expect(404);
  await t.admin.post('/admin/channels/nowhere/probe').send({}).expect(404);
  await t.admin
    .post('/admin/channels/zendesk/probe')
    .send({ input: { x: 'y' } })
    .expect(400);
});

it('channels are listed and shown with names of settings, never their values', async () => {
  const list = await t.admin.get('/admin/channels').expect(200);
  const { items } = list.body as { items: { id: string; profile: string | null; enforcement: string }[] };
  expect(items.find(({ id }) => id === 'zendesk')).toMatchObject({
    profile: 'zendesk',
    enforcement: 'enforce',
  });
  expect(items.find(({ id }) => id === 'web')).toMatchObject({ profile: null });
  const shown = await t.admin.get('/admin/channels/zendesk').expect(200);
  expect(shown.body).toMatchObject({ settings: ['key_id', 'secret'], algorithm: 'HS256' });
  expect((shown.body as { attributes: object[] }).attributes).toContainEqual({
    name: 'name',
    field: 'plan',
    personal: true,
    required: false,
  });
  expect(JSON.stringify([list.body, shown.body])).not.toContain(SECRET);
  const sf = await t.admin.get('/admin/channels/salesforce').expect(200);
  const { key_address: address } = sf.body as { key_address: string };
  expect(address).toMatch(/^https:\/\/id\.test\/\.well-known\/vendor-keys\/[\w-]{43}\.jwk$/);
  await t.api.get(new URL(address).pathname).expect(200);
  await t.admin.get('/admin/channels/nowhere').expect(404);
});

it('the doctor makes and checks a proof of each channel, and says what is wrong with one that cannot be made', async () => {
  const { body } = await t.admin.get('/admin/doctor').expect(200);
  const findings = (body as { findings: { subject: string; ok: boolean; message: string }[] }).findings;
  const of = (channel: string) => findings.find(({ subject }) => subject === `channel ${channel}`);
  for (const channel of ['asapp', 'zendesk', 'salesforce', 'chatwoot', 'crisp'])
    expect(of(channel)?.ok).toBe(true);
  expect(of('sendbird')).toMatchObject({
    ok: true,
    message: expect.stringMatching(/answered 200 .*: reached; .*channels probe sendbird/),
  });
  expect(JSON.stringify(findings)).not.toContain(SECRET);
});

it('a key that vendors have to be given is there from the start, before any proof was made', async () => {
  await using fresh = await startChannelService();
  const { body } = await fresh.admin.get('/admin/signing-keys').expect(200);
  const vendor = (body as { items: { ring: string; state: string }[] }).items.filter(
    ({ ring }) => ring === 'vendor',
  );
  expect(vendor).toEqual([expect.objectContaining({ state: 'signing' })]);
});

it('a key that somebody uploads is not replaced by age, and by command only when the time has come', async () => {
  interface Key {
    kid: string;
    ring: string;
    state: string;
    signs_at: string;
  }
  const keys = async (ring: string) =>
    ((await t.admin.get('/admin/signing-keys').expect(200)).body as { items: Key[] }).items.filter(
      (key) => key.ring === ring,
    );
  await probe('salesforce');
  const [first] = await keys('vendor');
  await t.admin
    .post('/admin/signing-keys/rotate')
    .send({ ring: 'vendor', emergency: true, signs_after_hours: 5 })
    .expect(400);
  const { body } = await t.admin
    .post('/admin/signing-keys/rotate')
    .send({ ring: 'vendor', signs_after_hours: 72 })
    .expect(200);
  const { kid } = body as { kid: string };
  const state = async (id: string | undefined) => (await keys('vendor')).find((key) => key.kid === id)?.state;
  expect([await state(first?.kid), await state(kid)]).toEqual(['signing', 'published']);
  await t.api.get(`/.well-known/vendor-keys/${kid}.jwk`).expect(200);
  t.clock.advance(71 * 3_600_000);
  expect(await state(kid)).toBe('published');
  expect((await probe('salesforce')).ok).toBe(true);
  t.clock.advance(2 * 3_600_000);
  expect([await state(first?.kid), await state(kid)]).toEqual(['retiring', 'signing']);
  expect((await probe('salesforce')).ok).toBe(true);
});
