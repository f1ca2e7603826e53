// Stands for xgboost_library.cc in a build without XGBoost.
#ifndef FIRESTEEL_XGBOOST

#include "base/error.h"
#include "learn/xgboost/xgboost_library.h"

namespace firesteel {

void RequireXgboost() {
  throw Error(ErrorKind::kUnsupported,
              "xgboost: this program was built without XGBoost, so it can predict with such models "
              "but not train them; build it with -DFIRESTEEL_XGBOOST=ON");
}

XgboostMatrix::XgboostMatrix(const Rows&, int) { RequireXgboost(); }
XgboostMatrix::~XgboostMatrix() = default;

XgboostBooster::XgboostBooster(std::span<const XgboostMatrix* const>, const Parameters&) {
  RequireXgboost();
}
XgboostBooster::~XgboostBooster() = default;
void XgboostBooster::Update(int, const XgboostMatrix&) { RequireXgboost(); }
std::pair<std::string, double> XgboostBooster::Evaluate(int, const XgboostMatrix&) {
  RequireXgboost();
  return {};
}
void XgboostBooster::Truncate(int) { RequireXgboost(); }
void XgboostBooster::SetAttribute(const std::string&, const std::string&) { RequireXgboost(); }
void XgboostBooster::SetFeatures(const std::vector<std::string>&) { RequireXgboost(); }
void XgboostBooster::Load(std::string_view) { RequireXgboost(); }
void XgboostBooster::SetParameters(const Parameters&) { RequireXgboost(); }
std::string XgboostBooster::Save() {
  RequireXgboost();
  return {};
}

}  // namespace firesteel

#endif
