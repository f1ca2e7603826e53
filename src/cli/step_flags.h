#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "features/marked_transform.h"
#include "storage/location.h"
#include "workflow/steps.h"
#include "workflow/workflow.h"

namespace firesteel {

// Flags that a step and `run` have in common.

/// A flag for each source of the workflow: "shipping_logs" gives --shipping-logs and
/// --s3-shipping-logs-dir.
void AddSourceFlags(const Workflow& workflow, Flags* flags, bool required = true);
/// Those that were given.
std::map<std::string, Location> ReadSourceFlags(const Workflow& workflow, const Flags& flags);
std::vector<Location> Locations(const std::map<std::string, Location>& sources);

/// --training-fraction, the workflow's by default.
void AddFractionFlag(const Workflow& workflow, Flags* flags);
double ReadFractionFlag(const Workflow& workflow, const Flags& flags);

/// --model-type and --model-params, the workflow's by default.
void AddModelFlags(const Workflow& workflow, Flags* flags);
ModelOptions ReadModelFlags(const Workflow& workflow, const Flags& flags, int num_threads);
/// The models and their parameters, for the end of a help text.
std::string DescribeModels();

/// --on-unseen.
void AddUnseenFlag(Flags* flags);
UnseenPolicy ReadUnseenFlag(const Flags& flags);

/// --add-timestamp-to-output.
void AddTimestampFlag(Flags* flags);
/// --output, with a folder named after the time (UTC) below it if --add-timestamp-to-output is on.
Location ReadOutputFlag(const Flags& flags);

}  // namespace firesteel
