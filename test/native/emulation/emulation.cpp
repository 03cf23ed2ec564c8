// The threads of a block as fibers of one thread of the host.
#include "emulation.h"
#include <cstdlib>
#include <utility>
#include <vector>
#include <sys/mman.h>
#if !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__)
#define TRMESH_UCONTEXT
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(TRMESH_UCONTEXT)
// Keeps what a call must keep on the present stack, and goes on where another stack left off.
extern "C" void trmeshSwitch(void **kept, void *next);
asm(R"(
.text
.globl trmeshSwitch
.hidden trmeshSwitch
.type trmeshSwitch,@function
trmeshSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size trmeshSwitch, .-trmeshSwitch
)");
#endif

namespace emulation {

Place now;

std::vector<std::function<void()>> *recorder = nullptr;
void perform(std::function<void()> work) {
  if (recorder != nullptr) recorder->push_back(std::move(work));
  else work();
}

namespace {

/** Threads and warps of a block from the last to the first instead: TRMESH_EMULATION=backwards. */
bool backwards = false;

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStack = 1024 * 1024;
#else
constexpr size_t kStack = 64 * 1024;
#endif
constexpr unsigned kLanes = 32;

enum class State { ready, atWarp, atBlock, done };

/** A copy to shared memory that is under way; `group` counts from the thread's first. */
struct Copy {
  void *to;
  const void *from;
  unsigned group;
};

struct Fiber {
  char *stack = nullptr;
  State state = State::done;
  dim3 thread;
  std::vector<Copy> copies;
  unsigned groups = 0;
  void *fake = nullptr;
#if defined(TRMESH_UCONTEXT)
  ucontext_t context;
#else
  void *sp = nullptr;
#endif
};

struct Slots {
  alignas(16) char bytes[2][kLanes][64];
  int side = 0;
};

std::vector<Fiber> fibers;
std::vector<Slots> slots;
Fiber *running = nullptr;
unsigned runningAt = 0;
void (*bodyOf)(void *) = nullptr;
void *givenTo = nullptr;
std::vector<uint32_t> shared;
/** Barriers that the block, and collectives that each warp, has passed. */
unsigned blockMeetings = 0;
std::vector<unsigned> warpMeetings;
#if defined(TRMESH_UCONTEXT)
ucontext_t scheduler;
#else
void *scheduler = nullptr;
#endif

// A sanitizer must know whose stack it is on.
#if defined(__SANITIZE_ADDRESS__)
const void *schedulerStack = nullptr;
size_t schedulerSize = 0;
void *schedulerFake = nullptr;
void leaveFor(void **fake, const void *stack, size_t size) { __sanitizer_start_switch_fiber(fake, stack, size); }
void arriveFiber(void *fake) { __sanitizer_finish_switch_fiber(fake, &schedulerStack, &schedulerSize); }
void arriveScheduler() { __sanitizer_finish_switch_fiber(schedulerFake, nullptr, nullptr); }
#else
constexpr const void *schedulerStack = nullptr;
constexpr size_t schedulerSize = 0;
void *schedulerFake = nullptr;
void leaveFor(void **, const void *, size_t) {}
void arriveFiber(void *) {}
void arriveScheduler() {}
#endif

void leave(State state) {
  running->state = state;
  Fiber &own = *running;
  leaveFor(state == State::done ? nullptr : &own.fake, schedulerStack, schedulerSize);
#if defined(TRMESH_UCONTEXT)
  swapcontext(&own.context, &scheduler);
#else
  trmeshSwitch(&own.sp, scheduler);
#endif
  arriveFiber(own.fake);
}

void enter() {
  arriveFiber(nullptr);
  bodyOf(givenTo);
  leave(State::done);
  std::abort();
}

void prepare(Fiber &fiber) {
  if (fiber.stack == nullptr)
    fiber.stack = static_cast<char *>(mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  fiber.state = State::ready;
  fiber.copies.clear();
  fiber.groups = 0;
#if defined(TRMESH_UCONTEXT)
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, enter, 0);
#else
  // Six registers, then where `ret` goes; at the entry of a function the stack is 8 off a multiple of 16.
  void **top = reinterpret_cast<void **>(fiber.stack + kStack) - 2;
  *top = reinterpret_cast<void *>(&enter);
  fiber.sp = top - 6;
  for (int i = 0; i < 6; i++) static_cast<void **>(fiber.sp)[i] = nullptr;
#endif
}

void resume(unsigned i) {
  running = &fibers[i];
  runningAt = i;
  now.thread = running->thread;
  leaveFor(&schedulerFake, running->stack, kStack);
#if defined(TRMESH_UCONTEXT)
  swapcontext(&scheduler, &running->context);
#else
  trmeshSwitch(&scheduler, running->sp);
#endif
  arriveScheduler();
}

unsigned count(unsigned from, unsigned to, State state) {
  unsigned found = 0;
  for (unsigned i = from; i < to; i++) found += fibers[i].state == state;
  return found;
}

/** Runs the lanes [from, to) until all of them wait for the block or are done. */
void advanceWarp(unsigned from, unsigned to) {
  for (;;) {
    for (unsigned i = from; i < to; i++) {
      const unsigned at = backwards ? to - 1 - (i - from) : i;
      if (fibers[at].state == State::ready) resume(at);
    }
    const unsigned waiting = count(from, to, State::atWarp);
    if (waiting == 0) return;
    if (waiting != to - from) throw std::logic_error("lanes of one warp wait at different places");
    slots[from / kLanes].side ^= 1;
    warpMeetings[from / kLanes]++;
    for (unsigned i = from; i < to; i++) fibers[i].state = State::ready;
  }
}

void runBlock(unsigned threads) {
  for (unsigned i = 0; i < threads; i++) prepare(fibers[i]);
  const unsigned warps = (threads + kLanes - 1) / kLanes;
  for (;;) {
    for (unsigned w = 0; w < warps; w++) {
      const unsigned warp = backwards ? warps - 1 - w : w, from = warp * kLanes;
      advanceWarp(from, from + kLanes < threads ? from + kLanes : threads);
    }
    const unsigned waiting = count(0, threads, State::atBlock);
    if (waiting == 0) return;
    if (waiting + count(0, threads, State::done) != threads || count(0, threads, State::done) % kLanes != 0)
      throw std::logic_error("threads of one block wait at different places");
    for (unsigned i = 0; i < threads; i++)
      if (fibers[i].state == State::atBlock) fibers[i].state = State::ready;
    blockMeetings++;
  }
}

// --- who touched a word of shared memory last, and since which meeting
struct Touch {
  unsigned block, warp, thread;
  bool made;
};
/** Bytes of the smallest store of a kernel: neighbours of one bf16 pair may belong to two threads. */
constexpr size_t kWord = 2;
struct Word {
  Touch written, read;
  /** The last by another thread than `read`. */
  Touch readBefore;
};
std::vector<Word> touched;
/** The first race of a launch. */
std::string race;

/** Did another thread, with which this one has not met since? */
bool clashes(const Touch &last, const Touch &now) {
  if (!last.made || last.thread == now.thread || last.block != now.block) return false;
  return last.thread / kLanes != now.thread / kLanes || last.warp == now.warp;
}

} // namespace

void launchThreads(dim3 grid, dim3 block, size_t sharedBytes, void (*body)(void *), void *given) {
  const unsigned threads = block.x * block.y * block.z;
  if (threads == 0 || threads > 1024) throw std::logic_error("a block has " + std::to_string(threads) + " threads");
  if (grid.y > 65535 || grid.z > 65535) throw std::logic_error("a grid is too large");
  if (sharedBytes > 227 * 1024) throw std::logic_error("a block wants too much shared memory");
  if (fibers.size() < threads) fibers.resize(threads);
  if (slots.size() < (threads + kLanes - 1) / kLanes) slots.resize((threads + kLanes - 1) / kLanes);
  warpMeetings.assign(slots.size(), 0);
  const char *order = std::getenv("TRMESH_EMULATION");
  backwards = order != nullptr && std::strcmp(order, "backwards") == 0;
  bodyOf = body;
  givenTo = given;
  now.blockSize = block;
  now.gridSize = grid;
  for (unsigned i = 0; i < threads; i++)
    fibers[i].thread = dim3(i % block.x, i / block.x % block.y, i / (block.x * block.y));
  // Exactly as large as asked for, so that a tool that watches memory sees what reaches past it.
  shared = std::vector<uint32_t>(sharedBytes / 4);
  touched.assign(sharedBytes / kWord, Word{});
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        now.block = dim3(x, y, z);
        for (uint32_t &word : shared) word = 0xffffffffu; // NaN as f32 and as bf16
        blockMeetings++;
        runBlock(threads);
        if (!race.empty()) throw std::logic_error(std::exchange(race, std::string()));
      }
}

void *sharedMemory() { return shared.data(); }
void touch(const void *address, size_t bytes, bool writes) {
  const char *const base = reinterpret_cast<const char *>(shared.data());
  const ptrdiff_t from = static_cast<const char *>(address) - base;
  if (running == nullptr || from < 0 || from >= static_cast<ptrdiff_t>(kWord * touched.size())) return;
  const Touch mine{blockMeetings, warpMeetings[runningAt / kLanes], runningAt, true};
  for (size_t i = static_cast<size_t>(from) / kWord; i <= (static_cast<size_t>(from) + bytes - 1) / kWord && i < touched.size(); i++) {
    Word &word = touched[i];
    for (const Touch *last : {&word.written, &word.read, &word.readBefore})
      if (race.empty() && (writes || last == &word.written) && clashes(*last, mine))
        race = "threads " + std::to_string(last->thread) + " and " + std::to_string(runningAt) + " of a block race for word " +
               std::to_string(i) + " of shared memory";
    if (writes) {
      word.written = mine;
      continue;
    }
    if (word.read.thread != mine.thread) word.readBefore = word.read;
    word.read = mine;
  }
}

void startCopy(void *to, const void *from) { running->copies.push_back({to, from, running->groups}); }
void endCopyGroup() { running->groups++; }
void finishCopies(unsigned most) {
  std::vector<Copy> later;
  for (const Copy &copy : running->copies) {
    if (copy.group + most >= running->groups) {
      later.push_back(copy);
      continue;
    }
    touch(copy.to, 16, true);
    std::memcpy(copy.to, copy.from, 16);
  }
  running->copies.swap(later);
}

void waitForBlock() { leave(State::atBlock); }
unsigned lane() { return runningAt % kLanes; }

void exchange(const void *mine, size_t bytes) {
  Slots &own = slots[runningAt / kLanes];
  std::memcpy(own.bytes[own.side ^ 1][lane()], mine, bytes);
  leave(State::atWarp);
}

const void *slot(unsigned lane) {
  const Slots &own = slots[runningAt / kLanes];
  return own.bytes[own.side][lane];
}

} // namespace emulation
