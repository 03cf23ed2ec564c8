// A fake nvidia-smi for PATH, which answers as recorded from the real one, and the recorded answers.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Two cards; the second does not tell its power, as some do. Form of --format=csv,noheader,nounits. */
export const RECORDED = [
  '0, GPU-3f1c8a52-9d10-4a7e-bb61-0c2f6f6a1d11, NVIDIA H100 80GB HBM3, 87, 41, 40960, 81559, 512.34, 700.00, 61, 1980',
  '1, GPU-77aa0b3d-1e55-4c0b-8f0a-5d9b7e2c4422, Tesla T4, 0, 0, 3, 15360, [N/A], [Not Supported], 38, 300',
  '',
].join('\n')

/** @returns a PATH that finds the fake first */
export function fakeNvidiaSmi(folder: string, answer = RECORDED): string {
  const program = join(folder, 'nvidia-smi')
  writeFileSync(
    program,
    `#!/bin/sh\ncase "$1" in --query-gpu=index,uuid,name,*) cat <<'END'\n${answer}END\n;; *) exit 1;; esac\n`,
  )
  chmodSync(program, 0o755)
  return `${folder}:${process.env['PATH'] ?? ''}`
}
