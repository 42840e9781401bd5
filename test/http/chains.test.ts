/** Several ways in on one channel: who shares a reference space shares customers, and nobody else does. */
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listen, shut } from '../support/backend.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let login: Server;
/** What the company's log-in API answers: the status, and the person. */
let answers: Record<string, { status: number; id?: string }>;
let asked: string[];
let t: TestService;

beforeEach(async () => {
  answers = {};
  asked = [];
  login = createServer((request, response) => {
    void text(request).then((body) => {
      const { username } = JSON.parse(body) as { username: string };
      asked.push(username);
      const { status, id } = answers[username] ?? { status: 401 };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ id }));
    });
  });
  const url = await listen(login);
  const delegate = (name: string, reference_space: string) => ({
    name,
    type: 'http' as const,
    reference_space,
    connection: 'login',
    request: { path: '/login' },
    answer: { reference: 'id' },
  });
  t = await startService({
    settings: (all) => ({
      ...all,
      connections: { ...all.connections, login: { base_url: url } },
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'people' },
        delegate('portal', 'people'),
        delegate('shop', 'shoppers'),
      ],
      channels: [
        ...(all.channels ?? []).map((one) => ({ ...one, authenticators: ['directory', 'portal'] })),
        { id: 'shop', group: 'north', delivery: 'token' as const, authenticators: ['shop', 'directory'] },
        { id: 'portal', group: 'north', delivery: 'token' as const, authenticators: ['portal'] },
      ],
    }),
  });
});
afterEach(async () => {
  await t.dispose();
  await shut(login);
});

const signIn = (username: string, channel: string) =>
  t.api.post('/customer_authenticate').send({ username, password: PASSWORD, channel, delivery: 'token' });
const identifierOf = async (username: string, channel: string): Promise<string> => {
  const { body } = await signIn(username, channel).expect(200);
  expect(decodeJwt(body.JWT as string).sub).toBe(body.customer_id);
  return body.customer_id as string;
};
const customers = async () => (await t.admin.get('/admin/status').expect(200)).body.customers as number;

it('two ways in that share a reference space give one customer and one identifier', async () => {
  // The same person: 4711 in the directory as mira, and at the portal under another name.
  answers = { 'mira@portal.test': { status: 200, id: '4711' } };
  const byDirectory = await identifierOf('mira', 'ios');
  expect(await identifierOf('mira@portal.test', 'ios')).toBe(byDirectory);
  expect(await identifierOf('mira@portal.test', 'portal')).toBe(byDirectory);
  expect(await customers()).toBe(1);
});

it('two ways in that do not share one give two, even for the same reference', async () => {
  answers = { mira: { status: 200, id: '4711' } };
  const byDirectory = await identifierOf('mira', 'ios');
  const byShop = await identifierOf('mira', 'shop');
  expect(byShop).not.toBe(byDirectory);
  expect(await customers()).toBe(2);
  const trace = async (customer_id: string) =>
    (await t.admin.post('/admin/identifiers/trace').send({ customer_id, reason: 'a test' }).expect(200)).body;
  expect(await trace(byDirectory)).toMatchObject({ reference: '4711', reference_space: 'people' });
  expect(await trace(byShop)).toMatchObject({ reference: '4711', reference_space: 'shoppers' });
});

it('first sign-ins by two ways at once give one customer', async () => {
  answers = { 'mira@portal.test': { status: 200, id: '4711' } };
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, n) => identifierOf(n % 2 ? 'mira' : 'mira@portal.test', 'ios')),
  );
  expect(new Set(all).size).toBe(1);
  expect(await customers()).toBe(1);
});

it('the order of the channel decides who is asked, and whoever knows the customer ends the asking', async () => {
  answers = { mira: { status: 200, id: '9' }, zoe: { status: 200, id: '10' } };
  await identifierOf('mira', 'ios');
  expect(asked).toEqual([]);
  await identifierOf('zoe', 'ios');
  await identifierOf('mira', 'shop');
  expect(asked).toEqual(['zoe', 'mira']);
});

it('a way in that is down is never a wrong password, and the next one still lets in whom it knows', async () => {
  answers = { mira: { status: 500 }, nobody: { status: 500 } };
  await identifierOf('mira', 'shop');
  const { body } = await signIn('nobody', 'shop').expect(503);
  expect(body.error.code).toBe('AUTHENTICATOR_UNAVAILABLE');
  answers = { nobody: { status: 401 } };
  expect((await signIn('nobody', 'shop').expect(401)).body.error.code).toBe('INVALID_CREDENTIALS');
});
