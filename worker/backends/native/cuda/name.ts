// The name of the backend, as tfjs knows it. For people it is `native`, on a GPU.
export const NATIVE_CUDA = 'native-cuda'
