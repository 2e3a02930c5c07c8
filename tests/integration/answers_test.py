"""Answers that nobody takes: what they may hold, who loses them, and whom they hold up."""

import collections
import os
import signal
import struct

from http2 import DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, message, request, setting
from limited import LimitsCase
from mesh_processes import children, wait_for

READ, SYNT_1M = "/millrace.v1.DataService/Read", message(b"\x0a\x04SYNT\x12\x021m")
INITIAL_WINDOW_SIZE, LARGEST = 4, 2**31 - 1


class UntakenCase(LimitsCase):
    def setUp(self):
        super().setUp()
        self.ok("data", "load", "SYNT", "1m", "--from=2024-03-04", "--to=2024-03-18")

    def read(self, peer, calls):
        """So many calls for 14 days of bars of a minute, each a message of 200 KiB and more to come."""
        for stream in range(1, 2 * calls, 2):
            peer.send(frame(HEADERS, 4, stream, request(READ)), frame(DATA, 1, stream, SYNT_1M))


class AnswersTest(UntakenCase):
    LIMITS = {"STREAMS": 100, "CALLS": 400, "ANSWERS_MIB": 8}
    CALLS = 100

    def taken(self, peer):
        """How much came on each stream until the other end ended it; and the first words that ended one."""
        octets, ended, words = collections.Counter(), set(), None
        for kind, flags, stream, payload in peer.frames():
            if kind == RST_STREAM:
                self.assertIn(stream, ended)
            octets[stream] += len(payload) if kind == DATA else 0
            if kind == HEADERS and flags & 1:  # later ones name the same words by a number
                words = words or payload
                ended.add(stream)
            if len(ended) == self.CALLS:
                break
        return {stream: octets[stream] for stream in ended}, words

    def test_who_holds_most_loses_its_newest_calls_and_nobody_else_does(self):
        peer = self.peer(settings=setting(INITIAL_WINDOW_SIZE, 0))
        self.read(peer, self.CALLS)
        bars = self.ok("data", "export", "SYNT", "1m").stdout().splitlines()
        self.assertGreater(len(bars), 13 * 1440)
        with open(os.path.join(self.home, "log", "backend.log")) as log:
            self.assertRegex(log.read(), r"unix:pid \d+, uid \d+ loses calls: it has not taken \d+ KiB of answers")
        # Whoever waits for as long as they like has all of it.
        peer.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, LARGEST)),
                  frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST - 65535)))
        octets, words = self.taken(peer)
        self.assertEqual(set(octets), set(range(1, 2 * self.CALLS, 2)))
        whole = [size for size in octets.values() if size > 0]
        self.assertEqual(len(set(whole)), 1)
        self.assertTrue(30 <= len(whole) <= 41, len(whole))  # 8 MiB of 200 KiB each
        self.assertIn(b"grpc-status\x018", words)
        self.assertIn(b"KiB of answers wait to be taken by this caller, of 8192 KiB that may for all", words)
        self.others_notice_nothing()


class StopTest(UntakenCase):
    """With the limits of every mesh."""

    LIMITS = {}

    def test_answers_that_nobody_takes_hold_up_no_stop(self):
        self.read(self.peer(), 950)
        self.ok("ops", "list")  # its frames have come
        os.kill(self.backend, signal.SIGTERM)
        wait_for(lambda: children(self.mesh.pid).get("millrace-backend", self.backend) != self.backend,
                 "end of the backend")
