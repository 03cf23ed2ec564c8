// The command line as a value: commands, help, and how a wrong word on it becomes one line with a remedy. It neither reads
// the world nor exits; main.ts does.
import { Command, CommanderError } from 'commander'
import { ConfigError } from '../../shared/errors.js'
import { registerAdapt } from './commands/adapt.js'
import { registerBaseline } from './commands/baseline.js'
import { registerBundle } from './commands/bundle.js'
import { registerCheckSubmission } from './commands/check-submission.js'
import { registerCoordinator } from './commands/coordinator.js'
import { registerData } from './commands/data.js'
import { registerDoctor } from './commands/doctor.js'
import { registerEvaluate } from './commands/evaluate.js'
import { registerExport } from './commands/export.js'
import { registerImport } from './commands/import.js'
import { registerKeys } from './commands/keys.js'
import { registerReport } from './commands/report.js'
import { registerReproduce } from './commands/reproduce.js'
import { registerSize } from './commands/size.js'
import { registerStart } from './commands/start.js'
import { registerStudy } from './commands/study.js'
import { registerTop } from './commands/top.js'
import { registerWorker } from './commands/worker.js'
import { registerWorkers } from './commands/workers.js'
import type { CliContext } from './context.js'
import { exitCodesText } from './exit-codes.js'

const INTRODUCTION =
  'Trains Tiny Recursive Models on ARC-AGI, Sudoku and mazes, on any number of machines that can reach one NATS server.'

const AFTER = `
Settings come from a preset, then --config FILE, then TRMESH_ variables, then flags; the later wins.

Examples:
  npm start                                    train something small on this machine, now
  npx trmesh doctor                            what can this machine do?
  npx trmesh coordinator --config run.json     serve a run
  npx trmesh workers --nats nats://HOST:4222   give this machine's GPUs to it

${exitCodesText()}`

function createProgram(context: CliContext): Command {
  const program = new Command('trmesh')
    .description(INTRODUCTION)
    .version(context.version, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand('help [COMMAND]', 'show the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out.line(text.trimEnd()),
      // Errors are thrown; main.ts prints them.
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.max(80, Math.min(context.out.columns, 140)),
    })
    .addHelpText('after', AFTER)
  registerStart(program, context)
  registerCoordinator(program, context)
  registerWorker(program, context)
  registerWorkers(program, context)
  registerEvaluate(program, context)
  registerStudy(program, context)
  registerAdapt(program, context)
  registerBaseline(program, context)
  registerBundle(program, context)
  registerReport(program, context)
  registerReproduce(program, context)
  registerCheckSubmission(program, context)
  registerData(program, context)
  registerImport(program, context)
  registerExport(program, context)
  registerTop(program, context)
  registerKeys(program, context)
  registerSize(program, context)
  registerDoctor(program, context)
  return program
}

/** Runs the command that `args` names. Throws RunError; a wrong command line is a ConfigError. */
export async function runProgram(args: readonly string[], context: CliContext): Promise<void> {
  const program = createProgram(context)
  if (args.length === 0) {
    program.outputHelp()
    throw new ConfigError('no command named', 'name one of the commands above, for example `npx trmesh start`')
  }
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    throw usageError(error, program, args)
  }
}

/** Commander's complaint as one line, with the help to look at. */
function usageError(error: CommanderError, program: Command, args: readonly string[]): ConfigError {
  const command = program.commands.find((known) => known.name() === args[0])
  const remedy = `see \`npx trmesh ${command === undefined ? '' : `${command.name()} `}--help\``
  if (error.code === 'commander.help' && command !== undefined) {
    const names = command.commands.map((known) => known.name()).filter((name) => name !== 'help')
    return new ConfigError(`${command.name()} needs one of ${names.join(', ')}`, remedy)
  }
  return new ConfigError(error.message.replace(/^error: /, '').replaceAll('\n', ' '), remedy)
}
