// The name of the backend, as tfjs knows it.
export const NATIVE = 'native'
