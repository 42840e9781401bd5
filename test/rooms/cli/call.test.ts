import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cmzonCredentials } from '../../partners/cmzon.ts';
import {
  type ConnectedService,
  startConnectedService,
  WHATSAPP_MESSAGE,
} from '../../partners/partner-service.ts';
import { ADMIN_TOKEN } from '../../support/service.ts';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

describe('call', () => {
  let s: ConnectedService;
  let place: ReturnType<typeof folder>;

  beforeAll(async () => {
    s = await startConnectedService();
    place = folder();
    place.write('symbolon.yaml', 'public_url: http://localhost:8080\n');
    place.write('message.json', JSON.stringify(WHATSAPP_MESSAGE));
    mkdirSync(`${place.path}/.symbolon`);
    const running = { pid: process.pid, admin_url: s.t.adminUrl };
    writeFileSync(`${place.path}/.symbolon/service.json`, JSON.stringify(running));
  });
  afterAll(async () => {
    await s[Symbol.asyncDispose]();
    place[Symbol.dispose]();
  });
  beforeEach(() => {
    for (const one of [s.cmzon, s.asapp, s.messengerx]) one.arrived.length = 0;
    s.clock.advance(1_000);
  });

  const run = (args: string[], input = '') =>
    symbolon(['call', ...args], { cwd: place.path, env: { ADMIN_TOKEN }, input });

  it('makes a call through the running service and prints the answer', async () => {
    const { code, stdout, stderr } = await run(['asapp', 'GET', '/conversation/v1/conversations?limit=1']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'asapp answered 200.\n' });
    expect(JSON.parse(stdout)).toEqual({ conversations: [] });
    expect(s.asapp.arrived[0]?.query.get('limit')).toBe('1');
  });

  it.each([
    ['as it stands', JSON.stringify(WHATSAPP_MESSAGE), ''],
    ['from a file', '@message.json', ''],
    ['from standard input', '@-', JSON.stringify(WHATSAPP_MESSAGE)],
  ])('sends data %s', async (_how, data, input) => {
    const { code, stdout } = await run(['whatsapp', 'POST', '/v1/messages', '--data', data, '--json'], input);
    expect(JSON.parse(stdout)).toMatchObject({ status: 200, attempts: 1, body: { status: 'queued' } });
    expect(JSON.parse(s.cmzon.arrived[0]?.body ?? '')).toEqual(WHATSAPP_MESSAGE);
    expect(code).toBe(0);
  });

  it('puts a customer where the preset says', async () => {
    const data = '{"message":{"text":"Hello"}}';
    const { code } = await run(['mx', 'POST', '/v1/messages/send', '--data', data, '--customer', 'c1abc']);
    expect(code).toBe(0);
    expect(JSON.parse(s.messengerx.arrived[0]?.body ?? '')).toEqual({
      message: { text: 'Hello' },
      users: ['c1abc'],
    });
  });

  it('shows a refusal, and fails', async () => {
    const { code, stdout, stderr } = await run(['whatsapp', 'POST', '/v1/messages', '--data', '{}']);
    expect(stdout).toContain('to and type are needed.');
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'whatsapp answered 400.\n' });
  });

  it('shows what the partner says of our own credentials', async () => {
    s.cmzon.tokenIsLive = false;
    const { code, stdout, stderr } = await run(['whatsapp', 'POST', '/v1/messages', '--data', '{}']);
    s.cmzon.tokenIsLive = true;
    expect(stdout).toContain('The token is missing, expired or revoked.');
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'whatsapp answered 401.\n' });
  });

  it('says what is wrong when there is no answer, and fails', async () => {
    s.cmzon.next.push({ status: 200, body: '<h1>', headers: { 'content-type': 'text/html' } });
    const failed = await run(['whatsapp', 'POST', '/v1/messages', '--data', '{}']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('PARTNER_API_ERROR');
    const bare = await run(['crm', 'GET', '/v1/profile']);
    expect(bare.code).toBe(1);
    expect(bare.stderr).toContain('This connection has no preset');
    const unknown = await run(['crn', 'GET', '/v1/profile']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain(
      'There is no connection of this name. If you just added it, restart the service.',
    );
  });

  it('shows no secret, neither ours nor one of the answer', async () => {
    const body = {
      echo: `Bearer ${cmzonCredentials.token}`,
      access_token: 'canary-token',
      list: [{ secret: 's3' }],
    };
    s.cmzon.next.push({ status: 200, body });
    const { stdout } = await run(['whatsapp', 'POST', '/v1/messages', '--data', '{}']);
    expect(stdout).not.toContain(cmzonCredentials.token);
    expect(stdout).not.toContain('canary-token');
    expect(stdout).not.toContain('s3');
    expect(stdout).toContain('Bearer ');
  });

  it.each([
    ['another method', ['whatsapp', 'DELETE', '/v1/messages']],
    ['a GET with data', ['whatsapp', 'GET', '/v1/messages', '--data', '{}']],
    ['data that are no JSON', ['whatsapp', 'POST', '/v1/messages', '--data', 'hello']],
    ['data that are no object', ['whatsapp', 'POST', '/v1/messages', '--data', '[1]']],
  ])('is called wrongly with %s', async (_what, args) => {
    expect((await run(args)).code).toBe(2);
    expect(s.cmzon.arrived).toEqual([]);
  });
});

describe('the admin API behind it', () => {
  let s: ConnectedService;
  beforeAll(async () => {
    s = await startConnectedService();
  });
  afterAll(() => s[Symbol.asyncDispose]());

  it.each([
    ['a path without a slash', { path: 'v1/messages' }],
    ['another host', { path: '//elsewhere.test/v1' }],
    ['dot segments', { path: '/v1/../admin' }],
    ['dot segments in disguise', { path: '/v1/%2e%2e/admin' }],
    ['a line break in the path', { path: '/v1/messages\r\nx-evil: 1' }],
    ['a line break in the customer', { path: '/v1/messages', customer: 'c1\r\nx-evil: 1' }],
    ['a customer where nobody knows where to put one', { path: '/v1/messages', customer: 'c1abc' }],
    ['another method', { path: '/v1/messages', method: 'DELETE' }],
    ['another member', { path: '/v1/messages', headers: { 'x-evil': '1' } }],
  ])('refuses %s', async (_what, body) => {
    const { body: answer } = await s.t.admin
      .post('/admin/connections/whatsapp/calls')
      .send({ method: 'POST', ...body })
      .expect(400);
    expect(answer).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
    expect(s.cmzon.arrived).toEqual([]);
  });

  it('records who called what', async () => {
    await s.t.admin
      .post('/admin/connections/asapp/calls')
      .send({ method: 'GET', path: '/conversation/v1/conversations' })
      .expect(200);
    const { body } = await s.t.admin.get('/admin/audit?event=partner_api.called').expect(200);
    expect((body as { items: unknown[] }).items).toMatchObject([
      { actor: 'admin', outcome: 'success', details: { connection: 'asapp', method: 'GET', status: 200 } },
    ]);
  });

  it('does not answer without the admin token', async () => {
    await s.t.admin
      .post('/admin/connections/asapp/calls')
      .set('authorization', 'Bearer wrong')
      .send({ method: 'GET', path: '/x' })
      .expect(401);
  });
});
