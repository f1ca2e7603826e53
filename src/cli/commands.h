#pragma once

#include <string>
#include <vector>

namespace firesteel {

/// One command of the program. A function takes the arguments after the command's name and throws
/// Error; it returns when the work is done.
struct Command {
  const char* name;
  const char* sentence;
  void (*run)(const std::vector<std::string>& arguments);
  bool has_engine = false;  // Takes --engine.
};

void RunDataPreprocessingCommand(const std::vector<std::string>& arguments);
void RunFeatureEngineeringCommand(const std::vector<std::string>& arguments);
void RunModelTrainingCommand(const std::vector<std::string>& arguments);
void RunPredictCommand(const std::vector<std::string>& arguments);
void RunEvaluateCommand(const std::vector<std::string>& arguments);
void RunDescribeCommand(const std::vector<std::string>& arguments);
void RunRunCommand(const std::vector<std::string>& arguments);
void RunExportCommand(const std::vector<std::string>& arguments);
void RunSampleDataCommand(const std::vector<std::string>& arguments);
void RunInitCommand(const std::vector<std::string>& arguments);

}  // namespace firesteel
