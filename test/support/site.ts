import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen, shut } from './backend.ts';

/** What the site was asked. */
export interface SiteCall {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
}

export interface TestSite {
  readonly url: string;
  readonly calls: SiteCall[];
  /** Whose session a value of the cookie `site_sid` is. */
  readonly sessions: Map<string, string>;
  /** Answers from here on in another way; `undefined`: as the site does. */
  script: ((response: ServerResponse, call: SiteCall) => void) | undefined;
  close(): Promise<void>;
}

export function sendJson(response: ServerResponse, status: number, value?: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(value === undefined ? undefined : JSON.stringify(value));
}

/** The company's own site with a session cookie `site_sid` and a "who am I" address; a real server on loopback. */
export async function startTestSite(): Promise<TestSite> {
  const calls: SiteCall[] = [];
  const sessions = new Map<string, string>([['sid-mira', '4711']]);
  const server = createServer((request, response) => {
    const call = { method: request.method ?? '', path: request.url ?? '', headers: request.headers };
    calls.push(call);
    request.resume();
    if (site.script) return site.script(response, call);
    const sid = /(?:^|; )site_sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
    const id = sessions.get(sid);
    return id === undefined
      ? sendJson(response, 401, { error: 'nobody' })
      : sendJson(response, 200, { user: { id } });
  });
  const url = await listen(server);
  const site: TestSite = { url, calls, sessions, script: undefined, close: () => shut(server) };
  return site;
}
