"""Shows that include_direction.py sees each kind of violation, and none where there is none."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import include_direction


class IncludeDirectionTest(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            for name, text in files.items():
                path = src / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return include_direction.check(src)[0]

    def test_accepts_what_points_down_and_is_linked(self):
        self.assertEqual([], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base SOURCES e.cc HEADERS e.h)",
            "base/e.h": "#include <vector>\n",
            "base/e.cc": '#include "base/e.h"\n',
            "table/CMakeLists.txt": "firesteel_library(table SOURCES t.cc DEPENDS firesteel_base)  # a (comment)",
            "table/t.cc": '#include "base/e.h"\n',
        }))

    def test_accepts_a_header_of_a_folders_own(self):
        self.assertEqual([], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base SOURCES e.cc)",
            "base/own.h": "",
            "base/e.cc": '#include "base/own.h"\n',
        }))

    def test_refuses_a_header_of_another_folders_own(self):
        self.assertEqual(["src/table/t.cc: includes base/own.h, which base does not list under HEADERS"], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base SOURCES e.cc)",
            "base/own.h": "",
            "base/e.cc": "",
            "table/CMakeLists.txt": "firesteel_library(table SOURCES t.cc DEPENDS firesteel_base)",
            "table/t.cc": '#include "base/own.h"\n',
        }))

    def test_refuses_an_include_that_points_up(self):
        self.assertEqual(["src/base/e.cc: includes table/t.h, but base may not know table"], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base SOURCES e.cc)",
            "base/e.cc": '#include "table/t.h"\n',
        }))

    def test_refuses_an_include_whose_target_is_not_linked(self):
        self.assertEqual(["src/table/t.cc: includes base/e.h, but firesteel_table does not link firesteel_base"], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base HEADERS e.h)",
            "base/e.h": "",
            "table/CMakeLists.txt": "firesteel_library(table SOURCES t.cc)",
            "table/t.cc": '#include "base/e.h"\n',
        }))

    def test_refuses_a_private_link_for_what_a_header_includes(self):
        self.assertEqual(["src/table/t.h: a header includes base/e.h, so firesteel_base goes under DEPENDS"], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base HEADERS e.h)",
            "base/e.h": "",
            "table/CMakeLists.txt": "firesteel_library(table HEADERS t.h PRIVATE_DEPENDS firesteel_base)",
            "table/t.h": '#include "base/e.h"\n',
        }))

    def test_refuses_a_link_line_that_points_up(self):
        self.assertEqual(
            ["src/learn/CMakeLists.txt: firesteel_learn links firesteel_sparkml, which learn may not know"],
            self.problems({
                "learn/CMakeLists.txt": "firesteel_library(learn SOURCES l.cc DEPENDS firesteel_sparkml)",
                "learn/l.cc": "",
            }))

    def test_keeps_the_duckdb_engine_from_all_but_the_command_line_and_tests(self):
        files = {
            "{0}/CMakeLists.txt": "firesteel_{1}({0} SOURCES x.cc DEPENDS firesteel_duckdb)",
            "engine/duckdb/CMakeLists.txt": "firesteel_library(duckdb HEADERS duckdb_engine.h)",
            "engine/duckdb/duckdb_engine.h": "",
            "{0}/x.cc": '#include "engine/duckdb/duckdb_engine.h"\n',
        }
        for folder, kind, num_problems in (("workflow", "library", 2), ("cli", "executable", 0), ("features", "test", 0)):
            made = {name.format(folder): text.format(folder, kind) for name, text in files.items()}
            self.assertEqual(num_problems, len(self.problems(made)), folder)

    def test_keeps_duckdb_types_in_their_folder(self):
        self.assertEqual(
            ["src/cli/x.cc: includes duckdb.h, whose types belong to src/engine/duckdb alone",
             "firesteel links DuckDB, which only src/engine/duckdb may"],
            self.problems({
                "cli/CMakeLists.txt": "firesteel_executable(firesteel SOURCES x.cc DEPENDS duckdb)",
                "cli/x.cc": "#include <duckdb.h>\n",
            }))

    def test_keeps_spark_from_all_but_programs_and_tests(self):
        files = {
            "cli/CMakeLists.txt": "firesteel_{0}(cli SOURCES x.cc DEPENDS firesteel_spark)",
            "engine/spark/CMakeLists.txt": "firesteel_library(spark HEADERS spark_engine.h)",
            "engine/spark/spark_engine.h": "",
            "cli/x.cc": '#include "engine/spark/spark_engine.h"\n',
        }
        for kind, num_problems in (("library", 2), ("executable", 0), ("test", 0)):
            made = {name: text.format(kind) for name, text in files.items()}
            self.assertEqual(num_problems, len(self.problems(made)), kind)

    def test_keeps_what_speaks_to_spark_in_its_folders(self):
        self.assertEqual(
            ["src/engine/spark/x.cc: includes grpcpp/channel.h, whose types belong to src/engine/spark/connect alone",
             "src/engine/x.cc: includes spark/connect/base.pb.h, whose types belong to src/engine/spark alone"],
            self.problems({
                "engine/CMakeLists.txt": "firesteel_library(engine SOURCES x.cc)",
                "engine/x.cc": "#include <spark/connect/base.pb.h>\n",
                "engine/spark/CMakeLists.txt": "firesteel_library(spark SOURCES x.cc DEPENDS firesteel_spark_connect)",
                "engine/spark/x.cc": '#include "spark/connect/base.pb.h"\n#include <grpcpp/channel.h>\n',
                "engine/spark/connect/CMakeLists.txt": "firesteel_library(spark_connect SOURCES c.cc)",
                "engine/spark/connect/c.cc": '#include <grpcpp/channel.h>\n#include "spark/connect/base.pb.h"\n',
            }))

    def test_refuses_a_source_of_no_target(self):
        self.assertEqual(["src/base/lost.cc: belongs to no target; list it in the folder's CMakeLists.txt"], self.problems({
            "base/CMakeLists.txt": "firesteel_library(base SOURCES e.cc)",
            "base/e.cc": "",
            "base/lost.cc": "",
        }))


unittest.main()
