// Every load and store of code that was compiled with -fsanitize=thread calls these, in place of that tool's own library: those of
// shared memory are held against each other (emulation.cpp). Linked only where races are looked for.
#include "emulation.h"

extern "C" {
#define SIZE(n)                                                                                                                  \
  void __tsan_read##n(void *at) { emulation::touch(at, n, false); }                                                              \
  void __tsan_write##n(void *at) { emulation::touch(at, n, true); }                                                              \
  void __tsan_unaligned_read##n(void *at) { emulation::touch(at, n, false); }                                                    \
  void __tsan_unaligned_write##n(void *at) { emulation::touch(at, n, true); }
SIZE(1)
SIZE(2)
SIZE(4)
SIZE(8)
SIZE(16)
#undef SIZE
void __tsan_read_range(void *at, long bytes) { emulation::touch(at, static_cast<size_t>(bytes), false); }
void __tsan_write_range(void *at, long bytes) { emulation::touch(at, static_cast<size_t>(bytes), true); }
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_vptr_read(void **) {}
int __tsan_atomic32_fetch_add(volatile int *at, int by, int) { return __atomic_fetch_add(at, by, __ATOMIC_ACQ_REL); }
int __tsan_atomic32_load(const volatile int *at, int) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
unsigned char __tsan_atomic8_load(const volatile unsigned char *at, int) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
long __tsan_atomic64_load(const volatile long *at, int) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
void __tsan_atomic32_store(volatile int *at, int value, int) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
}
