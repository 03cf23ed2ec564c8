// What nvidia-smi tells: read as it prints it, asked as it is asked, shown under the names of the table.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Recorder } from '../../shared/observe/metrics.js'
import { emaDistance } from '../../worker/compute/perform.js'
import { findEnergy } from '../../worker/energy.js'
import { tellGpu, watchGpus } from '../../worker/gpu-metrics.js'
import { parseReadings, readGpus, usedGpu, type GpuReading } from '../../worker/nvidia-smi.js'
import { fakeNvidiaSmi, RECORDED } from '../helpers/nvidia-smi.js'

test('cards are read with their units; what one does not tell is absent, not 0', () => {
  const [h100, t4, ...others] = parseReadings(RECORDED)
  assert.deepEqual(others, [])
  assert.equal(h100?.name, 'NVIDIA H100 80GB HBM3')
  assert.equal(h100.utilisation, 0.87)
  assert.equal(h100.memoryUsed, 40960 * 2 ** 20)
  assert.equal(h100.power, 512.34)
  assert.equal(h100.smClock, 1.98e9)
  assert.equal(t4?.utilisation, 0)
  assert.equal(t4.power, undefined)
  assert.equal(t4.powerLimit, undefined)
  assert.equal(t4.temperature, 38)
  assert.deepEqual(parseReadings('NVIDIA-SMI has failed because it could not communicate with the driver.\n'), [])
  assert.equal(usedGpu(undefined, 'CPU, wasm'), undefined)
  assert.equal(usedGpu(undefined, 'GPU 0, TensorFlow'), 0)
  assert.equal(usedGpu(1, 'GPU 1'), 1)
})

test('the program is asked in its query mode; energy is the power of the own card over time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-'))
  const path = process.env['PATH']
  t.after(() => {
    process.env['PATH'] = path
    rmSync(folder, { recursive: true })
  })
  process.env['PATH'] = fakeNvidiaSmi(folder)
  assert.deepEqual(await readGpus(), parseReadings(RECORDED))
  const energy = findEnergy(0)
  const stop = energy.start()
  await sleep(300)
  const { joules } = stop()
  assert.ok(joules > 0.25 * 512 && joules < 10 * 512, `${joules} J`)
  const seen: GpuReading[] = []
  const close = watchGpus(1, (reading) => void seen.push(reading))
  await sleep(300)
  close()
  assert.deepEqual(
    seen.map(({ index }) => index),
    [1],
  )
  process.env['PATH'] = join(folder, 'nothing')
  assert.equal(await readGpus(), undefined)
})

test('cards are told under the names of the table', async () => {
  const recorder = new Recorder('worker')
  for (const reading of parseReadings(RECORDED)) tellGpu(recorder, reading)
  const text = await recorder.text()
  assert.match(text, /^trmesh_gpu_power_watts\{gpu="0",of="drawn"\} 512\.34$/m)
  assert.doesNotMatch(text, /trmesh_gpu_power_watts\{gpu="1"/)
  assert.match(text, /^trmesh_gpu_info\{gpu="1",.*model="Tesla T4"\} 1$/m)
})

test('the distance from the average is L2, beside the norm of the weights', () => {
  const { distance, norm } = emaDistance(Float32Array.of(3, 4, 0), Float32Array.of(3, 1, 4))
  assert.equal(distance, 5)
  assert.equal(norm, 5)
})
