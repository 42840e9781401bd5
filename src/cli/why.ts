import type { Command } from 'commander';
import { withAdmin } from './admin-session.ts';
import { plain, print, printJson, styled } from './terminal.ts';

const sentences = (value: unknown): string[] => (Array.isArray(value) ? value.map(plain) : []);

/** `why <request_id>`: why a request was refused, in sentences, from the audit log. */
export function registerWhy(program: Command): void {
  program
    .command('why <request_id>')
    .description('explain why a request was refused; its id is in X-Request-Id of the answer')
    .addHelpText('after', '\nExample:\n  $ symbolon why mYxQfWcJ0zk1Zc3h')
    .action(async (requestId: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', `/admin/why/${encodeURIComponent(requestId)}`);
        if (json) return printJson(answer);
        for (const sentence of sentences(answer['explanation'])) print(sentence);
        if (typeof answer['advice'] === 'string') print(styled('bold', `To do: ${plain(answer['advice'])}`));
      });
    });
}
