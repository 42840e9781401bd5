import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { amazonConnect } from '../../sdk-web/src/adapters/amazon-connect.ts';
import { asapp } from '../../sdk-web/src/adapters/asapp.ts';
import { botpress } from '../../sdk-web/src/adapters/botpress.ts';
import { chatwoot } from '../../sdk-web/src/adapters/chatwoot.ts';
import { crisp } from '../../sdk-web/src/adapters/crisp.ts';
import { drift } from '../../sdk-web/src/adapters/drift.ts';
import { dynamics365 } from '../../sdk-web/src/adapters/dynamics365.ts';
import { freshchat } from '../../sdk-web/src/adapters/freshchat.ts';
import { front } from '../../sdk-web/src/adapters/front.ts';
import { genesys } from '../../sdk-web/src/adapters/genesys.ts';
import { helpScout } from '../../sdk-web/src/adapters/help-scout.ts';
import { hubspot } from '../../sdk-web/src/adapters/hubspot.ts';
import { intercom } from '../../sdk-web/src/adapters/intercom.ts';
import { intercomHmac } from '../../sdk-web/src/adapters/intercom-hmac.ts';
import { kustomer } from '../../sdk-web/src/adapters/kustomer.ts';
import { livePerson } from '../../sdk-web/src/adapters/live-person.ts';
import { salesforce } from '../../sdk-web/src/adapters/salesforce.ts';
import { sendbird } from '../../sdk-web/src/adapters/sendbird.ts';
import { stream } from '../../sdk-web/src/adapters/stream.ts';
import { twilio } from '../../sdk-web/src/adapters/twilio.ts';
import { zendesk } from '../../sdk-web/src/adapters/zendesk.ts';
import { createSymbolon, type Symbolon } from '../../sdk-web/src/index.ts';
import { channelProfiles } from '../../src/channels/profile-registry.ts';
import { listen, shut } from '../support/backend.ts';
import { SHOP_ORIGIN } from '../support/service.ts';
import { documented } from '../vendors/documented.ts';
import type { Handed } from '../vendors/vendor.ts';
import { openVendorHouse, type VendorHouse } from './vendor-house.ts';

type Members = Record<string, unknown>;
type Callback = (...args: never[]) => unknown;

/** What a vendor's script is on a page: it takes calls and says what it was handed. */
interface Page {
  symbolon: Symbolon;
  /** Puts a vendor's script on the page. */
  put(globals: Members): void;
  /** The vendor's widget was handed this. */
  handed(web: Members, token?: unknown): void;
  inputs: Readonly<Record<string, string>>;
}

const globals = globalThis as unknown as Members;
const silent = () => undefined;

/** Each vendor's script as its documentation has it, and the adapter that drives it. */
const pages: Record<string, (page: Page) => unknown> = {
  asapp({ symbolon, put, handed }) {
    const show = ({ CustomerId, ContextProvider }: Members) =>
      (ContextProvider as (done: (context: Members) => void, needsRefresh: boolean) => void)(
        ({ Auth }) => handed({ CustomerId, Auth }),
        false,
      );
    put({ ASAPP: (command: string, settings: Members) => command === 'load' && show(settings) });
    return asapp(symbolon, { APIHostname: 'x', AppId: 'y' });
  },
  zendesk({ symbolon, put, handed }) {
    const zE = (_: string, command: string, give: (done: (jwt: string) => void) => void) =>
      command === 'loginUser' && give((jwt) => handed({}, jwt));
    put({ zE });
    return zendesk(symbolon);
  },
  intercom({ symbolon, put, handed }) {
    put({ Intercom: (command: string, settings: Members) => command === 'boot' && handed(settings) });
    return intercom(symbolon, { app_id: 'x' });
  },
  'intercom-hmac'({ symbolon, put, handed }) {
    put({ Intercom: (command: string, settings: Members) => command === 'boot' && handed(settings) });
    return intercomHmac(symbolon, { app_id: 'x' });
  },
  salesforce({ symbolon, put, handed }) {
    const userVerificationAPI = { setIdentityToken: handed, clearSession: silent };
    put({ embeddedservice_bootstrap: { userVerificationAPI } });
    return salesforce(symbolon);
  },
  'liveperson-implicit': (page) => livePersonPage(page),
  'liveperson-code': (page) => livePersonPage(page),
  'liveperson-pkce': (page) => livePersonPage(page),
  genesys({ symbolon, put, handed }) {
    const commands: Record<string, (event: { resolve(data: Members): void }) => void> = {};
    const provider = { registerCommand: (name: string, run: Callback) => (commands[name] = run as never) };
    put({
      Genesys: (command: string, _name: string, plugin: (provider: object) => void) =>
        command === 'registerPlugin' && plugin(provider),
    });
    const chat = genesys(symbolon);
    symbolon.subscribe(() => commands['getAuthCode']?.({ resolve: (data) => handed(data) }));
    return chat;
  },
  'amazon-connect'({ symbolon, put, handed }) {
    const widget = (command: string, give: (done: (jwt: string) => void) => void) =>
      command === 'authenticate' && give((jwt) => handed({}, jwt));
    put({ amazon_connect: widget });
    return amazonConnect(symbolon);
  },
  dynamics365({ symbolon, put, handed }) {
    const SDK = {
      setAuthTokenProvider: (give: (done: (jwt: string) => void) => void) => give((jwt) => handed({}, jwt)),
    };
    put({ Microsoft: { Omnichannel: { LiveChatWidget: { SDK } } } });
    return dynamics365(symbolon);
  },
  twilio({ symbolon, handed }) {
    const Client = function (this: Members, token: string) {
      Object.assign(this, { on: silent, updateToken: silent, shutdown: silent });
      handed({}, token);
    } as unknown as new (
      token: string,
    ) => { on(): void; updateToken(): void; shutdown(): void };
    return twilio(symbolon, { Client, onClient: silent });
  },
  stream({ symbolon, handed }) {
    const client = {
      connectUser: async ({ id }: { id: string }, token: () => Promise<string>) =>
        handed({ id }, await token()),
      disconnectUser: async () => {},
    };
    return stream(symbolon, { client });
  },
  sendbird({ symbolon, handed }) {
    const sb = {
      connect: async (userId: string, token: string) => handed({ userId }, token),
      disconnect: async () => {},
      setSessionHandler: silent,
    };
    return sendbird(symbolon, { sb });
  },
  kustomer({ symbolon, put, handed }) {
    const Kustomer = {
      start: (_settings: unknown, done: () => void) => done(),
      login: (proof: Members, done: (answer: unknown) => void) => {
        handed(proof);
        done({});
      },
      logout: silent,
    };
    put({ Kustomer });
    return kustomer(symbolon, { brandId: 'x' });
  },
  freshchat({ symbolon, put, handed, inputs }) {
    const user = {
      getUUID: async () => ({ data: { uuid: inputs['freshchat_uuid'] } }),
      clear: async () => {},
    };
    put({ fcWidget: { init: silent, authenticate: (jwt: string) => handed({ jwt }), on: silent, user } });
    return freshchat(symbolon, { token: 'x', host: 'y' });
  },
  drift({ symbolon, put, handed }) {
    const identify = (userId: string, _attributes: Members, { userJwt }: Members) =>
      handed({ userId, userJwt });
    put({ drift: { identify, reset: silent } });
    return drift(symbolon);
  },
  hubspot({ symbolon, put, handed }) {
    const load = () => {
      const { loadImmediately: _load, ...settings } = globals['hsConversationsSettings'] as Members;
      handed(settings, settings['identificationToken']);
    };
    put({
      hsConversationsSettings: {},
      HubSpotConversations: { widget: { load, remove: silent }, clear: silent },
    });
    return hubspot(symbolon);
  },
  crisp({ symbolon, put, handed }) {
    const push = ([verb, name, value]: [string, string, [string, string]]) =>
      verb === 'set' && name === 'user:email' && handed({ email: value[0], signature: value[1] });
    put({ $crisp: { push }, CRISP_TOKEN_ID: null, CRISP_WEBSITE_ID: 'x' });
    return crisp(symbolon);
  },
  chatwoot({ symbolon, put, handed }) {
    const setUser = (identifier: string, user: Members) => handed({ identifier, ...user });
    put({ $chatwoot: { hasLoaded: true, setUser, reset: silent } });
    return chatwoot(symbolon);
  },
  front({ symbolon, put, handed }) {
    put({ FrontChat: (command: string, settings: Members) => command === 'init' && handed(settings) });
    return front(symbolon, { chatId: 'x' });
  },
  'help-scout'({ symbolon, put, handed }) {
    put({ Beacon: (command: string, identity: Members) => command === 'identify' && handed(identity) });
    return helpScout(symbolon, { beaconId: 'x' });
  },
  botpress({ symbolon, handed }) {
    const server = createServer((req, res) => {
      handed({ 'x-user-key': req.headers['x-user-key'] });
      res.end('{}');
    });
    const ask = async () => {
      const call = botpress(symbolon, { webhookId: 'x', apiUrl: await listen(server) });
      await call('GET', 'conversations');
      await shut(server);
    };
    symbolon.subscribe(({ state }) => state === 'signed_in' && void ask());
    return undefined;
  },
};

function livePersonPage({ symbolon, put, handed, inputs }: Page): unknown {
  const lpTag = {
    identities: [] as ((done: (identity: Members) => void) => void)[],
    newPage: () => {
      const give = globals['lpGetAuthenticationToken'] as (
        done: (answer: string | Members) => void,
        challenge?: string,
      ) => void;
      lpTag.identities[0]?.((identity) => {
        give((answer) => {
          if (typeof answer === 'string') handed(identity, answer);
          else handed({ ...identity, ...answer });
        }, inputs['code_challenge']);
      });
    },
  };
  put({ lpTag, location: { href: SHOP_ORIGIN } });
  return livePerson(symbolon, inputs['code_challenge'] ? { iss: house.url } : {});
}

let house: VendorHouse;
let cookie: string;
let customerId: string;
beforeAll(async () => {
  house = await openVendorHouse();
  cookie = await house.signIn('mira');
  customerId = await house.customerOf(cookie);
});
afterAll(() => house[Symbol.asyncDispose]());
afterEach(() => void vi.unstubAllGlobals());

/** A page of the shop whose browser holds the customer's cookie. */
function shopPage(channel: string, onError: (error: unknown) => void): Symbolon {
  return createSymbolon({
    baseUrl: house.url,
    channel,
    onError,
    fetch: async (url, { method, headers, body }) => {
      const sent = { ...headers, cookie, origin: SHOP_ORIGIN };
      return fetch(url, { method, headers: sent, ...(body === undefined ? {} : { body }) });
    },
  });
}

describe('the adapters of the browser SDK', () => {
  it('are all here', () => {
    const driven = [...channelProfiles.values()].filter(({ web }) => web.adapter !== undefined);
    expect(Object.keys(pages).sort()).toEqual(driven.map(({ id }) => id).sort());
  });

  it.each(Object.keys(pages))('hand %s what makes it admit the customer', async (id) => {
    vi.stubGlobal('addEventListener', silent);
    vi.stubGlobal('removeEventListener', silent);
    const inputs = house.inputsOf(id);
    const { promise, resolve, reject } = Promise.withResolvers<Handed>();
    const symbolon = shopPage(id, reject);
    pages[id]?.({
      symbolon,
      inputs,
      put: (scripts) => {
        for (const [name, script] of Object.entries(scripts)) vi.stubGlobal(name, script);
      },
      handed: (web, token) => resolve({ web, token: typeof token === 'string' ? token : '', inputs }),
    });
    await symbolon.start();
    const visitor = await house.admit(id, await promise);
    symbolon.close();
    expect(visitor.customer).toBe(documented[id]?.knownBy === 'email' ? 'mira@example.com' : customerId);
  });
});
