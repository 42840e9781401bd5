import { onTestFinished } from 'vitest';
import { createSymbolon, type Symbolon, type SymbolonOptions } from '../../src/index.ts';
import { startTinyBridge, type TinyBridge } from './tiny-bridge.ts';

/** A page with a vendor's script on it, as far as adapters look: globals, events of the window, a store. */
export interface WidgetPage {
  bridge: TinyBridge;
  symbolon: Symbolon;
  /** What was called, at the vendor's script and at the bridge, in order. */
  log: string[];
  /** Errors that no caller could hear of. */
  errors: unknown[];
  /** What the page's store holds. */
  stored: Map<string, string>;
  /** Makes a function of the vendor that notes its call and then does `work`. */
  noting<A extends unknown[], R>(name: string, work?: (...args: A) => R): (...args: A) => R;
  /** An event of the window. */
  fire(type: string): void;
  /** Lets everything that is under way come to rest. */
  settle(): Promise<void>;
  /** Moves the page's clock. */
  advance(ms: number): void;
  /** Another life of the same page, as after loading it anew. */
  reload(options?: Partial<SymbolonOptions>): Symbolon;
}

/** Starts one for the running test, with these globals on it. */
export async function openWidgetPage(
  globals: (page: WidgetPage) => Record<string, unknown>,
): Promise<WidgetPage> {
  const bridge = await startTinyBridge({ expiresInSeconds: 100 });
  const log = bridge.calls;
  const target = new EventTarget();
  const stored = new Map<string, string>();
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  const errors: unknown[] = [];
  let nowMs = 1_800_000_000_000;
  let underWay = 0;
  const counting: SymbolonOptions['fetch'] = async (url, options) => {
    underWay++;
    try {
      const answer = await fetch(url, options);
      const text = await answer.text();
      return { status: answer.status, text: async () => text };
    } finally {
      underWay--;
    }
  };
  const reload = (options: Partial<SymbolonOptions> = {}) =>
    createSymbolon({
      baseUrl: bridge.url,
      channel: 'chat',
      now: () => nowMs,
      random: () => 0,
      storage,
      fetch: counting,
      onError: (error) => errors.push(error),
      ...options,
    });
  const page: WidgetPage = {
    bridge,
    symbolon: reload(),
    log,
    errors,
    stored,
    noting:
      (name, work) =>
      (...args) => {
        log.push(name + (args.length > 0 ? ` ${args.map(written).join(' ')}` : ''));
        return work?.(...args) as never;
      },
    fire: (type) => void target.dispatchEvent(new Event(type)),
    async settle() {
      for (let quietTurns = 0; quietTurns < 20; quietTurns++) {
        const before = log.length;
        await new Promise((done) => setImmediate(done));
        if (underWay > 0 || log.length > before) quietTurns = 0;
      }
    },
    advance(ms) {
      nowMs += ms;
    },
    reload,
  };
  const put: Record<string, unknown> = {
    addEventListener: target.addEventListener.bind(target),
    removeEventListener: target.removeEventListener.bind(target),
    location: { href: 'https://shop.test/account' },
    ...globals(page),
  };
  const here = globalThis as unknown as Record<string, unknown>;
  const names = new Set([...Object.keys(put), 'lpGetAuthenticationToken', 'CRISP_TOKEN_ID', '$crisp']);
  Object.assign(here, put);
  onTestFinished(async () => {
    for (const name of names) delete here[name];
    page.symbolon.close();
    await bridge.close();
  });
  return page;
}

function written(value: unknown): string {
  if (typeof value === 'function') return 'ƒ';
  if (typeof value === 'string') return value;
  return (
    JSON.stringify(value, (_key, part: unknown) => (typeof part === 'function' ? 'ƒ' : part)) ?? 'undefined'
  );
}
