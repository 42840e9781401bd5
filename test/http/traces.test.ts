import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';
import { type EndedSpan, keepSpans } from '../support/spans.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

describe('with an SDK of the operator', () => {
  let spans: ReturnType<typeof keepSpans>;
  let t: TestService;
  beforeEach(async () => {
    spans = keepSpans();
    t = await startService();
  });
  afterEach(async () => {
    await t.dispose();
    spans.stop();
  });

  const named = (name: string) => spans.ended.filter((one) => one.name === name);
  const ofTrace = (traceId: string) => spans.ended.filter((one) => one.traceId === traceId);
  const question = async () => ({
    ...(await t.asappStyle()),
    'customer-auth': `JWT ${(await t.signIn()).JWT}`,
    traceparent: TRACEPARENT,
    tracestate: 'vendor=secret',
    baggage: 'user=mira',
  });
  /** The chain of names from a span up to the first that no other began. */
  const lineage = (span: EndedSpan): string[] => {
    const parent = spans.ended.find(({ spanId }) => spanId === span.parentId);
    return [span.name, ...(parent ? lineage(parent) : [])];
  };

  it('a request, its backends and the calls to them are one trace, which the caller began', async () => {
    await t.api
      .post('/getprofile')
      .set(await question())
      .expect(200);
    const [request] = named('POST /getprofile');
    expect(request).toMatchObject({
      traceId: TRACE,
      parentId: PARENT,
      failed: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/getprofile',
        'http.response.status_code': 200,
      },
    });
    const calls = ofTrace(TRACE).filter(({ name }) => name === 'outbound call');
    expect(calls.map(({ attributes }) => String(attributes['symbolon.destination'])).sort()).toEqual([
      'billing',
      'crm',
    ]);
    for (const call of calls)
      expect(lineage(call)).toEqual(['outbound call', 'backend call', 'POST /getprofile']);
  });

  it('a backend is told the span that calls it, and nothing else of what the caller sent', async () => {
    await t.api
      .post('/getprofile')
      .set(await question())
      .expect(200);
    const span = named('backend call').find(({ attributes }) => attributes['symbolon.backend'] === 'crm');
    const { headers } = t.crm.requests.at(-1) as { headers: Record<string, string> };
    expect(headers.traceparent).toBe(`00-${TRACE}-${span?.spanId}-01`);
    expect(Object.keys(headers).filter((name) => /tracestate|baggage/.test(name))).toEqual([]);
    expect(span?.attributes).toMatchObject({ 'symbolon.outcome': 'ok' });
  });

  it('sign-in and its store calls are spans below the request', async () => {
    await t.signIn();
    const [signIn] = named('customer sign-in');
    expect(signIn && lineage(signIn)).toEqual(['customer sign-in', 'POST /customer_authenticate']);
    const below = named('store call').filter((one) => lineage(one).includes('customer sign-in'));
    expect(below.map(({ attributes }) => attributes['symbolon.store'])).toContain('directory');
  });

  it('a refusal of the caller is no failure of ours, and is told by its code alone', async () => {
    await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: 'wrong', channel: 'ios' })
      .expect(401);
    expect(named('customer sign-in').at(-1)).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'INVALID_CREDENTIALS' },
    });
    expect(named('POST /customer_authenticate').at(-1)).toMatchObject({
      failed: false,
      attributes: { 'http.response.status_code': 401 },
    });
  });

  it('a malformed trace of the caller is not gone on with', async () => {
    for (const traceparent of [
      '00-zz-1-01',
      `00-${'0'.repeat(32)}-${PARENT}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
    ]) {
      await t.api.get('/whoami').set({ traceparent }).expect(401);
      expect(named('GET /whoami').at(-1)?.parentId).toBeUndefined();
    }
  });

  it('no span holds a secret, an identifier, an address or a path as sent', async () => {
    const asked = await question();
    const { customer_id: customerId, JWT } = await t.signIn();
    await t.api.post('/getprofile').set(asked).expect(200);
    await t.api.get('/invented-path').set(asked).expect(404);
    expect(spans.ended.length).toBeGreaterThan(20);
    const written = JSON.stringify(spans.ended.map(({ name, attributes }) => ({ name, attributes })));
    const hidden = [
      PASSWORD,
      'mira',
      '4711',
      customerId,
      JWT,
      t.north.key.publicId,
      t.north.clientId,
      t.north.clientSecret,
      '127.0.0.1',
      'invented-path',
      (asked as Record<string, string>).authorization as string,
    ]; // prettier-ignore
    expect(hidden.filter((secret) => written.includes(secret))).toEqual([]);
  });
});

it('without an SDK a backend gets a trace all the same, and no span is made', async () => {
  const t = await startService();
  try {
    const headers = { ...(await t.asappStyle()), 'customer-auth': `JWT ${(await t.signIn()).JWT}` };
    await t.api
      .post('/getprofile')
      .set({ ...headers, traceparent: TRACEPARENT })
      .expect(200);
    const sent = (t.crm.requests.at(-1) as { headers: Record<string, string> }).headers.traceparent ?? '';
    expect(sent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    expect(sent).not.toContain(PARENT);
  } finally {
    await t.dispose();
  }
});
