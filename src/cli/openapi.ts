import type { Command } from 'commander';

/** placeholder until the http room exports its description */
export function registerOpenapi(program: Command): void {
  program.command('openapi').description('write or check the OpenAPI description of the HTTP interface');
}
