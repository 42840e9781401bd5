/** The process: hands its arguments to the command line and ends with what that says. */
import { runCommandLine } from './cli/command-line.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
