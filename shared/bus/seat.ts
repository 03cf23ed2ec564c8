// The seat of a worker: to whom its key belongs. `trmesh keys` writes it into the credentials file, beside the key; every subject
// that the worker publishes on names it, and a server with keys per worker takes them from that key alone.
import { COMMON_SEAT, isName } from '../ids.js'

const LINE = /^trmesh seat: (\S+)$/m

/** The line of a credentials file that names the seat. */
export const seatLine = (seat: string): string => `trmesh seat: ${seat}`

/** Credentials from elsewhere name none: then it is the one that all workers share. */
export const seatIn = (credentials: string): string => {
  const seat = LINE.exec(credentials)?.[1]
  return seat !== undefined && isName(seat) ? seat : COMMON_SEAT
}
