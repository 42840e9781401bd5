import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cmzonCredentials } from '../partners/cmzon.ts';
import {
  type ConnectedService,
  startConnectedService,
  WHATSAPP_MESSAGE,
} from '../partners/partner-service.ts';

const MESSAGES = '/partners/whatsapp/v1/messages';

let s: ConnectedService;
/** Takes calls and says nothing. */
let mute: Server;
beforeAll(async () => {
  mute = createServer(() => {});
  await new Promise<void>((done) => {
    mute.listen(0, '127.0.0.1', done);
  });
  const { port } = mute.address() as AddressInfo;
  s = await startConnectedService((connections) => ({
    ...connections,
    slow: { ...connections['whatsapp'], base_url: `http://127.0.0.1:${port}`, total_timeout_ms: 100 },
    down: { ...connections['whatsapp'], base_url: 'http://127.0.0.1:1' },
  }));
});
afterAll(async () => {
  await s[Symbol.asyncDispose]();
  mute.closeAllConnections();
  mute.close();
});
beforeEach(() => {
  s.cmzon.next.length = 0;
  s.cmzon.arrived.length = 0;
  s.cmzon.tokenIsLive = true;
});

async function expectFailure(path: string, status: number, code: string) {
  const answer = await s.call(path, WHATSAPP_MESSAGE);
  expect(answer).toMatchObject({ status, body: { success: false, error: { code } } });
  expect(answer.headers['x-answered-by']).toBeUndefined();
  return answer;
}

describe('a partner API', () => {
  it('that fails is 502, and nothing of what it says comes through', async () => {
    s.cmzon.next.push({ status: 500, body: { error: { code: 'X', message: 'stack at db.internal:5432' } } });
    const answer = await expectFailure(MESSAGES, 502, 'PARTNER_API_ERROR');
    expect(answer.text).not.toContain('db.internal');
    expect(s.cmzon.arrived).toHaveLength(1);
  });

  it('that redirects is 502, and nobody goes there', async () => {
    s.cmzon.next.push({ status: 302, headers: { location: `${s.asapp.url}/elsewhere` } });
    await expectFailure(MESSAGES, 502, 'PARTNER_API_ERROR');
    expect(s.asapp.arrived).toEqual([]);
  });

  it('that answers with a page is 502', async () => {
    s.cmzon.next.push({ status: 200, body: '<h1>Sign in</h1>', headers: { 'content-type': 'text/html' } });
    await expectFailure(MESSAGES, 502, 'PARTNER_API_ERROR');
  });

  it('that answers more than is ever read is 502', async () => {
    s.cmzon.next.push({ status: 200, body: { text: 'x'.repeat(300_000) } });
    await expectFailure(MESSAGES, 502, 'PARTNER_API_ERROR');
  });

  it('that refuses our own credentials is 503, and neither the caller nor the log learns them', async () => {
    s.cmzon.tokenIsLive = false;
    const answer = await expectFailure(MESSAGES, 503, 'PARTNER_API_UNAVAILABLE');
    expect(answer.headers['retry-after']).toBeDefined();
    expect(answer.text + JSON.stringify(s.t.logs())).not.toContain(cmzonCredentials.token);
  });

  it('that wants quiet is 429 with its own time', async () => {
    const body = { error: { code: 'RATE_LIMIT_EXCEEDED', message: 'wait', details: {}, retry_after: 60 } };
    s.cmzon.next.push({ status: 429, body });
    const answer = await expectFailure(MESSAGES, 429, 'PARTNER_LIMIT_REACHED');
    expect(answer.headers['retry-after']).toBe('60');
    await expectFailure(MESSAGES, 429, 'PARTNER_LIMIT_REACHED');
    expect(s.cmzon.arrived).toHaveLength(1);
    s.clock.advance(60_000);
    expect((await s.call(MESSAGES, WHATSAPP_MESSAGE)).status).toBe(200);
  });

  it('that is down is 503, that says nothing is 504', async () => {
    await expectFailure('/partners/down/v1/messages', 503, 'PARTNER_API_UNAVAILABLE');
    await expectFailure('/partners/slow/v1/messages', 504, 'PARTNER_API_TIMEOUT');
  });
});

it('what became of each call is counted', async () => {
  const { text } = await s.t.ops.get('/metrics').expect(200);
  expect(text).toContain('symbolon_partner_calls_total{connection="whatsapp",outcome="ok"}');
  expect(text).toContain('symbolon_partner_calls_total{connection="slow",outcome="partner_api_timeout"} 1');
});

it('the operator learns from the request id what the partner API had to say', async () => {
  s.cmzon.tokenIsLive = false;
  const { headers } = await s.call(MESSAGES, WHATSAPP_MESSAGE);
  const { body } = await s.t.admin.get(`/admin/why/${headers['x-request-id'] as string}`).expect(200);
  const { explanation } = body as { explanation: string[] };
  expect(explanation).toContain('Connection whatsapp answers with the status 401.');
});
