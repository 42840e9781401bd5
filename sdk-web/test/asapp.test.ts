import { expect, describe, it, vi } from 'vitest';
import { asapp, type AsappContext } from '../src/adapters/asapp.ts';
import { openWidgetPage, type WidgetPage } from './support/widget-page.ts';

const SETTINGS = { APIHostname: 'acme.asapp.com', AppId: 'acme' };
const open = () => openWidgetPage((page) => ({ ASAPP: page.noting('ASAPP') }));
const proofCalls = ({ log }: WidgetPage) => log.filter((call) => call.includes('/channels/')).length;
const answered = (chat: ReturnType<typeof asapp>, needsRefresh?: boolean) =>
  new Promise<AsappContext>((done) => {
    chat.ContextProvider(done, needsRefresh);
  });

describe('ASAPP', () => {
  it('is loaded with the identifier and functions, never with a token', async () => {
    const page = await open();
    asapp(page.symbolon, SETTINGS, { onLogin: () => {} });
    await page.symbolon.start();
    await page.settle();
    expect(page.log).toEqual([
      'GET /customer_session',
      'ASAPP load {"APIHostname":"acme.asapp.com","AppId":"acme","CustomerId":"c1alice","ContextProvider":"ƒ","UserLoginHandler":"ƒ"}',
    ]);
  });

  it('is told the customer by setCustomer where the page loaded it', async () => {
    const page = await open();
    asapp(page.symbolon);
    await page.symbolon.start();
    await page.settle();
    expect(page.log.at(-1)).toBe('ASAPP setCustomer {"CustomerId":"c1alice","ContextProvider":"ƒ"}');
  });

  it('gets its context from the cache at every key that is pressed, and each callback once', async () => {
    const page = await open();
    const chat = asapp(page.symbolon, SETTINGS, { context: () => ({ Segments: ['gold'] }) });
    await page.symbolon.start();
    const callback = vi.fn<(context: AsappContext) => void>();
    for (let key = 0; key < 200; key++) chat.ContextProvider(callback, false);
    await vi.waitFor(() => expect(callback).toHaveBeenCalledTimes(200));
    expect(callback).toHaveBeenCalledWith({ Segments: ['gold'], Auth: { Token: 'proof-1' } });
    expect(proofCalls(page)).toBe(1);
  });

  it('gets a new token once when it found the old one expired, however often it says so', async () => {
    const page = await open();
    const chat = asapp(page.symbolon, SETTINGS);
    await page.symbolon.start();
    await answered(chat);
    const contexts = await Promise.all(Array.from({ length: 50 }, () => answered(chat, true)));
    expect(contexts.every(({ Auth }) => (Auth as { Token: string }).Token === 'proof-2')).toBe(true);
    expect(proofCalls(page)).toBe(2);
  });

  it('is given what the channel says belongs into Auth', async () => {
    const page = await open();
    page.bridge.web = (token) => ({ Auth: { Token: token, Scopes: ['billing'] } });
    const chat = asapp(page.symbolon, SETTINGS);
    await page.symbolon.start();
    expect(await answered(chat)).toEqual({ Auth: { Token: 'proof-1', Scopes: ['billing'] } });
  });

  it('is told nothing, and so nobody is made anonymous, once the session is over', async () => {
    const page = await open();
    const chat = asapp(page.symbolon, SETTINGS);
    await page.symbolon.start();
    page.bridge.customer = undefined;
    const callback = vi.fn<(context: AsappContext) => void>();
    chat.ContextProvider(callback, true);
    await page.settle();
    expect(callback).not.toHaveBeenCalled();
    expect(page.symbolon.state()).toBe('signed_out');
  });

  it('is cleared before the session ends at the bridge', async () => {
    const page = await open();
    asapp(page.symbolon, SETTINGS);
    await page.symbolon.start();
    await page.settle();
    await page.symbolon.logout();
    expect(page.log.slice(-2)).toEqual(['ASAPP unloadAndClearSession', 'DELETE /customer_session']);
  });

  it('keeps the chat of a customer whose session ran out if they may sign in again, and clears it for anybody else', async () => {
    const page = await open();
    const asked: unknown[] = [];
    const chat = asapp(page.symbolon, SETTINGS, { onLogin: (data) => asked.push(data) });
    await page.symbolon.start();
    page.bridge.customer = undefined;
    chat.ContextProvider(() => {}, true);
    await page.settle();
    expect(page.log).not.toContain('ASAPP unloadAndClearSession');
    chat.UserLoginHandler({ visit: 7 });
    expect(asked).toEqual([{ visit: 7 }]);

    await page.symbolon.signIn({ username: 'bob', password: 'right' });
    await page.settle();
    const cleared = page.log.indexOf('ASAPP unloadAndClearSession');
    const loaded = page.log.findIndex((call) => call.includes('"CustomerId":"c1bob"'));
    expect(cleared).toBeGreaterThan(0);
    expect(loaded).toBeGreaterThan(cleared);
  });

  it('is there for visitors only where the page wants that, and takes the customer later', async () => {
    const page = await open();
    page.bridge.customer = undefined;
    asapp(page.symbolon, SETTINGS, { visitors: true });
    await page.symbolon.start();
    await page.settle();
    expect(page.log.at(-1)).toBe('ASAPP load {"APIHostname":"acme.asapp.com","AppId":"acme"}');
    await page.symbolon.signIn({ username: 'bob', password: 'right' });
    await page.settle();
    expect(page.log.at(-1)).toBe('ASAPP setCustomer {"CustomerId":"c1bob","ContextProvider":"ƒ"}');
  });

  it('shows no visitor the chat that a customer of an earlier visit left in the browser', async () => {
    const page = await open();
    page.stored.set(`symbolon ${page.bridge.url} chat`, 'c1alice');
    page.bridge.customer = undefined;
    asapp(page.symbolon, SETTINGS, { visitors: true, onLogin: () => {} });
    await page.symbolon.start();
    await page.settle();
    expect(page.log.map((call) => call.split(' ').slice(0, 2).join(' '))).toEqual([
      'GET /customer_session',
      'ASAPP unloadAndClearSession',
      'ASAPP load',
    ]);
  });
});
