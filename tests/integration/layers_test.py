"""Each layer of a chain, called alone, refuses what the one above it refuses, in the same words."""

import json
import os
import unittest

from mesh_processes import MeshCase
from served import LayersCase

USAGE, NOT_FOUND = 2, 3
DAY = "2017-04-19T00:00:00Z"
NEXT = "2017-04-20T00:00:00Z"
SERIES = {"symbol": "SPX", "timeframe": "1d"}
WINDOW = {"from": NEXT, "to": DAY}
BACKWARDS = "from 2017-04-20T00:00:00Z is not before to 2017-04-19T00:00:00Z"
NO_SYMBOL = "symbol is empty: give one, such as EURUSD"
LONG = "X" * 64

# Layers that take the same request: methods, then requests, each with what is said of it.
DATA = [
    (["DataService/Load", "DataManager/Load"],
     [({}, NO_SYMBOL), ({**SERIES, **WINDOW}, BACKWARDS),
      ({"symbol": "SPX", "timeframe": "7m"}, "timeframe '7m' is none of 1s 5s"),
      ({**SERIES, "mode": 7}, "mode is 7: use 0 to 4"),
      ({"symbol": LONG, "timeframe": "1d"}, "has 64 bytes, at most 63")]),
    (["DataService/Read", "DataManager/Read"],
     [({}, NO_SYMBOL), ({**SERIES, "last": -1}, "last is -1: it counts bars"),
      ({**SERIES, **WINDOW}, BACKWARDS)]),
    (["DataService/Gaps", "DataManager/Gaps"], [({}, NO_SYMBOL), ({**SERIES, **WINDOW}, BACKWARDS)]),
    (["DataService/Validate", "DataManager/Validate"], [({}, NO_SYMBOL), ({**SERIES, **WINDOW}, BACKWARDS)]),
    (["DataService/Delete", "DataManager/Delete"], [({}, NO_SYMBOL), ({**SERIES, "prices": "X"}, "prices 'X'")]),
    (["DataService/List", "DataManager/List"], [({"symbol": "A  B"}, "symbol has byte 0x20 at position 3")]),
    (["DataService/Subscribe", "DataManager/Subscribe"],
     [({}, NO_SYMBOL), ({**SERIES, "from": "9000-01-01T00:00:00Z"}, "is in the future")]),
    (["DataService/Search", "DataManager/Search"],
     [({}, "pattern is empty"), ({"pattern": "a" * 128}, "is too long")]),
    (["DataAdapter/FetchBars", "IbHost/FetchBars"],
     [({}, NO_SYMBOL), (SERIES, "from and to are needed"), ({**SERIES, **WINDOW}, BACKWARDS),
      ({**SERIES, "from": DAY, "to": NEXT, "operation": "x" * 128}, "is too long")]),
    (["DataAdapter/WatchBars", "IbHost/WatchBars"],
     [({}, NO_SYMBOL), ({"symbol": "SPX", "timeframe": "7s"}, "timeframe '7s' is none of")]),
    (["DataAdapter/HeadTimestamp", "IbHost/HeadTimestamp"], [({}, NO_SYMBOL)]),
    (["DataAdapter/ResolveContract", "IbHost/ResolveContract"], [({"symbol": "\u00fc"}, "byte 0xc3")]),
    (["DataAdapter/SearchSymbols", "IbHost/SearchSymbols"], [({}, "pattern is empty")]),
    (["DataAdapter/AwaitStopped", "IbHost/AwaitStopped"], [({}, "operation '' is empty")]),
]
TRAINING = [
    (["TrainingService/Train", "TrainingManager/Train"],
     [({}, "strategy has 0 bytes"), ({"strategy": "a", "epochs": -1}, "epochs is -1: use 0 to"),
      ({"strategy": "a", "device": "tpu"}, "device 'tpu': use cpu or cuda"),
      ({"strategy": "a", "precision": "fp8"}, "precision 'fp8': use fp32 or bf16"),
      ({"strategy": "a", "precision": "bf16", "device": "cuda"}, "precision bf16 is the CPU's"),
      ({"strategy": "a", "symbols": [""]}, NO_SYMBOL),
      ({"strategy": "a", "warmup": 9}, "warmup is 9: use 0 to 1"),
      ({"strategy": "a", **WINDOW}, BACKWARDS)]),
    (["TrainingService/Resume", "TrainingManager/Resume"], [({}, "operation '' is empty")]),
    (["TrainingService/CheckStrategy", "TrainingManager/CheckStrategy",
      "TrainingAdapter/CheckStrategy", "TrainingHost/CheckStrategy"], [({}, "strategy has 0 bytes")]),
    (["TrainingAdapter/Run", "TrainingHost/Run"],
     [({"operation": "one"}, "strategy has 0 bytes")]),
    (["TrainingAdapter/FetchModel", "TrainingHost/FetchModel"], [({}, "operation '' is empty")]),
    (["ModelsService/List", "ModelsManager/List"], [({"name": "x" * 128}, "is too long")]),
    (["ModelsService/Get", "ModelsManager/Get", "ModelsService/Read", "ModelsManager/Read",
      "ModelsService/Delete", "ModelsManager/Delete", "ModelsService/Export",
      "ModelsManager/Export", "TrainingAdapter/ExportModel", "TrainingHost/ExportModel"],
     [({}, "name '' is empty"), ({"name": "a", "version": -1}, "version is -1: use 0 to")]),
    (["ModelsService/Predict", "ModelsManager/Predict", "TrainingAdapter/Predict",
      "TrainingHost/Predict"],
     [({}, "name '' is empty"), ({"name": "a", "last": -2}, "last is -2: it counts bars"),
      ({"name": "a", "live": True, "to": DAY}, "live bars have no end"),
      ({"name": "a", "symbol": LONG}, "has 64 bytes"), ({"name": "a", **WINDOW}, BACKWARDS)]),
]


class Refusing:
    """Calls each method of a chain with each request, and expects the same words of all."""

    def call(self, method, request):
        """The method on whichever process of the mesh serves it."""
        service = method.split("/")[0]
        where = {"IbHost": "ib-host", "TrainingHost": "training-host"}.get(service, "backend")
        return self.millrace("call", "millrace.v1." + method, json.dumps(request), "--backend",
                             self.socket(where))

    def check(self, chains, without=()):
        for methods, requests in chains:
            for request, said in requests:
                for method in methods:
                    if method.split("/")[0] in without:
                        continue
                    with self.subTest(method, request=request):
                        done = self.call(method, request)
                        self.assertEqual(done.code, USAGE, done.transcript())
                        self.assertIn(said, done.stderr())


class LayersTest(Refusing, MeshCase):
    """Every layer is a service of its own: found by reflection, usable alone, and on its guard."""

    def setUp(self):
        super().setUp()
        self.up()

    def test_hosts(self):
        others = {service + kind for service in ["Data", "Training", "Models"]
                  for kind in ["Service", "Manager", "Adapter"]}
        self.check(DATA + TRAINING, without=others)

    def test_the_models_manager_answers_alone(self):
        for service in ["ModelsService", "ModelsManager"]:
            with self.subTest(service):
                listed = self.call(service + "/List", {})
                self.assertEqual((listed.code, listed.stdout()), (0, ""), listed.transcript())
                missing = self.call(service + "/Get", {"name": "none"})
                self.assertEqual(missing.code, NOT_FOUND, missing.transcript())
                self.assertIn("there are none yet", missing.stderr())


class AloneTest(Refusing, LayersCase):
    """Where the layer below is away, what refuses is the layer itself."""

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.home, "run"))
        nowhere = "unix:/nonexistent/%s.sock"
        below = ["data-manager", "data-adapter", "training-manager", "training-adapter",
                 "models-manager", "ib-host", "training-host"]
        flags = [word for layer in below for word in ("--" + layer, nowhere % layer)]
        self.serve("millrace-backend", self.socket("backend"), "--home", self.home, *flags)

    def test_the_backend(self):
        self.check(DATA + TRAINING, without=["IbHost", "TrainingHost"])


if __name__ == "__main__":
    unittest.main()
