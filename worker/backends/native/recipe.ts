// How the kernels are compiled, whatever the instruction set. Part of a build's fingerprint, like the sources themselves.

export const COMMON: readonly string[] = [
  '-std=c++17',
  '-O3',
  '-fPIC',
  '-fvisibility=hidden',
  '-DNAPI_VERSION=8',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-Wall',
  '-Wextra',
  '-Wno-psabi',
]

/** Files under kernels/, each with flags of its own. */
export const SOURCES: readonly [name: string, flags: readonly string[]][] = [
  ['engine.cpp', []],
  ['addon.cpp', []],
  ['pool.cpp', []],
  // Replicas on other engines round every product and every sum by itself.
  ['optimizer.cpp', ['-ffp-contract=off']],
  ['orthogonal.cpp', ['-ffp-contract=off']],
]
