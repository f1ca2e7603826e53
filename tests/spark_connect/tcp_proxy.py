"""A TCP proxy before a server, which cuts connections, stalls them, or refuses new ones when it is told to.

    with TcpProxy(port) as proxy:
        ...connect to proxy.port...
        proxy.cut()
"""

import socket
import struct
import threading
import time

HOST = "127.0.0.1"


def reset(connection):
    """Closes at once, so that the other side sees a reset and not an orderly end."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass


class TcpProxy:
    def __init__(self, target_port):
        self.target_port = target_port
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs = set()
        self._moves = threading.Event()
        self._moves.set()
        self._accepts = True
        self._closed = False
        self.num_bytes = 0

    def __enter__(self):
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closed = True
        self._moves.set()
        # Wakes the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self):
        """Resets every connection; new ones are taken."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for connection in pair:
                reset(connection)

    def stall(self, seconds):
        """Moves no byte for a while."""
        self._moves.clear()
        time.sleep(seconds)
        self._moves.set()

    def refuse(self, seconds=None):
        """Resets every connection and every new one, for a while or for good."""
        self._accepts = False
        self.cut()
        if seconds is not None:
            time.sleep(seconds)
            self._accepts = True

    def _listen(self):
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._accepts:
                reset(client)
                continue
            try:
                server = socket.create_connection((HOST, self.target_port), timeout=5)
                server.settimeout(None)
            except OSError:
                reset(client)
                continue
            with self._lock:
                self._pairs.add((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self._moves.wait()
                sink.sendall(data)
                self.num_bytes += len(data)
        except OSError:
            pass
        reset(source)
        reset(sink)
