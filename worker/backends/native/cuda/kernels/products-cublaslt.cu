// Matrix products through cuBLASLt, loaded at run time: nothing of it is linked, so the engine builds and loads without it. Row-major
// matrices are its column-major ones transposed: c^T = b^T a^T. Per shape the library is asked once for its best algorithm.
#include "products.h"
#include <dlfcn.h>
#include <map>
#include <tuple>
#include <vector>
#include "failure.h"

namespace trmesh {

namespace {

// What is used of the library's interface (cuBLAS 12 and 13); test/native holds it against the header where that is at hand.
typedef void *Handle, *Description, *Layout, *Preference;
constexpr int kCompute32F = 68, kReal32F = 0, kRealBf16 = 14;
constexpr int kTransA = 3, kTransB = 4, kTransposed = 1, kMostWorkspace = 1, kReductions = 3, kLeastAlignment[4] = {5, 6, 7, 8};
/** Parts of a long sum are added in f32 by a step of their own: in order, so the same bits each time, and not rounded to bf16. */
constexpr uint32_t kReducedInF32 = 2;
struct Algorithm {
  uint64_t data[8];
};
struct Found {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

struct Library {
  int (*create)(Handle *);
  int (*destroy)(Handle);
  size_t (*version)();
  int (*describe)(Description *, int compute, int scale);
  int (*setDescription)(Description, int attribute, const void *value, size_t bytes);
  int (*layout)(Layout *, int type, uint64_t rows, uint64_t columns, int64_t stride);
  int (*prefer)(Preference *);
  int (*unprefer)(Preference);
  int (*setPreference)(Preference, int attribute, const void *value, size_t bytes);
  int (*find)(Handle, Description, Layout, Layout, Layout, Layout, Preference, int most, Found *, int *count);
  int (*multiply)(Handle, Description, const void *alpha, const void *a, Layout, const void *b, Layout, const void *beta,
                  const void *c, Layout, void *d, Layout, const Algorithm *, void *workspace, size_t bytes, cudaStream_t);
  const char *(*say)(int status);

  void must(int status, const std::string &what) const {
    if (status != 0) throw std::runtime_error("cuBLASLt, " + what + ": " + say(status) + " (" + std::to_string(status) + ")");
  }
};

Library load(const std::string &path) {
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error("cuBLASLt does not load: " + std::string(dlerror()));
  const auto find = [&](auto &function, const char *name) {
    void *found = dlsym(library, name);
    if (found == nullptr) throw std::runtime_error(path + " has no " + name);
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
  };
  Library all;
  find(all.create, "cublasLtCreate");
  find(all.destroy, "cublasLtDestroy");
  find(all.version, "cublasLtGetVersion");
  find(all.describe, "cublasLtMatmulDescCreate");
  find(all.setDescription, "cublasLtMatmulDescSetAttribute");
  find(all.layout, "cublasLtMatrixLayoutCreate");
  find(all.prefer, "cublasLtMatmulPreferenceCreate");
  find(all.unprefer, "cublasLtMatmulPreferenceDestroy");
  find(all.setPreference, "cublasLtMatmulPreferenceSetAttribute");
  find(all.find, "cublasLtMatmulAlgoGetHeuristic");
  find(all.multiply, "cublasLtMatmul");
  find(all.say, "cublasLtGetStatusString");
  return all;
}

constexpr size_t kWorkspace = size_t(64) << 20;

/** A product that was asked for before: everything but the pointers. */
struct Plan {
  Description description;
  Layout a, b, c;
  Algorithm algorithm;
  size_t workspace;
};
typedef std::tuple<Number, Number, bool, bool, long, long, long, long, long, long, uint32_t, uint32_t, uint32_t> PlanKey;

/** The largest power of two, up to 256, that divides an address: some algorithms want more than others. */
uint32_t alignmentOf(const void *address) {
  const uint32_t low = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(address)) | 256u;
  return low & (~low + 1);
}

class CublasLt final : public Products {
public:
  CublasLt(Runtime &runtime, const std::string &path) : runtime_(runtime), library_(load(path)), workspace_(runtime) {
    must(library_.create(&handle_), "the start");
  }
  ~CublasLt() override { library_.destroy(handle_); }

  void multiply(Number in, const Operand &a, const Operand &b, Number out, void *c, long stride, long m, long n, long k,
                float beta) override {
    if (m == 0 || n == 0) return;
    const Plan &plan = planOf({in, out, a.turned, b.turned, m, n, k, a.stride, b.stride, stride, alignmentOf(a.data),
                               alignmentOf(b.data), alignmentOf(c)});
    const float alpha = 1;
    // Column-major: the left operand is our right one.
    must(library_.multiply(handle_, plan.description, &alpha, b.data, plan.b, a.data, plan.a, &beta, c, plan.c, c, plan.c,
                           &plan.algorithm, workspace_.take(kWorkspace), plan.workspace, runtime_.stream()),
         sizes(m, n, k));
  }

  std::string name() const override { return "cuBLASLt " + std::to_string(library_.version()); }

private:
  void must(int status, const std::string &what) const { library_.must(status, what); }
  static std::string sizes(long m, long n, long k) {
    return "a product of " + std::to_string(m) + " x " + std::to_string(k) + " x " + std::to_string(n);
  }

  const Plan &planOf(const PlanKey &key) {
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    const auto [in, out, turnedA, turnedB, m, n, k, strideA, strideB, strideC, alignedA, alignedB, alignedC] = key;
    const auto typeOf = [](Number number) { return number == Number::f32 ? kReal32F : kRealBf16; };
    Plan plan{};
    must(library_.describe(&plan.description, kCompute32F, kReal32F), "a description");
    const int32_t left = turnedB ? kTransposed : 0, right = turnedA ? kTransposed : 0;
    must(library_.setDescription(plan.description, kTransA, &left, sizeof left), "the left operand");
    must(library_.setDescription(plan.description, kTransB, &right, sizeof right), "the right operand");
    const auto layout = [&](Layout &made, Number number, long rows, long columns, long stride) {
      must(library_.layout(&made, typeOf(number), static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), stride), "a layout");
    };
    // As stored: a row-major (rows, columns) matrix is a column-major (columns, rows) one.
    layout(plan.b, in, turnedB ? k : n, turnedB ? n : k, strideB);
    layout(plan.a, in, turnedA ? m : k, turnedA ? k : m, strideA);
    layout(plan.c, out, n, m, strideC);
    Preference preference;
    must(library_.prefer(&preference), "a preference");
    must(library_.setPreference(preference, kMostWorkspace, &kWorkspace, sizeof kWorkspace), "the workspace");
    must(library_.setPreference(preference, kReductions, &kReducedInF32, sizeof kReducedInF32), "the order of sums");
    const uint32_t aligned[4] = {alignedB, alignedA, alignedC, alignedC};
    for (int i = 0; i < 4; i++)
      must(library_.setPreference(preference, kLeastAlignment[i], &aligned[i], sizeof aligned[i]), "the alignment");
    Found found{};
    int count = 0;
    const int status = library_.find(handle_, plan.description, plan.b, plan.a, plan.c, plan.c, preference, 1, &found, &count);
    library_.unprefer(preference);
    must(status, "an algorithm for " + sizes(m, n, k));
    if (count == 0) throw std::runtime_error("cuBLASLt has no algorithm for " + sizes(m, n, k));
    plan.algorithm = found.algorithm;
    plan.workspace = found.workspace;
    return plans_.emplace(key, plan).first->second;
  }

  Runtime &runtime_;
  const Library library_;
  Handle handle_ = nullptr;
  Room workspace_;
  std::map<PlanKey, Plan> plans_;
};

} // namespace

std::unique_ptr<Products> openProducts(Runtime &runtime, const std::string &library) {
  return std::make_unique<CublasLt>(runtime, library);
}

} // namespace trmesh
