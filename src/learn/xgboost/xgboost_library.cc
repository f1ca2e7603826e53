// A build without XGBoost has xgboost_absent.cc instead.
#ifdef FIRESTEEL_XGBOOST

#include "learn/xgboost/xgboost_library.h"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/shared_library.h"
#include "base/text.h"

// Every function of XGBoost's C API that firesteel calls.
// clang-format off
#define FIRESTEEL_XGBOOST_FUNCTIONS(X) \
  X(XGBGetLastError) \
  X(XGBRegisterLogCallback) \
  X(XGDMatrixCreateFromDense) \
  X(XGDMatrixSetFloatInfo) \
  X(XGDMatrixFree) \
  X(XGBoosterCreate) \
  X(XGBoosterFree) \
  X(XGBoosterSetParam) \
  X(XGBoosterUpdateOneIter) \
  X(XGBoosterEvalOneIter) \
  X(XGBoosterSlice) \
  X(XGBoosterSetAttr) \
  X(XGBoosterSetStrFeatureInfo) \
  X(XGBoosterSaveModelToBuffer) \
  X(XGBoosterLoadModelFromBuffer)
// clang-format on

namespace firesteel {
namespace {

struct Functions {
#define FIRESTEEL_DECLARE(name) decltype(&::name) name;
  FIRESTEEL_XGBOOST_FUNCTIONS(FIRESTEEL_DECLARE)
};

Functions Load() {
  const SharedLibrary library("xgboost/lib/libxgboost.so");
  Functions functions{};
#define FIRESTEEL_LOOK_UP(name) \
  functions.name = reinterpret_cast<decltype(&::name)>(library.Function(#name));
  FIRESTEEL_XGBOOST_FUNCTIONS(FIRESTEEL_LOOK_UP)
  return functions;
}

// What a message of the library says, without the time, the source file and the stack:
// "[12:00:00] /src/x.cc:71: Check failed: a == b: words\nStack trace:\n…".
std::string WordsOf(std::string_view text) {
  text = text.substr(0, text.find("\nStack trace"));
  if (const auto path = text.find('/'); path != std::string_view::npos) {
    const auto line = text.find(':', path);
    const auto words = line == std::string_view::npos ? line : text.find(": ", line);
    if (words != std::string_view::npos) text.remove_prefix(words + 2);
  }
  std::string plain(Trim(text));
  std::replace(plain.begin(), plain.end(), '\n', ' ');
  return plain;
}

// "[12:00:00] WARNING: /src/learner.cc:1: words"
void OnLog(const char* line) {
  const bool is_warning = std::string_view(line).find("WARNING: ") != std::string_view::npos;
  Log(is_warning ? LogLevel::kWarning : LogLevel::kDebug,
      fmt::format("XGBoost: {}", WordsOf(line)));
}

const Functions& Library() {
  static const Functions functions = Load();
  // The library keeps one callback a thread.
  thread_local const bool has_callback = functions.XGBRegisterLogCallback(OnLog) == 0;
  static_cast<void>(has_callback);
  return functions;
}

void Check(int code) {
  if (code != 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("xgboost: XGBoost says: {}", WordsOf(Library().XGBGetLastError())));
  }
}

}  // namespace

void RequireXgboost() {}

XgboostMatrix::XgboostMatrix(const Rows& rows, int num_threads) {
  const Functions& library = Library();
  const std::string data = fmt::format(
      R"({{"data": [{}, true], "shape": [{}, {}], "strides": null, "typestr": "<f4", "version": 3}})",
      reinterpret_cast<std::uintptr_t>(rows.features.data()), rows.labels.size(),
      rows.num_features);
  const std::string config = fmt::format(R"({{"missing": NaN, "nthread": {}}})", num_threads);
  Check(library.XGDMatrixCreateFromDense(data.c_str(), config.c_str(), &handle_));
  try {
    Check(library.XGDMatrixSetFloatInfo(handle_, "label", rows.labels.data(), rows.labels.size()));
    if (!rows.weights.empty()) {
      Check(library.XGDMatrixSetFloatInfo(handle_, "weight", rows.weights.data(),
                                          rows.weights.size()));
    }
  } catch (const Error&) {
    library.XGDMatrixFree(handle_);
    throw;
  }
}

XgboostMatrix::~XgboostMatrix() { Library().XGDMatrixFree(handle_); }

XgboostBooster::XgboostBooster(std::span<const XgboostMatrix* const> matrices,
                               const Parameters& parameters) {
  const Functions& library = Library();
  std::vector<DMatrixHandle> handles;
  for (const XgboostMatrix* matrix : matrices) handles.push_back(matrix->handle());
  Check(library.XGBoosterCreate(handles.data(), handles.size(), &handle_));
  try {
    SetParameters(parameters);
  } catch (const Error&) {
    library.XGBoosterFree(handle_);
    throw;
  }
}

void XgboostBooster::SetParameters(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    Check(Library().XGBoosterSetParam(handle_, name.c_str(), value.c_str()));
  }
}

XgboostBooster::~XgboostBooster() { Library().XGBoosterFree(handle_); }

void XgboostBooster::Update(int iteration, const XgboostMatrix& training) {
  Check(Library().XGBoosterUpdateOneIter(handle_, iteration, training.handle()));
}

std::pair<std::string, double> XgboostBooster::Evaluate(int iteration,
                                                        const XgboostMatrix& matrix) {
  DMatrixHandle handle = matrix.handle();
  const char* name = "rows";
  const char* text = nullptr;
  Check(Library().XGBoosterEvalOneIter(handle_, iteration, &handle, &name, 1, &text));
  // "[0]\trows-rmse:1.5\trows-mae:1.2"; a metric's own name may hold a colon no more than a tab.
  const std::string_view all = text;
  const std::string_view last = all.substr(all.rfind('\t') + 1);
  const auto colon = last.rfind(':');
  const std::string value(last.substr(colon + 1));
  return {std::string(last.substr(5, colon - 5)), std::strtod(value.c_str(), nullptr)};
}

void XgboostBooster::Truncate(int num_iterations) {
  const Functions& library = Library();
  BoosterHandle kept = nullptr;
  Check(library.XGBoosterSlice(handle_, 0, num_iterations, 1, &kept));
  library.XGBoosterFree(handle_);
  handle_ = kept;
}

void XgboostBooster::SetAttribute(const std::string& name, const std::string& value) {
  Check(Library().XGBoosterSetAttr(handle_, name.c_str(), value.c_str()));
}

void XgboostBooster::SetFeatures(const std::vector<std::string>& names) {
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  Check(Library().XGBoosterSetStrFeatureInfo(handle_, "feature_name", texts.data(), texts.size()));
  texts.assign(names.size(), "float");
  Check(Library().XGBoosterSetStrFeatureInfo(handle_, "feature_type", texts.data(), texts.size()));
}

std::string XgboostBooster::Save() {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  Check(Library().XGBoosterSaveModelToBuffer(handle_, R"({"format": "ubj"})", &size, &bytes));
  return std::string(bytes, size);
}

void XgboostBooster::Load(std::string_view bytes) {
  Check(Library().XGBoosterLoadModelFromBuffer(handle_, bytes.data(), bytes.size()));
}

}  // namespace firesteel

#endif
