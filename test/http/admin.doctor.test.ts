import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      backends: (all.backends ?? []).map((one) => ({
        ...one,
        fields: { ...one.fields, [`${one.name}_nickname`]: 'account.nickname' },
      })),
    }),
  });
});
afterAll(() => t.dispose());

const examine = (body: object) => t.admin.post('/admin/doctor').send(body);

describe('doctor, asked about one customer,', () => {
  it('says which mapped fields each backend gives, never what they hold, and leaves a record first', async () => {
    const { customer_id } = await t.signIn();
    const { body, text, headers } = await examine({ reference: '4711' }).expect(200);
    expect(body).toMatchObject({
      ok: true,
      findings: [
        {
          subject: 'backend crm',
          ok: true,
          warning: true,
          message: 'found plan, balance; not found crm_nickname (looked for at account.nickname)',
        },
        { subject: 'backend billing', warning: true },
      ],
    });
    expect(text).not.toMatch(/\bgold\b|\b12\.5\b/);
    const audit = await t.admin.get('/admin/audit?event=customer.examined').expect(200);
    expect(audit.body.items).toMatchObject([
      { actor: 'admin', customer_id, request_id: headers['x-request-id'] },
    ]);
    expect(JSON.stringify(audit.body)).not.toMatch(/\b4711\b/);
  });

  it('says why a backend gives nothing', async () => {
    await t.signIn();
    t.crm.mode = 'redirect';
    const { body } = await examine({ reference: '4711' }).expect(200);
    t.crm.mode = 'ok';
    expect(body.ok).toBe(false);
    expect(body.findings[0].message).toBe('It answers with a redirect, which is never followed.');
  });

  it('asks no backend that needs an identifier about somebody who has none, and wants a known space', async () => {
    const asked = t.crm.requests.length;
    const { body } = await examine({ reference: 'nobody' }).expect(200);
    expect(body.findings[0]).toMatchObject({ ok: false, message: expect.stringContaining('no identifier') });
    expect(t.crm.requests).toHaveLength(asked);
    const refused = await examine({ reference: '4711', reference_space: 'elsewhere' }).expect(400);
    expect(refused.body.error.message).toContain('There are: directory.');
  });
});

it('a group without an owner is told with the commands for a new partner and for one that exists', async () => {
  const by = { channel_groups: ['south-2'] };
  await t.admin.patch('/admin/partners/south').send(by).expect(200);
  const { body } = await t.admin.get('/admin/doctor').expect(200);
  const { message } = (body.findings as { subject: string; message: string }[]).find(
    ({ subject }) => subject === 'channel group south',
  ) as { message: string };
  expect(message).toContain('symbolon partners create NAME --groups south');
  expect(message).toContain('symbolon partners update north --groups north,south');
  await t.admin
    .patch('/admin/partners/south')
    .send({ channel_groups: ['south'] })
    .expect(200);
});

describe('a partner that was given what the configuration does not have', () => {
  it('is answered with a warning for each group and field, and the doctor fails for it', async () => {
    const made = await t.admin
      .post('/admin/partners')
      .send({ id: 'typo', channel_groups: ['norht'], visible_fields: ['plan', 'plam'] })
      .expect(201);
    expect(made.body.warnings).toEqual([
      'No configured channel is of the group "norht". There are: north, south.',
      expect.stringContaining('No backend offers the field "plam".'),
    ]);
    const ill = await t.admin.get('/admin/doctor').expect(200);
    expect(ill.body.findings).toContainEqual({
      subject: 'partner typo',
      ok: false,
      message: made.body.warnings.join(' '),
    });
    const mended = await t.admin
      .patch('/admin/partners/typo')
      .send({ channel_groups: [], visible_fields: ['plan'] })
      .expect(200);
    expect(mended.body.warnings).toEqual([]);
    const well = await t.admin.get('/admin/doctor').expect(200);
    expect(JSON.stringify(well.body)).not.toContain('partner typo');
  });

  it('is told which of its id and its groups is taken', async () => {
    const id = await t.admin.post('/admin/partners').send({ id: 'north' }).expect(409);
    expect(id.body.error.message).toBe('A partner of this id exists.');
    const group = await t.admin
      .post('/admin/partners')
      .send({ id: 'other', channel_groups: ['south'] })
      .expect(409);
    expect(group.body.error.message).toContain('The channel group "south" belongs to partner south');
    expect(group.body.error.message).toContain('symbolon partners update south --groups');
  });
});
