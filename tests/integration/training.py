"""A mesh with bars in it, and strategies to train."""

import os
import signal

from mesh_processes import MeshCase, children, outcome

STRATEGY = """\
name: %(name)s
training_data:
  symbols: {mode: single, symbol: %(symbol)s}
  timeframes: {mode: single, timeframe: 1h}
  history_required: %(history)d
indicators:
  rsi_14: {type: rsi, period: 14}
  trend: {type: adx, period: 14}
fuzzy_sets:
  momentum:
    indicator: rsi_14
    oversold: [0, 20, 40]
    neutral: [30, 50, 70]
    overbought: [60, 80, 100]
  strength:
    indicator: trend.adx
    weak: [0, 10, 25]
    strong: {type: sigmoid, parameters: [25, 0.3]}
nn_inputs:
  - {fuzzy_set: momentum, timeframes: all}
  - {fuzzy_set: strength, timeframes: all}
  - {raw_indicator: rsi_14, timeframes: all, normalization: zscore}
model:
  type: mlp
  architecture: {hidden_layers: %(hidden)s, activation: tanh, dropout: 0.1}
  training: {learning_rate: 0.001, batch_size: %(batch)d, epochs: %(epochs)d, optimizer: adam,
             lr_scheduler: reduce_on_plateau}
training:
  labels: {source: zigzag, zigzag_threshold: %(threshold)g}
  data_split: {train: %(train)g, validation: %(validation)g, test: %(test)g}
"""

DEFAULTS = dict(name="small", symbol="EURUSD", history=100, hidden="[16, 8]", batch=32, epochs=4,
                threshold=0.01, train=0.7, validation=0.15, test=0.15)


class TrainingCase(MeshCase):
    """A mesh with EURUSD 1h loaded."""

    def setUp(self):
        super().setUp()
        self.mesh = self.up(env=self.settings())
        self.ok("data", "load", "EURUSD", "1h")

    def settings(self):
        """Of the mesh, as environment variables."""
        return {}

    def strategy(self, text=None, **changes):
        """Writes a strategy file; returns its path."""
        path = self.path("strategy-%d.yaml" % len(os.listdir(self.root)))
        with open(path, "w") as file:
            file.write(text if text is not None else STRATEGY % {**DEFAULTS, **changes})
        return path

    def train(self, *flags, **changes):
        """Trains to the end; returns the events."""
        return self.json("train", self.strategy(**changes), *flags)

    def result(self, events):
        return outcome(events)["succeeded"]["train"]

    def host_pid(self):
        return children(self.mesh.pid).get("millrace-training-host")

    def kill_host(self):
        pid = self.host_pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def epochs_of(events):
    return [event["epochReport"]["epoch"] for event in events if "epochReport" in event]
