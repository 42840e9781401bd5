import type { Command } from 'commander';
import { items, records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { CommandFailed, plain, print, printJson, record, styled, table } from './terminal.ts';

type Row = Record<string, unknown>;

/** `open, trial in 2 s`, `paused for 7 s`, `closed`. */
function circuitText(one: Row): string {
  const seconds = (name: string) => Math.ceil(Number(one[name]) / 1_000);
  if (one['circuit'] === 'open') return `open, trial in ${seconds('circuit_open_ms')} s`;
  if (Number(one['paused_ms']) > 0) return `paused for ${seconds('paused_ms')} s`;
  return plain(one['circuit']);
}

function tokenText(one: Row): string {
  const tokens = records(one, 'tokens').map((token) => {
    if (token['grant'] === 'missing') return 'not connected';
    if (token['grant'] === 'dead') return 'connect again';
    if (token['held'] === true) return `until ${plain(token['ends_at'])}`;
    return token['last_failure'] === null ? 'none yet' : plain(token['last_failure']);
  });
  return tokens.length === 0 ? '-' : tokens.join('; ');
}

function callsOf(one: Row): Row {
  const { calls } = one;
  return typeof calls === 'object' && calls !== null ? (calls as Row) : {};
}

function overview(one: Row): Row {
  const calls = callsOf(one);
  const total = Object.values(calls).reduce<number>((sum, count) => sum + Number(count), 0);
  const good = ['status_2xx', 'status_3xx', 'status_4xx'].reduce(
    (sum, name) => sum + Number(calls[name] ?? 0),
    0,
  );
  return {
    name: one['name'],
    circuit: circuitText(one),
    calls: total,
    failed: total - good,
    refused: one['refused'],
    retries: `${plain(one['retries'])} (${plain(one['retries_left'])} left)`,
    running: `${plain(one['running'])}/${plain(one['max_running'])}`,
    waiting: one['waiting'],
    token: tokenText(one),
  };
}

function details(one: Row): Row {
  const { calls: _calls, tokens: _tokens, last_failure: lastFailure, ...plainMembers } = one;
  const failure = lastFailure as Row | null;
  return {
    ...plainMembers,
    last_failure: failure === null ? '-' : `${plain(failure['reason'])} at ${plain(failure['at'])}`,
    calls: Object.entries(callsOf(one))
      .map(([outcome, count]) => `${plain(count)} ${outcome}`)
      .join(', '),
    tokens: tokenText(one),
  };
}

function registerStatus(group: Command): void {
  group
    .command('status [name]')
    .description('circuits, tokens and counts of every connection, or all about one')
    .addHelpText(
      'after',
      '\nExamples:\n  $ symbolon connections status\n  $ symbolon connections status crm --json',
    )
    .action(async (name: string | undefined, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json, running }) => {
        if (!running) {
          throw new CommandFailed(
            'No service runs here, so there is nothing to count. "symbolon doctor" tries the connections of backends and log-in APIs; a partner API is proven only by "symbolon call".',
          );
        }
        const all = items(await admin.call('GET', '/admin/connections'));
        const asked = name === undefined ? all : all.filter((one) => one['name'] === name);
        if (name !== undefined && asked.length === 0)
          throw new CommandFailed(`There is no connection ${name}.`);
        if (json) return printJson({ items: asked });
        const [only] = asked;
        if (name !== undefined && only) return print(record(details(only)));
        print(
          table(asked.map(overview), [
            'name',
            'circuit',
            'calls',
            'failed',
            'refused',
            'retries',
            'running',
            'waiting',
            'token',
          ]),
        );
        for (const one of asked) {
          const warnings = Array.isArray(one['warnings']) ? one['warnings'] : [];
          for (const text of warnings)
            print(`${styled('yellow', '!')} ${plain(one['name'])}: ${plain(text)}`);
        }
      });
    });
}

function registerConnect(group: Command): void {
  group
    .command('connect <name>')
    .description('let this service in at a partner, once, in a browser')
    .addHelpText(
      'after',
      '\nPrints an address. Open it in a browser, sign in at the partner and agree; the browser comes back by itself and asks for the confirmation code that is printed, too.\n\nExample:\n  $ symbolon connections connect messenger',
    )
    .action(async (name: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json, running }) => {
        if (!running) {
          throw new CommandFailed(
            'No service runs here, and the browser needs one to come back to. Start it, then run this again.',
          );
        }
        const path = `/admin/connections/${encodeURIComponent(name)}/connect`;
        const answer = await admin.call('POST', path);
        if (json) return printJson(answer);
        print('Open this address in a browser and agree there:');
        print(`\n  ${styled('bold', plain(answer['address']))}\n`);
        print(`The browser comes back to ${plain(answer['redirect_uri'])},`);
        print('which must be registered at the other side. The address is good for ten minutes.');
        print(`There, type this confirmation code: ${styled('bold', plain(answer['confirmation_code']))}`);
        print(`Then: symbolon connections status ${name}`);
      });
    });
}

/** `connections status`, `connections connect`. */
export function registerConnections(program: Command): void {
  const group = program.command('connections').description('your connections to backends and partner APIs');
  registerStatus(group);
  registerConnect(group);
}
