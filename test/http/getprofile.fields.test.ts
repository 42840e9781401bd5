import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { startService, type TestPartner, type TestService } from '../support/service.ts';

type Backends = NonNullable<ConfigInput['backends']>;

/** Two backends that both know the plan; numbers in full, for those who may. */
const FIELDS: Backends[number]['fields'][] = [
  {
    plan: { path: 'account.plan', map: { gold: 'Gold', silver: 'Silver' } },
    phone: 'lines[0].number',
    phones: { path: 'lines[*].number', mask: 'last_four' },
    money: {
      members: {
        amount: { path: 'account.balance.amount', type: 'integer' },
        unit: 'account.balance.currency',
      },
    },
    spare: 'account.plan',
  },
  { plan: 'account.plan', balance: { path: 'account.balance.amount', type: 'number' } },
];

let t: TestService;
beforeAll(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      backends: (all.backends ?? []).map((one, i) => ({ ...one, fields: FIELDS[i] ?? one.fields })),
    }),
  });
  for (const id of ['north', 'south']) await setFields(id, ['plan', 'phone', 'phones', 'money', 'balance']);
});
afterAll(() => t.dispose());

const setFields = (id: string, visible_fields: string[], field_masks: Record<string, string> = {}) =>
  t.admin.patch(`/admin/partners/${id}`).send({ visible_fields, field_masks }).expect(200);

async function profileFor(partner: TestPartner, fields?: string[]) {
  const { JWT } = await t.signIn(partner.channel);
  const { body } = await t.api
    .post('/getprofile')
    .set({ authorization: `Bearer ${partner.key.secret}`, 'customer-auth': `JWT ${JWT}` })
    .send(fields ? { fields } : {})
    .expect(200);
  return body as { profile: Record<string, unknown>; sources: Record<string, string> };
}

describe('a profile of several backends', () => {
  it('joins what they give, the first that gives a field wins, and what does not fit is left out', async () => {
    expect(await profileFor(t.north)).toMatchObject({
      profile: {
        plan: 'Gold',
        phone: '+15550100',
        phones: ['••••0100', '••••0101'],
        money: { unit: 'EUR' },
        balance: 12.5,
      },
      sources: { crm: 'ok', billing: 'ok' },
    });
  });

  it('takes a field from the next backend while the first one fails', async () => {
    t.crm.mode = 'failing';
    const { profile, sources } = await profileFor(t.north);
    t.crm.mode = 'ok';
    expect(profile).toEqual({ plan: 'gold', balance: 12.5 });
    expect(sources).toEqual({ crm: 'error', billing: 'ok' });
  });

  it('counts what does not fit, by backend and field, and never writes it anywhere', async () => {
    await profileFor(t.north);
    const { text } = await t.ops.get('/metrics').expect(200);
    expect(text).toMatch(/symbolon_profile_values_unfit_total\{backend="crm",field="money"\} [1-9]/);
    expect(JSON.stringify(t.logs())).not.toMatch(/\b12\.5\b|15550100/);
  });
});

describe('a partner’s own mask', () => {
  it('hides from this partner what another one sees, at once', async () => {
    const fields = ['plan', 'phone'];
    await setFields('south', fields, { phone: 'last_four' });
    expect((await profileFor(t.south)).profile).toEqual({ plan: 'Gold', phone: '••••0100' });
    expect((await profileFor(t.north, fields)).profile).toEqual({ plan: 'Gold', phone: '+15550100' });
    await setFields('south', fields);
    expect((await profileFor(t.south)).profile).toEqual({ plan: 'Gold', phone: '+15550100' });
  });

  it('stays when the list of fields is changed without it', async () => {
    await setFields('south', ['phone'], { phone: 'hidden' });
    await t.admin
      .patch('/admin/partners/south')
      .send({ visible_fields: ['plan', 'phone'] })
      .expect(200);
    expect((await profileFor(t.south)).profile).toEqual({ plan: 'Gold', phone: '••••' });
  });

  it('that does not fit leaves nothing, and is warned of', async () => {
    const { body } = await setFields('south', ['plan', 'money'], { money: 'last_four', phone: 'initials' });
    expect(body.field_masks).toEqual({ money: 'last_four', phone: 'initials' });
    expect(body.warnings).toEqual([
      'The mask last_four does not fit money, which backend crm gives as object: partner south gets nothing of it.',
      'The mask of "phone" hides nothing yet: the partner may not see that field.',
    ]);
    expect((await profileFor(t.south)).profile).toEqual({ plan: 'Gold' });
  });

  it('is one that exists, for a field that could', async () => {
    const change = (field_masks: unknown) => t.admin.patch('/admin/partners/south').send({ field_masks });
    for (const bad of [{ phone: 'hash' }, { phone: null }, { 'a b': 'hidden' }, ['phone'], 'hidden']) {
      const { body } = await change(bad).expect(400);
      expect(body.error.code).toBe('INVALID_REQUEST');
    }
  });
});

describe('the list of fields', () => {
  it('says who sees what, from which backend, and how masked', async () => {
    await setFields('north', ['plan', 'phone', 'phones', 'money', 'balance']);
    await setFields('south', ['plan', 'phone', 'nowhere'], { phone: 'last_four' });
    const { body } = await t.admin.get('/admin/fields').expect(200);
    const fields = new Map(body.items.map((one: { field: string }) => [one.field, one]));
    expect([...fields.keys()]).toEqual(['balance', 'money', 'nowhere', 'phone', 'phones', 'plan', 'spare']);
    expect(fields.get('phone')).toEqual({
      field: 'phone',
      sources: [
        {
          backend: 'crm',
          path: 'lines[0].number',
          type: null,
          mask: null,
          has_default: false,
          cache_seconds: 0,
          unfit: 0,
        },
      ],
      seen_by: [
        { partner: 'north', mask: null, disabled: false },
        { partner: 'south', mask: 'last_four', disabled: false },
      ],
      sent_to: [],
      warnings: [],
    });
    expect(fields.get('plan')).toMatchObject({
      sources: [
        { backend: 'crm', type: 'mapped' },
        { backend: 'billing', type: null },
      ],
    });
    expect(fields.get('phones')).toMatchObject({ sources: [{ mask: 'last_four', type: 'list' }] });
    expect(fields.get('nowhere')).toMatchObject({
      sources: [],
      warnings: ['No backend gives it, and it is visible to south.'],
    });
    expect(fields.get('spare')).toMatchObject({
      seen_by: [],
      warnings: ['Nobody sees it, so it is never asked for.'],
    });
  });

  it('is closed to everybody but the operator', async () => {
    await t.admin.get('/admin/fields').set('authorization', 'Bearer wrong').expect(401);
    expect((await t.api.get('/admin/fields')).status).toBe(404);
  });

  it('has its doubts in doctor: what nobody sees, and what does not fit', async () => {
    await profileFor(t.north);
    const { body } = await t.admin.get('/admin/doctor').expect(200);
    const about = (subject: string) =>
      body.findings.filter((one: { subject: string }) => one.subject === subject);
    expect(about('field spare')).toEqual([
      {
        subject: 'field spare',
        ok: true,
        warning: true,
        message: 'Nobody sees it, so it is never asked for.',
      },
    ]);
    expect(about('field money')).toMatchObject([
      {
        ok: true,
        warning: true,
        message: expect.stringMatching(/^Backend crm gave \d+ values? that do(es)? not fit/),
      },
    ]);
    expect(about('partner south')).toMatchObject([
      { ok: false, message: expect.stringContaining('No backend offers the field "nowhere"') },
    ]);
  });
});
