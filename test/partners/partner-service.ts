/** A whole service that is connected to stand-ins: CMzon and ASAPP are open to the north partner, MessengerX.io to both. */
import type { Response } from 'supertest';
import type { ConfigInput } from '../../src/config/config.ts';
import { startService, type TestPartner, type TestService } from '../support/service.ts';
import { type AsappStandIn, asappCredentials, startAsapp } from './asapp.ts';
import { type AudexumStandIn, startAudexum } from './audexum.ts';
import { type CmzonStandIn, cmzonCredentials, startCmzon } from './cmzon.ts';
import { type MessengerxStandIn, messengerxCredentials, startMessengerx } from './messengerx.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';

export const WHATSAPP_MESSAGE = { to: '+15550100', type: 'text', text: { body: 'Hello' } };

export interface ConnectedService extends AsyncDisposable {
  t: TestService;
  /** Of the service and of the stand-ins; `t.clock` moves nothing here. */
  clock: TestClock;
  cmzon: CmzonStandIn;
  asapp: AsappStandIn;
  /** No connection leads there until a test makes one. */
  audexum: AudexumStandIn;
  messengerx: MessengerxStandIn;
  /** Secret of a key with the scope partner:call. */
  secretOf(partner?: TestPartner): Promise<string>;
  /**
   * A call through the service, as the north partner's platform would make it, a second after the one before it. The
   * answer is checked against the published description, but where it is the partner API's own refusal.
   */
  call(path: string, body?: object | string, headers?: Record<string, string>): Promise<Response>;
  /** The same past the description: status, headers and body as they come. */
  callRaw(path: string, body: object): Promise<{ status: number; headers: Headers; text: string }>;
}

type Connections = NonNullable<ConfigInput['connections']>;

type Urls = Record<'cmzon' | 'asapp' | 'audexum' | 'messengerx', string>;

function connectionsTo(urls: Urls): Connections {
  return {
    whatsapp: {
      preset: 'cmzon',
      base_url: urls.cmzon,
      auth: [{ type: 'bearer', token: cmzonCredentials.token }],
      pass_through: { partners: ['north'] },
    },
    asapp: {
      preset: 'asapp',
      base_url: urls.asapp,
      auth: [
        { type: 'api_key', header: 'asapp-api-id', value: asappCredentials.id },
        { type: 'api_key', header: 'asapp-api-secret', value: asappCredentials.secret },
      ],
      pass_through: { partners: ['north'] },
    },
    mx: {
      preset: 'messengerx',
      base_url: urls.messengerx,
      auth: [{ type: 'bearer', token: messengerxCredentials.apiKey }],
      pass_through: { partners: ['north', 'south'] },
    },
    custom: {
      preset: 'audexum',
      base_url: urls.cmzon,
      auth: [{ type: 'bearer', token: cmzonCredentials.token }],
      key_created_on: '2025-06-01',
      pass_through: {
        partners: ['north', 'west'],
        customer_proof: 'optional',
        environments: ['live', 'test'],
        paths: [{ path: '/v1/messages', identifier: { in: 'header', name: 'X-Customer' } }],
      },
    },
  };
}

/** `change` alters the connections before the service starts. */
export async function startConnectedService(
  change: (connections: Connections, urls: Urls) => Connections = (all) => all,
): Promise<ConnectedService> {
  const clock = createTestClock();
  const [cmzon, asapp, audexum, messengerx] = await Promise.all([
    startCmzon(clock),
    startAsapp(clock),
    startAudexum(clock),
    startMessengerx(clock),
  ]);
  const urls = {
    cmzon: cmzon.url,
    asapp: asapp.url,
    audexum: audexum.url,
    messengerx: messengerx.url,
  };
  const t = await startService({
    clock,
    settings: (settings) => ({
      ...settings,
      connections: { ...settings.connections, ...change(connectionsTo(urls), urls) },
    }),
  });
  const secrets = new Map<string, string>();
  const secretOf = async (partner = t.north) => {
    const known = secrets.get(partner.id);
    if (known !== undefined) return known;
    const { secret } = await t.createKey(partner, { scopes: ['partner:call', 'whoami'] });
    secrets.set(partner.id, secret);
    return secret;
  };
  const headersOf = async () => {
    // Each call has a second of its own, so that none waits for the limits of the stand-ins.
    clock.advance(1_000);
    const { JWT } = await t.signIn();
    return {
      authorization: `Bearer ${await secretOf()}`,
      'customer-auth': `JWT ${JWT}`,
      'content-type': 'application/json',
    };
  };
  return {
    t,
    clock,
    cmzon,
    asapp,
    audexum,
    messengerx,
    secretOf,
    call: async (path, body, headers = {}) =>
      t.api
        .post(path)
        .set({ ...(await headersOf()), ...headers })
        .send(body),
    async callRaw(path, body) {
      const answer = await fetch(t.url + path, {
        method: 'POST',
        headers: await headersOf(),
        body: JSON.stringify(body),
      });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
    [Symbol.asyncDispose]: async () => {
      await t.dispose();
      await Promise.all([cmzon.close(), asapp.close(), audexum.close(), messengerx.close()]);
    },
  };
}
