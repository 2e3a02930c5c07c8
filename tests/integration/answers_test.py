"""Answers that nobody takes: what they may hold, who loses them, and whom they hold up."""

import collections
import os
import signal
import struct

from http2 import DATA, HEADERS, INITIAL_WINDOW_SIZE, SETTINGS, WINDOW_UPDATE, frame, message, request, setting
from limited import LimitsCase
from mesh_processes import children, wait_for

READ, SYNT_1M = "/millrace.v1.DataService/Read", message(b"\x0a\x04SYNT\x12\x021m")
LARGEST = 2**31 - 1


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

    def export(self):
        """Somebody else reads all of it."""
        bars = self.ok("data", "export", "SYNT", "1m").stdout().splitlines()
        self.assertGreater(len(bars), 13 * 1440)

    def test_what_there_is_room_for_waits_for_as_long_as_its_caller_likes(self):
        peer = self.peer(settings=setting(INITIAL_WINDOW_SIZE, 0))
        self.read(peer, 35)  # 7 MiB
        self.export()
        peer.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, LARGEST)),
                  frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST - 65535)))
        octets, ended = collections.Counter(), set()
        for kind, flags, stream, payload in peer.frames():
            octets[stream] += len(payload) if kind == DATA else 0
            if kind == HEADERS and flags & 1:
                ended.add(stream)
            if len(ended) == 35:
                break
        self.assertEqual(ended, set(range(1, 2 * 35, 2)))
        self.assertEqual(len({octets[stream] for stream in ended}), 1)
        self.assertGreater(octets[1], 13 * 1440 * 48)
        self.others_notice_nothing()

    def test_who_holds_most_and_takes_nothing_loses_the_connection(self):
        peer = self.peer(settings=setting(INITIAL_WINDOW_SIZE, 0))
        self.read(peer, 100)
        self.assertEqual([kind for kind, *_ in peer.frames() if kind == DATA], [])  # until it is closed
        with open(os.path.join(self.home, "log", "backend.log")) as log:
            self.assertRegex(log.read(), r"unix:pid \d+, uid \d+ loses a connection: it takes no answers on it")
        self.export()
        self.others_notice_nothing()


class StopTest(UntakenCase):
    """With room for all of them, else their connection would end before."""

    LIMITS = {"ANSWERS_MIB": 1024}

    def test_answers_that_nobody_takes_hold_up_no_stop(self):
        self.read(self.peer(), 950)
        self.ok("ops", "list")  # its frames have come
        os.kill(self.backend, signal.SIGTERM)
        wait_for(lambda: children(self.mesh.pid).get("millrace-backend", self.backend) != self.backend,
                 "end of the backend")
