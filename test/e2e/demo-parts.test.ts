import { afterEach, describe, expect, it } from 'vitest';
import { createCallLog, type LoggedCall } from '../../demo/call-log.ts';
import { understand } from '../../demo/chat-answers.ts';
import { demoCustomers } from '../../demo/demo-customers.ts';
import { choosePorts, DEFAULT_PORTS } from '../../demo/free-ports.ts';
import { listenOnLoopback, type LoopbackServer } from '../../demo/loopback-server.ts';
import { startProfileBackend } from '../../demo/profile-backend.ts';
import { shortenSecret, shownBody, shownHeaders } from '../../demo/shorten.ts';
import { request as httpRequest } from 'node:http';

const opened: LoopbackServer[] = [];
const nowMs = Date.UTC(2026, 10, 22);
const credentials = { clientId: 'bridge', clientSecret: 'backend-secret-1', apiKey: 'backend-key-1' };

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});

async function anyPort(): Promise<number> {
  const none: number[] = [];
  const wishes = { bridge: none, admin: none, ops: none, shop: none, vendor: none, backend: none };
  return (await choosePorts(wishes)).backend;
}

async function startBackend(clock = { nowMs }) {
  const calls: LoggedCall[] = [];
  const callLog = createCallLog();
  callLog.subscribe((call) => calls.push(call));
  const server = await startProfileBackend({
    port: await anyPort(),
    credentials,
    customers: demoCustomers(nowMs),
    callLog,
    nowMs: () => clock.nowMs,
  });
  opened.push(server);
  return { url: server.origin, calls, clock };
}

async function tokenOf(url: string): Promise<string> {
  const basic = Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString('base64');
  const response = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

describe('the sample profile backend', () => {
  it('answers a call that brings its token, its API key and the customer', async () => {
    const { url } = await startBackend();
    const headers = {
      authorization: `Bearer ${await tokenOf(url)}`,
      'x-api-key': credentials.apiKey,
      'x-customer-reference': 'A-100002',
    };
    const crm = await fetch(`${url}/crm/customer`, { headers });
    expect(await crm.json()).toMatchObject({ account: 'A-100002', contact: { plan: 'Mobile Plus' } });
    const billing = await fetch(`${url}/billing/account`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ account: 'A-100003' }),
    });
    expect(await billing.json()).toEqual({
      account: 'A-100003',
      balance: 118.9,
      currency: 'EUR',
      next_invoice_date: '2026-12-01',
    });
  });

  it.each([
    ['no token', { 'x-api-key': credentials.apiKey, 'x-customer-reference': 'A-100001' }, 401],
    ['a foreign token', { authorization: 'Bearer at_x', 'x-api-key': credentials.apiKey }, 401],
    ['no API key', { authorization: 'own', 'x-customer-reference': 'A-100001' }, 401],
    ['a wrong API key', { authorization: 'own', 'x-api-key': 'other' }, 401],
    ['no customer', { authorization: 'own', 'x-api-key': credentials.apiKey }, 400],
    [
      'an unknown customer',
      { authorization: 'own', 'x-api-key': credentials.apiKey, 'x-customer-reference': 'A-1' },
      404,
    ],
  ])('refuses a call with %s', async (_what, given, status) => {
    const { url } = await startBackend();
    const headers: Record<string, string> = { ...given };
    if (headers.authorization === 'own') headers.authorization = `Bearer ${await tokenOf(url)}`;
    expect((await fetch(`${url}/crm/customer`, { headers })).status).toBe(status);
  });

  it('refuses a token once its life is over', async () => {
    const { url, clock } = await startBackend({ nowMs });
    const headers = { authorization: `Bearer ${await tokenOf(url)}`, 'x-api-key': credentials.apiKey };
    clock.nowMs += 301_000;
    expect((await fetch(`${url}/crm/customer`, { headers })).status).toBe(401);
  });

  it('gives no token for a wrong secret', async () => {
    const { url } = await startBackend();
    const headers = { authorization: `Basic ${Buffer.from('bridge:wrong').toString('base64')}` };
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    expect((await fetch(`${url}/oauth/token`, { method: 'POST', headers, body })).status).toBe(401);
  });

  it('shows no secret in the log of calls', async () => {
    const { url, calls } = await startBackend();
    const token = await tokenOf(url);
    const headers = { authorization: `Bearer ${token}`, 'x-api-key': credentials.apiKey };
    await fetch(`${url}/crm/customer`, { headers });
    const shown = JSON.stringify(calls);
    expect(calls.filter((call) => call.response)).toHaveLength(2);
    for (const secret of [token, credentials.clientSecret, credentials.apiKey])
      expect(shown).not.toContain(secret);
  });
});

describe('the loopback server', () => {
  const statusFor = (port: number, host: string, body = '') =>
    new Promise<number | undefined>((resolve, reject) => {
      const call = httpRequest({ host: '127.0.0.1', port, method: 'POST', headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.on('error', reject);
      call.end(body);
    });

  it('answers only to its own name, so that a foreign page cannot reach it by DNS', async () => {
    const port = await anyPort();
    opened.push(await listenOnLoopback(port, () => ({ status: 200 })));
    expect(await statusFor(port, `127.0.0.1:${port}`)).toBe(200);
    expect(await statusFor(port, `rebound.example:${port}`)).toBe(421);
  });

  it('refuses a body beyond 64 KiB', async () => {
    const port = await anyPort();
    opened.push(await listenOnLoopback(port, () => ({ status: 200 })));
    expect(await statusFor(port, `127.0.0.1:${port}`, 'x'.repeat(65_537))).toBe(413);
  });
});

describe('what the page shows of secrets', () => {
  it('is too little to use them', () => {
    expect(shortenSecret('eyJhbGciOiJFUzI1NiJ9.payload.signature')).toBe('eyJhbGciOi…');
    expect(shortenSecret('short-password')).toBe('•••');
    expect(shownHeaders({ authorization: 'Bearer short', cookie: 'a=b', 'x-request-id': '1' })).toEqual({
      authorization: 'Bearer •••',
      'x-request-id': '1',
    });
    expect(shownBody({ a: [{ password: 'p', plan: 'x' }] })).toEqual({ a: [{ password: '•••', plan: 'x' }] });
  });
});

describe('the ports of the demo', () => {
  it('fall back to free ones when a wish is taken, and are all different', async () => {
    const taken = await anyPort();
    opened.push(await listenOnLoopback(taken, () => ({ status: 200 })));
    const wish = [taken];
    const ports = await choosePorts({
      bridge: wish,
      admin: wish,
      ops: wish,
      shop: wish,
      vendor: wish,
      backend: wish,
    });
    expect(new Set([taken, ...Object.values(ports)]).size).toBe(Object.keys(DEFAULT_PORTS).length + 1);
  });
});

describe('the small bot', () => {
  it.each([
    ['What is my plan?', { plan: 'Fibre 500' }, 'You are on the Fibre 500 plan.'],
    [
      'How much do I owe?',
      { balance: 42.5, currency: 'EUR', next_invoice_date: '2026-12-01' },
      'Your balance is €42.50. The next invoice comes on 1 December 2026.',
    ],
    ['What is my balance?', { balance: 0, currency: 'EUR' }, 'Your balance is €0.00.'],
    ['What is my balance?', {}, 'I cannot see that at the moment. Please try again shortly.'],
    ['Hello', {}, 'I am a very small bot. Ask me about your plan, your balance, or who you are.'],
  ])('answers "%s"', (text, profile, answer) => {
    expect(understand(text).answer(profile, 'c1x')).toBe(answer);
  });
});
