// Compiles the binding between Node and libtensorflow: the package's own C++ sources behind our door (tensorflow-binding.cc) and
// the Node module that opens it (tensorflow-loader.cc). Needs g++; Node's headers come from node-api-headers.
import { createHash } from 'node:crypto'
import { readFileSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { compile } from './compiler.js'

const LIBRARY = 'libtrmesh_tensorflow.so'
const MODULE = 'trmesh_tensorflow.node'

interface Sources {
  binding: string
  loader: string
  packageFolder: string
  nodeHeaders: string
}

function sources(root: string): Sources {
  const require = createRequire(join(root, 'package.json'))
  return {
    binding: join(root, 'deploy', 'setup', 'tensorflow-binding.cc'),
    loader: join(root, 'deploy', 'setup', 'tensorflow-loader.cc'),
    packageFolder: dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')),
    nodeHeaders: join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
  }
}

/** Changes when the sources do: an installation with another fingerprint is built again. */
export function bindingFingerprint(root: string): string {
  const { binding, loader, packageFolder } = sources(root)
  const hash = createHash('sha256')
  for (const path of [binding, loader, join(packageFolder, 'package.json')]) hash.update(readFileSync(path))
  return hash.digest('hex').slice(0, 16)
}

/**
 * Builds both files into `folder`, which holds the two libraries and `include/`. Each appears whole or not at all.
 * @throws SystemRefused with the first compiler error
 */
export async function buildBinding(root: string, folder: string): Promise<void> {
  const { binding, loader, packageFolder, nodeHeaders } = sources(root)
  const common = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', `-I${nodeHeaders}`]
  const outputs: [string, string[]][] = [
    [
      LIBRARY,
      [
        `-I${join(packageFolder, 'binding')}`,
        `-I${join(folder, 'include')}`,
        binding,
        `-L${folder}`,
        '-l:libtensorflow_cc.so.2',
        '-l:libtensorflow_framework.so.2',
        // Beside itself, so that the folder may be moved.
        '-Wl,-rpath,$ORIGIN',
      ],
    ],
    [MODULE, [loader, '-ldl']],
  ]
  const build = async ([name, args]: [string, string[]]): Promise<void> => {
    const temporary = join(folder, `.${name}.${process.pid}`)
    const remedy = 'use g++ 9 or newer; `g++ --version` tells yours'
    await compile('g++', [...common, ...args, '-o', temporary], 'the TensorFlow binding', remedy)
    renameSync(temporary, join(folder, name))
  }
  if (availableParallelism() > 1) await Promise.all(outputs.map(build))
  else for (const output of outputs) await build(output)
}
