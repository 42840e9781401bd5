import { styleText } from 'node:util';
import type { DemoState } from './demo-state.ts';

/** A shell command that takes one text member out of a JSON answer. */
const member = (name: string) => `sed 's/.*"${name}":"\\([^"]*\\)".*/\\1/'`;

/** Text for the terminal: what runs where, and three commands that work as they stand. */
export function welcome(
  state: DemoState,
  options: { colour: boolean; stateFile: string; moved: string[] },
): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    options.colour ? styleText(style, text, { validateStream: false }) : text;
  const [customer] = state.customers;
  const [client] = state.clients;
  const key = state.api_keys.find((one) => one.partner === client?.partner && one.label === 'plain');
  const channel = state.channels.find((one) => one.partner === client?.partner && one.delivery === 'token');
  const row = (name: string, url: string, what: string) =>
    `  ${paint('bold', name.padEnd(14))}${paint('cyan', url.padEnd(30))}${what}`;
  const step = (text: string) => paint('dim', `  # ${text}`);

  return [
    '',
    paint('bold', `Open ${paint('cyan', state.shop_url)} in a browser.`),
    '',
    row('Sample Shop', state.shop_url, 'the page, with sign-in and chat'),
    row('Chat vendors', `${state.shop_url}/vendors`, 'one customer in the widgets of nine vendors'),
    row('Symbolon', state.public_url, 'the bridge'),
    row('Reference', `${state.public_url}/docs`, 'what the bridge answers, to read and to try'),
    row('Chat vendor', state.vendor_url, 'the server behind the chat'),
    row('Profile APIs', state.backends[0]?.url ?? '', 'the company’s own backend'),
    row('Admin API', state.admin_url, 'partners, clients, keys'),
    row('Operations', state.ops_url, 'health and metrics'),
    row('Partner APIs', 'symbolon call cmzon …', 'stand-ins of five chat platforms (docs/partner-apis.md)'),
    ...options.moved.map((sentence) => paint('yellow', `  ${sentence}`)),
    '',
    'Or try it by hand:',
    '',
    step('1. A customer signs in; the answer holds the customer token.'),
    `  CUSTOMER=$(curl -s ${state.public_url}/customer_authenticate -d channel=${channel?.id} \\`,
    `    -d username=${customer?.username} -d password=${customer?.password}); echo "$CUSTOMER"`,
    '',
    step('2. The chat vendor gets an access token.'),
    `  ACCESS=$(curl -s -X POST '${state.public_url}/access_token?grant_type=client_credentials' \\`,
    `    -u ${client?.client_id}:${client?.client_secret}); echo "$ACCESS"`,
    '',
    step('3. The chat vendor asks for the profile of that customer.'),
    `  curl -s -X POST ${state.public_url}/getprofile -H 'api-key: ${key?.id}' \\`,
    `    -H "Authorization: Bearer $(echo "$ACCESS" | ${member('access_token')})" \\`,
    `    -H "customer-auth: JWT $(echo "$CUSTOMER" | ${member('JWT')})"`,
    '',
    `Passwords and keys are in ${options.stateFile}. Stop with Ctrl+C; the next start keeps them.`,
    '',
  ].join('\n');
}
