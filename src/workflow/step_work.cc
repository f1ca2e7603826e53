#include "workflow/step_work.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "sparkml/frame.h"
#include "storage/location.h"
#include "workflow/version.h"

namespace firesteel {

StepWork::StepWork(Engine& engine, const Workflow& workflow, const std::string& step, Place place,
                   const StepObserver& observer)
    : clock(observer), engine_(engine), workflow_(workflow), place_(std::move(place)) {
  manifest.step = step;
  manifest.part_of = place_.part_of;
  manifest.engine = engine.version();
}

std::string StepWork::MakeFolder(const std::string& relative) const {
  const std::string path = fmt::format("{}/{}", place_.directory, relative);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make '{}': {}", path, error.message()));
  }
  return path;
}

std::string StepWork::PathInOutput(const std::string& relative) const {
  const std::filesystem::path path = std::filesystem::path(place_.directory) / relative;
  return path.lexically_relative(place_.output->staging()).string();
}

void StepWork::RequireReach() {
  if (!WritesOnS3()) engine_.RequireReach(place_.directory);
}

WriteResult StepWork::Write(const Relation& rows, const std::string& folder, WriteOptions options) {
  options.directory = MakeFolder(folder);
  const std::string path = PathInOutput(folder);
  if (WritesOnS3()) options.remote_directory = place_.output->RemoteFolder(path);
  WriteResult written = engine_.Write(rows, options);
  if (WritesOnS3() && written.files.empty()) {
    for (const AdoptedFile& file : place_.output->Adopt(path, options.uuid)) {
      manifest.remote_files.emplace_back(folder + file.path.substr(path.size()), file.num_bytes);
    }
  }
  WriteTextFile(options.directory + "/_SUCCESS", "");
  return written;
}

void StepWork::HashInputs() {
  inputs.Start(inputs.has_remote() && engine_.WorksOnS3() ? RemoteData::kInPlace
                                                          : RemoteData::kCopied);
}

std::string StepWork::Seed(std::string_view parameters) {
  return fmt::format("{} {} {} {}", manifest.step, inputs.Combined(),
                     Sha256(workflow_.PartFor(manifest.step)), parameters);
}

std::string StepWork::Key(std::string_view parameters) {
  return Sha256(fmt::format("{} {} {}", Version(), engine_.version(), Seed(parameters)));
}

std::string StepWork::FileUuid(const std::string& seed, std::string_view what) const {
  return UuidOf(fmt::format("{} {}{}", seed, what, place_.output->name_salt()));
}

void StepWork::AddWritten(const std::string& part, std::int64_t num_rows) {
  manifest.rows.emplace_back(part, num_rows);
  written_.emplace_back(part, num_rows);
}

Relation StepWork::RowsOf(const Relation& written, const std::string& folder) {
  if (!ReadsBack()) return AsReadBack(written);
  return ReadFrame(engine_, Location::Parse(fmt::format("{}/{}", place_.directory, folder)));
}

StepReport StepWork::Finish() {
  if (manifest.inputs.empty()) manifest.inputs = inputs.Wait();
  clock.End();
  StepReport report;
  report.rows = written_;
  report.findings = findings;
  report.manifest = manifest.Write(place_.directory, workflow_, clock);
  report.output = place_.target;
  report.seconds = clock.Seconds();
  return report;
}

StepReport Commit(StepWork* work, OutputDirectory* output, StepStatus* status) {
  StepReport report = work->Finish();
  status->WriteDone(work->manifest.rows);
  output->Commit();
  report.seconds = work->clock.Seconds();
  return report;
}

StepReport Complete(StepWork* work, OutputDirectory* output, StepStatus* status,
                    const std::function<void()>& body) {
  return WithStatus(status, [&] {
    body();
    return Commit(work, output, status);
  });
}

StepReport WithStatus(StepStatus* status, const std::function<StepReport()>& body) {
  status->Start();
  try {
    return body();
  } catch (const Error& error) {
    status->PublishFailure(error.what(), error.kind() == ErrorKind::kInterrupted);
    throw;
  } catch (const std::exception& error) {
    status->PublishFailure(error.what(), /*was_stopped=*/false);
    throw;
  }
}

}  // namespace firesteel
