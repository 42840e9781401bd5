import { describe, expect, it } from 'vitest';
import { attach, type Widget } from '../src/adapters/widget.ts';
import { openWidgetPage, type WidgetPage } from './support/widget-page.ts';

const open = () => openWidgetPage(() => ({}));
const noted = (page: WidgetPage, more: Partial<Widget> = {}): Widget => ({
  login: page.noting('login'),
  reset: page.noting('reset'),
  visitor: page.noting('visitor'),
  renewed: page.noting('renewed', () => {}),
  ...more,
});
const widgetCalls = ({ log }: WidgetPage) => log.filter((call) => !call.includes('/'));

describe('a widget', () => {
  it('hears of the customer whether it comes before or after the answer of the bridge', async () => {
    const page = await open();
    attach(page.symbolon, noted(page));
    await page.symbolon.start();
    attach(page.symbolon, noted(page));
    await page.settle();
    expect(widgetCalls(page)).toEqual(['login c1alice', 'login c1alice']);
  });

  it('is taken for a visitor’s only when the bridge says that nobody is signed in', async () => {
    const page = await open();
    page.bridge.broken = { status: 503, body: '{}' };
    attach(page.symbolon, noted(page));
    await page.symbolon.start().catch(() => {});
    await page.settle();
    expect(widgetCalls(page)).toEqual([]);
    page.bridge.broken = undefined;
    page.bridge.customer = undefined;
    page.advance(60_000);
    await page.symbolon.start();
    await page.settle();
    expect(widgetCalls(page)).toEqual(['visitor']);
  });

  it('is reset before the next customer is signed in to it', async () => {
    const page = await open();
    attach(page.symbolon, noted(page));
    await page.symbolon.start();
    await page.symbolon.signIn({ username: 'bob', password: 'right' });
    await page.settle();
    expect(widgetCalls(page)).toEqual(['login c1alice', 'reset changed', 'login c1bob']);
  });

  it('is reset for the next customer although the page was closed in between and nobody signed out', async () => {
    const page = await open();
    attach(page.symbolon, noted(page));
    await page.symbolon.start();
    await page.settle();
    page.symbolon.close();
    page.bridge.customer = 'c1bob';
    const next = page.reload();
    attach(next, noted(page));
    await next.start();
    await page.settle();
    expect(widgetCalls(page)).toEqual(['login c1alice', 'reset changed', 'login c1bob']);
  });

  it('is reset when the page comes back after the session ran out', async () => {
    const page = await open();
    attach(page.symbolon, noted(page));
    await page.symbolon.start();
    await page.settle();
    page.bridge.customer = undefined;
    const next = page.reload();
    attach(next, noted(page));
    await next.start();
    await page.settle();
    expect(widgetCalls(page)).toEqual(['login c1alice', 'reset ended', 'visitor']);
    expect(page.stored.size).toBe(0);
  });

  it('is not reset when the same customer comes back', async () => {
    const page = await open();
    attach(page.symbolon, noted(page));
    await page.symbolon.start();
    await page.settle();
    const next = page.reload();
    attach(next, noted(page));
    await next.start();
    await page.settle();
    expect(widgetCalls(page)).toEqual(['login c1alice', 'login c1alice']);
  });

  it('leaves nothing in the store at sign-out', async () => {
    const page = await open();
    attach(page.symbolon, noted(page));
    await page.symbolon.start();
    await page.settle();
    expect([...page.stored.values()]).toEqual(['c1alice']);
    await page.symbolon.logout();
    await page.settle();
    expect(page.stored.size).toBe(0);
  });

  it('has all the time that it needs for its reset, up to three seconds, before the session ends', async () => {
    const page = await open();
    let done = () => {};
    const reset = page.noting('reset', () => new Promise<void>((resolve) => (done = resolve)));
    attach(page.symbolon, noted(page, { reset }));
    await page.symbolon.start();
    await page.settle();
    const leaving = page.symbolon.logout();
    await page.settle();
    expect(page.log.at(-1)).toBe('reset logout');
    done();
    await leaving;
    expect(page.log.at(-1)).toBe('DELETE /customer_session');
  });

  it('that fails at its reset keeps nobody signed in, and the page hears of it', async () => {
    const page = await open();
    const broken = () => {
      throw new Error('vendor down');
    };
    attach(page.symbolon, noted(page, { reset: broken }));
    await page.symbolon.start();
    await page.settle();
    await page.symbolon.logout();
    expect(page.log.at(-1)).toBe('DELETE /customer_session');
    expect(page.errors).toMatchObject([{ message: 'vendor down' }]);
  });

  it('is told the newer proof when the kept one was renewed', async () => {
    const page = await open();
    attach(page.symbolon, noted(page, { renewed: ({ token }) => void page.log.push(`renewed ${token}`) }));
    await page.symbolon.start();
    await page.symbolon.getProof();
    page.advance(90_000);
    await page.symbolon.getProof();
    await page.settle();
    expect(widgetCalls(page)).toEqual(['login c1alice', 'renewed proof-2']);
  });

  it('hears nothing any more once it was stopped', async () => {
    const page = await open();
    const stop = attach(page.symbolon, noted(page));
    await page.symbolon.start();
    await page.settle();
    stop();
    await page.symbolon.logout();
    expect(widgetCalls(page)).toEqual(['login c1alice']);
  });
});
