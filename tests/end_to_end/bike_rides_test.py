"""Another workflow on other data: three tables, two joins, dd.MM.yyyy, gaps, a fractional label, other stages."""

import csv
import datetime
import json
import subprocess
import sys

from harness import ROOT, EndToEndTest, main

EXAMPLE = ROOT / "examples/bike_rides"
WORKFLOW = ("--workflow", str(EXAMPLE / "workflow.yaml"))
SOURCES = ("--rides", "data/rides.csv", "--stations", "data/stations.csv", "--weather", "data/weather.csv")


class BikeRidesTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        subprocess.run([sys.executable, EXAMPLE / "make_data.py", self.folder / "data", "2000"], check=True)

    def test_the_four_steps_run_and_learn(self):
        out = self.four_steps(workflow=WORKFLOW, sources=SOURCES, output="out", params=None)
        with (self.folder / "data/rides.csv").open() as file:
            rides = list(csv.DictReader(file, delimiter=";"))
        known = [r for r in rides if r["StationId"] != "999"]
        self.assertLess(len(known), len(rides))
        rows = self.manifest("out/rows")["rows"]
        self.assertEqual((rows["rides"], rows["stations"], rows["weather"]), (2000, 30, 200))
        self.assertEqual(rows["joined"], len(known))

        # The split, worked out again here.
        days = sorted(datetime.datetime.strptime(r["Day"], "%d.%m.%Y").date() for r in known)
        distinct = sorted(set(days))
        share, cut = 0.0, None
        for day in distinct:
            share += days.count(day) / len(days)
            if share >= 0.75:
                cut = day
                break
        self.assertEqual(self.manifest("out/rows")["split"]["last_training_date"], cut.isoformat())
        self.assertEqual(rows["training"], sum(day <= cut for day in days))
        self.assertEqual(rows["validation"], sum(day > cut for day in days))

        self.assertEqual(self.manifest("out/model")["parameters"]["model_params"]["maxIter"], 12)
        header, lines = self.predictions(out / "model/validation")
        self.assertEqual(header, "minutes,rounded_prediction,raw_prediction,ride_number")
        self.assertEqual(len(lines), rows["validation"])
        minutes = {r["RideNumber"]: float(r["Minutes"]) for r in rides}
        for line in lines:
            label, _, _, ride = line.split(",")
            self.assertEqual(float(label), minutes[ride])
        labels = [float(line.split(",")[0]) for line in lines]
        mean = sum(labels) / len(labels)
        variance = sum((label - mean) ** 2 for label in labels) / len(labels)
        metrics = json.loads((out / "model/validation/metrics.json").read_text())
        self.assertLess(metrics["raw_predictions_mean_squared_error"], 0.3 * variance)

    def test_stages_are_saved_under_sparks_names(self):
        self.succeed("data-preprocessing", *WORKFLOW, *SOURCES, "--output", "rows")
        self.succeed("feature-engineering", *WORKFLOW, "--dataframe", "rows/training", "--output", "training")
        classes = []
        for stage in sorted((self.folder / "training/pipeline_model/stages").iterdir()):
            metadata = next((stage / "metadata").glob("part-*"))
            classes.append(json.loads(metadata.read_text())["class"].rpartition(".")[2])
        self.assertEqual(
            classes,
            ["ImputerModel", "SQLTransformer", "Bucketizer", "StringIndexerModel", "OneHotEncoderModel", "VectorAssembler",
             "StandardScalerModel", "VectorAssembler", "MinMaxScalerModel", "SQLTransformer"],
        )

    def test_a_month_before_a_day_is_not_taken_for_iso(self):
        # As yyyy-dd-MM these are 3 and 4 January; ISO's rules would make March and April of them.
        text = (EXAMPLE / "workflow.yaml").read_text().replace("dd.MM.yyyy", "yyyy-dd-MM")
        self.write("workflow.yaml", text)
        self.write("rides.csv", "RideNumber;BikeType;StationId;Day;DistanceKm;Minutes", "1;city;001;2024-03-01;1;2",
                   "2;city;001;2024-04-01;1;2")
        self.write("weather.csv", "Day,Temperature,RainMm", "2024-03-01,1,1", "2024-04-01,1,1")
        self.write("stations.csv", "StationId,District,Elevation", "001,Nord,5")
        self.succeed("data-preprocessing", "--workflow", "workflow.yaml", "--rides", "rides.csv", "--stations", "stations.csv",
                     "--weather", "weather.csv", "--output", "rows")
        self.assertEqual(self.manifest("rows")["split"]["last_training_date"], "2024-01-03")

    def test_flags_are_those_of_the_workflow(self):
        done = self.run_binary("data-preprocessing", *WORKFLOW, "--help")
        self.assertEqual(done.returncode, 0)
        for flag in ("--rides,--s3-rides-dir", "--stations,--s3-stations-dir", "--weather,--s3-weather-dir", "0.75"):
            self.assertIn(flag, done.stdout)
        self.assertNotIn("shipping-logs,", done.stdout)
        message = self.refusal("data-preprocessing", *WORKFLOW, *SOURCES[:4], "--output", "rows", code=2)
        self.assertEqual(message, "--weather PATH is missing; see firesteel data-preprocessing --help")


main()
