// Installs one Debian package, where this process is root and apt-get exists.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { SystemRefused } from '../../shared/errors.js'
import { run } from './command.js'

const APT_MS = 180_000

/** @throws SystemRefused with `remedy` if it cannot */
export async function aptInstall(name: string, remedy: string, log: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0) throw new SystemRefused(`apt-get install ${name} needs root`, remedy)
  log(`installing ${name} with apt-get`)
  // Debian starts a service for every daemon it installs; a training run must not leave one listening.
  // /usr/sbin/policy-rc.d is Debian's own switch for this. One that is there already is left alone.
  const policy = '/usr/sbin/policy-rc.d'
  const ours = existsSync('/usr/sbin') && !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    // A failed update may only mean that one of several sources is out of reach: the install decides.
    await run('apt-get', ['update'], { timeoutMs: APT_MS })
    const install = await run('apt-get', ['install', '-y', '--no-install-recommends', name], {
      timeoutMs: APT_MS,
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (install.failure !== undefined) throw new SystemRefused(install.failure, remedy)
  } finally {
    if (ours) rmSync(policy, { force: true })
  }
}
