// What this machine can do: every engine tried for real, every program and library looked for.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findNatsServer, natsServerCaveat } from '../setup/nats-server.js'
import { findCompiler, NEED_COMPILER } from '../setup/compiler.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'
import { cudaFinding } from './cuda.js'
import type { Finding } from './finding.js'
import { diskFinding, gpuFindings, listGpus, memoryFinding, processorFinding, type Gpu } from './machine.js'
import { probeBackend, type ProbeFailure, type ProbeResult } from './probe.js'

const MINIMUM_NODE = 20

/**
 * Looks at everything; takes a few seconds, because it computes.
 * @param busUrl a NATS server to knock at, or undefined
 */
export async function diagnose(root: string, busUrl?: string): Promise<Finding[]> {
  const gpus = await listGpus()
  return [
    nodeFinding(),
    processorFinding(),
    memoryFinding(),
    diskFinding(root),
    ...gpuFindings(gpus),
    ...(await backendFindings(root, gpus)),
    await cudaFinding(root, gpus.length),
    await compilerFinding(),
    await natsFinding(root),
    ...(busUrl === undefined ? [] : [await busFinding(busUrl)]),
    dataFinding(root),
    ...libraryFindings(root),
  ]
}

function nodeFinding(): Finding {
  const text = `${process.versions.node}, ${process.platform} ${process.arch}`
  if (Number.parseInt(process.versions.node, 10) >= MINIMUM_NODE) return { topic: 'node', state: 'ok', text }
  return { topic: 'node', state: 'missing', needed: true, text, remedy: `install Node ${MINIMUM_NODE} or newer` }
}

/** One after the other: they would share the cores. */
async function backendFindings(root: string, gpus: readonly Gpu[]): Promise<Finding[]> {
  const installs = findTensorflow(root)
  const results: [string, ProbeResult | ProbeFailure][] = []
  if (gpus.length > 0 || installs.some(({ variant }) => variant === 'gpu')) {
    results.push(['backend tensorflow, GPU', await probeBackend('tensorflow', { root, gpu: gpus[0]?.index ?? 0 })])
  }
  results.push(['backend native', await probeBackend('native', { root })])
  results.push(['backend tensorflow, CPU', await probeBackend('tensorflow', { root, gpu: 'none' })])
  results.push(['backend wasm', await probeBackend('wasm', { root })])
  const none = !results.some(([, result]) => result.ok)
  return results.map(([topic, result]) =>
    result.ok
      ? {
          topic,
          state: 'ok',
          text: `${result.detail}: ${speed(result.gflopPerSecond)} (f32 product of 768 x 768 matrices)${peakOf(result)}`,
        }
      : { topic, state: 'missing', text: result.message, remedy: result.remedy, needed: none },
  )
}

const peakOf = ({ precision, peakGflopPerSecond }: ProbeResult): string =>
  peakGflopPerSecond === undefined ? '' : `; ${speed(peakGflopPerSecond)} at its peak in ${precision}`

const speed = (gflopPerSecond: number): string =>
  gflopPerSecond >= 1000 ? `${(gflopPerSecond / 1000).toFixed(1)} TFLOP/s` : `${gflopPerSecond.toFixed(0)} GFLOP/s`

async function compilerFinding(): Promise<Finding> {
  const found = await findCompiler(['g++'])
  if (found !== undefined) return { topic: 'g++', state: 'ok', text: found.version }
  return {
    topic: 'g++',
    state: 'missing',
    text: 'needed to compile the native engine, and to set up TensorFlow',
    remedy: NEED_COMPILER,
  }
}

async function natsFinding(root: string): Promise<Finding> {
  const topic = 'nats-server'
  const server = await findNatsServer(root)
  if (server === undefined) {
    return {
      topic,
      state: 'missing',
      text: 'not found; one machine of a run needs it',
      remedy: '`npm start` installs it, or run `apt-get install nats-server` as root',
      needed: true,
    }
  }
  const caveat = natsServerCaveat(server.version)
  return {
    topic,
    state: caveat === undefined ? 'ok' : 'note',
    text: `${server.path} ${server.version}${caveat === undefined ? '' : `; ${caveat}`}`,
  }
}

/** Knocks at the first address of the URL; a NATS server greets without being asked. */
async function busFinding(busUrl: string): Promise<Finding> {
  const topic = 'bus'
  const url = new URL(busUrl.split(',')[0] ?? busUrl)
  const greeting = await new Promise<string>((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port || 4222) })
    socket.setTimeout(3_000, () => socket.destroy(new Error('no answer')))
    socket.once('data', (data) => {
      resolve(data.toString('latin1'))
      socket.destroy()
    })
    socket.once('error', (error) => resolve(error.message))
  })
  const version = /^INFO .*"version":"([^"]+)"/.exec(greeting)?.[1]
  if (version !== undefined) return { topic, state: 'ok', text: `${url.href} is a nats-server ${version}` }
  return {
    topic,
    state: 'note',
    text: `nothing usable at ${url.href} (${greeting.slice(0, 80).trim() || 'no greeting'})`,
    remedy: 'needed by `coordinator` and `worker`; `start` runs a server of its own',
  }
}

function dataFinding(root: string): Finding {
  const parent = join(root, '.trmesh', 'data')
  const sets = existsSync(parent) ? readdirSync(parent).filter((name) => !name.startsWith('.')) : []
  if (sets.length > 0) return { topic: 'data', state: 'ok', text: `${sets.join(', ')} in ${parent}` }
  return {
    topic: 'data',
    state: 'note',
    text: 'no data set downloaded: `start` makes up tasks of its own',
    remedy: '`npx trmesh data arc-agi-1`, or --data FOLDER',
  }
}

function libraryFindings(root: string): Finding[] {
  const names = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-node-gpu', 'nats', 'msgpackr']
  const versions = names.map((name) => [name, installedVersion(root, name)] as const)
  const absent = versions.flatMap(([name, version]) => (version === undefined ? [name] : []))
  if (absent.length > 0) {
    return [
      {
        topic: 'libraries',
        state: 'missing',
        needed: true,
        text: `${absent.join(', ')} not installed`,
        remedy: 'run `npm ci`',
      },
    ]
  }
  return [{ topic: 'libraries', state: 'ok', text: versions.map(([name, version]) => `${name} ${version}`).join(', ') }]
}

function installedVersion(root: string, name: string): string | undefined {
  const path = join(root, 'node_modules', name, 'package.json')
  if (!existsSync(path)) return undefined
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
