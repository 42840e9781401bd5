import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  authorize,
  authorizeAddress,
  connect,
  createBrowser,
  ownPath,
  pkce,
  redemption,
  registerApp,
  renewal,
  type TestApp,
} from '../support/oauth-app.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService();
});
afterEach(() => t.dispose());

const { verifier, challenge } = pkce();
const maySee = (fields: string[]) =>
  t.admin.patch('/admin/partners/north').send({ visible_fields: fields }).expect(200);

async function fieldsFor(token: string, more: Record<string, string> = {}): Promise<string[]> {
  const { body } = await t.api
    .post('/getprofile')
    .set({ authorization: `Bearer ${token}`, ...more })
    .expect(200);
  return Object.keys(body.profile).sort();
}

async function renewed(app: TestApp, token: string): Promise<string> {
  const { body } = await t.api.post('/oauth/token').type('form').send(renewal(app, token)).expect(200);
  return body.access_token as string;
}

describe('an app that a customer agreed to', () => {
  it('sees no field that its partner was given later, by no token that came of that agreement', async () => {
    await maySee(['plan']);
    const app = await registerApp(t);
    const tokens = await connect(t, app);
    await maySee(['plan', 'balance', 'lines']);
    expect(await fieldsFor(tokens.access_token)).toEqual(['plan']);
    expect(await fieldsFor(await renewed(app, tokens.refresh_token))).toEqual(['plan']);
    // A customer proof of the same customer beside it opens nothing more.
    const { JWT } = await t.signIn();
    expect(await fieldsFor(tokens.access_token, { 'customer-auth': `JWT ${JWT}` })).toEqual(['plan']);
    expect(await fieldsFor((await connect(t, app)).access_token)).toEqual(['balance', 'lines', 'plan']);
  });

  it('loses a field with its partner, although the customer agreed to it', async () => {
    const { access_token: token } = await connect(t, await registerApp(t));
    expect(await fieldsFor(token)).toEqual(['balance', 'lines', 'plan']);
    await maySee(['plan']);
    expect(await fieldsFor(token)).toEqual(['plan']);
  });

  it('gets nothing for a yes to a page that showed less than it would see', async () => {
    await maySee(['plan']);
    const app = await registerApp(t);
    const browser = createBrowser(t);
    const address = authorizeAddress(app, challenge);
    const signedIn = await browser.signIn(await browser.get(address));
    const page = await browser.get(ownPath(signedIn.headers['location']));
    await maySee(['plan', 'balance']);
    const answer = await browser.decide(page, 'allow');
    const shown = await browser.get(ownPath(answer.headers['location']));
    expect(shown.text).toContain('Balance');
  });

  it('tells in its token neither the reference nor which fields these are', async () => {
    const { access_token: token } = await connect(t, await registerApp(t));
    const claims = Buffer.from(token.split('.')[1] as string, 'base64url').toString();
    expect(claims).toContain('"ref"');
    expect(claims).not.toMatch(/\bplan\b|balance|\blines\b|agreed|\b4711\b/);
  });

  it('may have hundreds of fields and a token that still fits into a header', async () => {
    const many = Array.from({ length: 497 }, (_, n) => `field_${n}_${'x'.repeat(50)}`);
    await maySee(['plan', 'balance', 'lines', ...many]);
    const { access_token: token } = await connect(t, await registerApp(t));
    expect(token.length).toBeLessThan(8_000);
    expect(await fieldsFor(token)).toEqual(['balance', 'lines', 'plan']);
  });
});

describe("what the customer's agreement does not limit", () => {
  it("is the company's own app, which nobody is asked about", async () => {
    await maySee(['plan']);
    const { access_token: token } = await connect(t, await registerApp(t, { party: 'first' }));
    await maySee(['plan', 'balance']);
    expect(await fieldsFor(token)).toEqual(['balance', 'plan']);
  });

  it('is a client that brings a customer token of its own channel in exchange', async () => {
    await maySee(['plan']);
    const type = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const client = await registerApp(t, { grant_types: [type], redirect_uris: [] });
    const { JWT } = await t.signIn();
    const { body } = await t.api
      .post('/oauth/token')
      .auth(client.clientId, client.clientSecret as string)
      .type('form')
      .send({
        grant_type: type,
        subject_token: JWT,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      })
      .expect(200);
    await maySee(['plan', 'balance']);
    expect(await fieldsFor(body.access_token)).toEqual(['balance', 'plan']);
  });
});

describe('an installed app that proves itself by nothing', () => {
  it.each(['third', 'first'])(
    'is asked about each time, as another app could pose as it (%s party)',
    async (party) => {
      const redirectUris = ['com.example.budget:/callback', 'http://127.0.0.1/cb'];
      const settings = { application_type: 'native', party, redirect_uris: redirectUris };
      const app = await registerApp(t, settings);
      const browser = createBrowser(t);
      const answer = await authorize(t, app, { browser, challenge });
      const sent = redemption(app, answer.get('code') as string, verifier);
      await t.api.post('/oauth/token').type('form').send(sent).expect(200);
      for (const redirect_uri of [...redirectUris, 'http://127.0.0.1:51234/cb']) {
        const again = await browser.get(authorizeAddress(app, challenge, { redirect_uri }));
        expect(again.status).toBe(200);
        expect(again.text).toContain('Connect Budget App?');
      }
    },
  );
});
