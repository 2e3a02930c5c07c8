"""A wire between two programs that a test can cut, and mend."""

import socket
import threading


class Wire:
    """Carries each connection to self.address on to `there`, a (host, port)."""

    def __init__(self, there):
        self.there, self.port, self.listener, self.ends = there, 0, None, []
        self.mend()
        self.port = self.listener.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """Who is connected is cut off; who comes is refused."""
        if self.listener is None:
            return
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()
        self.listener = None
        ends, self.ends = self.ends, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was closed at the other end

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.there)
            except OSError:
                return
            self.ends += [near, far]
            for one, other in [(near, far), (far, near)]:
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut
