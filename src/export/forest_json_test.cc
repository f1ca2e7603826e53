#include "export/forest_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "export/export_fixture.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

TEST(ForestJson, SaysWhatTheNodesAre) {
  const ExportedForest forest = MakeExportedForest(SmallModel());
  const Json json = ForestToJson(forest, MakeReplayRows(SmallModel(), forest));
  EXPECT_EQ(json["firesteel_export"], 1);
  EXPECT_EQ(json["features"][1].dump(), R"({"name":"weight","type":"numeric"})");
  EXPECT_EQ(json["trees"][1].dump(),
            R"([{"feature":1,"test":"<=","value":7.0,"yes":1,"no":2,"missing":"no"},)"
            R"({"leaf":2.0},{"leaf":4.0}])");
  EXPECT_EQ(json["verification"]["rows"].size(), json["verification"]["predictions"].size());
}

TEST(ForestJson, ReadsBackWhatItWrote) {
  for (const SavedModel& saved : {SmallModel(), DrawnModel(3, 5)}) {
    const ExportedForest forest = MakeExportedForest(saved);
    const ExportedForest read =
        ForestFromJson(ForestToJson(forest, MakeReplayRows(saved, forest)).dump());
    EXPECT_EQ(read.trees, forest.trees);
    EXPECT_EQ(read.features.size(), forest.features.size());
    EXPECT_EQ(read.label, forest.label);
  }
}

TEST(ForestJson, RefusesWhatIsNoSuchFile) {
  const ExportedForest forest = MakeExportedForest(SmallModel());
  const Json good = ForestToJson(forest, MakeReplayRows(SmallModel(), forest));
  Json version = good;
  version["firesteel_export"] = 2;
  Json child = good;
  child["trees"][0][0]["yes"] = 99;
  Json missing = good;
  missing.erase("base");
  for (const std::string& text :
       {std::string("{"), std::string("[]"), version.dump(), child.dump(), missing.dump()}) {
    try {
      static_cast<void>(ForestFromJson(text));
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    }
  }
}

}  // namespace
}  // namespace firesteel
