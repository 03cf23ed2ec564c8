// The terminal's live line and the two-stage stop.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import test from 'node:test'
import { listenForStop } from '../../deploy/cli/signals.js'
import { createTerminal } from '../../deploy/cli/terminal.js'

function recorder(shape: { isTTY?: boolean; columns?: number }): { text: string; write(text: string): void } {
  return {
    ...shape,
    text: '',
    write(text) {
      this.text += text
    },
  }
}

test('on a TTY the live line is replaced, cut to the width, and kept below the lines that stay', () => {
  const output = recorder({ isTTY: true, columns: 10 })
  const terminal = createTerminal(output, () => 0)
  terminal.status('step 1')
  terminal.status('a live line that is too long')
  terminal.line('done')
  terminal.close()
  const clear = '\r\u001b[2K'
  assert.equal(output.text, `${clear}step 1${clear}a live l…${clear}done\n${clear}a live l…\n`)
})

test('elsewhere the live line is printed now and then, and the last one at the end', () => {
  const output = recorder({})
  let now = 0
  const terminal = createTerminal(output, () => now)
  for (; now < 25_000; now += 1_000) terminal.status(`second ${now / 1000}`)
  terminal.close()
  assert.equal(output.text, 'second 0\nsecond 10\nsecond 20\nsecond 24\n')
  assert.equal(terminal.columns, 80)
})

test('the first signal stops politely, once for each handler; the second ends at once', () => {
  const process = new EventEmitter()
  const calls: string[] = []
  const signal = listenForStop(process, { polite: () => calls.push('polite'), atOnce: () => calls.push('at once') })
  signal.onStop(() => calls.push('early'))
  assert.equal(signal.requested, false)
  process.emit('SIGTERM')
  assert.equal(signal.requested, true)
  signal.onStop(() => calls.push('late'))
  process.emit('SIGINT')
  assert.deepEqual(calls, ['polite', 'early', 'late', 'at once'])
})
