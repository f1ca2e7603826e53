#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace firesteel {

// XGBoost's library, as far as training needs it. It is loaded by the first matrix that is made:
// from lib/ beside the program, or from where the system looks. All of its errors become
// Error(kInvalidArgument) with its own words, and its log lines go through our log.
// Threads: one at a time.

/// Throws Error(kUnsupported) if this program was built without XGBoost.
void RequireXgboost();

/// Rows in the form in which XGBoost trains on them. Features, labels and weights are copied.
class XgboostMatrix {
 public:
  struct Rows {
    std::span<const float> features;  // Shape (n, d), row-major; finite.
    std::size_t num_features = 0;     // d
    std::span<const float> labels;    // Shape (n).
    std::span<const float> weights;   // Shape (n), or empty: every weight is 1.
  };

  /// Throws Error(kIo) if the library can't be loaded.
  XgboostMatrix(const Rows& rows, int num_threads);
  ~XgboostMatrix();
  XgboostMatrix(const XgboostMatrix&) = delete;
  XgboostMatrix& operator=(const XgboostMatrix&) = delete;

  void* handle() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

/// A model that is being trained. The matrices must outlive it.
class XgboostBooster {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  /// `parameters` by XGBoost's names, as text; one may occur several times (eval_metric).
  XgboostBooster(std::span<const XgboostMatrix* const> matrices, const Parameters& parameters);
  ~XgboostBooster();
  XgboostBooster(const XgboostBooster&) = delete;
  XgboostBooster& operator=(const XgboostBooster&) = delete;

  /// Adds the trees of one iteration, counted from 0.
  void Update(int iteration, const XgboostMatrix& training);

  /// The last of the metrics and its value for `matrix` after an iteration.
  std::pair<std::string, double> Evaluate(int iteration, const XgboostMatrix& matrix);

  /// Forgets the trees of later iterations.
  void Truncate(int num_iterations);
  void SetAttribute(const std::string& name, const std::string& value);
  /// Names of the features and, all alike, their type in the file.
  void SetFeatures(const std::vector<std::string>& names);

  /// The bytes of a model.ubj.
  std::string Save();
  /// Takes the trees, the base score and the attributes of a model.ubj; parameters must be set
  /// again.
  void Load(std::string_view bytes);
  void SetParameters(const Parameters& parameters);

 private:
  void* handle_ = nullptr;
};

}  // namespace firesteel
