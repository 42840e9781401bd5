import { describe, expect, it, vi } from 'vitest';
import { amazonConnect } from '../src/adapters/amazon-connect.ts';
import { botpress } from '../src/adapters/botpress.ts';
import { chatwoot } from '../src/adapters/chatwoot.ts';
import { crisp } from '../src/adapters/crisp.ts';
import { drift } from '../src/adapters/drift.ts';
import { dynamics365 } from '../src/adapters/dynamics365.ts';
import { freshchat } from '../src/adapters/freshchat.ts';
import { front } from '../src/adapters/front.ts';
import { genesys } from '../src/adapters/genesys.ts';
import { helpScout } from '../src/adapters/help-scout.ts';
import { hubspot } from '../src/adapters/hubspot.ts';
import { intercomHmac } from '../src/adapters/intercom-hmac.ts';
import { intercom } from '../src/adapters/intercom.ts';
import { kustomer } from '../src/adapters/kustomer.ts';
import { livePerson } from '../src/adapters/live-person.ts';
import { salesforce } from '../src/adapters/salesforce.ts';
import { sendbird } from '../src/adapters/sendbird.ts';
import { stream } from '../src/adapters/stream.ts';
import { twilio } from '../src/adapters/twilio.ts';
import { zendesk } from '../src/adapters/zendesk.ts';
import { openWidgetPage, type WidgetPage } from './support/widget-page.ts';

const DELETE = 'DELETE /customer_session';
const PROOF = 'POST /channels/chat/token';
const globals = globalThis as unknown as Record<string, unknown>;

async function signIn(page: WidgetPage): Promise<void> {
  await page.symbolon.start();
  await page.settle();
}
/** What was called since the sign-in was known. */
const since = ({ log }: WidgetPage) => log.slice(log.indexOf('GET /customer_session') + 1);
async function expectEndsWith(page: WidgetPage, ...calls: string[]): Promise<void> {
  const before = page.log.length;
  await page.symbolon.logout();
  await page.settle();
  expect(page.log.slice(before)).toEqual(calls);
}

describe('Zendesk', () => {
  it('fetches a token when the widget asks, a new one when it asks again, and logs out before the session ends', async () => {
    let ask: (callback: (jwt: string) => void) => void = () => {};
    const page = await openWidgetPage((self) => ({
      zE: self.noting('zE', (_area, call, jwtCallback) => {
        if (call === 'loginUser') ask = jwtCallback as typeof ask;
      }),
    }));
    zendesk(page.symbolon);
    await signIn(page);
    expect(since(page)).toEqual(['zE messenger loginUser ƒ ƒ']);
    const jwt = () => new Promise<string>((done) => ask(done));
    expect(await jwt()).toBe('proof-1');
    expect(await jwt()).toBe('proof-2');
    await expectEndsWith(page, 'zE messenger logoutUser', DELETE);
  });

  it('tells the page when the widget refused the login', async () => {
    const page = await openWidgetPage(() => ({
      zE: (_area: string, call: string, _jwt: unknown, loginCallback: (error: unknown) => void) => {
        if (call === 'loginUser') loginCallback({ message: 'LoginFailedError', reason: 'Invalid JWT' });
      },
    }));
    zendesk(page.symbolon);
    await signIn(page);
    expect(page.errors).toMatchObject([{ reason: 'Invalid JWT' }]);
  });

  it('that is not on the page is named to the page', async () => {
    const page = await openWidgetPage(() => ({}));
    zendesk(page.symbolon);
    await signIn(page);
    expect(page.errors).toMatchObject([{ message: expect.stringContaining('zE') as string }]);
  });
});

describe('Intercom', () => {
  const open = () => openWidgetPage((self) => ({ Intercom: self.noting('Intercom') }));

  it('is booted with the signed token, again with each newer one, and shut down before the session ends', async () => {
    const page = await open();
    page.bridge.web = (token) => ({ intercom_user_jwt: token });
    intercom(page.symbolon, { app_id: 'abc' });
    await signIn(page);
    expect(since(page)).toEqual([PROOF, 'Intercom boot {"app_id":"abc","intercom_user_jwt":"proof-1"}']);
    page.advance(90_000);
    await page.symbolon.getProof();
    await page.settle();
    expect(page.log.at(-1)).toBe('Intercom boot {"app_id":"abc","intercom_user_jwt":"proof-2"}');
    await expectEndsWith(page, 'Intercom shutdown', DELETE);
  });

  it('is booted for visitors after a sign-out only where the page wants that', async () => {
    const page = await open();
    intercom(page.symbolon, { app_id: 'abc' }, { visitors: true });
    await signIn(page);
    await expectEndsWith(page, 'Intercom shutdown', 'Intercom boot {"app_id":"abc"}', DELETE);
  });

  it('takes the older hash beside the identifier', async () => {
    const page = await open();
    page.bridge.web = (token) => ({ user_id: 'c1alice', user_hash: token });
    intercomHmac(page.symbolon, { app_id: 'abc' });
    await signIn(page);
    expect(page.log.at(-1)).toBe('Intercom boot {"app_id":"abc","user_id":"c1alice","user_hash":"proof-1"}');
  });
});

describe('Salesforce', () => {
  it('gets the token when it is ready and when it says that its token expired; its session is cleared first', async () => {
    const api: Record<string, unknown> = {};
    const page = await openWidgetPage((self) => {
      api['setIdentityToken'] = self.noting('setIdentityToken');
      api['clearSession'] = self.noting('clearSession');
      return {};
    });
    salesforce(page.symbolon);
    await signIn(page);
    expect(since(page)).toEqual([]);
    globals['embeddedservice_bootstrap'] = { userVerificationAPI: api };
    page.fire('onEmbeddedMessagingReady');
    await page.settle();
    const pushed = (token: string) =>
      `setIdentityToken {"identityTokenType":"JWT","identityToken":"${token}"}`;
    expect(since(page)).toEqual([PROOF, pushed('proof-1')]);
    page.fire('onEmbeddedMessagingIdentityTokenExpired');
    await page.settle();
    expect(page.log).toContain(pushed('proof-2'));
    await expectEndsWith(page, 'clearSession', DELETE);
    delete globals['embeddedservice_bootstrap'];
  });
});

describe('LivePerson', () => {
  const open = () => {
    const lpTag = { identities: [] as unknown[], newPage: undefined as unknown };
    return openWidgetPage((self) => {
      lpTag.newPage = self.noting('newPage');
      return { lpTag };
    }).then((page) => ({ page, lpTag }));
  };
  type TokenFunction = (callback: (answer?: unknown) => void, challenge?: string) => void;
  const token = (challenge?: string) =>
    new Promise((done) => {
      (globals['lpGetAuthenticationToken'] as TokenFunction)(done, challenge);
    });

  it('gets the identity function and the token function at sign-in, and loses both at sign-out', async () => {
    const { page, lpTag } = await open();
    page.bridge.web = () => ({ iss: 'https://id.test' });
    livePerson(page.symbolon);
    await signIn(page);
    const [identify] = lpTag.identities as ((callback: (identity: unknown) => void) => void)[];
    identify?.((identity) => {
      expect(identity).toEqual({ iss: 'https://id.test', acr: 'loa1', sub: 'c1alice' });
    });
    expect(await token()).toBe('proof-2');
    await expectEndsWith(page, 'newPage https://shop.test/account', DELETE);
    expect(lpTag.identities).toEqual([]);
    expect(globals['lpGetAuthenticationToken']).toBeUndefined();
    expect.assertions(5);
  });

  it('gets a code of its own for every call in the code flow', async () => {
    const { page } = await open();
    page.bridge.web = (code) => ({
      iss: 'https://id.test',
      ssoKey: code,
      redirect_uri: 'https://lp.test/cb',
    });
    livePerson(page.symbolon);
    await signIn(page);
    expect(await token()).toEqual({ ssoKey: 'proof-2', redirect_uri: 'https://lp.test/cb' });
    expect(await token()).toEqual({ ssoKey: 'proof-3', redirect_uri: 'https://lp.test/cb' });
  });

  it('brings its challenge in the code flow with PKCE', async () => {
    const { page } = await open();
    page.bridge.web = (_code, input) => ({ redirect_uri: JSON.stringify(input) });
    livePerson(page.symbolon, { iss: 'https://id.test' });
    await signIn(page);
    const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
    expect(await token(challenge)).toEqual({
      ssoKey: 'proof-1',
      redirect_uri: JSON.stringify({ code_challenge: challenge }),
    });
  });

  it('is called back, with nothing, also when there is no token: it waits for ever otherwise', async () => {
    const { page } = await open();
    page.bridge.web = () => ({ iss: 'https://id.test' });
    livePerson(page.symbolon);
    await signIn(page);
    page.bridge.customer = undefined;
    expect(await token()).toBeUndefined();
  });
});

describe('Genesys', () => {
  type Command = (command: { resolve(data?: unknown): void; reject(): void }) => void;
  async function open() {
    const commands = new Map<string, Command>();
    const page = await openWidgetPage((self) => ({
      Genesys: self.noting('Genesys', (call, _name, plugin) => {
        if (call !== 'registerPlugin') return;
        (plugin as (provider: unknown) => void)({
          registerCommand: (name: string, run: Command) => commands.set(name, run),
          publish: self.noting('publish'),
          ready: self.noting('ready'),
        });
      }),
    }));
    const run = (name: string) =>
      new Promise((resolve, reject) => {
        commands.get(name)?.({ resolve, reject: () => reject(new Error('rejected')) });
      });
    return { page, run };
  }

  it('gets a fresh code with each getAuthCode, and is logged out before the session ends', async () => {
    const { page, run } = await open();
    page.bridge.web = (authCode) => ({
      authCode,
      redirectUri: 'https://shop.test/',
      codeVerifier: 'v',
      nonce: 'n',
    });
    genesys(page.symbolon);
    expect(page.log).toEqual(['Genesys registerPlugin AuthProvider ƒ', 'ready']);
    await signIn(page);
    expect(await run('getAuthCode')).toEqual({
      authCode: 'proof-1',
      redirectUri: 'https://shop.test/',
      codeVerifier: 'v',
      nonce: 'n',
    });
    expect(await run('getAuthCode')).toMatchObject({ authCode: 'proof-2' });
    await expectEndsWith(page, 'Genesys command Auth.logout', DELETE);
    await expect(run('getAuthCode')).rejects.toThrow('rejected');
  });

  it('has the page sign in again when it says that code and refresh token are dead', async () => {
    const { page, run } = await open();
    const onLogin = vi.fn<() => Promise<string>>(async () =>
      page.symbolon.signIn({ username: 'alice', password: 'right' }),
    );
    genesys(page.symbolon, { onLogin });
    await run('reAuthenticate');
    expect(onLogin).toHaveBeenCalledOnce();
    expect(page.symbolon.state()).toBe('signed_in');
  });
});

describe('Amazon Connect', () => {
  it('asks for the token when a chat starts, and gets the page’s nonce', async () => {
    let ask: (callback: (jwt: string) => void) => void = () => {};
    const page = await openWidgetPage((self) => ({
      amazon_connect: self.noting('amazon_connect', (call, work) => {
        if (call === 'authenticate') ask = work as typeof ask;
      }),
    }));
    const reset = page.noting('page reset');
    amazonConnect(page.symbolon, { nonce: 'n-1', reset });
    await signIn(page);
    expect(page.log).toEqual([
      'amazon_connect nonce n-1',
      'GET /customer_session',
      'amazon_connect authenticate ƒ',
    ]);
    expect(await new Promise((done) => ask(done))).toBe('proof-1');
    await expectEndsWith(page, 'page reset', DELETE);
  });
});

describe('Dynamics 365', () => {
  it('gets a provider once it is ready, and at sign-out one that gives nothing', async () => {
    const provided: ((callback: (jwt: string | null) => void) => void)[] = [];
    const page = await openWidgetPage(() => ({}));
    dynamics365(page.symbolon);
    await signIn(page);
    globals['Microsoft'] = {
      Omnichannel: {
        LiveChatWidget: {
          SDK: {
            setAuthTokenProvider: page.noting('setAuthTokenProvider', (work) => provided.push(work as never)),
            closeChat: page.noting('closeChat'),
          },
        },
      },
    };
    page.fire('lcw:ready');
    await page.settle();
    const given = (at: number) => new Promise((done) => provided.at(at)?.(done));
    expect(await given(0)).toBe('proof-1');
    await expectEndsWith(page, 'setAuthTokenProvider ƒ', 'closeChat', DELETE);
    expect(await given(-1)).toBeNull();
    expect(await given(0)).toBeNull();
    delete globals['Microsoft'];
  });
});

describe('Twilio', () => {
  it('updates the token of its client when that is about to expire, and shuts it down before the session ends', async () => {
    const page = await openWidgetPage(() => ({}));
    const listeners = new Map<string, () => void>();
    class Client {
      constructor(token: string) {
        page.log.push(`new Client ${token}`);
      }
      on = (event: string, listener: () => void) => void listeners.set(event, listener);
      updateToken = page.noting('updateToken');
      shutdown = page.noting('shutdown');
    }
    const clients: unknown[] = [];
    twilio(page.symbolon, { Client, onClient: (client) => clients.push(client) });
    await signIn(page);
    expect(since(page)).toEqual([PROOF, 'new Client proof-1']);
    listeners.get('tokenAboutToExpire')?.();
    await page.settle();
    expect(page.log).toContain('updateToken proof-2');
    await expectEndsWith(page, 'shutdown', DELETE);
    expect(clients).toHaveLength(1);
  });
});

describe('Stream', () => {
  it('gets a provider that never serves the same token twice, and is disconnected before the session ends', async () => {
    const page = await openWidgetPage(() => ({}));
    let provide: () => Promise<string> = async () => '';
    const client = {
      connectUser: async (user: unknown, provider: () => Promise<string>) => {
        page.log.push(`connectUser ${JSON.stringify(user)} ${await provider()}`);
        provide = provider;
      },
      disconnectUser: page.noting('disconnectUser', async () => {}),
    };
    stream(page.symbolon, { client, user: () => ({ name: 'Alice' }) });
    await signIn(page);
    expect(page.log.at(-1)).toBe('connectUser {"name":"Alice","id":"c1alice"} proof-1');
    expect(await provide()).toBe('proof-2');
    await expectEndsWith(page, 'disconnectUser', DELETE);
  });
});

describe('Sendbird', () => {
  type Handler = {
    onSessionTokenRequired(resolve: (token: unknown) => void, reject: (error: unknown) => void): void;
  };

  it('connects with a session token, gets another when it needs one, and none when nobody is signed in', async () => {
    const page = await openWidgetPage(() => ({}));
    let handler: Handler | undefined;
    const sb = {
      setSessionHandler: (given: unknown) => {
        handler = given as Handler;
      },
      connect: page.noting('connect', async () => {}),
      disconnect: page.noting('disconnect', async () => {}),
    };
    sendbird(page.symbolon, { sb });
    await signIn(page);
    expect(page.log.at(-1)).toBe('connect c1alice proof-1');
    const required = () => new Promise((done, fail) => handler?.onSessionTokenRequired(done, fail));
    expect(await required()).toBe('proof-2');
    await expectEndsWith(page, 'disconnect', DELETE);
    expect(await required()).toBeNull();
  });
});

describe('Kustomer', () => {
  it('is started, then signed in with a token that was just made, and logged out first', async () => {
    const page = await openWidgetPage((self) => ({
      Kustomer: {
        start: self.noting('start', (_settings, done) => (done as () => void)()),
        login: self.noting('login', (_proof, done) => (done as (answer: unknown) => void)({})),
        logout: self.noting('logout'),
      },
    }));
    kustomer(page.symbolon, { brandId: 'b' });
    await signIn(page);
    expect(since(page)).toEqual(['start {"brandId":"b"} ƒ', PROOF, 'login {"jwtToken":"proof-1"} ƒ']);
    await expectEndsWith(page, 'logout', DELETE);
  });
});

describe('Freshchat', () => {
  it('proves the id that the widget gave itself, and waits for its clearing before the session ends', async () => {
    let onFrame: (event: unknown) => void = () => {};
    const page = await openWidgetPage((self) => ({
      fcWidget: {
        init: self.noting('init'),
        authenticate: self.noting('authenticate'),
        on: (_event: string, listener: (event: unknown) => void) => {
          onFrame = listener;
        },
        user: {
          getUUID: async () => ({ data: { uuid: 'u-1' } }),
          clear: self.noting('clear', async () => void self.log.push('cleared')),
        },
      },
    }));
    page.bridge.web = (_token, input) => ({ externalId: 'c1alice', input });
    freshchat(page.symbolon, { token: 't', host: 'https://wchat.test' });
    await signIn(page);
    expect(since(page)).toEqual([
      PROOF,
      'init {"token":"t","host":"https://wchat.test","externalId":"c1alice","jwtAuthToken":"proof-1"}',
      PROOF,
      'authenticate proof-2',
    ]);
    expect(page.bridge.lastBody()).toBe('{"input":{"freshchat_uuid":"u-1"}}');
    onFrame({ data: { frameState: 'not_authenticated' } });
    await page.settle();
    expect(page.log.at(-1)).toBe('authenticate proof-3');
    await expectEndsWith(page, 'clear', 'cleared', DELETE);
  });
});

describe('Drift', () => {
  it('is given the identifier with its proof, again with each newer one, and reset first', async () => {
    const page = await openWidgetPage((self) => ({
      drift: { identify: self.noting('identify'), reset: self.noting('reset') },
    }));
    drift(page.symbolon, () => ({ plan: 'gold' }));
    await signIn(page);
    expect(page.log.at(-1)).toBe('identify c1alice {"plan":"gold"} {"userJwt":"proof-1"}');
    page.advance(90_000);
    await page.symbolon.getProof();
    await page.settle();
    expect(page.log.at(-1)).toBe('identify c1alice {"plan":"gold"} {"userJwt":"proof-2"}');
    await expectEndsWith(page, 'reset', DELETE);
  });
});

describe('HubSpot', () => {
  it('knows the customer before its widget loads, whichever is there first', async () => {
    const page = await openWidgetPage(() => ({ hsConversationsSettings: {}, hsConversationsOnReady: [] }));
    page.bridge.web = (token) => ({ identificationEmail: 'alice@shop.test', identificationToken: token });
    hubspot(page.symbolon);
    expect(globals['hsConversationsSettings']).toEqual({ loadImmediately: false });
    await signIn(page);
    globals['HubSpotConversations'] = {
      widget: {
        load: page.noting(
          'load',
          () => void page.log.push(JSON.stringify(globals['hsConversationsSettings'])),
        ),
        remove: page.noting('remove'),
      },
      clear: page.noting('clear'),
    };
    for (const work of globals['hsConversationsOnReady'] as (() => void)[]) work();
    expect(page.log.slice(-2)).toEqual([
      'load',
      '{"loadImmediately":false,"identificationEmail":"alice@shop.test","identificationToken":"proof-1"}',
    ]);
    await expectEndsWith(page, 'clear {"resetWidget":true}', 'remove', DELETE);
    expect(JSON.stringify(globals['hsConversationsSettings'])).toBe('{"loadImmediately":false}');
    delete globals['HubSpotConversations'];
  });
});

describe('Crisp', () => {
  it('is given the signed address, and at sign-out loses the token before it is reset', async () => {
    const page = await openWidgetPage((self) => ({
      $crisp: {
        push: self.noting('push', () => void self.log.push(`token ${String(globals['CRISP_TOKEN_ID'])}`)),
      },
    }));
    page.bridge.web = (signature) => ({ email: 'alice@shop.test', signature });
    crisp(page.symbolon, { websiteId: 'w', tokenId: async () => 'secret-1' });
    await signIn(page);
    expect(since(page)).toEqual([
      PROOF,
      'push ["do","session:reset"]',
      'token secret-1',
      'push ["set","user:email",["alice@shop.test","proof-1"]]',
      'token secret-1',
    ]);
    await expectEndsWith(page, 'push ["do","session:reset"]', 'token null', DELETE);
  });
});

describe('Chatwoot', () => {
  it('is told the user once it is ready, and reset first', async () => {
    const page = await openWidgetPage(() => ({}));
    page.bridge.web = (token) => ({ identifier: 'c1alice', identifier_hash: token, name: 'Alice' });
    chatwoot(page.symbolon);
    await signIn(page);
    globals['$chatwoot'] = { setUser: page.noting('setUser'), reset: page.noting('reset') };
    page.fire('chatwoot:ready');
    await page.settle();
    expect(page.log.at(-1)).toBe('setUser c1alice {"identifier_hash":"proof-1","name":"Alice"}');
    await expectEndsWith(page, 'reset', DELETE);
    delete globals['$chatwoot'];
  });
});

describe('Front', () => {
  it('is shut down with its session before anybody else’s chat begins and before the session ends', async () => {
    const page = await openWidgetPage((self) => ({ FrontChat: self.noting('FrontChat') }));
    page.bridge.web = (userHash) => ({ email: 'alice@shop.test', userHash });
    front(page.symbolon, { chatId: 'f', nonce: 'n-1' });
    await signIn(page);
    expect(page.log.at(-1)).toBe(
      'FrontChat init {"chatId":"f","nonce":"n-1","userHash":"proof-1","email":"alice@shop.test"}',
    );
    await expectEndsWith(page, 'FrontChat shutdown {"clearSession":true}', DELETE);
  });
});

describe('Help Scout', () => {
  it('identifies with the signature and logs out first', async () => {
    const page = await openWidgetPage((self) => ({ Beacon: self.noting('Beacon') }));
    page.bridge.web = (signature) => ({ email: 'alice@shop.test', signature });
    helpScout(page.symbolon, { beaconId: 'b-1' });
    await signIn(page);
    expect(page.log[0]).toBe('Beacon init b-1');
    expect(page.log.at(-1)).toBe('Beacon identify {"signature":"proof-1","email":"alice@shop.test"}');
    await expectEndsWith(page, 'Beacon logout {"endActiveChat":true}', DELETE);
  });
});

describe('Botpress', () => {
  it('is called with the customer’s key, once more with a new one if that was refused, and never without', async () => {
    const page = await openWidgetPage(() => ({}));
    const call = botpress(page.symbolon, { webhookId: 'hook', apiUrl: `${page.bridge.url}/botpress` });
    await signIn(page);
    const answer = await call('POST', 'conversations', {});
    expect(answer.status).toBe(200);
    expect(page.bridge.lastHeaders()['x-user-key']).toBe('proof-1');
    expect(page.log.at(-1)).toBe('POST /botpress/hook/conversations');
    page.bridge.refusedKeys.add('proof-1');
    expect((await call('GET', 'users/me')).status).toBe(200);
    expect(page.bridge.lastHeaders()['x-user-key']).toBe('proof-2');
    await page.symbolon.logout();
    await expect(call('GET', 'users/me')).rejects.toMatchObject({ code: 'signed_out' });
  });
});

describe('a chat that is not there yet when the customer of an earlier visit must be cleared', () => {
  /** The page is loaded anew with nobody signed in; the mark of the earlier visit is still there. */
  async function comeBack(
    put: (page: WidgetPage) => Record<string, unknown>,
    drive: (page: WidgetPage) => unknown,
  ) {
    const page = await openWidgetPage(() => ({}));
    page.stored.set(`symbolon ${page.bridge.url} chat`, 'c1alice');
    page.bridge.customer = undefined;
    drive(page);
    await signIn(page);
    expect(since(page)).toEqual([]);
    Object.assign(globals, put(page));
    for (const event of ['onEmbeddedMessagingReady', 'lcw:ready', 'chatwoot:ready']) page.fire(event);
    const waiting = (globals['hsConversationsOnReady'] ?? []) as (() => void)[];
    for (const work of waiting) work();
    await page.settle();
    for (const name of Object.keys(put(page))) delete globals[name];
    delete globals['hsConversationsOnReady'];
    return since(page);
  }

  it('is cleared as soon as it is there', async () => {
    const sdk = (page: WidgetPage) => ({
      setAuthTokenProvider: page.noting('setAuthTokenProvider'),
      closeChat: page.noting('closeChat'),
    });
    expect(
      await comeBack(
        (page) => ({ Microsoft: { Omnichannel: { LiveChatWidget: { SDK: sdk(page) } } } }),
        ({ symbolon }) => dynamics365(symbolon),
      ),
    ).toEqual(['setAuthTokenProvider ƒ', 'closeChat']);
    expect(
      await comeBack(
        (page) => ({ $chatwoot: { reset: page.noting('reset') } }),
        ({ symbolon }) => chatwoot(symbolon),
      ),
    ).toEqual(['reset']);
    const api = (page: WidgetPage) => ({ clearSession: page.noting('clearSession') });
    expect(
      await comeBack(
        (page) => ({ embeddedservice_bootstrap: { userVerificationAPI: api(page) } }),
        ({ symbolon }) => salesforce(symbolon),
      ),
    ).toEqual(['clearSession']);
    expect(
      await comeBack(
        (page) => ({
          HubSpotConversations: { clear: page.noting('clear'), widget: { remove: page.noting('remove') } },
        }),
        ({ symbolon }) => hubspot(symbolon),
      ),
    ).toEqual(['clear {"resetWidget":true}', 'remove']);
  });
});
