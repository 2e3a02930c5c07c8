"""A mesh with small limits, and what its backend takes meanwhile. Shared by the tests of what a server gives to
its peers."""

import os

from http2 import Peer
from mesh_processes import MeshCase, children, wait_for

LIMITS = {"STREAMS": 20, "CALLS": 60, "CONNECTIONS": 60, "PEER_CONNECTIONS": 30, "RESETS": 20,
          "CONNECTION_MIB": 2, "MESSAGE_KIB": 256}


def resident_kib(pid, line="VmRSS:"):
    """VmHWM: the most so far."""
    with open("/proc/%d/status" % pid) as file:
        return next(int(one.split()[1]) for one in file if one.startswith(line))


def open_files(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class LimitsCase(MeshCase):
    LIMITS = LIMITS

    def env(self):
        return {**super().env(),
                **{"MILLRACE_LIMITS_" + name: str(n) for name, n in self.LIMITS.items()}}

    def setUp(self):
        super().setUp()
        self.prepare()
        self.mesh = self.up("--output=json", env=self.more_env())
        self.backend = children(self.mesh.pid)["millrace-backend"]
        self.before_kib = resident_kib(self.backend)

    def prepare(self):
        pass

    def more_env(self):
        return {}

    def peer(self, **options):
        peer = Peer(os.path.join(self.home, "run", "backend.sock"), **options)
        self.addCleanup(peer.close)
        return peer

    def peak_is_within(self, grown_mib):
        """What the backend took at the most; a sanitizer keeps what is freed, and adds to it."""
        if "KEEPS_MEMORY" not in os.environ:
            self.assertLess(resident_kib(self.backend, "VmHWM:"),
                            self.before_kib + (grown_mib << 10))

    def others_notice_nothing(self, grown_mib=24):
        """Another caller is answered, by the same backend, which has not kept what it was made to take."""
        self.ok("ops", "list")
        self.assertEqual(children(self.mesh.pid)["millrace-backend"], self.backend)
        if "KEEPS_MEMORY" not in os.environ:
            wait_for(lambda: resident_kib(self.backend) < self.before_kib + (grown_mib << 10),
                     "memory of the backend given back")
