"""torch's side of :train: train_peer.py INPUTS HIDDEN1 HIDDEN2 BATCH; prints rows a second and with how many threads."""

import os
import statistics
import sys
import time

import torch

INPUTS, FIRST, SECOND, BATCH = map(int, sys.argv[1:5])
SMOKE = "MILLRACE_TEST_SMOKE" in os.environ  # as tests/bench/measure.h says
ROWS, ROUNDS, ROUND_S = 65536, 1 if SMOKE else 5, 0.01 if SMOKE else 0.4


def rate(threads):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(INPUTS, FIRST), torch.nn.ReLU(),
                                  torch.nn.Linear(FIRST, SECOND), torch.nn.ReLU(),
                                  torch.nn.Linear(SECOND, 3))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001, weight_decay=1e-4)
    features, classes = torch.rand(ROWS, INPUTS), torch.randint(0, 3, (ROWS,))
    order = torch.randperm(ROWS)
    rates = []
    for _ in range(ROUNDS):
        done, at, start = 0, 0, time.monotonic()
        while time.monotonic() - start < ROUND_S:
            rows = order[at:at + BATCH]
            at = (at + BATCH) % ROWS
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(network(features[rows]), classes[rows])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            done += len(rows)
        rates.append(done / (time.monotonic() - start))
    return statistics.median(rates)


best = max((rate(threads), threads) for threads in range(1, (os.cpu_count() or 1) + 1))
print("%.1f %d" % best)
