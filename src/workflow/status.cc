#include "workflow/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "storage/location.h"
#include "workflow/version.h"

namespace firesteel {
namespace {

// In UTC, to the second, by ISO 8601.
std::string Now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[sizeof("2025-01-31T23:59:59Z")];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

StepStatus::StepStatus(OutputDirectory* output, std::string step, StepObserver observer,
                       std::function<Clock::time_point()> now)
    : output_(*output),
      step_(std::move(step)),
      observer_(std::move(observer)),
      now_(std::move(now)),
      started_(Now()) {}

StepObserver StepStatus::observer() {
  return [this](const StepProgress& progress) { Observe(progress); };
}

void StepStatus::Observe(const StepProgress& progress) {
  phase_ =
      part_.empty() ? std::string(progress.phase) : fmt::format("{}: {}", part_, progress.phase);
  done_ = progress.done;
  total_ = progress.total;
  if (now_() - last_ >= kInterval) Publish();
  if (observer_) observer_(progress);
}

void StepStatus::Start() { Publish(); }

void StepStatus::Publish() {
  output_.PublishStatus(Text("running", {}, ""));
  last_ = now_();
}

void StepStatus::WriteDone(const Rows& rows) {
  phase_.clear();
  WriteTextFile(output_.staging() + "/status.json", Text("done", rows, ""));
}

void StepStatus::PublishDone(const Rows& rows) {
  phase_.clear();
  output_.PublishStatus(Text("done", rows, ""));
}

void StepStatus::PublishFailure(std::string_view error, bool was_stopped) {
  output_.PublishStatus(Text(was_stopped ? "stopped" : "failed", {}, error));
}

std::string StepStatus::Text(std::string_view state, const Rows& rows,
                             std::string_view error) const {
  const std::string now = Now();
  nlohmann::ordered_json json = {{"version", 1},        {"firesteel", Version()},
                                 {"step", step_},       {"state", state},
                                 {"phase", nullptr},    {"pid", ::getpid()},
                                 {"started", started_}, {"updated", now},
                                 {"ended", nullptr},    {"rows", nlohmann::ordered_json::object()},
                                 {"error", nullptr}};
  if (!phase_.empty()) json["phase"] = phase_;
  if (!phase_.empty() && total_ > 0) json["progress"] = {{"done", done_}, {"total", total_}};
  if (state != "running") json["ended"] = now;
  for (const auto& [part, count] : rows) json["rows"][part] = count;
  if (!error.empty()) json["error"] = error;
  return ToJsonText(json);
}

}  // namespace firesteel
