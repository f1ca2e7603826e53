"""The four steps on sample data: files, numbers, repeats, threads, flags by both names."""

import json
import re

from harness import EndToEndTest, main, tree

PART = r"part-\d{5}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-c000"
SOURCES = ("--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv")


class ShippingTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.succeed("sample-data", "--output", "data", "--rows", "3000", "--quiet")

    def test_four_steps_write_what_the_original_writes(self):
        out = self.four_steps(sources=SOURCES, output="out")
        shapes = {re.sub(PART, "PART", re.sub(r"_[0-9a-f]{12}", "_UID", name)) for name in tree(out)}
        shapes = {name for name in shapes if "stages/" not in name and not name.endswith(".crc")}
        frame = ["PART.snappy.parquet", "_SUCCESS"]
        wanted = {f"rows/{part}/{file}" for part in ("training", "validation") for file in frame}
        wanted |= {f"{part}/dataframe/{file}" for part in ("training", "validation") for file in frame}
        wanted |= {"training/pipeline_model/metadata/PART.txt", "training/pipeline_model/metadata/_SUCCESS"}
        wanted |= {
            f"model/{part}/{file}"
            for part in ("training", "validation")
            for file in ("metrics.json", "predictions.csv/PART.csv", "predictions.csv/_SUCCESS")
        }
        wanted |= {"model/evaluation.json", "model/model/firesteel.json", "model/model/metadata/PART.txt", "model/model/metadata/_SUCCESS"}
        wanted |= {f"{step}/manifest.json" for step in ("rows", "training", "validation", "model")}
        self.assertEqual(shapes, wanted)
        self.assertEqual([re.sub(r"_[0-9a-f]{12}$", "", p.name) for p in sorted((out / "model/model/stages").iterdir())],
                         ["0_VectorAssembler", "1_GBTRegressor"])
        self.assertIn("model/firesteel.json", [file["path"] for file in self.manifest("out/model")["files"]])
        stages = sorted(p.name for p in (out / "training/pipeline_model/stages").iterdir())
        self.assertEqual(
            [re.sub(r"_[0-9a-f]{12}$", "", name) for name in stages],
            ["0_SQLTransformer", "1_SQLTransformer", "2_StringIndexer", "3_OneHotEncoder", "4_StringIndexer",
             "5_SQLTransformer", "6_SQLTransformer"],
        )

        rows = self.manifest("out/rows")["rows"]
        self.assertEqual((rows["shipping_logs"], rows["product_description"], rows["joined"]), (3000, 120, 3000))
        self.assertEqual(rows["training"] + rows["validation"], 3000)
        self.assertTrue(0.85 < rows["training"] / 3000 < 0.95, rows)

        for part in ("training", "validation"):
            header, lines = self.predictions(out / "model" / part)
            self.assertEqual(header, "actual_shipping_days,rounded_prediction,raw_prediction,order_id")
            self.assertEqual(len(lines), rows[part])
            text = (out / "model" / part / "metrics.json").read_text()
            metrics = json.loads(text)
            self.assertEqual(text, json.dumps(metrics))  # Python's own spelling, no final newline.
            self.check_metrics(lines, metrics)

    def check_metrics(self, lines, metrics):
        self.assertEqual(
            list(metrics),
            [f"{kind}_predictions_mean_{what}_error" for kind in ("raw", "rounded") for what in ("absolute", "squared")],
        )
        absolute = {"raw": 0.0, "rounded": 0.0}
        squared = {"raw": 0.0, "rounded": 0.0}
        for line in lines:
            label, rounded, raw, _ = line.split(",")
            for kind, value in (("raw", raw), ("rounded", rounded)):
                absolute[kind] += abs(float(value) - float(label))
                squared[kind] += (float(value) - float(label)) ** 2
            self.assertAlmostEqual(abs(float(raw) - float(rounded)), 0.0, delta=0.5)
        for kind in ("raw", "rounded"):
            # The metrics come from predictions cut to float32, hence the tolerance.
            self.assertAlmostEqual(metrics[f"{kind}_predictions_mean_absolute_error"], absolute[kind] / len(lines), places=6)
            self.assertAlmostEqual(metrics[f"{kind}_predictions_mean_squared_error"], squared[kind] / len(lines), places=5)

    def test_the_model_learns_something(self):
        out = self.four_steps(sources=SOURCES, output="out", params="{'maxIter': 20}")
        _, lines = self.predictions(out / "model/validation")
        labels = [float(line.split(",")[0]) for line in lines]
        mean = sum(labels) / len(labels)
        variance = sum((label - mean) ** 2 for label in labels) / len(labels)
        metrics = json.loads((out / "model/validation/metrics.json").read_text())
        self.assertLess(metrics["raw_predictions_mean_squared_error"], 0.8 * variance)

    def test_repeats_and_threads_change_no_byte(self):
        trees = []
        for output, flags in (("one", ["--threads", "1"]), ("two", ["--threads", "2"]), ("three", ["--threads", "2"])):
            out = self.four_steps(*flags, sources=SOURCES, output=output)
            trees.append({name: digest for name, digest in tree(out).items() if "manifest.json" not in name})
        kept = [{n: d for n, d in each.items() if "pipeline_model" in n or n.startswith("model/")} for each in trees]
        self.assertEqual(kept[0], kept[1])
        self.assertEqual(kept[1], kept[2])
        self.assertEqual(set(trees[0]), set(trees[1]), "file names depend on the inputs alone")
        self.assertGreater(len(kept[0]), 20)

    def test_a_factorization_machine_learns_and_repeats(self):
        out = self.four_steps(sources=SOURCES, output="out", params="{'maxIter': 20}")
        trees = []
        for output, threads in (("one", "1"), ("two", "2")):
            self.succeed("model-training", "--training-dataset", "out/training/dataframe", "--validation-dataset", "out/validation/dataframe",
                         "--model-type", "factorization_machine", "--model-params", "{'standardize': True, 'seed': 1}",
                         "--output", output, "--threads", threads)
            trees.append({name: digest for name, digest in tree(self.folder / output).items() if "manifest.json" not in name})
        self.assertEqual(trees[0], trees[1], "threads change no byte")
        machine, forest = (json.loads((folder / "validation/metrics.json").read_text()) for folder in (self.folder / "one", out / "model"))
        name = "raw_predictions_mean_squared_error"
        self.assertLess(machine[name], 1.2 * forest[name])
        self.assertEqual(self.manifest("one")["trained"]["trained_on"], "moments")

    def test_flags_of_the_original_mean_the_same(self):
        self.succeed(
            "data-preprocessing", "--s3-shipping-logs-dir=data/ShippingLogs.csv", "--s3-product-description-dir=data/ProductDescriptions.csv",
            "--s3-output-dir=a", "--training-fraction=0.8", "--overwrite-output",
        )
        self.assertEqual(self.manifest("a")["parameters"], {"training_fraction": 0.8, "overwrite_output": True})
        self.succeed("feature-engineering", "--s3-dataframe-dir", "a/training", "--s3-output-dir", "t", "--overwrite-output", "TRUE")
        self.succeed("feature-engineering", "--s3-dataframe-dir", "a/validation", "--s3-output-dir", "v",
                     "--s3-pipeline-model-dir", "t/pipeline_model")
        self.succeed("model-training", "--s3-training-dataset-dir", "t/dataframe", "--s3-validation-dataset-dir", "v/dataframe",
                     "--s3-output-dir", "m", "--model-type", "gbt", "--model-params", '{"maxIter": 2, "maxDepth": 3.0}')
        params = self.manifest("m")["parameters"]["model_params"]
        self.assertEqual((params["maxIter"], params["maxDepth"], params["maxBins"]), (2, 3, 32))

    def test_overwriting_replaces_the_output_whole(self):
        out = self.four_steps(sources=SOURCES, output="out")
        first = tree(out)
        self.succeed("data-preprocessing", *SOURCES, "--output", "out/rows", "--training-fraction", "0.5")
        second = tree(out)
        changed = [n for n in first if n.startswith("rows/") and n.endswith(".parquet")]
        self.assertEqual(len(changed), 2)
        for name in changed:
            self.assertNotIn(name, second)
        self.assertEqual({n: d for n, d in first.items() if not n.startswith("rows/")},
                         {n: d for n, d in second.items() if not n.startswith("rows/")})

    def test_a_folder_of_files_is_one_table(self):
        lines = (self.folder / "data/ShippingLogs.csv").read_text().splitlines()
        self.write("logs/part-0.csv", lines[0], *lines[1:1001])
        self.write("logs/part-1.csv", lines[0], *lines[1001:])
        self.write("logs/_SUCCESS")
        self.write("logs/.part-0.csv.crc", "no data")
        self.succeed("data-preprocessing", *SOURCES, "--output", "one")
        self.succeed("data-preprocessing", "--shipping-logs", "logs", *SOURCES[2:], "--output", "two")
        self.assertEqual(self.manifest("one")["rows"], self.manifest("two")["rows"])
        self.assertEqual(len([f for f in self.manifest("two")["inputs"] if f["role"] == "shipping_logs"]), 2)

    def test_the_manifest_describes_the_run(self):
        self.succeed("data-preprocessing", *SOURCES, "--output", "rows")
        manifest = self.manifest("rows")
        digests = tree(self.folder)
        self.assertEqual((manifest["version"], manifest["step"]), (1, "data_preprocessing"))
        self.assertEqual(manifest["workflow"]["name"], "shipping")
        for file in manifest["inputs"]:
            self.assertEqual(file["sha256"], digests[file["path"]])
            self.assertEqual(file["bytes"], (self.folder / file["path"]).stat().st_size)
        self.assertEqual({f["path"] for f in manifest["files"]}, set(tree(self.folder / "rows")))
        self.assertEqual(manifest["ledger"]["joined"], {"read": 3000, "used": 3000, "rejected": {}})
        self.assertEqual(list(manifest["milliseconds"]), ["reading", "joining", "splitting", "writing", "total"])


main()
