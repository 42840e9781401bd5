import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, untilReady } from '../support/child-server.ts';
import { SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const SITES = join(import.meta.dirname, 'site-recipes');
const manual = readFileSync(resolve(import.meta.dirname, '../../docs/site-session.md'), 'utf8');

/** The code of a recipe, and what follows it up to the next. */
function recipe(heading: string): { code: string; text: string } {
  const section = new RegExp(`\\n### ${heading}\\n([\\s\\S]*?)(?=\\n### |$)`).exec(manual)?.[1] ?? '';
  const [, code = '', text = ''] = /```\w+\n([\s\S]*?)```\n([\s\S]*)$/.exec(section) ?? [];
  return { code, text };
}
/** What a comment of the code tells the reader to write into another file. */
const lineFor = (code: string, file: string): string =>
  new RegExp(`^# ${file.replace('.', '\\.')}: +(.*)$`, 'm').exec(code)?.[1] ?? '';

interface Recipe {
  heading: string;
  command: string;
  /** Fails where the framework is not there. */
  probe: string[];
  /** What the site is started with; may write into the folder. */
  site(code: string, folder: string): { args: string[]; env?: Record<string, string> };
}

/** As Debian installs them: libspring-web-servlet-java, libjetty9-java, libjackson2-databind-java. */
const JARS = [
  ...['core', 'beans', 'context', 'expression', 'aop', 'web', 'web.servlet'].map((one) => `spring3-${one}`),
  ...['server', 'servlet', 'http', 'io', 'util', 'security'].map((one) => `jetty9-${one}`),
  ...['core', 'databind', 'annotations'].map((one) => `jackson-${one}`),
  'commons-logging',
  'servlet-api',
].map((name) => `/usr/share/java/${name}.jar`);

const recipes: Recipe[] = [
  {
    heading: 'Express',
    command: process.execPath,
    probe: ['--version'],
    site: () => ({ args: [join(SITES, 'site.mjs')] }),
  },
  {
    heading: 'Spring',
    command: 'java',
    probe: ['-version'],
    site: (code, folder) => {
      const around = readFileSync(join(SITES, 'Site.java'), 'utf8');
      const file = join(folder, 'Site.java');
      writeFileSync(
        file,
        around.replace('// RECIPE', () => code.replace('class WhoAmI', 'static class WhoAmI')),
      );
      return { args: ['-cp', JARS.join(':'), file] };
    },
  },
  {
    heading: 'Rails',
    command: 'ruby',
    probe: ['-e', "require 'action_controller/railtie'; require 'rack/handler/webrick'"],
    site: (code) => ({
      args: ['-W0', join(SITES, 'site.rb')],
      env: { ROUTE: lineFor(code, 'config/routes.rb') },
    }),
  },
  {
    heading: 'Django',
    // Debian's interpreter: the one that its packages belong to, whatever other one comes first in `PATH`.
    command: '/usr/bin/python3',
    probe: ['-c', 'import django'],
    site: (code) => ({
      args: ['-B', '-W', 'ignore', join(SITES, 'site.py')],
      env: { URL: lineFor(code, 'urls.py') },
    }),
  },
];

function missing({ heading, command, probe }: Recipe): boolean {
  try {
    execFileSync(command, probe, { stdio: 'ignore' });
    return heading === 'Spring' && !JARS.every((jar) => existsSync(jar));
  } catch {
    return true;
  }
}

describe.each(recipes)('a site made with $heading and the recipe of the manual', (one) => {
  const isMissing = missing(one);
  const { code, text } = recipe(one.heading);
  const cookieName = /Cookie: `([^`]+)`/.exec(text)?.[1] ?? '';
  const opened: (() => Promise<void> | void)[] = [];
  let site: string;
  let t: TestService;

  beforeAll(async () => {
    if (isMissing) return;
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-recipe-'));
    opened.push(() => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const { args, env } = one.site(code, folder);
    const child = spawn(one.command, args, {
      cwd: SITES,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'] ?? '', RECIPE: code, FOLDER: folder, PORT: `${port}`, ...env },
    });
    opened.push(async () => {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    });
    site = `http://127.0.0.1:${port}`;
    await untilReady(child, async () => void (await fetch(`${site}/me`)));
    t = await startService({
      settings: (settings) => ({
        ...settings,
        connections: { ...settings.connections, site: { base_url: site } },
        authenticators: [
          { name: 'directory', type: 'directory', reference_space: 'directory' },
          {
            name: 'shop',
            type: 'site_session',
            reference_space: 'customers',
            connection: 'site',
            request: { path: '/me' },
            cookies: [cookieName],
            answer: { reference: 'user.id' },
          },
        ],
      }),
    });
    opened.push(() => t.dispose());
  }, 60_000);
  afterAll(async () => {
    for (const close of opened.toReversed()) await close();
  });

  /** Signs in at the site; what its browser then sends. */
  const cookieOfSite = async (): Promise<string> => {
    const { headers } = await fetch(`${site}/sign-in?id=4711`);
    return headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ');
  };
  const chat = (cookie: string) =>
    t.api
      .post('/customer_authenticate')
      .set({ origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1', cookie })
      .send({ channel: 'web' });

  it.skipIf(isMissing)('answers as the manual says: JSON that no cache keeps, 200 or 401', async () => {
    const cookie = await cookieOfSite();
    expect(cookie.split('=')[0]).toBe(cookieName);
    const known = await fetch(`${site}/me`, { headers: { cookie } });
    expect([known.status, await known.json()]).toEqual([200, { user: { id: '4711' } }]);
    const nobody = await fetch(`${site}/me`, { redirect: 'manual' });
    expect([nobody.status, await nobody.json()]).toEqual([401, { error: 'nobody' }]);
    for (const { headers } of [known, nobody]) {
      expect(headers.get('content-type')).toMatch(/^application\/json/);
      expect(headers.get('cache-control')).toContain('no-store');
    }
  });

  it.skipIf(isMissing)('gives a signed-in customer a chat session, and nobody else', async () => {
    const cookie = await cookieOfSite();
    const { body } = await chat(`other=1; ${cookie}`).expect(200);
    const traced = await t.admin
      .post('/admin/identifiers/trace')
      .send({ customer_id: body.customer_id, reason: 'recipe' })
      .expect(200);
    expect(traced.body).toMatchObject({ reference: '4711', reference_space: 'customers' });
    expect((await chat('other=1').expect(401)).body.error.code).toBe('NOT_SIGNED_IN');
    expect((await chat(`${cookieName}=made-up`).expect(401)).body.error.code).toBe('NOT_SIGNED_IN');
    const left = await fetch(`${site}/sign-out`, { headers: { cookie } });
    const after = left.headers.getSetCookie().map((one) => one.split(';')[0]);
    // A session that the browser holds itself ends when the browser is told so; others end at the site.
    expect(
      (await chat([...after, ...(after.length === 0 ? [cookie] : [])].join('; ')).expect(401)).body.error
        .code,
    ).toBe('NOT_SIGNED_IN');
  });

  it.skipIf(isMissing)('is found sound by the doctor', async () => {
    const { body } = await t.admin.get('/admin/doctor').expect(200);
    expect(body.findings).toContainEqual(
      expect.objectContaining({ subject: 'authenticator shop', ok: true }),
    );
  });
});
