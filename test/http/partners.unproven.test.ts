import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listen, shut } from '../support/backend.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let secret: string;
const arrived: string[] = [];
const platform = createServer((req, res) => {
  let body = '';
  req.on('data', (chunk: Buffer) => (body += chunk.toString()));
  req.on('end', () => {
    arrived.push(body);
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"1"}');
  });
});
beforeAll(async () => {
  const base_url = await listen(platform);
  const pass_through = { partners: ['north', 'south'], customer_proof: 'optional' as const };
  t = await startService({
    settings: (all) => ({
      ...all,
      connections: {
        ...all.connections,
        mx: {
          preset: 'messengerx' as const,
          base_url,
          auth: [{ type: 'bearer' as const, token: 'mx-8d1f6c2a90b7' }],
          pass_through,
        },
      },
    }),
  });
  ({ secret } = await t.createKey(t.north, { scopes: ['partner:call'] }));
});
afterAll(async () => {
  await t.dispose();
  await shut(platform);
});

const call = (body: object, headers: Record<string, string> = {}) =>
  t.api
    .post('/partners/mx/v1/messages/send')
    .set({ authorization: `Bearer ${secret}`, ...headers })
    .send(body);

it('without a proof nobody is named: no own customer, no other partner’s, in no spelling', async () => {
  const own = await t.signIn('ios', 'noor');
  const foreign = await t.signIn('south', 'noor');
  for (const body of [
    { users: [own.customer_id], message: {} },
    { users: [foreign.customer_id], message: {} },
    { Users: [foreign.customer_id], message: {} },
    { users: [], message: {} },
  ]) {
    const { body: refusal } = await call(body).expect(400);
    expect(refusal).toMatchObject({ error: { code: 'INVALID_REQUEST', details: { member: 'users' } } });
  }
  expect(arrived).toEqual([]);
  await call({ message: { text: 'to all' } }).expect(200);
  expect(arrived.splice(0)).toEqual(['{"message":{"text":"to all"}}']);
});

it('with a proof nobody else is named beside its customer', async () => {
  const mira = await t.signIn();
  const noor = await t.signIn('ios', 'noor');
  const proof = { 'customer-auth': `JWT ${mira.JWT}` };
  const twin = { users: [mira.customer_id], Users: [noor.customer_id], message: {} };
  await call(twin, proof).expect(400);
  expect(arrived).toEqual([]);
  await call({ message: {} }, proof).expect(200);
  expect(JSON.parse(arrived[0] as string)).toEqual({ message: {}, users: [mira.customer_id] });
});
