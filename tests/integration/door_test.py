"""Who is let in where a door is full: crowds of other processes against a backend with little room."""

import contextlib
import multiprocessing
import os

import grpc

from http2 import DATA, GOAWAY, HEADERS, PING, SETTINGS, Peer, frame, message, request
from mesh_processes import MeshCase, wait_for

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
ROOM, OF_PEER = 8, 4
FULL = "too many connections"
YIELDS = "too many connections: others need its place"


def call(peer, path, stream=1):
    peer.send(frame(HEADERS, 4, stream, request(path)), frame(DATA, 1, stream, message(b"")))


def is_let_in(peer):
    """The first frame has come, and is SETTINGS."""
    kind, *_ = next(peer.frames(), (None,))
    return kind == SETTINGS


def words(peer, writes=True):
    """What its other end said before it closed; None: it is open. Whoever writes before he has read that meets no
    broken pipe."""
    peer.socket.settimeout(0.01)
    said = "no words"
    try:
        if writes:
            peer.send(frame(PING, 0, 0, bytes(8)))
    except OSError as error:
        return str(error)
    try:
        for kind, _, _, payload in peer.frames():
            said = payload[8:].decode() if kind == GOAWAY else said
    except OSError:
        return None
    return said


def be_crowd(path, kind, count, asked):
    peers = [Peer(path, preface=kind != "silent") for _ in range(count)]
    if kind == "busy":
        for peer in peers:
            with contextlib.suppress(OSError):  # turned away, and many behind it
                call(peer, WATCH)
    if kind != "silent":
        inside = [is_let_in(peer) for peer in peers]
        for peer, is_in in zip(peers, inside):
            if not is_in:
                peer.close()
        peers = [peer for peer, is_in in zip(peers, inside) if is_in]
    asked.send("there")
    while (order := asked.recv()) is not None:
        if order == "told":
            asked.send([words(peer, writes=kind != "silent") for peer in peers])
        else:
            call(peers[order], CHECK)
            asked.send(peers[order].status_of())
    for peer in peers:
        peer.close()


def check_with_grpcio(path):
    with grpc.insecure_channel("unix:" + path) as channel:
        check = channel.unary_unary(CHECK)
        try:
            return "OK", check(b"", timeout=20)
        except grpc.RpcError as error:
            return error.code().name, error.details()


class Crowd:
    """A process with connections: "idle" ones, "busy" ones with a call, or "silent" ones."""

    def __init__(self, path, kind, count=OF_PEER):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=be_crowd, args=(path, kind, count, theirs), daemon=True)
        self.process.start()
        theirs.close()  # else nobody hears of its end
        self.pipe.recv()

    def ask(self, order):
        self.pipe.send(order)
        return self.pipe.recv()

    def end(self):
        self.pipe.send(None)
        self.process.join()


class DoorCase(MeshCase):
    LIMITS = ["connections=%d" % ROOM, "peer_connections=%d" % OF_PEER]

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.home, "run"))
        self.socket_path = os.path.join(self.home, "run", "backend.sock")
        self.backend = self.start("millrace-backend", "--home", self.home, "--listen", "unix:" + self.socket_path,
                                  "--ib-host", "unix:" + self.path("none.sock"),
                                  "--training-host", "unix:" + self.path("none.sock"),
                                  *(flag for limit in self.LIMITS for flag in ("--limit", limit)))
        self.backend.line(lambda line: "listens on" in line, "backend", err=True)

    def crowd(self, kind, count=OF_PEER):
        crowd = Crowd(self.socket_path, kind, count)
        self.addCleanup(crowd.end)
        return crowd

    def let_in(self):
        """Somebody else is answered."""
        self.ok("ops", "list")


class DoorTest(DoorCase):
    def test_the_longest_idle_connection_makes_room(self):
        first, second = self.crowd("idle"), self.crowd("idle")
        for number in (0, 1, 3):
            self.assertEqual(first.ask(number), "0")
        for number in range(OF_PEER):
            self.assertEqual(second.ask(number), "0")
        self.let_in()
        self.assertEqual(first.ask("told"), [None, None, YIELDS, None])
        self.assertEqual(second.ask("told"), [None] * OF_PEER)

    def test_who_says_nothing_makes_room(self):
        crowds = [self.crowd("silent"), self.crowd("silent")]
        self.let_in()
        told = crowds[0].ask("told") + crowds[1].ask("told")
        self.assertEqual(told.count(YIELDS), 1, told)

    def test_places_are_shared(self):
        """The third process gets as many as the others, and takes no more from them."""
        crowds = [self.crowd("idle"), self.crowd("idle"), self.crowd("idle")]
        told = [crowd.ask("told") for crowd in crowds]
        self.assertEqual(sorted(one.count(None) for one in told), [2, 3, 3], told)

    def test_who_makes_room_hears_why_however_many_are_turned_away(self):
        self.crowd("busy", 4)
        self.crowd("busy", 2)
        idle = self.crowd("idle", 2)
        self.crowd("busy", 1)  # in the place of an idle one
        self.crowd("busy", 12)  # for which there is none
        told = idle.ask("told")
        self.assertIn(YIELDS, told)
        self.assertLessEqual(set(told), {YIELDS, None})

    def test_as_many_processes_as_there_is_room_for(self):
        """Each has one, for which nobody has two less: after 5 s without a call its place is for others."""
        crowds = [self.crowd("idle", 1) for _ in range(ROOM)]
        wait_for(lambda: self.millrace("ops", "list").code == 0, "place for somebody else")
        told = [crowd.ask("told")[0] for crowd in crowds]
        self.assertEqual(told.count(YIELDS), 1, told)

    def test_a_grpc_client_is_told_at_once_and_waits_longer_each_time(self):
        """SETTINGS before the GOAWAY would be a connection to it: it would come again without a pause until the
        deadline."""
        crowds = [self.crowd("busy"), self.crowd("busy")]
        client = multiprocessing.Pool(1)
        self.addCleanup(client.terminate)
        code, details = client.apply(check_with_grpcio, (self.socket_path,))
        self.assertEqual(code, "UNAVAILABLE", details)
        for crowd in crowds:
            self.assertEqual(crowd.ask("told"), [None] * OF_PEER)

    def test_who_has_calls_keeps_them_and_the_parent_is_let_in(self):
        crowds = [self.crowd("busy"), self.crowd("busy")]
        self.check_one_line(self.millrace("ops", "list"), FULL)
        self.check_one_line(self.millrace("status"), FULL)
        parents = [Peer(self.socket_path) for _ in range(3)]  # it has started the backend
        for peer in parents:
            self.addCleanup(peer.close)
        for peer in parents[:2]:
            call(peer, CHECK)
            self.assertEqual(peer.status_of(), "0")
        self.assertEqual(words(parents[2]), FULL)
        for crowd in crowds:
            self.assertEqual(crowd.ask("told"), [None] * OF_PEER)
        log = self.backend.stderr()
        pids = "|".join(str(crowd.process.pid) for crowd in crowds)
        self.assertRegex(log, r"there is room for 8, 4 of one peer; unix:pid (%s), uid \d+ has most, 4" % pids)


class VitalCallsTest(DoorCase):
    LIMITS = ["calls=4"]

    def test_they_have_places_of_their_own(self):
        """Watches of its health by processes that are none of its own: they end, and keep nobody else out."""
        for _ in range(2):
            self.crowd("busy", 2)
        stranger = self.crowd("idle", 1)
        self.assertEqual(stranger.ask(0), "8")  # RESOURCE_EXHAUSTED
        self.let_in()
        parent = Peer(self.socket_path)
        self.addCleanup(parent.close)
        call(parent, CHECK)
        self.assertEqual(parent.status_of(), "0")
