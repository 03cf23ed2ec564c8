// A piscina thread that makes boards, so that whoever waits for them can do something else.
import { makeBoards, type BoardOrder } from './generated-boards.js'

export const make = (order: BoardOrder): ReturnType<typeof makeBoards> => makeBoards(order)
