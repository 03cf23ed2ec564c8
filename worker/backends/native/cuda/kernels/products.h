// Matrix products on the device: cuBLASLt (products-cublaslt.cu) or, in tests, loops on the host. All matrices row-major.
#pragma once
#include <memory>
#include <string>
#include <type_traits>
#include "runtime.h"

namespace trmesh {

enum class Number { f32, bf16 };
template <class T> constexpr Number numberOf = std::is_same<T, float>::value ? Number::f32 : Number::bf16;

/** A matrix in memory: `stride` elements from row to row; `turned`: what is stored is its transpose. */
struct Operand {
  Operand(const void *data, long stride, bool turned = false) : data(data), stride(stride), turned(turned) {}
  const void *data;
  long stride;
  bool turned;
};

class Products {
public:
  virtual ~Products() = default;
  /** c (m, n; stride apart) <- a (m, k) b (k, n) + beta c. a and b are `in`, c is `out`; sums are f32. */
  virtual void multiply(Number in, const Operand &a, const Operand &b, Number out, void *c, long stride, long m, long n, long k,
                        float beta) = 0;
  /** For people: library and version. */
  virtual std::string name() const = 0;
};

/** `library`: where cuBLASLt lies. @throws std::runtime_error if it does not load */
std::unique_ptr<Products> openProducts(Runtime &runtime, const std::string &library);

} // namespace trmesh
