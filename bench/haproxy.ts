/**
 * HAProxy as a profile gateway, the fastest that one could configure: verifies both tokens (ES256) with their times,
 * issuers and audiences, looks the API key up, swaps headers, and passes the call on. It answers with the backend's
 * own body, and keeps no account of who read what.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/support/child-server.ts';
import { isInstalled, start, type Started } from './contestant.ts';

export const hasHaproxy = (): boolean => isInstalled('haproxy', ['-v']);

function checks(token: string, audience: string, pem: string): string[] {
  const refuse = 'http-request deny deny_status 401';
  const held = `var(txn.${token})`;
  return [
    `${refuse} unless { ${held},jwt_header_query('$.alg') -m str ES256 }`,
    `${refuse} unless { ${held},jwt_verify("ES256","${pem}") -m int 1 }`,
    `${refuse} unless { ${held},jwt_payload_query('$.iss') -m str http://127.0.0.1 }`,
    `${refuse} unless { ${held},jwt_payload_query('$.aud') -m str ${audience} }`,
    `http-request set-var(txn.${token}_exp) ${held},jwt_payload_query('$.exp','int')`,
    `${refuse} if { var(txn.${token}_exp),sub(txn.now) -m int lt 0 }`,
  ];
}

export async function startHaproxy(
  publicPem: string,
  backendUrl: string,
  core: number,
): Promise<{ started: Started; url: string }> {
  const home = mkdtempSync(join(tmpdir(), 'symbolon-haproxy-'));
  const port = await freePort();
  const pem = join(home, 'public.pem');
  const keys = join(home, 'keys.map');
  const file = join(home, 'haproxy.cfg');
  writeFileSync(pem, publicPem);
  writeFileSync(keys, 'pk_bench chatco\n');
  const rules = [
    'http-request set-var(txn.now) date()',
    'http-request set-var(txn.bearer) http_auth_bearer',
    "http-request set-var(txn.customer) req.hdr(customer-auth),word(2,' ')",
    ...checks('bearer', 'api', pem),
    `http-request deny deny_status 401 unless { req.hdr(api-key),map(${keys}) -m found }`,
    ...checks('customer', 'web', pem),
    "http-request set-header x-customer %[var(txn.customer),jwt_payload_query('$.sub')]",
    'http-request del-header authorization',
    'http-request del-header api-key',
    'http-request del-header customer-auth',
    'http-request set-path /profile',
    'http-request set-header x-request-id %[uuid()]',
  ];
  writeFileSync(
    file,
    `global
  nbthread 1
  log stderr format raw local0 alert
defaults
  mode http
  timeout connect 5s
  timeout client 65s
  timeout server 10s
frontend public
  bind 127.0.0.1:${port}
${rules.map((rule) => `  ${rule}`).join('\n')}
  default_backend crm
backend crm
  http-reuse always
  server crm ${new URL(backendUrl).host}
`,
  );
  const started = await start(['-W', '-db', '-f', file], {
    program: 'haproxy',
    core,
    ready: (line) => line.includes('Loading success'),
  });
  return { started, url: `http://127.0.0.1:${port}` };
}
