/** A test service with one channel of each shape, by real records where there is one, and a vendor's API. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConfigInput } from '../../src/config/config.ts';
import {
  PASSWORD,
  SHOP_ORIGIN,
  startService,
  type TestService,
  type TestServiceOptions,
} from '../support/service.ts';

export const SECRET = 'q8Jr2ZkW5xVt7Np4Ls6Hd9Fb3Mc1Yg0A';
export const HMAC_SECRET = 'b7Wn4KtR9pXe2Vq6Ls0Zc8Md5Hy1Gf3J';

type ChannelInput = NonNullable<ConfigInput['channels']>[number];

const channel = (id: string, more: Partial<ChannelInput>): ChannelInput => ({
  id,
  group: 'north',
  allowed_origins: [SHOP_ORIGIN],
  profile: id,
  ...more,
});

export const vendorChannels: ChannelInput[] = [
  channel('asapp', { refresh_tokens: {} }),
  channel('zendesk', {
    settings: { key_id: 'app_65f1b9c2a3d4e5f60718293a', secret: SECRET },
    attributes: { name: 'plan' },
    allow_personal_data: ['name'],
    proof_lifetime_seconds: 300,
  }),
  channel('salesforce', { settings: { issuer: 'https://id.test' } }),
  channel('chatwoot', { settings: { secret: HMAC_SECRET } }),
  channel('crisp', {
    settings: { secret: HMAC_SECRET },
    attributes: { email: 'lines' },
    allow_personal_data: ['email'],
  }),
  channel('sendbird', { settings: { connection: 'sendbird' } }),
  channel('south-zendesk', {
    group: 'south',
    profile: 'zendesk',
    allowed_origins: ['https://south.test'],
    settings: { key_id: 'app_0718293a65f1b9c2a3d4e5f6', secret: HMAC_SECRET },
  }),
];

export interface ChannelService extends TestService {
  /** What the vendor's API was asked. */
  vendorCalls: { url: string; body: string }[];
  /** A fresh answer of the proof endpoint, by cookie. */
  proof(channel: string, cookie: string, body?: object): Promise<Record<string, unknown>>;
  /** Signs in by token delivery on the channel that gives refresh tokens. */
  refreshToken(): Promise<string>;
}

function startVendor(calls: { url: string; body: string }[]): Promise<{ server: Server; url: string }> {
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      calls.push({ url: req.url ?? '', body });
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ token: `session-token-${calls.length}` }));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    });
  });
}

export async function startChannelService(options: TestServiceOptions = {}): Promise<ChannelService> {
  const vendorCalls: { url: string; body: string }[] = [];
  const vendor = await startVendor(vendorCalls);
  const { settings = (all: ConfigInput) => all } = options;
  const test = await startService({
    ...options,
    settings: (all) =>
      settings({
        ...all,
        channels: [...(all.channels ?? []), ...vendorChannels],
        connections: {
          ...all.connections,
          sendbird: {
            base_url: vendor.url,
            auth: [{ type: 'api_key', header: 'api-token', value: 'sendbird-api-8d1f6c2a90' }],
          },
        },
      }),
  });
  return Object.assign(test, {
    vendorCalls,
    proof: async (id: string, cookie: string, body: object = {}) => {
      const answer = await test.api
        .post(`/channels/${id}/token`)
        .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
        .send(body)
        .expect(200);
      return answer.body as Record<string, unknown>;
    },
    refreshToken: async () => {
      const { body } = await test.api
        .post('/customer_authenticate')
        .send({ username: 'mira', password: PASSWORD, channel: 'asapp', delivery: 'token' })
        .expect(200);
      return (body as { refresh_token: string }).refresh_token;
    },
    dispose: async () => {
      await test.service.close();
      await Promise.all([test.crm.close(), test.billing.close()]);
      vendor.server.close();
    },
  });
}
